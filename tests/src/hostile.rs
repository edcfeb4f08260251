//! Sources that try to harm: what a department that means ill could publish. Owns the list of attacks.
//! Invariant: a source depends on its attack and size alone. Must not know: how the compiler defends itself.

use guiju_compiler::package::compile;
use guiju_compiler::source::SourceFile;
use std::fmt::Write;

/// A kind of attack: its name, how a source of size `n` is made, and the sizes tried.
pub struct Attack {
    /// Its name.
    pub name: &'static str,
    /// Sizes, smallest first.
    pub sizes: &'static [usize],
    make: fn(usize) -> Vec<String>,
}

impl Attack {
    /// The sources of size `n`.
    pub fn sources(&self, n: usize) -> Vec<SourceFile> {
        let texts = (self.make)(n);
        texts
            .into_iter()
            .enumerate()
            .map(|(i, text)| SourceFile { name: format!("{}{i}.gj", self.name), text })
            .collect()
    }
}

/// What became of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Bytes given.
    pub bytes: usize,
    /// Codes of the findings, each once, in order.
    pub codes: Vec<&'static str>,
    /// Number of findings.
    pub findings: usize,
    /// Whether a package came of it.
    pub accepted: bool,
    /// Weighted units of work counted.
    pub work: u64,
}

/// Compiles the sources.
pub fn run(files: &[SourceFile]) -> Verdict {
    let compiled = compile(files);
    let mut codes: Vec<&'static str> = compiled.diagnostics.iter().map(|found| found.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    Verdict {
        bytes: files.iter().map(|file| file.text.len()).sum(),
        codes,
        findings: compiled.diagnostics.len(),
        accepted: compiled.package.is_some(),
        work: compiled.work.total(),
    }
}

const POWERS: &[usize] = &[10, 60, 100, 1_000, 10_000, 100_000, 1_000_000];
const MANY: &[usize] = &[100, 1_000, 10_000, 100_000];
const DOUBLINGS: &[usize] = &[1, 8, 16, 32, 62, 64];

