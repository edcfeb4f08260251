//! Reason trees as text for people, in Chinese and English: indented, a line a node. Owns the words.
//! Invariant: says what the tree says and nothing else. Must not know: how reasons are found.

use super::near::{Condition, Stop};
use super::reasons::{Applied, OutcomeReason, Passed, Reasons, RuleReason};
use super::{Deciding, Size};
use crate::ast::Language;
use crate::package::CitationText;
use guiju_runtime::trace::Truth;
use std::fmt::Write as _;

impl Reasons {
    /// The reasons as text, ending with a line feed.
    pub fn text(&self, language: Language) -> String {
        let mut page = Page { out: String::new(), zh: language == Language::Zh };
        self.outcomes.iter().for_each(|o| page.outcome(o));
        page.out
    }
}

struct Page {
    out: String,
    zh: bool,
}

impl Page {
    fn pick<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        if self.zh { zh } else { en }
    }

    fn list(&self, names: &[String]) -> String {
        names.join(self.pick("、", ", "))
    }

    fn outcome(&mut self, o: &OutcomeReason) {
        let value = o.value.as_deref().unwrap_or(self.pick("待定", "undetermined"));
        let reason = o.reason.as_ref().map_or(String::new(), |r| format!(" {} {r}", self.pick("理由", "because")));
        let _ = writeln!(self.out, "{} = {value}{reason}{}", o.name, cited(o.citation.as_ref()));
        if !o.missing.is_empty() {
            let (lead, names) = (self.pick("缺证", "missing"), self.list(&o.missing));
            let size = match o.missing_size {
                Size::Least => "",
                Size::Minimal => {
                    self.pick(" (缺一不可, 但未证明最少)", " (none can be left out; not shown to be the least)")
                }
                Size::Enough => self.pick(" (足够, 但未必都要)", " (enough; perhaps not all of it is needed)"),
            };
            let _ = writeln!(self.out, "  {lead} {names}{size}");
        }
        self.formulas(&o.formulas, 1);
        for p in &o.passed {
            self.passed(p, self.pick("分支", "arm"), 1);
        }
        o.because.iter().for_each(|r| self.rule(r, 1));
    }

    fn rule(&mut self, r: &RuleReason, depth: usize) {
        let state = match r.holds {
            None => "",
            Some(Truth::True) => self.pick(" 成立", " holds"),
            Some(Truth::False) => self.pick(" 不成立", " does not hold"),
            Some(Truth::NotKnown) => self.pick(" 未知", " is not known"),
        };
        let decided = if r.above { self.pick("见上", "see above").to_owned() } else { self.deciding(&r.deciding) };
        let only = self.stop(&r.stop);
        let indent = "  ".repeat(depth);
        let _ = writeln!(self.out, "{indent}- {}{state}: {decided}{only}{}", r.rule, cited(r.citation.as_ref()));
        self.formulas(&r.formulas, depth + 1);
        for p in &r.passed {
            // Labels are names; rows are numbered.
            let row = p.label.starts_with(|c: char| c.is_ascii_digit());
            self.passed(p, if row { self.pick("行", "row") } else { self.pick("例外", "exception") }, depth + 1);
        }
        r.because.iter().for_each(|b| self.rule(b, depth + 1));
    }

    fn formulas(&mut self, formulas: &[Applied], depth: usize) {
        let (lead, indent) = (self.pick("公式", "formula"), "  ".repeat(depth));
        for f in formulas {
            let _ = writeln!(self.out, "{indent}· {lead} {}{}", f.formula, cited(f.citation.as_ref()));
        }
    }

    fn passed(&mut self, p: &Passed, lead: &str, depth: usize) {
        let what = if p.not_known {
            self.pick("是否成立未知", "not known whether it holds")
        } else {
            self.pick("未成立", "did not hold")
        };
        let only = self.stop(&p.stop);
        let indent = "  ".repeat(depth);
        let _ = writeln!(self.out, "{indent}× {lead} {}: {what}{only}{}", p.label, cited(p.citation.as_ref()));
    }

    fn stop(&self, stop: &Stop) -> String {
        if let Some(c) = &stop.only_for {
            let which = match (c.of, self.zh) {
                (1, true) => ", 因为这一条件不成立".to_owned(),
                (1, false) => ", for want of its condition".to_owned(),
                (_, true) => format!(", 只差 {} 个条件中的第 {} 个", c.of, c.number),
                (_, false) => format!(", only for want of condition {} of {}", c.number, c.of),
            };
            return which + &self.condition(c);
        }
        // Conditions of which the same is told share their words.
        let each =
            stop.hangs_on.chunk_by(|a, b| a.text.is_none() && b.text.is_none() && a.about == b.about).map(|same| {
                let numbers: Vec<String> = same.iter().map(|c| c.number.to_string()).collect();
                let numbers = self.list(&numbers);
                let which = match (same[0].of, self.zh) {
                    (1, true) => "这一条件".to_owned(),
                    (1, false) => "its condition".to_owned(),
                    (_, true) => format!("第 {numbers} 个条件"),
                    (_, false) => format!("condition {numbers}"),
                };
                which + &self.condition(&same[0])
            });
        let each: Vec<String> = each.collect();
        if each.is_empty() {
            return String::new();
        }
        format!("{}{}", self.pick(", 尚不知", ", hanging on "), each.join("; "))
    }

    fn condition(&self, c: &Condition) -> String {
        match &c.text {
            Some(text) => format!(": {text}"),
            None if c.about.is_empty() => String::new(),
            None if self.zh => format!(" (关于 {})", self.list(&c.about)),
            None => format!(" (about {})", self.list(&c.about)),
        }
    }

    fn deciding(&self, deciding: &Deciding) -> String {
        match deciding {
            Deciding::Base => self.pick("按一般规定", "by its base rule").to_owned(),
            Deciding::Exception(label) => format!("{} {label}", self.pick("按例外", "by exception")),
            Deciding::Row(n) => format!("{} {n}", self.pick("按表第几行:", "by row")),
            Deciding::Rows { matched, not_known } => collected(matched, not_known, self.zh),
            Deciding::NotKnown => self.pick("所需事实未知", "what it needs is not known").to_owned(),
        }
    }
}

/// Which rows made up what a table collected.
fn collected(matched: &[usize], not_known: &[usize], zh: bool) -> String {
    let numbers =
        |rows: &[usize]| rows.iter().map(usize::to_string).collect::<Vec<_>>().join(if zh { "、" } else { ", " });
    let mut out = match (matched.is_empty(), zh) {
        (true, true) => "表中没有行命中".to_owned(),
        (true, false) => "no row matches".to_owned(),
        (false, true) => format!("按表第几行: {}", numbers(matched)),
        (false, false) => format!("by rows {}", numbers(matched)),
    };
    if !not_known.is_empty() {
        let lead = if zh { "; 是否命中未知:" } else { "; not known whether these match:" };
        out = format!("{out}{lead} {}", numbers(not_known));
    }
    out
}

fn cited(citation: Option<&CitationText>) -> String {
    match citation {
        Some(c) if c.article.is_empty() => format!(" [{}]", c.source),
        Some(c) => format!(" [{} {}]", c.source, c.article),
        None => String::new(),
    }
}
