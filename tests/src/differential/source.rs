//! Random well-typed modules as text: a data standard of every type, and a policy, verification or contract over it. Owns
//! the shape of a module; `expression` owns what stands in it. Invariant: everything follows from the random numbers; text
//! is meant to be accepted, and if the checker refuses it, that is counted, not hidden. Must not know: engines, frames.

mod expression;
mod policy;

use super::Random;
use std::fmt::Write as _;

/// A module, and the words at which its meaning may turn.
pub(super) struct Module {
    /// The text, in Chinese.
    pub(super) text: String,
    /// Constants that stand in it, as words of whole numbers, dates or months.
    pub(super) words: Vec<i64>,
    /// Clauses of the policy that stand in any order, as byte ranges of the text.
    pub(super) definitions: Vec<(usize, usize)>,
}

/// The type of a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ty {
    Boolean,
    /// Least, greatest, and whether it has a unit.
    Integer(i64, i64, bool),
    /// Least and greatest, in hundredths.
    Decimal(i64, i64),
    /// Least and greatest, in 分.
    Money(i64, i64),
    Date,
    Month,
    Text,
    Identifier,
    /// Index of the enumeration.
    Enum(usize),
    /// The older version of an enumeration that has two.
    Older(usize),
}

/// A field of a group or certificate.
#[derive(Clone, Debug)]
struct Field {
    name: String,
    ty: Ty,
    optional: bool,
    /// Of a class below 凭授权, so that little may be written into it.
    open: bool,
}

/// A group, or the scalar part of a certificate.
#[derive(Clone, Debug, Default)]
struct Group {
    name: String,
    fields: Vec<Field>,
    /// Whether it says on which days it is in force.
    term: bool,
}

/// A certificate type.
#[derive(Clone, Debug)]
struct Certificate {
    group: Group,
    /// Its lists: name, index of the element's group, most elements.
    lists: Vec<(String, usize, u32)>,
}

/// A formula of one whole number.
#[derive(Clone, Debug)]
struct Formula {
    name: String,
    /// Least and greatest that it takes.
    takes: (i64, i64),
    /// Least and greatest that it gives.
    gives: (i64, i64),
}

/// Something an expression may name.
#[derive(Clone, Debug)]
struct Scalar {
    text: String,
    ty: Ty,
    /// May be absent and was not tested for it here.
    optional: bool,
    /// Index of the evidence it belongs to, if that may be absent and was not tested for it here.
    within: Option<usize>,
    /// A number or date that the asker chose: comparing secrets with it is refused.
    chosen: bool,
}

/// A list that an expression may go through.
#[derive(Clone, Debug)]
struct List {
    text: String,
    group: Group,
    max: u32,
}

/// Something with a term: a binding or an element.
#[derive(Clone, Debug)]
struct Termed {
    text: String,
}

/// What may be named.
#[derive(Clone, Debug, Default)]
struct Scope {
    scalars: Vec<Scalar>,
    lists: Vec<List>,
    termed: Vec<Termed>,
    /// Evidence that may be absent: its index and name.
    bindings: Vec<(usize, String)>,
    /// Folds around.
    depth: usize,
}

/// The writer of one module.
pub(super) struct Writer<'a> {
    random: &'a mut Random,
    out: String,
    words: Vec<i64>,
    enums: Vec<Vec<String>>,
    /// Which enumerations have an older version, with one code more.
    older: Vec<usize>,
    groups: Vec<Group>,
    certificates: Vec<Certificate>,
    scope: Scope,
    definitions: Vec<(usize, usize)>,
    /// Formulas of one whole number.
    formulas: Vec<Formula>,
    /// Names given out.
    names: usize,
}

/// Writes a module.
pub(super) fn module(random: &mut Random) -> Module {
    let mut writer = Writer {
        random,
        out: String::from("语言 zh\n模块 试.甲\n依据 \"试行办法\" 记为 法\n\n"),
        words: Vec::new(),
        enums: Vec::new(),
        older: Vec::new(),
        groups: Vec::new(),
        certificates: Vec::new(),
        scope: Scope::default(),
        definitions: Vec::new(),
        formulas: Vec::new(),
        names: 0,
    };
    writer.standard();
    writer.formulas();
    writer.policy();
    if writer.random.chance(15) {
        writer.sharing();
    }
    Module { text: writer.out, words: writer.words, definitions: writer.definitions }
}