/// All attacks.
pub const ATTACKS: &[Attack] = &[
    Attack { name: "parentheses", sizes: POWERS, make: |n| nested("(", "甲", ")", n) },
    Attack { name: "nots", sizes: POWERS, make: |n| nested("非 ", "甲", "", n) },
    Attack { name: "ifs", sizes: POWERS, make: |n| nested("如果 甲 则 甲 否则 ", "甲", "", n) },
    Attack { name: "ifs-in-conditions", sizes: POWERS, make: |n| nested("如果 ", "甲", " 则 甲 否则 甲", n) },
    Attack { name: "quantifiers", sizes: POWERS, make: |n| nested("存在 v 于 L 当 ", "甲", "", n) },
    Attack { name: "sums", sizes: POWERS, make: |n| nested("合计 ", "1", " 对 v 于 L", n) },
    Attack {
        name: "windows",
        sizes: POWERS,
        make: |n| nested("(如果 ", "年月(基准日) 在前 1 月", " 则 年月(基准日) 否则 年月(基准日)) 在前 1 月", n),
    },
    Attack { name: "rolled-dates", sizes: POWERS, make: |n| nested("顺延(", "基准日", ", v.日 对 v 于 L)", n) },
    Attack { name: "calls", sizes: POWERS, make: |n| nested("周岁(", "甲", ", 甲)", n) },
    Attack { name: "minuses", sizes: POWERS, make: |n| nested("-", "1", "", n) },
    Attack { name: "defaults", sizes: POWERS, make: |n| nested("甲 或缺 ", "甲", "", n) },
    Attack {
        name: "optional-marks",
        sizes: POWERS,
        make: |n| policy(&format!("输入 乙 : 整数 0..1{}", "?".repeat(n))),
    },
    Attack { name: "lists", sizes: POWERS, make: |n| fact("[", "1", "]", n) },
    Attack { name: "groups", sizes: POWERS, make: |n| fact("{ 甲 = ", "1", " }", n) },
    Attack { name: "lists-unclosed", sizes: POWERS, make: |n| fact("[", "1", "", n) },
    Attack { name: "doubling-sum", sizes: DOUBLINGS, make: |n| doubling(n, "整数 0..9223372036854775807", "1", "+") },
    Attack { name: "doubling-and", sizes: DOUBLINGS, make: |n| doubling(n, "是否", "开", "且") },
    Attack { name: "doubling-formulas", sizes: DOUBLINGS, make: doubling_formulas },
    Attack {
        name: "formulas",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}{}", many(n, |i| format!("公式 式{i}(甲 : 整数 0..1) : 整数 0..1 = 甲\n")))],
    },
    Attack {
        name: "formula-chain",
        sizes: MANY,
        make: |n| {
            let chain = many(n, |i| format!("公式 式{i}(甲 : 整数 0..1) : 整数 0..1 = 1 - 式{}(甲)\n", i + 1));
            vec![format!("{HEAD}{chain}公式 式{n}(甲 : 整数 0..1) : 整数 0..1 = 甲\n")]
        },
    },
    Attack { name: "doubling-if", sizes: DOUBLINGS, make: doubling_if },
    Attack { name: "doubling-tables", sizes: DOUBLINGS, make: doubling_tables },
    Attack { name: "rules", sizes: MANY, make: |n| policy(&many(n, |i| format!("规则 甲{i} = 是\n"))) },
    Attack {
        name: "rule-chain-backwards",
        sizes: MANY,
        make: |n| policy(&many(n, |i| format!("规则 甲{i} = 甲{}\n", i + 1))),
    },
    Attack {
        name: "arms",
        sizes: MANY,
        make: |n| {
            policy(&format!("结论 乙 : {{ 一, 二 }} 命中 顺序 {{\n{}}}", many(n, |i| format!("一 当 数 = {i}\n"))))
        },
    },
    Attack {
        name: "exceptions",
        sizes: MANY,
        make: |n| {
            policy(&format!("定义 乙 : 整数 0..9 = 1\n{}", many(n, |i| format!("例外 甲{i} 当 数 = {i} 则 2\n"))))
        },
    },
    Attack {
        name: "exception-chain",
        sizes: MANY,
        make: |n| {
            policy(&format!(
                "定义 乙 : 整数 0..9 = 1\n例外 甲0 当 开 则 1\n{}",
                many(n, |i| format!("例外 甲{} 于 甲{i} 当 开 则 2\n", i + 1))
            ))
        },
    },
    Attack { name: "before-lists", sizes: MANY, make: before_lists },
    Attack {
        name: "evidence",
        sizes: MANY,
        make: |n| policy(&many(n, |i| format!("取证 甲{i} = 证(号 = 申请人)?\n"))),
    },
    Attack {
        name: "tests",
        sizes: MANY,
        make: |n| {
            let mut all = policy("结论 乙 : { 一 } { 一 其余 }");
            all[0].push_str(&many(n, |i| format!("测试 \"{i}\" 策 于 2020-01-01 {{ 数 = 1 }}\n")));
            all
        },
    },
    Attack {
        name: "test-chain",
        sizes: MANY,
        make: |n| {
            let mut all = policy("结论 乙 : { 一 } { 一 其余 }");
            all[0].push_str(&many(n, |i| format!("测试 \"{}\" 策 于 2020-01-01 基于 \"{i}\" {{ 数 = 1 }}\n", i + 1)));
            all
        },
    },
    Attack {
        name: "variants",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}枚举 大 {{ {} }}\n", many(n, |i| format!("甲{i}, ")))],
    },
    Attack {
        name: "enums",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}{}", many(n, |i| format!("枚举 甲{i} {{ 一 }}\n")))],
    },
    Attack {
        name: "fields",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}组 大 {{\n{}}}\n", many(n, |i| format!("甲{i} : 是否 公开\n")))],
    },
    Attack {
        name: "group-chain",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}{}", many(n, |i| format!("组 甲{i} {{ 乙 : 甲{} }}\n", i + 1)))],
    },
    Attack {
        name: "imports",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}{}", many(n, |i| format!("引用 丙{i} {{ 丁 }}\n")))],
    },
    Attack {
        name: "citations",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}{}", many(n, |i| format!("依据 \"{i}\" 记为 甲{i}\n")))],
    },
    Attack {
        name: "sharing-clauses",
        sizes: MANY,
        make: |n| {
            vec![format!(
                "{HEAD}共享 甲 由 局 关于 证 {{\n{}}}\n",
                many(n, |i| format!("准予 甲{i} : 任何 给 任何 目的 任何\n"))
            )]
        },
    },
    Attack { name: "table-random", sizes: &[10, 100, 300], make: |n| table(n, 8, false, false) },
    Attack { name: "table-one-hole", sizes: &[10, 100, 300], make: |n| table(n, 8, true, false) },
    Attack { name: "table-adversarial", sizes: &[10, 100, 300], make: |n| table(n, 8, false, true) },
    Attack { name: "table-rows", sizes: MANY, make: |n| table(n, 1, false, false) },
    Attack { name: "costly-tables", sizes: &[2, 200], make: costly_tables },
    Attack { name: "costly-policies", sizes: &[110], make: costly_policies },
    Attack { name: "costly-witnesses", sizes: &[4, 200], make: costly_witnesses },
    Attack { name: "folds", sizes: &[5, 30, 60], make: folds },
    Attack { name: "tiny-faults", sizes: MANY, make: |n| policy(&many(n, |i| format!("规则 甲{i} =\n"))) },
    Attack {
        name: "tiny-faults-in-items",
        sizes: MANY,
        make: |n| vec![format!("{HEAD}{}", many(n, |i| format!("枚举 甲{i} {{\n")))],
    },
    Attack { name: "closing-marks", sizes: MANY, make: |n| policy(&")".repeat(n)) },
    Attack { name: "quotes", sizes: MANY, make: |n| policy(&"\"\n".repeat(n)) },
    Attack { name: "unknown-names", sizes: MANY, make: unknown_names },
    Attack {
        name: "unknown-words-one-rule",
        sizes: MANY,
        make: |n| policy(&format!("规则 丙 = {}是", "开甲 或 ".repeat(n))),
    },
    Attack { name: "comments", sizes: MANY, make: |n| policy(&"// 说\n".repeat(n)) },
    Attack { name: "blanks", sizes: POWERS, make: |n| policy(&" ".repeat(n)) },
    Attack { name: "long-name", sizes: MANY, make: |n| policy(&format!("规则 {} = 是", "甲".repeat(n))) },
    Attack { name: "glued", sizes: MANY, make: |n| policy(&format!("规则 丙 = {}", "开且".repeat(n))) },
    Attack { name: "glued-comparisons", sizes: MANY, make: |n| policy(&format!("规则 丙 = {}", "满".repeat(n))) },
    Attack { name: "one-line-4MiB", sizes: &[4 << 20], make: |n| vec!["甲".repeat(n / 3)] },
    Attack { name: "bidi", sizes: MANY, make: |n| policy(&format!("规则 甲{} = 是", "\u{202E}".repeat(n))) },
    Attack { name: "ignorables", sizes: MANY, make: |n| policy(&format!("规则 甲{} = 是", "\u{E0100}".repeat(n))) },
    Attack { name: "kangxi", sizes: MANY, make: |n| policy(&many(n, |i| format!("规则 ⼾{i} = 是\n"))) },
    Attack {
        name: "confusables",
        sizes: MANY,
        make: |n| policy(&many(n, |i| format!("规则 已{i} = 是\n规则 己{i} = 是\n"))),
    },
    Attack { name: "nul-bom-crlf", sizes: MANY, make: |n| vec!["\u{FEFF}\0\r\n\u{2028}".repeat(n)] },
    Attack {
        name: "modules",
        sizes: &[10, 200, 256, 10_000],
        make: |n| (0..n).map(|i| format!("语言 zh\n模块 丙{i}\n枚举 丁 {{ 一 }}\n")).collect(),
    },
    Attack { name: "module-chain", sizes: &[10, 200, 256], make: module_chain },
    Attack {
        name: "module-cycle",
        sizes: &[10, 200, 256],
        make: |n| {
            (0..n)
                .map(|i| format!("语言 zh\n模块 丙{i}\n引用 丙{} {{ 丁 }}\n枚举 丁 {{ 一 }}\n", (i + 1) % n))
                .collect()
        },
    },
    Attack {
        name: "modules-of-imports",
        sizes: &[4, 32, 256],
        make: |n| {
            (0..n)
                .map(|i| format!("语言 zh\n模块 丙{i}\n{}", format!("引用 丙{} {{ 丁 }}\n", i + 1).repeat(4000)))
                .collect()
        },
    },
];

