//! The least evidence that settles an outcome, against brute force: random policies over small records, every content of every
//! candidate set tried. Invariant: what is named always suffices, whatever it says; where every piece of evidence is read
//! once, it is also the smallest set and the first of its size. Seeds are printed with what fails.

use guiju_compiler::ast::Language;
use guiju_compiler::explain::{Size, explain};
use guiju_compiler::interpret;
use guiju_compiler::package::{Policy, compile};
use guiju_compiler::source::SourceFile;
use guiju_compiler::testing::{Engine, run};
use guiju_runtime::frame::{Frame, Interner};
use guiju_runtime::json::parse_date;
use guiju_runtime::value::{Fact, Value};
use guiju_tests::differential::Random;

const STANDARD: &str = "语言 zh\n模块 试.缺\n依据 \"某办法\" 记为 办法\n\
    证书 证 由 甲局 归档 号 完备 自 2000-01-01 {\n  号 : 公民身份号码 凭授权\n  真 : 是否 仅结果\n  注 : 是否? 仅结果\n}\n";
const ID: &str = "32990219850612001X";

/// How a binding was asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Sort {
    Required,
    Optional,
    All,
}

/// A random policy's text, and the sorts of its bindings in order.
struct Draft {
    sorts: Vec<Sort>,
    used: Vec<bool>,
    once: bool,
    loops: usize,
}

impl Draft {
    fn leaf(&mut self, random: &mut Random) -> String {
        let free: Vec<usize> = (0..self.sorts.len()).filter(|i| !self.once || !self.used[*i]).collect();
        let Some(i) = random.pick(&free).copied() else { return "(基准日 > 2000-01-01)".into() };
        self.used[i] = true;
        let e = format!("证{i}");
        self.loops += 1;
        let v = format!("项{}", self.loops);
        let forms: Vec<String> = match self.sorts[i] {
            Sort::Required => vec![
                format!("{e}.真"),
                format!("({e}.注 存在)"),
                format!("({e}.注 存在 且 {e}.注)"),
                format!("({e}.注 或缺 否)"),
            ],
            Sort::Optional => vec![
                format!("({e} 存在)"),
                format!("({e} 存在 且 {e}.真)"),
                format!("({e} 无 或 {e}.真)"),
                format!("({e} 存在 且 ({e}.注 存在 且 {e}.注))"),
                format!("(如果 {e} 存在 则 {e}.真 否则 是)"),
            ],
            Sort::All => vec![
                format!("(存在 {v} 于 {e} 当 {v}.真)"),
                format!("(所有 {v} 于 {e} 满足 {v}.真)"),
                format!("((计数 {v} 于 {e} 当 {v}.真) 满 1)"),
            ],
        };
        forms[random.below(forms.len())].clone()
    }

    fn expr(&mut self, random: &mut Random, depth: usize) -> String {
        if depth == 0 || random.chance(15) {
            return self.leaf(random);
        }
        let mut part = || self.expr(random, depth - 1);
        let (a, b) = (part(), part());
        match random.below(7) {
            0..=2 => format!("({a} 且 {b})"),
            3 | 4 => format!("({a} 或 {b})"),
            5 => format!("(非 {a})"),
            _ => {
                let c = self.expr(random, depth - 1);
                format!("(如果 {a} 则 {b} 否则 {c})")
            }
        }
    }

    fn policy(&mut self, random: &mut Random) -> String {
        let rule = self.expr(random, 2);
        let guard = self.expr(random, 2);
        let more = if self.once { String::new() } else { format!(" 且 {}", self.expr(random, 1)) };
        let mut text = format!("{STANDARD}策略 例 版本 1 由 甲局 施行 2010-01-01 {{\n  输入 人 : 公民身份号码\n");
        for (i, sort) in self.sorts.iter().enumerate().filter(|(i, _)| self.used[*i]) {
            text += &match sort {
                Sort::Required => format!("  取证 证{i} = 证(号 = 人)\n"),
                Sort::Optional => format!("  取证 证{i} = 证(号 = 人)?\n"),
                Sort::All => format!("  取证 证{i} = 全部 证(号 = 人) 至多 2\n"),
            };
        }
        text + &format!(
            "  规则 甲 = {rule} @办法 第一条\n  结论 果 : {{ 准, 驳 }} 命中 顺序 {{\n    准 当 (甲 且 {guard}){more} @办法 第一条\n    \
             驳 其余 @办法 第一条\n  }}\n  公开 果 含 缺证 至多 9 比特\n}}\n"
        )
    }
}