impl Writer<'_> {
    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A number at which a meaning may turn.
    fn constant(&mut self, low: i64, high: i64) -> i64 {
        let word = self.random.between(low, high);
        self.words.push(word);
        word
    }

    /// `是否`, `整数 …`: a type as written.
    fn show(&self, ty: &Ty) -> String {
        match ty {
            Ty::Boolean => "是否".into(),
            Ty::Integer(low, high, false) => format!("整数 {low}..{high}"),
            Ty::Integer(low, high, true) => format!("整数 {low}..{high} [件]"),
            Ty::Decimal(low, high) => format!("小数 {}..{}", hundredths(*low), hundredths(*high)),
            Ty::Money(low, high) => format!("金额 {low} 分..{high} 分"),
            Ty::Date => "日期".into(),
            Ty::Month => "年月".into(),
            Ty::Text => "文本 最长 4".into(),
            Ty::Identifier => "公民身份号码".into(),
            Ty::Enum(i) => format!("枚举{i}"),
            Ty::Older(i) => format!("枚举{i} 版本 1"),
        }
    }

    fn any_type(&mut self) -> Ty {
        match self.random.below(13) {
            12 if !self.older.is_empty() => Ty::Older(self.older[self.random.below(self.older.len())]),
            10 => Ty::Decimal(0, [99, 250, 100_000][self.random.below(3)]),
            11 => Ty::Money(0, [300, 100_000_000][self.random.below(2)]),
            0 | 1 => Ty::Boolean,
            2 | 3 => {
                let low = [0, 0, 1, -5][self.random.below(4)];
                let high = [3, 9, 30, 1_000][self.random.below(4)];
                Ty::Integer(low, high, self.random.chance(20))
            }
            4 | 5 => Ty::Date,
            6 => Ty::Month,
            7 => Ty::Text,
            _ => Ty::Enum(self.random.below(self.enums.len())),
        }
    }

    fn standard(&mut self) {
        for i in 0..1 + self.random.below(2) {
            let variants: Vec<String> = (0..2 + self.random.below(3)).map(|j| format!("值{i}_{j}")).collect();
            let listed = variants.join(", ");
            if self.random.chance(40) {
                let _ =
                    writeln!(self.out, "枚举 枚举{i} 版本 1 {{ {listed}, 旧{i} }}\n枚举 枚举{i} 版本 2 {{ {listed} }}");
                let at = self.random.below(variants.len());
                let _ = writeln!(
                    self.out,
                    "映射 枚举{i} 版本 1 到 枚举{i} 版本 2 {{ 旧{i} => {}\n其余 同名 }}",
                    variants[at]
                );
                self.older.push(i);
            } else {
                let _ = writeln!(self.out, "枚举 枚举{i} {{ {listed} }}");
            }
            self.enums.push(variants);
        }
        for i in 0..1 + self.random.below(2) {
            let group = self.group(format!("组{i}"));
            let head = format!("组 {} {}{{", group.name, term(&group));
            self.line(&head);
            self.fields(&group);
            self.line("}");
            self.groups.push(group);
        }
        for i in 0..1 + self.random.below(3) {
            let group = self.group(format!("证{i}"));
            let mut lists = Vec::new();
            for j in 0..self.random.below(3) {
                let of = self.random.below(self.groups.len());
                lists.push((format!("列{i}_{j}"), of, 1 + self.random.below(4) as u32));
            }
            let complete = if self.random.chance(60) { "完备 自 2000-01-01 " } else { "" };
            let head = format!("证书 {} 由 局{} 归档 号 {complete}{}{{", group.name, i % 2, term(&group));
            self.line(&head);
            self.line("    号 : 公民身份号码 凭授权");
            self.fields(&group);
            for (name, of, max) in &lists {
                let _ = writeln!(self.out, "    {name} : 列表 组{of} 至多 {max}");
            }
            self.line("}");
            self.certificates.push(Certificate { group, lists });
        }
    }

    fn group(&mut self, name: String) -> Group {
        let mut fields = Vec::new();
        let term = self.random.chance(30);
        if term {
            fields.push(Field { name: self.name("始"), ty: Ty::Date, optional: false, open: false });
            fields.push(Field { name: self.name("终"), ty: Ty::Date, optional: self.random.chance(60), open: false });
        }
        for _ in 0..1 + self.random.below(4) {
            fields.push(Field {
                name: self.name("项"),
                ty: self.any_type(),
                optional: self.random.chance(30),
                open: self.random.chance(50),
            });
        }
        Group { name, fields, term }
    }

    fn fields(&mut self, group: &Group) {
        for field in &group.fields {
            let class = if field.open { ["仅结果", "公开"][self.random.below(2)] } else { "凭授权" };
            let mark = if field.optional { "?" } else { "" };
            let _ = writeln!(self.out, "    {} : {}{mark} {class}", field.name, self.show(&field.ty));
        }
    }

    fn sharing(&mut self) {
        self.line("共享 共享甲 由 局0 关于 证0 {");
        for i in 0..1 + self.random.below(4) {
            let any = |random: &mut Random, word: &str, some: [&'static str; 2]| match random.below(3) {
                0 => word.to_owned(),
                1 => some[0].to_owned(),
                _ => format!("{}, {}", some[0], some[1]),
            };
            let exchanges = any(self.random, "任何", ["评估", "核验"]);
            let to = any(self.random, "任何", ["局0", "局1"]);
            let purposes = any(self.random, "任何", ["审核", "营销"]);
            let clause = match self.random.below(3) {
                0 => format!("    禁止 款{i} : {exchanges} 给 {to} 目的 {purposes} @法 第{i}条"),
                _ => format!(
                    "    准予 款{i} : {exchanges} 给 {to} 目的 {purposes} 限 每人 每日 {}.5 比特 积分 {i} @法 第{i}条",
                    i + 1
                ),
            };
            self.line(&clause);
        }
        self.line("}");
    }
}

/// A word of two digits after the point, as written.
fn hundredths(word: i64) -> String {
    let sign = if word < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", word.abs() / 100, word.abs() % 100)
}

/// The days on which a group is in force: its first two fields.
fn term(group: &Group) -> String {
    match (group.term, &group.fields[..]) {
        (true, [from, end, ..]) => {
            // Whether the last day counts follows from the name, so that it varies.
            let word = if end.name.len() % 2 == 0 { "至" } else { "止于" };
            format!("在期 自 {} {word} {} ", from.name, end.name)
        }
        _ => String::new(),
    }
}