const HEAD: &str = "语言 zh\n模块 试\n依据 \"法\" 记为 法\n证书 证 由 局 归档 号 完备 自 2000-01-01 {\n    号 : 文本 最长 9 凭授权\n    数 : 整数 0..9 仅结果\n}\n";

fn many(n: usize, line: impl Fn(usize) -> String) -> String {
    let mut out = String::new();
    for i in 0..n {
        out.push_str(&line(i));
    }
    out
}

fn policy(clauses: &str) -> Vec<String> {
    let head = "策略 策 版本 1 由 局 施行 2020-01-01 {\n    输入 开 : 是否\n    输入 数 : 整数 0..100000\n    输入 申请人 : 文本 最长 9\n";
    vec![format!("{HEAD}{head}{clauses}\n}}\n")]
}

fn nested(open: &str, middle: &str, close: &str, n: usize) -> Vec<String> {
    policy(&format!("规则 乙 = {}{middle}{}", open.repeat(n), close.repeat(n)))
}

fn fact(open: &str, middle: &str, close: &str, n: usize) -> Vec<String> {
    vec![format!("{HEAD}测试 \"一\" 策 于 2020-01-01 {{\n    数 = {}{middle}{}\n}}\n", open.repeat(n), close.repeat(n))]
}

fn doubling(n: usize, ty: &str, first: &str, operator: &str) -> Vec<String> {
    let clause = |i: usize| format!("定义 倍{} : {ty} = 倍{i} {operator} 倍{i} @法\n", i + 1);
    policy(&format!("定义 倍0 : {ty} = {first} @法\n{}结论 乙 : {{ 一 }} {{ 一 其余 @法 }}\n", many(n, clause)))
}

