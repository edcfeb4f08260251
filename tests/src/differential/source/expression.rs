//! Random expressions as text. Owns how often each construct is written, and the ranges of what it writes, so that a
//! declared range can hold it. Invariant: an expression names only what is in scope, and what may be absent only where it
//! was tested for. Must not know: clauses, engines.

use guiju_runtime::date::{Date, YearMonth};
use std::fmt::Write as _;

use super::{Formula, Group, List, Scalar, Scope, Termed, Ty, Writer};

/// Numbers written stay within this, far from what the language computes with at most.
const NUMBER_MAX: i64 = 1_000_000_000;

impl Writer<'_> {
    /// An expression of a type; numbers are unitless and come with their range.
    pub(super) fn expr(&mut self, ty: &Ty, depth: usize) -> String {
        match ty {
            Ty::Boolean => self.boolean(depth),
            Ty::Integer(..) => self.number(depth).0,
            Ty::Decimal(..) | Ty::Money(..) => self.literal(ty),
            Ty::Date => self.date(depth, true),
            Ty::Month => self.month(depth),
            Ty::Text | Ty::Identifier => self.text(depth),
            Ty::Enum(i) => self.variant(*i, depth),
            Ty::Older(_) => self.literal(ty),
        }
    }

    /// A scalar in scope that `wanted` takes, safe to use where it stands: itself, or with a default.
    fn scalar(&mut self, wanted: impl Fn(&Scalar) -> bool) -> Option<(String, Ty)> {
        let fitting: Vec<Scalar> = self.scope.scalars.iter().filter(|s| wanted(s)).cloned().collect();
        let found = self.random.pick(&fitting)?.clone();
        if !found.optional && found.within.is_none() {
            return Some((found.text, found.ty));
        }
        let default = match &found.ty {
            Ty::Integer(low, high, _) => self.constant(*low, *high).to_string(),
            other => self.literal(&other.clone()),
        };
        Some((format!("({} 或缺 {default})", found.text), found.ty))
    }

    /// A constant of a type.
    pub(super) fn literal(&mut self, ty: &Ty) -> String {
        match ty {
            Ty::Boolean => if self.random.chance(50) { "是" } else { "否" }.into(),
            Ty::Integer(low, high, _) => self.constant(*low, *high).to_string(),
            Ty::Decimal(low, high) => super::hundredths(self.constant(*low, *high)),
            Ty::Money(low, high) => {
                let word = self.constant(*low, *high);
                if self.random.chance(50) { format!("{word} 分") } else { format!("{} 元", super::hundredths(word)) }
            }
            Ty::Date => {
                let days = 16_000 + self.random.below(2_500) as i64;
                self.words.push(days);
                Date::from_days(days).map_or_else(|| "2017-03-16".to_owned(), |d| d.to_string())
            }
            Ty::Month => {
                let index = 24_190 + self.random.below(50) as i64;
                self.words.push(index);
                YearMonth::from_index(index).map_or_else(|| "2017-03".to_owned(), |m| m.to_string())
            }
            Ty::Text => format!("\"{}\"", ["甲", "乙", "丙", "现势"][self.random.below(4)]),
            Ty::Identifier => "\"11010519491231002X\"".into(),
            Ty::Older(i) => format!("旧{i}"),
            Ty::Enum(i) => {
                let variant = self.random.below(self.enums[*i].len());
                format!("枚举{i}.{}", self.enums[*i][variant])
            }
        }
    }

    /// A boolean.
    pub(super) fn boolean(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(5) {
                0 => self.scalar(|s| s.ty == Ty::Boolean).map(|s| s.0).unwrap_or_else(|| self.against_constant()),
                1 => self.presence().unwrap_or_else(|| self.against_constant()),
                2 => self.in_force().unwrap_or_else(|| self.against_constant()),
                _ => self.against_constant(),
            };
        }
        let d = depth - 1;
        match self.random.below(13) {
            0 | 1 => format!("({} 且 {})", self.boolean(d), self.boolean(d)),
            2 | 3 => format!("({} 或 {})", self.boolean(d), self.boolean(d)),
            4 => format!("(非 {})", self.boolean(d)),
            5 => format!("(如果 {} 则 {} 否则 {})", self.boolean(d), self.boolean(d), self.boolean(d)),
            6 | 7 => self.quantified(d).unwrap_or_else(|| self.boolean(0)),
            8 => self.narrowed(d).unwrap_or_else(|| self.boolean(0)),
            9 | 10 => self.comparison(d),
            11 => self.window().unwrap_or_else(|| self.boolean(0)),
            _ => self.boolean(0),
        }
    }

    fn order(&mut self) -> &'static str {
        ["<", "<=", ">", ">=", "满", "不满", "超过", "不超过", "=", "≠"][self.random.below(10)]
    }

    /// Something in scope against a constant of its own range.
    pub(super) fn against_constant(&mut self) -> String {
        let Some((text, ty)) = self.scalar(|s| s.ty != Ty::Boolean && s.ty != Ty::Identifier) else {
            return format!("基准日 {} {}", self.order(), self.literal(&Ty::Date));
        };
        match ty {
            Ty::Text => {
                let sign = ["=", "≠"][self.random.below(2)];
                format!("{text} {sign} {}", self.literal(&ty))
            }
            Ty::Enum(i) if self.random.chance(40) => {
                let mut variants = self.enums[i].clone();
                let drop = self.random.below(variants.len());
                variants.remove(drop);
                let listed: Vec<String> = variants.iter().map(|v| format!("枚举{i}.{v}")).collect();
                format!("{text} 属于 {{ {} }}", listed.join(", "))
            }
            Ty::Enum(_) | Ty::Older(_) => {
                let sign = ["=", "≠"][self.random.below(2)];
                format!("{text} {sign} {}", self.literal(&ty))
            }
            Ty::Integer(low, high, _) => format!("{text} {} {}", self.order(), self.inside(low, high)),
            Ty::Decimal(low, high) => {
                format!("{text} {} {}", self.order(), self.literal(&Ty::Decimal(low + 1, high - 1)))
            }
            Ty::Money(low, high) => format!("{text} {} {}", self.order(), self.literal(&Ty::Money(low + 1, high - 1))),
            _ => format!("{text} {} {}", self.order(), self.literal(&ty)),
        }
    }

    /// A number that most comparisons with a value of this range do not decide beforehand.
    pub(super) fn inside(&mut self, low: i64, high: i64) -> i64 {
        if high - low >= 2 { self.constant(low + 1, high - 1) } else { self.constant(low, high) }
    }

    fn comparison(&mut self, d: usize) -> String {
        let order = self.order();
        let (left, right, order) = match self.random.below(6) {
            0 | 1 => {
                let (left, low, high) = self.number(d);
                let constant = self.random.chance(60);
                let right = if constant { self.likely(low, high).to_string() } else { self.number(d).0 };
                (left, right, order)
            }
            2 => (self.date(d, true), self.date(d, true), order),
            3 => (self.month(d), self.month(d), order),
            4 => (self.text(d), self.text(0), "="),
            _ => {
                let i = self.random.below(self.enums.len());
                (self.variant(i, d), self.variant(i, 0), "=")
            }
        };
        // What is decided beforehand is refused as dead further on.
        let constant = |text: &str| !["据", "元", "入", "基", "触", "规", "定", "表"].iter().any(|w| text.contains(w));
        if left == right || constant(&left) {
            return self.against_constant();
        }
        format!("{left} {order} {right}")
    }

    /// A number of a range that is not far from what lists and fields give.
    pub(super) fn likely(&mut self, low: i64, high: i64) -> i64 {
        let (near, far) = ((low + 1).max(-8).min(high), high.min(40).max(low));
        if near <= far { self.constant(near, far) } else { self.inside(low, high) }
    }

    fn presence(&mut self) -> Option<String> {
        let word = if self.random.chance(60) { "存在" } else { "无" };
        if self.random.chance(50) {
            let bindings = self.scope.bindings.clone();
            return self.random.pick(&bindings).map(|(_, name)| format!("{name} {word}"));
        }
        let fitting: Vec<String> =
            (self.scope.scalars.iter()).filter(|s| s.optional && s.within.is_none()).map(|s| s.text.clone()).collect();
        self.random.pick(&fitting).map(|text| format!("{text} {word}"))
    }

    fn in_force(&mut self) -> Option<String> {
        let termed = self.scope.termed.clone();
        self.random.pick(&termed).map(|t| format!("{} 在期", t.text))
    }

    fn window(&mut self) -> Option<String> {
        let (text, _) = self.scalar(|s| s.ty == Ty::Month && !s.chosen)?;
        Some(format!("{text} 在前 {} 月", 1 + self.random.below(40)))
    }

    /// A test for presence, and behind it what it allows.
    fn narrowed(&mut self, d: usize) -> Option<String> {
        let bindings = self.scope.bindings.clone();
        let saved = self.scope.clone();
        let text = if self.random.chance(60) {
            let (index, name) = self.random.pick(&bindings)?.clone();
            self.scope.bindings.retain(|(i, _)| *i != index);
            self.scope.scalars.iter_mut().filter(|s| s.within == Some(index)).for_each(|s| s.within = None);
            name
        } else {
            let fitting: Vec<usize> = (0..self.scope.scalars.len())
                .filter(|i| self.scope.scalars[*i].optional && self.scope.scalars[*i].within.is_none())
                .collect();
            let i = *self.random.pick(&fitting)?;
            self.scope.scalars[i].optional = false;
            self.scope.scalars[i].text.clone()
        };
        let then = self.boolean(d);
        let shape = match self.random.below(3) {
            0 => format!("({text} 存在 且 {then})"),
            1 => format!("(如果 {text} 存在 则 {then} 否则 {})", if self.random.chance(50) { "是" } else { "否" }),
            _ => format!("({text} 无 或 {then})"),
        };
        self.scope = saved;
        Some(shape)
    }

    /// Opens a fold over a list of the scope; gives the words `v 于 L`, the bound and the scope to go back to.
    fn open(&mut self) -> Option<(String, u32, Scope)> {
        if self.scope.depth >= 3 {
            return None;
        }
        let lists = self.scope.lists.clone();
        let List { text, group, max } = self.random.pick(&lists)?.clone();
        let saved = self.scope.clone();
        let variable = self.name("元");
        self.scope.depth += 1;
        // What stands inside mostly speaks of the element.
        self.scope.scalars.retain(|_| false);
        self.scope.scalars.extend(saved.scalars.iter().take(4).cloned());
        self.see(&variable, &group, None);
        Some((format!("{variable} 于 {text}"), max, saved))
    }

    /// Puts the fields of a group in scope.
    pub(super) fn see(&mut self, name: &str, group: &Group, within: Option<usize>) {
        for field in &group.fields {
            self.scope.scalars.push(Scalar {
                text: format!("{name}.{}", field.name),
                ty: field.ty.clone(),
                optional: field.optional,
                within,
                chosen: false,
            });
        }
        if group.term {
            self.scope.termed.push(Termed { text: name.to_owned() });
        }
    }

    fn quantified(&mut self, d: usize) -> Option<String> {
        let (over, _, saved) = self.open()?;
        let inner = self.boolean(d);
        self.scope = saved;
        Some(if self.random.chance(50) {
            format!("(存在 {over} 当 {inner})")
        } else {
            format!("(所有 {over} 满足 {inner})")
        })
    }

    /// Formulas of one whole number, some over earlier ones.
    pub(super) fn formulas(&mut self) {
        for _ in 0..self.random.below(3) {
            let low = self.constant(-3, 3);
            let high = self.constant(low, 20);
            let (name, parameter) = (self.name("式"), self.name("参"));
            let taken = Scalar {
                text: parameter.clone(),
                ty: Ty::Integer(low, high, false),
                optional: false,
                within: None,
                chosen: false,
            };
            let saved = std::mem::replace(&mut self.scope, Scope { scalars: vec![taken], ..Scope::default() });
            let (body, least, most) = self.number(2);
            self.scope = saved;
            // What a formula takes it uses.
            let (least, most) = (least + low, most + high);
            if least >= -NUMBER_MAX && most <= NUMBER_MAX {
                let given = format!("({parameter} : 整数 {low}..{high}) : 整数 {least}..{most}");
                let _ = writeln!(self.out, "公式 {name}{given} = {body} + {parameter} @法 第一式");
                self.formulas.push(Formula { name, takes: (low, high), gives: (least, most) });
            }
        }
    }

    /// A formula over something that fits.
    fn applied(&mut self) -> Option<(String, i64, i64)> {
        let formulas = self.formulas.clone();
        let Formula { name, takes: (low, high), gives: (least, most) } = self.random.pick(&formulas)?.clone();
        let fits = |s: &Scalar| matches!(s.ty, Ty::Integer(l, h, false) if low <= l && h <= high) && !s.chosen;
        let given = match self.scalar(fits) {
            Some((text, _)) => text,
            None => self.constant(low, high).to_string(),
        };
        Some((format!("{name}({given})"), least, most))
    }

    /// A number without unit, with its least and greatest value.
    pub(super) fn number(&mut self, depth: usize) -> (String, i64, i64) {
        if depth == 0 || self.random.chance(10) {
            let found = if self.random.chance(80) {
                self.scalar(|s| matches!(s.ty, Ty::Integer(_, _, false)) && !s.chosen)
            } else {
                None
            };
            return match found {
                Some((text, Ty::Integer(low, high, _))) => (text, low, high),
                _ => {
                    let word = self.constant(0, 20);
                    (word.to_string(), word, word)
                }
            };
        }
        let d = depth - 1;
        match self.random.below(14) {
            13 => self.applied().unwrap_or_else(|| self.number(0)),
            11 => self.quotient(d),
            12 => self.rounded().unwrap_or_else(|| self.number(0)),
            0..=2 => self.sum(d),
            3 | 4 => self.counted(d).unwrap_or_else(|| self.number(0)),
            5..=7 => self.aggregate(d).unwrap_or_else(|| self.number(0)),
            8 => {
                let (yes, low, high) = self.number(d);
                let (no, least, most) = self.number(d);
                let condition = self.boolean(d);
                (format!("(如果 {condition} 则 {yes} 否则 {no})"), low.min(least), high.max(most))
            }
            9 => (format!("周岁({}, {})", self.date(d, true), self.date(0, true)), 0, 9_998),
            _ if self.random.chance(50) => (format!("月差({}, {})", self.month(d), self.month(0)), -119_987, 119_987),
            _ => (format!("日差({}, {})", self.date(d, true), self.date(0, true)), -3_652_058, 3_652_058),
        }
    }

    fn sum(&mut self, d: usize) -> (String, i64, i64) {
        let (left, a, b) = self.number(d);
        let (right, c, e) = self.number(d);
        let (sign, low, high) = match self.random.below(3) {
            0 => ("+", a + c, b + e),
            1 => ("-", a - e, b - c),
            _ => {
                let corners = [a * c, a * e, b * c, b * e];
                ("*", corners.into_iter().min().unwrap_or(0), corners.into_iter().max().unwrap_or(0))
            }
        };
        if low < -NUMBER_MAX || high > NUMBER_MAX {
            return (left, a, b);
        }
        (format!("({left} {sign} {right})"), low, high)
    }

    /// A quotient by what cannot be 0, rounded as said.
    fn quotient(&mut self, d: usize) -> (String, i64, i64) {
        let (left, low, high) = self.number(d);
        let (right, least, _) = self.number(d.min(1));
        let divisor = if least > 0 { right } else { self.constant(1, 9).to_string() };
        let factor = self.constant(2, 9);
        if self.random.chance(50) || high.abs().max(low.abs()) > NUMBER_MAX / 10 {
            return (format!("{}({left} / {divisor}, 0)", self.rounding()), low.min(0), high.max(0));
        }
        let (low, high) = ((low * factor).min(0), (high * factor).max(0));
        (format!("{}({left} * {factor} / {divisor}, 0)", self.rounding()), low, high)
    }

    /// A decimal, or a multiple of one, as a whole number.
    fn rounded(&mut self) -> Option<(String, i64, i64)> {
        let (text, ty) = self.scalar(|s| matches!(s.ty, Ty::Decimal(..)) && !s.chosen)?;
        let Ty::Decimal(_, high) = ty else { return None };
        let factor = self.constant(1, 9);
        let text = if self.random.chance(50) { format!("{text} * {factor}") } else { text };
        Some((format!("{}({text}, 0)", self.rounding()), 0, high * factor / 100 + 1))
    }

    fn rounding(&mut self) -> &'static str {
        ["四舍五入", "四舍六入", "舍去", "进一"][self.random.below(4)]
    }

    /// How many elements of some list.
    pub(super) fn counted(&mut self, d: usize) -> Option<(String, i64, i64)> {
        let (over, max, saved) = self.open()?;
        let text = if self.random.chance(40) {
            let of = match self.random.below(4) {
                0 => self.scalar(|s| s.ty == Ty::Month),
                1 => self.scalar(|s| matches!(s.ty, Ty::Enum(_))),
                2 => self.scalar(|s| s.ty == Ty::Text || s.ty == Ty::Date),
                _ => self.scalar(|s| matches!(s.ty, Ty::Integer(..))),
            };
            let of = of.map(|(text, _)| text).unwrap_or_else(|| self.number(d.min(1)).0);
            let filter = self.filter(d);
            format!("(计数 不同 {of} 对 {over}{filter})")
        } else {
            format!("(计数 {over}{})", self.filter(d))
        };
        self.scope = saved;
        Some((text, 0, i64::from(max)))
    }

    fn filter(&mut self, d: usize) -> String {
        if self.random.chance(75) { format!(" 当 {}", self.boolean(d)) } else { String::new() }
    }

    fn aggregate(&mut self, d: usize) -> Option<(String, i64, i64)> {
        let (over, max, saved) = self.open()?;
        let (value, low, high) = self.number(d.min(1));
        let filter = self.filter(d);
        self.scope = saved;
        let max = i64::from(max);
        let word = ["合计", "最大", "最小"][self.random.below(3)];
        if word == "合计" {
            let (low, high) = ((low * max).min(0), (high * max).max(0));
            if low < -NUMBER_MAX || high > NUMBER_MAX {
                return None;
            }
            return Some((format!("(合计 {value} 对 {over}{filter})"), low, high));
        }
        let (empty, least, most) = self.number(0);
        let empty = if empty.starts_with('(') { empty } else { format!("({empty})") };
        Some((format!("({word} {value} 对 {over}{filter} 空则 {empty})"), low.min(least), high.max(most)))
    }

    /// A date; one that was shifted by months is not shifted again.
    fn date(&mut self, depth: usize, shift: bool) -> String {
        if depth == 0 {
            return match self.random.below(6) {
                0 => "基准日".into(),
                1 => self.literal(&Ty::Date),
                _ => self.scalar(|s| s.ty == Ty::Date && !s.chosen).map_or_else(|| "基准日".into(), |s| s.0),
            };
        }
        let d = depth - 1;
        match self.random.below(7) {
            6 => self.rolled().unwrap_or_else(|| self.date(0, shift)),
            0..=2 if shift => {
                let sign = ["+", "-"][self.random.below(2)];
                let unit = ["年", "月", "日"][self.random.below(3)];
                let most = [3, 40][self.random.below(2)];
                let count = 1 + self.random.below(most);
                format!("({} {sign} {count} {unit})", self.date(d, false))
            }
            3 => format!("(如果 {} 则 {} 否则 {})", self.boolean(d), self.date(d, false), self.date(d, false)),
            4 => self.extreme(&Ty::Date, d).unwrap_or_else(|| self.date(0, shift)),
            _ => self.date(0, shift),
        }
    }

    /// The first day on or after another that is none of a list's.
    fn rolled(&mut self) -> Option<String> {
        let date = self.date(0, true);
        let (over, _, saved) = self.open()?;
        let day = self.scalar(|s| s.ty == Ty::Date && !s.chosen && !s.optional);
        let condition =
            if self.random.chance(50) { format!(" 当 {}", self.against_constant()) } else { String::new() };
        self.scope = saved;
        day.map(|(day, _)| format!("顺延({date}, {day} 对 {over}{condition})"))
    }

    /// The greatest or least date or month of a list.
    fn extreme(&mut self, ty: &Ty, d: usize) -> Option<String> {
        let (over, _, saved) = self.open()?;
        let value = self.expr(ty, 0);
        let filter = self.filter(d);
        self.scope = saved;
        let empty = self.expr(ty, 0);
        let empty = if empty.starts_with('(') { empty } else { format!("({empty})") };
        let word = ["最大", "最小"][self.random.below(2)];
        Some(format!("({word} {value} 对 {over}{filter} 空则 {empty})"))
    }

    fn month(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(4) {
                0 => "年月(基准日)".into(),
                1 => self.literal(&Ty::Month),
                _ => self.scalar(|s| s.ty == Ty::Month && !s.chosen).map_or_else(|| "年月(基准日)".into(), |s| s.0),
            };
        }
        let d = depth - 1;
        match self.random.below(5) {
            0 => format!("年月({})", self.date(d, true)),
            1 => {
                let sign = ["+", "-"][self.random.below(2)];
                format!("({} {sign} {} 月)", self.month(0), 1 + self.random.below(40))
            }
            2 => format!("(如果 {} 则 {} 否则 {})", self.boolean(d), self.month(d), self.month(d)),
            3 => self.extreme(&Ty::Month, d).unwrap_or_else(|| self.month(0)),
            _ => self.month(0),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        if depth > 0 && self.random.chance(30) {
            return format!("(如果 {} 则 {} 否则 {})", self.boolean(depth - 1), self.text(0), self.text(0));
        }
        let found = self.scalar(|s| s.ty == Ty::Text && !s.chosen);
        found.map_or_else(|| self.literal(&Ty::Text), |s| s.0)
    }

    fn variant(&mut self, i: usize, depth: usize) -> String {
        if depth > 0 && self.random.chance(40) {
            let d = depth - 1;
            return format!("(如果 {} 则 {} 否则 {})", self.boolean(d), self.variant(i, d), self.variant(i, 0));
        }
        if self.random.chance(30) {
            return self.literal(&Ty::Enum(i));
        }
        let found = self.scalar(|s| s.ty == Ty::Enum(i) || s.ty == Ty::Older(i));
        match found {
            Some((text, Ty::Older(_))) => format!("({text} 换作 枚举{i})"),
            Some((text, _)) => text,
            None => self.literal(&Ty::Enum(i)),
        }
    }
}