fn record(truth: bool, note: Fact) -> Value {
    Value::Group(vec![Fact::Known(Value::Text(ID.into())), Fact::Known(Value::Boolean(truth)), note])
}

/// Every content that supplied evidence can have, but for what no leaf reads.
fn contents(sort: Sort) -> Vec<Fact> {
    let notes = [Fact::Absent, Fact::Known(Value::Boolean(false)), Fact::Known(Value::Boolean(true))];
    let one = |t: bool| notes.iter().map(move |n| Fact::Known(record(t, n.clone())));
    match sort {
        Sort::Required => one(false).chain(one(true)).collect(),
        Sort::Optional => one(false).chain(one(true)).chain([Fact::Absent]).collect(),
        Sort::All => {
            let list = |ts: &[bool]| Fact::Known(Value::List(ts.iter().map(|t| record(*t, Fact::Absent)).collect()));
            [&[][..], &[false], &[true], &[false, false], &[false, true], &[true, true]].into_iter().map(list).collect()
        }
    }
}

/// What the frame holds of a binding: often nothing, sometimes a record with an unknown field.
fn held(random: &mut Random, sort: Sort) -> Fact {
    if random.chance(55) {
        return if random.chance(15) { Fact::Absent } else { Fact::Unknown };
    }
    if sort != Sort::All && random.chance(10) {
        return Fact::Known(record(random.chance(50), Fact::Unknown));
    }
    let all = contents(sort);
    all[random.below(all.len())].clone()
}

struct Case {
    policy: std::sync::Arc<Policy>,
    sorts: Vec<Sort>,
    facts: Vec<Fact>,
}

impl Case {
    fn frame(&self, facts: &[Fact]) -> Frame {
        let mut interner = Interner::new(&self.policy.program.literals);
        let mut frame = Frame::new(&self.policy.layout);
        let day = parse_date("2015-06-01").expect("a date");
        let roots = [Fact::Known(Value::Date(day)), Fact::Known(Value::Text(ID.into()))];
        for (root, fact) in roots.iter().chain(facts).enumerate() {
            frame.put(&self.policy.layout, root, fact, &mut interner).expect("facts fit");
        }
        frame
    }

    fn determined(&self, facts: &[Fact]) -> bool {
        let out = interpret::run(&self.policy.program, self.frame(facts).words());
        out.outputs[self.policy.outcomes[0].arm_output].get().is_some()
    }

    /// What may be found in binding `i`: of a record with an unknown field, what is known of it stays.
    fn found(&self, i: usize) -> Vec<Fact> {
        match &self.facts[i] {
            Fact::Known(Value::Group(fields)) => {
                let same = |f: &Fact| matches!(f, Fact::Known(Value::Group(other)) if other[1] == fields[1]);
                contents(Sort::Required).into_iter().filter(same).collect()
            }
            _ => contents(self.sorts[i]),
        }
    }

    /// Whether the outcome is determined whatever the bindings in `set` say.
    fn settles(&self, set: &[usize], facts: &mut Vec<Fact>) -> bool {
        let Some((first, rest)) = set.split_first() else { return self.determined(facts) };
        let before = facts[*first].clone();
        let good = self.found(*first).into_iter().all(|fact| {
            facts[*first] = fact;
            self.settles(rest, facts)
        });
        facts[*first] = before;
        good
    }

    /// The smallest settling set, then the first, of all bindings that are not there.
    fn least(&self) -> Option<Vec<usize>> {
        let open: Vec<usize> = (0..self.facts.len())
            .filter(|i| match &self.facts[*i] {
                Fact::Unknown => true,
                Fact::Absent => self.sorts[*i] == Sort::Required,
                Fact::Known(Value::Group(fields)) => fields.contains(&Fact::Unknown),
                Fact::Known(_) => false,
            })
            .collect();
        let mut sets: Vec<Vec<usize>> = (0..1u32 << open.len())
            .map(|bits| (0..open.len()).filter(|i| bits >> i & 1 == 1).map(|i| open[i]).collect())
            .collect();
        sets.sort_by_key(|s: &Vec<usize>| (s.len(), s.clone()));
        sets.into_iter().find(|s| self.settles(s, &mut self.facts.clone()))
    }