fn doubling_formulas(n: usize) -> Vec<String> {
    let doubled = many(n, |i| format!("公式 式{}(甲 : 是否) : 是否 = 式{i}(甲) 且 式{i}(非 甲)\n", i + 1));
    let mut all = policy(&format!("结论 乙 : {{ 一, 二 }} 命中 顺序 {{\n一 当 式{n}(开)\n二 其余\n}}"));
    all[0].push_str(&format!("公式 式0(甲 : 是否) : 是否 = 甲\n{doubled}"));
    all
}

fn doubling_if(n: usize) -> Vec<String> {
    let clause = |i: usize| format!("规则 倍{} = 如果 倍{i} 则 非 倍{i} 否则 倍{i} @法\n", i + 1);
    let arms = format!(
        "结论 乙 : {{ 一, 二 }} {{ 一 当 倍{n} 理由 \"一\" @法\n二 当 非 倍{n} 理由 \"二\" @法 }}\n公开 乙 至多 8 比特\n"
    );
    policy(&format!("规则 倍0 = 开 @法\n{}{arms}", many(n, clause)))
}

fn doubling_tables(n: usize) -> Vec<String> {
    let clause = |i: usize| {
        format!(
            "表 倍{} : 整数 0..9 @法\n| 倍{i} | 数 | => |\n| 0..4 | 0..50 | 9 |\n| 0..4 | > 50 | 1 |\n| 5..9 | 任意 | 0 |\n",
            i + 1
        )
    };
    let arms = format!(
        "结论 乙 : {{ 一, 二 }} {{ 一 当 倍{n} = 9 理由 \"一\" @法\n二 当 倍{n} ≠ 9 理由 \"二\" @法 }}\n公开 乙 至多 8 比特\n"
    );
    policy(&format!("定义 倍0 : 整数 0..9 = 1 @法\n{}{arms}", many(n, clause)))
}

