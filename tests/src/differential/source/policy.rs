//! Random policies as text: inputs, evidence, definitions with exceptions, tables, outcomes, releases, writes. Owns what
//! makes a policy whole: every input and record is used, ranges hold what is put into them, arms exclude one another where
//! they must. Invariant: a definition names earlier ones only. Must not know: engines, frames.

use super::{Field, Group, List, Scalar, Ty, Writer};
use std::fmt::Write as _;

/// What the outcome is made of.
struct Made {
    name: String,
    ty: Ty,
    used: bool,
}

impl Writer<'_> {
    /// Writes the policy.
    pub(super) fn policy(&mut self) {
        let kind = ["策略", "策略", "策略", "核验", "合约"][self.random.below(5)];
        let until = if self.random.chance(30) { " 至 2030-12-31" } else { "" };
        self.out.push('\n');
        let start = self.out.len();
        let head = format!("{kind} 政策 版本 2 由 局0 施行 2019-01-01{until} {{");
        self.line(&head);
        let mut roots = self.inputs();
        roots.extend(self.evidence());
        let mut made: Vec<Made> = Vec::new();
        // Each root is used once on purpose; more by chance.
        for root in roots {
            let saved = self.scope.clone();
            if !self.random.chance(30) {
                self.scope.scalars.retain(|s| s.text.split('.').next() == Some(root.as_str()));
            }
            let text = self.touch(&root);
            self.scope = saved;
            let name = self.name("触");
            let from = self.out.len();
            let _ = writeln!(self.out, "    规则 {name} = {text} @法 第一条");
            self.definitions.push((from, self.out.len()));
            self.add(&mut made, name, Ty::Boolean);
        }
        for _ in 0..1 + self.random.below(5) {
            match self.random.below(10) {
                0..=2 => self.table(&mut made),
                3 => self.rule(&mut made),
                _ => self.definition(&mut made),
            }
        }
        self.outcome(&mut made, "首论", kind);
        if self.random.chance(20) {
            self.outcome(&mut made, "二论", kind);
        }
        let body = self.out[start + head.len()..].to_owned();
        if kind != "合约" && !body.contains("} 命中 唯一 {") && self.random.chance(30) {
            self.transition(&made);
        }
        self.line("}");
        if self.out.contains("    过渡 ") {
            let _ = write!(self.out, "\n{kind} 政策 版本 1 由 局0 施行 2016-01-01 至 2018-12-31 {{");
            let older = self.older_body(&body);
            self.out.push_str(&older);
            self.line("}");
        }
    }

    /// Lets the older version decide where a rule of this one holds.
    fn transition(&mut self, made: &[Made]) {
        let rules: Vec<&str> = made.iter().filter(|m| m.name.starts_with('触')).map(|m| m.name.as_str()).collect();
        if let Some(rule) = self.random.pick(&rules) {
            let _ = writeln!(self.out, "    过渡 \"旧案\" 当 {rule} 适用 版本 1 @法 末条");
        }
    }

    /// The body with one bound moved, so that versions differ.
    fn older_body(&mut self, body: &str) -> String {
        let places: Vec<usize> = body.match_indices(" 满 ").map(|(at, _)| at).collect();
        match self.random.pick(&places) {
            Some(at) => format!("{} 超过 {}", &body[..*at], &body[at + " 满 ".len()..]),
            None => body.replacen(" 且 ", " 或 ", 1),
        }
    }

    fn add(&mut self, made: &mut Vec<Made>, name: String, ty: Ty) {
        self.scope.scalars.push(Scalar {
            text: name.clone(),
            ty: ty.clone(),
            optional: false,
            within: None,
            chosen: false,
        });
        made.push(Made { name, ty, used: false });
    }

    fn inputs(&mut self) -> Vec<String> {
        self.line("    输入 申请人 : 公民身份号码");
        let mut names = Vec::new();
        for i in 0..self.random.below(3) {
            let ty = self.any_type();
            let optional = self.random.chance(20);
            let name = format!("入{i}");
            let _ = writeln!(self.out, "    输入 {name} : {}{}", self.show(&ty), if optional { "?" } else { "" });
            let free = !matches!(ty, Ty::Boolean | Ty::Enum(_) | Ty::Older(_));
            self.scope.scalars.push(Scalar { text: name.clone(), ty, optional, within: None, chosen: free });
            names.push(name);
        }
        names
    }

    fn evidence(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        let mut each: Option<String> = None;
        for i in 0..1 + self.random.below(3) {
            let certificate = self.certificates[self.random.below(self.certificates.len())].clone();
            let name = format!("据{i}");
            let all = self.random.chance(30);
            // A verification that looks nothing up by the person would not use the input.
            let key = match &each {
                Some(list) if self.random.chance(30) => format!("申请人, 申请人 对 人 于 {list}"),
                _ => "申请人".to_owned(),
            };
            if all {
                let max = 1 + self.random.below(4) as u32;
                let _ = writeln!(self.out, "    取证 {name} = 全部 {}(号 = {key}) 至多 {max}", certificate.group.name);
                self.scope.lists.push(List { text: name.clone(), group: certificate.group.clone(), max });
            } else {
                let optional = self.random.chance(60);
                let mark = if optional { "?" } else { "" };
                let key = if key.contains('对') { "申请人".to_owned() } else { key };
                let _ = writeln!(self.out, "    取证 {name} = {}(号 = {key}){mark}", certificate.group.name);
                self.see(&name, &certificate.group, optional.then_some(i));
                if optional {
                    self.scope.bindings.push((i, name.clone()));
                }
                for (list, of, max) in &certificate.lists {
                    let text = format!("{name}.{list}");
                    each = each.or(Some(text.clone()));
                    self.scope.lists.push(List { text, group: self.groups[*of].clone(), max: *max });
                }
            }
            names.push(name);
        }
        names
    }

    /// A boolean that reads this root.
    fn touch(&mut self, root: &str) -> String {
        if root.starts_with('入') {
            // Chosen numbers meet constants only.
            let own = self.scope.scalars.iter().find(|s| s.text == root).cloned();
            self.scope.scalars.clear();
            self.scope.scalars.extend(own);
            return match self.scope.scalars.first() {
                Some(s) if s.ty == Ty::Boolean && !s.optional => root.to_owned(),
                Some(s) if s.ty == Ty::Boolean => format!("{root} 或缺 否"),
                _ => self.against_constant(),
            };
        }
        let lists: Vec<List> =
            self.scope.lists.iter().filter(|l| l.text.split('.').next() == Some(root)).cloned().collect();
        if (self.scope.scalars.iter().all(|s| s.text.split('.').next() != Some(root)) || self.random.chance(30))
            && let Some(list) = self.random.pick(&lists).cloned()
        {
            self.scope.lists = vec![list];
            let (text, low, high) = self.counted(1).unwrap_or_else(|| ("0".into(), 0, 0));
            let bound = self.constant(low + 1, high);
            return match self.random.below(4) {
                0 => format!("{text} 在 {bound} 以上"),
                n => format!("{text} {} {bound}", ["满", "不满"][n % 2]),
            };
        }
        match self.random.below(3) {
            0 => self.narrowed_by(root).unwrap_or_else(|| self.against_constant()),
            _ => self.against_constant(),
        }
    }

    fn narrowed_by(&mut self, root: &str) -> Option<String> {
        let (index, name) = self.scope.bindings.iter().find(|(_, n)| n == root)?.clone();
        self.scope.scalars.iter_mut().filter(|s| s.within == Some(index)).for_each(|s| s.within = None);
        let then = self.boolean(1);
        Some(format!("{name} 存在 且 {then}"))
    }

    fn rule(&mut self, made: &mut Vec<Made>) {
        let name = self.name("规");
        let from = self.out.len();
        let text = self.boolean(3);
        let _ = writeln!(self.out, "    规则 {name} = {text} @法 第{}条", self.names);
        self.exceptions(&Ty::Boolean, &mut Vec::new());
        self.definitions.push((from, self.out.len()));
        self.add(made, name, Ty::Boolean);
    }

    fn definition(&mut self, made: &mut Vec<Made>) {
        let name = self.name("定");
        let from = self.out.len();
        let mut ty = match self.random.below(8) {
            0..=3 => Ty::Integer(0, 0, false),
            4 => Ty::Boolean,
            5 => Ty::Date,
            6 => Ty::Month,
            _ => Ty::Enum(self.random.below(self.enums.len())),
        };
        let mut ranges = Vec::new();
        let base = self.ranged(&ty, 3, &mut ranges);
        let start = self.out.len();
        self.exceptions(&ty, &mut ranges);
        let exceptions = self.out.split_off(start);
        if let (Ty::Integer(low, high, _), true) = (&mut ty, !ranges.is_empty()) {
            *low = ranges.iter().map(|r| r.0).min().unwrap_or(0);
            *high = ranges.iter().map(|r| r.1).max().unwrap_or(0);
        }
        let _ = writeln!(self.out, "    定义 {name} : {} = {base} @法 第{}条", self.show(&ty), self.names);
        self.out.push_str(&exceptions);
        self.definitions.push((from, self.out.len()));
        self.add(made, name, ty);
    }

    /// An expression of a type; ranges of numbers are kept.
    fn ranged(&mut self, ty: &Ty, depth: usize, ranges: &mut Vec<(i64, i64)>) -> String {
        if let Ty::Integer(..) = ty {
            let (text, low, high) = self.number(depth);
            ranges.push((low, high));
            return text;
        }
        self.expr(ty, depth)
    }

    fn exceptions(&mut self, ty: &Ty, ranges: &mut Vec<(i64, i64)>) {
        // Label and parent of each.
        let mut written: Vec<(String, Option<usize>)> = Vec::new();
        for _ in 0..[0, 0, 0, 1, 1, 2, 3][self.random.below(7)] {
            let label = self.name("例");
            let parent = if !written.is_empty() && self.random.chance(50) {
                Some(self.random.below(written.len()))
            } else {
                None
            };
            let of = parent.map(|p| format!(" 于 {}", written[p].0)).unwrap_or_default();
            // Whether two may hold at once is not known here, so each comes before all of its elder siblings.
            let elder: Vec<&str> = written.iter().filter(|(_, p)| *p == parent).map(|(l, _)| l.as_str()).collect();
            let before = if elder.is_empty() { String::new() } else { format!(" 先于 {}", elder.join(", ")) };
            let guard = if self.random.chance(70) {
                format!("({} 且 {})", self.boolean(0), self.boolean(0))
            } else {
                self.boolean(2)
            };
            let value = self.ranged(ty, 1, ranges);
            let _ = writeln!(self.out, "        例外 {label}{of}{before} 当 {guard} 则 {value} @法 第{}条", self.names);
            written.push((label, parent));
        }
    }

    /// A table over up to three earlier definitions, by cutting the space in parts; ordered ones have overlapping rows first.
    fn table(&mut self, made: &mut Vec<Made>) {
        let fits = |ty: &Ty| match ty {
            Ty::Boolean | Ty::Enum(_) | Ty::Date | Ty::Month => true,
            Ty::Integer(low, high, _) => high > low,
            Ty::Text | Ty::Identifier | Ty::Decimal(..) | Ty::Money(..) | Ty::Older(_) => false,
        };
        let mut columns: Vec<(String, Ty)> = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let fitting: Vec<usize> = (0..made.len())
                .filter(|i| fits(&made[*i].ty) && columns.iter().all(|(n, _)| *n != made[*i].name))
                .collect();
            let Some(i) = self.random.pick(&fitting).copied() else { break };
            made[i].used = true;
            columns.push((made[i].name.clone(), made[i].ty.clone()));
        }
        if columns.is_empty() {
            return self.rule(made);
        }
        let name = self.name("表");
        let from = self.out.len();
        let ty = match self.random.below(4) {
            0 => Ty::Boolean,
            1 => Ty::Enum(self.random.below(self.enums.len())),
            2 => Ty::Date,
            _ => Ty::Integer(-2, 20, false),
        };
        let mut rows = Vec::new();
        self.cut(&columns, &mut Vec::new(), &mut rows);
        let number = matches!(ty, Ty::Integer(..));
        let hit = match self.random.below(10) {
            0..=2 => "顺序",
            3 => "任一",
            4 if number => "合计",
            5 if number => "最大",
            6 if number => "最小",
            7 if number => "计数",
            _ => "唯一",
        };
        if !matches!(hit, "唯一" | "任一") {
            // Rows may overlap: earlier ones win, or all that match are collected; the last takes what is left.
            let most = rows.len().saturating_sub(1).min(1 + self.random.below(4));
            rows.truncate(most);
            rows.push(vec!["任意".to_owned(); columns.len()]);
        }
        let ty = match hit {
            "合计" => Ty::Integer(-2 * rows.len() as i64, 20 * rows.len() as i64, false),
            "计数" => Ty::Integer(0, rows.len() as i64, false),
            _ => ty,
        };
        let _ = writeln!(self.out, "    表 {name} : {} 命中 {hit} @法 第{}条", self.show(&ty), self.names);
        let heads: Vec<&str> = columns.iter().map(|(n, _)| n.as_str()).collect();
        let arrow = if hit == "计数" { "" } else { "=> | " };
        let _ = writeln!(self.out, "    | {} | {arrow}条款 |", heads.join(" | "));
        for (i, row) in rows.iter().enumerate() {
            // Neighbouring rows differ, so that each value can come.
            let value = match &ty {
                Ty::Boolean => ["是", "否"][i % 2].to_owned(),
                Ty::Enum(e) => format!("枚举{e}.{}", self.enums[*e][i % self.enums[*e].len()]),
                Ty::Integer(..) => self.constant(-2, 20).to_string(),
                _ => self.literal(&ty),
            };
            let value = if hit == "计数" { String::new() } else { format!("{value} | ") };
            let _ = writeln!(self.out, "    | {} | {value}法 第{i}项 |", row.join(" | "));
        }
        self.definitions.push((from, self.out.len()));
        self.add(made, name, ty);
    }

    /// Cuts the space of the columns from the first on, so that the rows cover everything once.
    fn cut(&mut self, columns: &[(String, Ty)], row: &mut Vec<String>, rows: &mut Vec<Vec<String>>) {
        let Some(((_, ty), rest)) = columns.split_first() else {
            rows.push(row.clone());
            return;
        };
        for cell in self.cells(ty) {
            row.push(cell);
            self.cut(rest, row, rows);
            row.pop();
        }
    }

    /// Cells that share a column's values among them.
    fn cells(&mut self, ty: &Ty) -> Vec<String> {
        if self.random.chance(25) {
            return vec!["任意".into()];
        }
        match ty {
            Ty::Boolean => vec!["是".into(), "否".into()],
            Ty::Enum(i) => {
                let variants: Vec<String> = self.enums[*i].iter().map(|v| format!("枚举{i}.{v}")).collect();
                let at = 1 + self.random.below(variants.len() - 1);
                vec![variants[..at].join(", "), variants[at..].join(", ")]
            }
            Ty::Integer(low, high, _) if *high - *low >= 2 && self.random.chance(40) => {
                let a = self.constant(*low, *high - 2);
                let b = self.constant(a + 1, *high - 1);
                vec![format!("{low}..{a}"), format!("{}..{b}", a + 1), format!("超过 {b}")]
            }
            Ty::Integer(low, high, _) => {
                let at = self.constant(*low + 1, *high);
                let least = if self.random.chance(50) { format!("{at} 以上") } else { format!("满 {at}") };
                vec![format!("不满 {at}"), least]
            }
            _ => {
                let at = self.literal(ty);
                vec![format!("< {at}"), format!(">= {at}")]
            }
        }
    }

    fn outcome(&mut self, made: &mut [Made], name: &str, kind: &str) {
        // All that nothing used yet is used here: a boolean each, joined.
        let mut terms: Vec<String> = Vec::new();
        for one in made.iter_mut() {
            if one.used && !self.random.chance(20) {
                continue;
            }
            one.used = true;
            let (text, ty) = (one.name.clone(), one.ty.clone());
            terms.push(self.asked(&text, &ty));
        }
        // What was written to read a root can be true and false; what was made of it perhaps cannot.
        let (firm, mut doubtful): (Vec<String>, Vec<String>) = terms.into_iter().partition(|t| t.contains('触'));
        let mut arms = if self.random.chance(35) { self.partition() } else { Vec::new() };
        let unique = !arms.is_empty();
        let mut rest = firm;
        if !unique {
            let count = rest.len().min(1 + self.random.below(3));
            arms = rest.drain(..count).collect();
            if arms.is_empty() {
                arms.extend(doubtful.pop());
            }
        }
        for (i, doubt) in doubtful.into_iter().enumerate() {
            let arm = i % arms.len();
            let cover = rest.pop().or_else(|| arms.get(arm + 1).filter(|_| !unique).cloned());
            let doubt = cover.map_or(doubt.clone(), |c| format!("({c} 或 {doubt})"));
            arms[arm] = format!("({} 且 {doubt})", arms[arm]);
        }
        for (i, firm) in rest.into_iter().enumerate() {
            let arm = i % arms.len();
            arms[arm] = format!("({} 且 {firm})", arms[arm]);
        }
        let hit = if unique { "唯一" } else { "顺序" };
        let values: Vec<String> = (0..=arms.len()).map(|i| format!("{name}值{i}")).collect();
        let _ = writeln!(self.out, "    结论 {name} : {{ {} }} 命中 {hit} {{", values.join(", "));
        for (i, guard) in arms.iter().enumerate() {
            let reason = if self.random.chance(70) { format!(" 理由 \"因{i}\"") } else { String::new() };
            let _ = writeln!(self.out, "        {} 当 {guard}{reason} @法 第{i}款", values[i]);
        }
        let _ = writeln!(self.out, "        {} 其余 理由 \"其余\" @法 末款", values[arms.len()]);
        self.line("    }");
        let with = ["", " 含 理由", " 含 缺证", " 含 理由, 缺证"][self.random.below(4)];
        let _ = writeln!(self.out, "    公开 {name}{with} 至多 40 比特");
        if kind == "合约" && name == "首论" {
            let value = values[self.random.below(values.len())].clone();
            self.write(&value);
        }
    }

    /// Guards that exclude one another: parts of one definition's values.
    fn partition(&mut self) -> Vec<String> {
        // Fields take every value of their type; what is computed often does not.
        let fitting: Vec<(String, Ty)> = (self.scope.scalars.iter())
            .filter(|s| s.text.starts_with('据') && !s.optional && s.within.is_none())
            .filter(|s| matches!(&s.ty, Ty::Enum(_)) || matches!(&s.ty, Ty::Integer(l, h, _) if h - l >= 2))
            .map(|s| (s.text.clone(), s.ty.clone()))
            .collect();
        let Some((name, ty)) = self.random.pick(&fitting).cloned() else { return Vec::new() };
        match ty {
            Ty::Enum(i) => {
                let variants = self.enums[i].clone();
                variants[1..].iter().map(|v| format!("{name} = 枚举{i}.{v}")).collect()
            }
            Ty::Integer(low, high, _) => {
                let a = self.constant(low, high - 2);
                let b = self.constant(a + 1, high - 1);
                vec![format!("{name} <= {a}"), format!("({name} > {a} 且 {name} <= {b})")]
            }
            _ => Vec::new(),
        }
    }

    /// A boolean that asks for a value of `name`.
    fn asked(&mut self, name: &str, ty: &Ty) -> String {
        match ty {
            Ty::Boolean if self.random.chance(30) => format!("(非 {name})"),
            Ty::Boolean => name.to_owned(),
            Ty::Text => format!("{name} = \"甲\""),
            Ty::Integer(low, high, _) if low == high => format!("{name} 满 {low}"),
            Ty::Integer(low, high, _) => {
                let bound = self.likely(*low, *high);
                format!("{name} {} {bound}", ["满", "不满"][self.random.below(2)])
            }
            _ => {
                let value = self.literal(ty);
                let sign = match ty {
                    Ty::Enum(_) => ["=", "≠"][self.random.below(2)],
                    _ => ["<", "<=", ">", ">=", "="][self.random.below(5)],
                };
                format!("{name} {sign} {value}")
            }
        }
    }

    /// A record of the first certificate type, which the department itself owns.
    fn write(&mut self, value: &str) {
        let certificate = self.certificates[0].clone();
        let _ = writeln!(self.out, "    写入 证0 当 首论 = {value} {{");
        self.line("        号 = 申请人");
        self.written(&certificate.group, 2);
        for (list, of, _) in &certificate.lists {
            if self.random.chance(50) {
                let _ = writeln!(self.out, "        {list} = []");
                continue;
            }
            let group: Group = self.groups[*of].clone();
            let _ = writeln!(self.out, "        {list} = [ {{");
            self.written(&group, 1);
            self.line("        } ]");
        }
        self.line("    }");
    }

    fn written(&mut self, group: &Group, depth: usize) {
        for Field { name, ty, optional, open } in &group.fields {
            let text = if *optional && self.random.chance(40) {
                "无".to_owned()
            } else if *open || matches!(ty, Ty::Integer(..) | Ty::Text) {
                self.literal(ty)
            } else {
                self.expr(ty, depth)
            };
            let _ = writeln!(self.out, "        {name} = {text}");
        }
    }
}