    /// What is named, as indices of bindings; `None` if the outcome is determined.
    fn named(&self) -> Option<Vec<usize>> {
        let frame = self.frame(&self.facts);
        let evaluation = interpret::run(&self.policy.program, frame.words());
        let explanation = explain(&self.policy, frame.words(), &evaluation);
        let outcome = &explanation.outcomes[0];
        if outcome.value.is_some() {
            assert!(outcome.missing.is_empty(), "a determined outcome misses nothing");
            return None;
        }
        assert_eq!(outcome.missing_size, Size::Least, "small policies are searched to the end");
        let index = |name: &String| self.policy.evidence.iter().position(|e| e.name == *name).expect("evidence");
        let mut named: Vec<usize> = outcome.missing.iter().map(index).collect();
        named.sort_unstable();
        Some(named)
    }
}

/// How many undetermined outcomes were judged, and in how many the named set was the very least.
fn tried(seed: u64, policies: usize, once: bool) -> (usize, usize) {
    let (mut judged, mut exact, mut made) = (0, 0, 0);
    let mut random = Random::new(seed);
    while made < policies {
        let sorts: Vec<Sort> = (0..2 + random.below(3))
            .map(|_| [Sort::Required, Sort::Optional, Sort::Optional, Sort::All][random.below(4)])
            .collect();
        let mut draft = Draft { used: vec![false; sorts.len()], sorts, once, loops: 0 };
        let text = draft.policy(&mut random);
        let files = [SourceFile { name: "例.gj".into(), text: text.clone() }];
        // Some are refused with reason: dead arms, conditions that never hold.
        let Some(package) = compile(&files).package else { continue };
        made += 1;
        let sorts: Vec<Sort> = draft.sorts.iter().zip(&draft.used).filter(|(_, u)| **u).map(|(s, _)| *s).collect();
        for _ in 0..6 {
            let facts = sorts.iter().map(|s| held(&mut random, *s)).collect();
            let case = Case { policy: package.policies[0].clone(), sorts: sorts.clone(), facts };
            let Some(named) = case.named() else { continue };
            judged += 1;
            let facts = &case.facts;
            assert!(
                case.settles(&named, &mut facts.clone()),
                "seed {seed}: {named:?} leaves it open\n{text}\n{facts:?}"
            );
            let least = case.least().unwrap_or_else(|| panic!("seed {seed}: nothing settles\n{text}\n{facts:?}"));
            if once {
                assert_eq!(named, least, "seed {seed}: not the least\n{text}\n{facts:?}");
            }
            exact += usize::from(named == least);
        }
    }
    (judged, exact)
}

#[test]
fn what_is_read_once_is_named_exactly() {
    let (judged, _) = tried(0x5EED_0001, 150, true);
    assert!(judged > 150, "only {judged} undetermined outcomes were judged");
}

#[test]
fn what_is_named_suffices_whatever_it_says() {
    let (judged, exact) = tried(0x5EED_0002, 150, false);
    assert!(judged > 150, "only {judged} undetermined outcomes were judged");
    // What is read twice is taken twice, so that a set may be named that is larger than need be.
    assert!(exact * 100 >= judged * 80, "{exact} of {judged} are the least");
}

/// `或缺` knows what an absent field stands for. Of a record that the policy counts on and that is not there it knows nothing.
#[test]
fn a_record_that_is_counted_on_is_unknown_where_it_is_absent() {
    let text = format!(
        "{STANDARD}策略 策 版本 1 由 甲局 施行 2000-01-01 {{\n输入 申请人 : 公民身份号码\n取证 证 = 证(号 = 申请人)\n\
         结论 果 : {{ 是的, 不是 }} 命中 顺序 {{\n是的 当 证.注 或缺 否 @办法\n不是 其余 @办法\n}}\n公开 果 含 缺证 至多 2 比特\n}}\n\
         测试 \"字段没有\" 策 于 2015-06-01 {{\n申请人 = \"{ID}\"\n证 = {{ 真 = 是, 注 = 无 }}\n期望 果 = 不是\n}}\n\
         测试 \"证书没有\" 策 于 2015-06-01 {{\n申请人 = \"{ID}\"\n证 = 无\n期望 果 = 待定\n期望 缺证 {{ 证 }}\n}}\n"
    );
    let files = [SourceFile { name: "缺.gj".into(), text }];
    let compiled = compile(&files);
    let package = compiled.package.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    for report in run(&package, Engine::Both) {
        assert!(report.passed(), "{}", report.text(Language::En));
    }
}