/// Each module imports from the next; the last imports nothing.
fn module_chain(n: usize) -> Vec<String> {
    let import = |i: usize| if i < n { format!("引用 丙{i} {{ 丁{i} }}\n") } else { String::new() };
    (0..n).map(|i| format!("语言 zh\n模块 丙{i}\n{}枚举 丁{i} {{ 一 }}\n", import(i + 1))).collect()
}

/// Modules that hold so many of the items each, as one file may not be long enough for all of them.
fn in_modules(n: usize, each: usize, item: impl Fn(usize) -> String) -> Vec<String> {
    let head = |at: usize| HEAD.replacen("模块 试", &format!("模块 试{at}"), 1);
    let starts = (0..n).step_by(each);
    starts.map(|at| format!("{}{}", head(at), (at..n.min(at + each)).map(&item).collect::<String>())).collect()
}

/// Policies with a table each that takes many steps to prove: boxes that overlap everywhere.
fn costly_tables(n: usize) -> Vec<String> {
    let rows = many(60, |i| {
        let cell = |c: usize| format!(" {}..{} |", (i * 7 + c * 13) % 50, 50 + (i * 11 + c * 5) % 50);
        format!("|{} {} |\n", (0..6).map(cell).collect::<String>(), i % 10)
    });
    let inputs = many(6, |c| format!("输入 列{c} : 整数 0..99\n"));
    let head: String = (0..6).map(|c| format!(" 列{c} |")).collect();
    in_modules(n, 20, |i| {
        format!(
            "策略 策{i} 版本 1 由 局 施行 2020-01-01 {{\n{inputs}表 表{i} : 整数 0..9 命中 顺序 @法\n|{head} => |\n{rows}结论 乙 : {{ 一 }} {{ 一 其余 @法 }}\n}}\n"
        )
    })
}

/// Policies whose proofs take all the steps that one policy's may: pairs that meet in the worst order.
fn costly_policies(n: usize) -> Vec<String> {
    let inputs = many(36, |i| format!("输入 列{i} : 是否\n"));
    let first: Vec<String> = (0..18).map(|i| format!("列{i}")).collect();
    let rule = |r: usize| {
        let pairs: Vec<String> = (0..18).map(|i| format!("(列{i} 且 列{})", 18 + (i + r) % 18)).collect();
        format!("规则 则{r} = {} @法\n", pairs.join(" 或 "))
    };
    let rules = many(40, rule);
    in_modules(n, 3, |p| {
        format!(
            "策略 策{p} 版本 1 由 局 施行 2020-01-01 {{\n{inputs}规则 先 = {} @法\n{rules}结论 乙 : {{ 一, 二 }} {{ 一 当 先 且 则0 理由 \"一\" @法\n二 其余 理由 \"二\" @法 }}\n公开 乙 至多 8 比特\n}}\n",
            first.join(" 或 ")
        )
    })
}

