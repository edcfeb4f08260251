//! One page a code: what it means, why it matters, how to fix it, with a refused and an accepted example. Owns the form
//! of `pages/EXXXX.md`, which the tests run as fixtures. Invariant: every code has a page, or the compiler is not built.
//! Must not know: how a fault is found.
//!
//! A page opens with its title in Chinese and in English (`# …` twice), goes on with the sections 含义, 为什么, 改法,
//! Meaning, Why, Fix (`## …`), and ends with examples: fences opened by `gj refused NAME` or `gj accepted NAME`. What
//! else the refused one is charged with follows as `with E0901,W0902`. Examples may import `试.标准`, which is [`BASE`].
//! In an example `<U+200B>` stands for a character that editors hide, and `<U+0020×9>` for nine of them.

use super::{Code, Text};
use crate::ast::Language;
use std::fmt::Write;

/// The small data standard that examples import as `试.标准`.
pub const BASE: &str = include_str!("pages/base.gj");
/// Most characters that one escape in an example stands for.
const REPEATS_MAX: usize = 1 << 20;
/// The sections of a page, in order.
pub const SECTIONS: [(&str, Language); 6] = [
    ("含义", Language::Zh),
    ("为什么", Language::Zh),
    ("改法", Language::Zh),
    ("Meaning", Language::En),
    ("Why", Language::En),
    ("Fix", Language::En),
];

/// What people are told about a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub code: Code,
    /// What is wrong, in a few words.
    pub title: Text,
    /// Heading and body of each section, as written.
    pub sections: Vec<(&'static str, String)>,
    /// The examples in order.
    pub examples: Vec<Example>,
}

/// A whole file that is refused or accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its name among the page's examples; a refused one and the accepted one that mends it share it.
    pub name: &'static str,
    /// Whether it compiles without findings; else it gives the page's code.
    pub accepted: bool,
    /// Other codes that a refused one gives.
    pub also: Vec<&'static str>,
    /// The text as written on the page, characters that editors hide escaped.
    pub text: String,
}

impl Example {
    /// The source itself, escapes resolved.
    pub fn source(&self) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        while let Some(at) = rest.find("<U+") {
            out.push_str(&rest[..at]);
            let (escape, after) = rest[at + 3..].split_once('>').unwrap_or((&rest[at + 3..], ""));
            let (point, count) = escape.split_once('×').unwrap_or((escape, "1"));
            let character = u32::from_str_radix(point, 16).ok().and_then(char::from_u32);
            let count = count.parse::<usize>().map_or(0, |count| count.min(REPEATS_MAX));
            out.extend(std::iter::repeat_n(character.unwrap_or('\u{FFFD}'), count));
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

/// The page of a code.
pub fn page(code: Code) -> Page {
    let mut page = Page { code, title: Text::new("", ""), sections: Vec::new(), examples: Vec::new() };
    let mut fenced = false;
    for line in code.page_source().lines() {
        if fenced {
            fenced = line != "```";
            if let Some(example) = page.examples.last_mut().filter(|_| fenced) {
                example.text.push_str(line);
                example.text.push('\n');
            }
        } else if let Some(information) = line.strip_prefix("```gj ") {
            fenced = true;
            page.examples.push(example(information));
        } else if let Some(title) = line.strip_prefix("# ") {
            let side = if page.title.zh.is_empty() { &mut page.title.zh } else { &mut page.title.en };
            side.push_str(title);
        } else if let Some(heading) = line.strip_prefix("## ") {
            page.sections.push((heading, String::new()));
        } else if let Some((_, body)) = page.sections.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    page.sections.iter_mut().for_each(|(_, body)| body.truncate(body.trim_end().len()));
    page
}

fn example(information: &'static str) -> Example {
    let mut words = information.split_whitespace();
    let accepted = words.next() == Some("accepted");
    let name = words.next().unwrap_or("");
    let also = words.filter(|word| *word != "with").flat_map(|word| word.split(',')).collect();
    Example { name, accepted, also, text: String::new() }
}

impl Page {
    /// The page in one language, as plain text.
    pub fn plain(&self, language: Language) -> String {
        let mut out = format!("{}: {}\n", self.code, self.title.pick(language));
        for (heading, body) in &self.sections {
            if SECTIONS.iter().any(|(known, of)| known == heading && *of == language) {
                let _ = write!(out, "\n{heading}\n    {}\n", body.replace('\n', "\n    "));
            }
        }
        for example in &self.examples {
            let heading = match (example.accepted, language) {
                (true, Language::Zh) => "正确的例子",
                (false, Language::Zh) => "错误的例子",
                (true, Language::En) => "Accepted example",
                (false, Language::En) => "Refused example",
            };
            let _ = write!(out, "\n{heading} ({})\n", example.name);
            for line in example.text.lines() {
                let _ = writeln!(out, "{}", format!("    {line}").trim_end());
            }
        }
        if self.examples.iter().any(|example| example.text.contains("试.标准")) {
            out.push_str(match language {
                Language::Zh => "\n例子引用的模块 `试.标准` 见 `guiju explain base`\n",
                Language::En => "\nThe module `试.标准` that examples import: `guiju explain base`\n",
            });
        }
        out
    }
}