/// Arms that overlap, where facts must be found element by element.
fn costly_witnesses(n: usize) -> Vec<String> {
    let arms =
        many(n, |i| format!("值{i} 当 (计数 房 于 房产 当 房.数 满 {}) 满 {} 理由 \"{i}\" @法\n", i % 9, 1 + i % 60));
    let values: String = (0..n).map(|i| format!("{}值{i}", if i > 0 { ", " } else { "" })).collect();
    policy(&format!(
        "取证 房产 = 全部 证(号 = 申请人) 至多 64\n结论 乙 : {{ {values} }} 命中 唯一 {{\n{arms}}}\n公开 乙 至多 20 比特\n"
    ))
}

/// Forty loops over lists a rule; a program has at most so many.
fn folds(n: usize) -> Vec<String> {
    let counts: Vec<String> =
        (0..40).map(|k| format!("(计数 房 于 房产 当 房.数 = {}) 满 {}", k % 10, 1 + k % 3)).collect();
    let rules = many(n, |i| format!("规则 甲{i} = {} @法\n", counts.join(" 且 ")));
    let all: Vec<String> = (0..n).map(|i| format!("甲{i}")).collect();
    policy(&format!(
        "取证 房产 = 全部 证(号 = 申请人) 至多 4\n{rules}结论 乙 : {{ 一, 二 }} {{ 一 当 {} 理由 \"一\" @法\n二 其余 理由 \"二\" @法 }}\n公开 乙 至多 8 比特\n",
        all.join(" 或 ")
    ))
}

fn before_lists(n: usize) -> Vec<String> {
    let names = many(n, |i| format!("{}甲{i}", if i > 0 { ", " } else { "" }));
    policy(&format!(
        "定义 乙 : 整数 0..9 = 1\n例外 末 先于 {names} 当 开 则 3\n{}",
        many(n, |i| format!("例外 甲{i} 当 数 = {i} 则 2\n"))
    ))
}

fn unknown_names(n: usize) -> Vec<String> {
    policy(&many(n, |i| format!("定义 甲{i} : 整数 0..9 = 乙{i}\n")))
}

/// A table of `n` rows over `columns` inputs: boxes cut at random from the whole, or random boxes that overlap.
fn table(n: usize, columns: usize, hole: bool, adversarial: bool) -> Vec<String> {
    let mut state = 7_u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound.max(1)
    };
    let mut boxes: Vec<Vec<(u64, u64)>> = vec![vec![(0, 99_999); columns]];
    while boxes.len() < n && !adversarial {
        let at = usize::try_from(below(boxes.len() as u64)).unwrap_or(0);
        let column = usize::try_from(below(columns as u64)).unwrap_or(0);
        let (low, high) = boxes[at][column];
        if low == high {
            if boxes.len() >= 100_000 {
                break;
            }
            continue;
        }
        let cut = low + below(high - low);
        let mut upper = boxes[at].clone();
        boxes[at][column].1 = cut;
        upper[column].0 = cut + 1;
        boxes.push(upper);
    }
    while boxes.len() < n {
        boxes.push(
            (0..columns)
                .map(|_| {
                    let low = below(99_000);
                    (low, low + below(1_000))
                })
                .collect(),
        );
    }
    if hole {
        boxes.pop();
    }
    let mut text = String::new();
    for column in 0..columns {
        let _ = writeln!(text, "输入 列{column} : 整数 0..99999");
    }
    let _ = writeln!(text, "表 乙 : 整数 0..9 @法");
    let _ = writeln!(text, "|{} => |", many(columns, |column| format!(" 列{column} |")));
    for row in &boxes {
        let cells: String = row.iter().map(|(low, high)| format!(" {low}..{high} |")).collect();
        let _ = writeln!(text, "|{cells} 1 |");
    }
    text.push_str(
        "结论 丙 : { 一, 二 } { 一 当 乙 = 1 理由 \"一\" @法\n二 当 乙 ≠ 1 理由 \"二\" @法 }\n公开 丙 至多 8 比特\n",
    );
    policy(&text)
}
