//! Text to syntax tree. Owns the walk from bytes to [`Module`]; `parse/*` are the only files that name pest.
//! Invariant: work is linear in a source of bounded size, and no nesting overflows the stack: the scan refuses what is
//! too deep before pest sees it. Must not know: types, other modules, what names mean.
//!
//! The scan cuts the file into top-level items, and an item that the grammar refuses is cut further into its parts, so that
//! a broken clause, row or fact hides neither the next one nor the rest of its item.

mod cases;
mod expression;
mod fact;
mod item;
mod keyword;
mod message;
mod node;
mod parts;
mod policy;
mod property;
mod recover;
mod scan;
mod token;

use crate::ast::{Broken, Language, Module};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::{FileId, SOURCE_BYTES_MAX, SourceFile, Span};
pub(crate) use expression::AS_OF_NAME;
use grammar::Grammar;
pub(crate) use grammar::Rule;
use item::Top;
pub use keyword::keywords;
pub(crate) use keyword::spelling;
use node::Builder;
use pest::Parser;
use pest::iterators::Pairs;
use scan::{Chunk, Scan};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;

mod grammar {
    //! What pest derives from `grammar.pest`: a rule for each of its lines.
    /// The derived parser.
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub(super) struct Grammar;
}

/// Most diagnostics reported for one file; a file worse than this is better read from its top.
const DIAGNOSTICS_MAX: usize = 64;

/// Most steps that pest takes for one item. The densest source of the greatest length, rows of one-letter cells, needs about
/// half of it (184 steps a byte, `tests/steps.rs`); a grammar that reads the same text again at each level of nesting would
/// need more, and is then refused alike on every node.
pub const STEPS_MAX: usize = 50_000_000;

/// Parses one file. The module holds every item that could be read; it is `None` when the file has no usable header
/// or is refused as a whole. A source is well formed when no diagnostic is an error.
pub fn parse(file: FileId, source: &SourceFile) -> (Option<Module>, Vec<Diagnostic>) {
    parse_within(file, source, STEPS_MAX)
}

/// As `parse`, but with at most so many steps an item, for those who look at what happens when they run out. The limit is
/// the process's: nothing else may parse meanwhile.
pub fn parse_within(file: FileId, source: &SourceFile, steps: usize) -> (Option<Module>, Vec<Diagnostic>) {
    let (module, mut diagnostics) = parse_all(file, source, steps);
    // A word or character that is wrong in itself explains the syntax error that it causes.
    let explained: BTreeSet<u32> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code != Code::Syntax)
        .map(|diagnostic| diagnostic.primary.start)
        .collect();
    // So does a keyword taken as a name, wherever that name is used again.
    let word = |span: Span| source.text.get(span.start as usize..span.end as usize).unwrap_or_default();
    let reserved: BTreeSet<&str> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code == Code::ReservedName)
        .map(|diagnostic| word(diagnostic.primary))
        .collect();
    diagnostics.retain(|diagnostic| {
        let at = diagnostic.primary;
        diagnostic.code != Code::Syntax || !(explained.contains(&at.start) || reserved.contains(word(at)))
    });
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.start, diagnostic.primary.end, diagnostic.code));
    diagnostics.dedup();
    if diagnostics.len() > DIAGNOSTICS_MAX {
        let rest = diagnostics.len() - DIAGNOSTICS_MAX;
        let at = diagnostics[DIAGNOSTICS_MAX].primary;
        diagnostics.truncate(DIAGNOSTICS_MAX);
        diagnostics.push(
            Diagnostic::new(
                Code::TooManyFaults,
                Span { end: at.start, ..at },
                format!("此后还有 {rest} 处问题未列出"),
                format!("{rest} more findings from here on are not listed"),
            )
            .help("先改正已列出的问题", "correct those listed first"),
        );
    }
    (module, diagnostics)
}

fn parse_all(file: FileId, source: &SourceFile, steps: usize) -> (Option<Module>, Vec<Diagnostic>) {
    let length = source.text.len();
    if length > SOURCE_BYTES_MAX {
        let fault = Diagnostic::new(
            Code::TooLong,
            Span { file, start: 0, end: 0 },
            format!("文件超过上限 {SOURCE_BYTES_MAX} 字节"),
            format!("the file is longer than the limit of {SOURCE_BYTES_MAX} bytes"),
        )
        .help("把文件按主题拆成几个模块, 用 `引用` 连接", "split the file into modules and connect them with `import`");
        return (None, vec![fault]);
    }
    // Process-wide, and always the same but where its effect is looked at.
    pest::set_call_limit(NonZeroUsize::new(steps));
    let Scan { chunks, comments, mut diagnostics } = scan::scan(file, &source.text);
    let whole = Span { file, start: 0, end: u32::try_from(length).unwrap_or(u32::MAX) };
    let language = language_of(file, source, &chunks, &mut diagnostics);
    let builder = Builder::new(file, language);
    let mut module = Module {
        language,
        name: item::no_path(whole),
        imports: Vec::new(),
        sources: Vec::new(),
        items: Vec::new(),
        comments,
        broken: Broken::default(),
        span: whole,
    };
    let mut header = Header::default();
    for chunk in &chunks {
        let lost = builder.broken.borrow().parts.len();
        let top = parse_chunk(&builder, source, chunk);
        if top.is_none() || builder.broken.borrow().parts.len() > lost {
            lose_item(&builder, source, chunk, top.is_none());
        }
        let Some(top) = top else { continue };
        match top {
            Top::Language(span) => header.language(&builder, span, chunk.start == chunks[0].start),
            Top::Module(name) => header.module(&builder, &mut module, name),
            Top::Import(import) => module.imports.push(import),
            Top::Source(source) => module.sources.push(source),
            Top::Item(item) => module.items.push(*item),
        }
    }
    module.broken = builder.broken.take();
    diagnostics.append(&mut builder.diagnostics.take());
    if !header.named {
        // A broken module line has its own diagnostic already.
        if !diagnostics.iter().any(Diagnostic::is_error) {
            diagnostics.push(
                Diagnostic::new(
                    Code::ClauseCount,
                    Span { file, start: 0, end: 0 },
                    "缺少模块名",
                    "the module has no name",
                )
                .help("在语言行之后写 `模块 部门.主题`", "write `module department.topic` after the language line"),
            );
        }
        return (None, diagnostics);
    }
    (Some(module), diagnostics)
}

/// What the header has said so far.
#[derive(Default)]
struct Header {
    languages: u32,
    named: bool,
}

impl Header {
    fn language(&mut self, builder: &Builder, span: Span, first: bool) {
        self.languages += 1;
        if self.languages > 1 || !first {
            builder.report(Diagnostic::new(
                Code::ClauseCount,
                span,
                "语言行只能有一个, 且在文件开头",
                "there is one language line, at the start of the file",
            ));
        }
    }

    fn module(&mut self, builder: &Builder, module: &mut Module, name: crate::ast::Path) {
        if self.named {
            builder.report(
                Diagnostic::new(Code::ClauseCount, name.span, "一个文件只有一个模块", "a file has one module").label(
                    module.name.span,
                    "已在此处命名",
                    "named here already",
                ),
            );
        } else if !module.items.is_empty() || !module.imports.is_empty() || !module.sources.is_empty() {
            builder.report(Diagnostic::new(
                Code::ClauseCount,
                name.span,
                "模块名应紧跟语言行, 在其他内容之前",
                "the module's name comes right after the language line, before everything else",
            ));
        }
        self.named = true;
        module.name = name;
    }
}

/// The declared language, or a guess from the first item's word so that the rest can still be judged.
fn language_of(file: FileId, source: &SourceFile, chunks: &[Chunk], diagnostics: &mut Vec<Diagnostic>) -> Language {
    let text = chunks.first().map_or("", |chunk| &source.text[chunk.start..chunk.end]);
    let mut words = text.split_whitespace();
    match (words.next(), words.next()) {
        (Some("语言" | "language"), Some("zh")) => Language::Zh,
        (Some("语言" | "language"), Some("en")) => Language::En,
        (first, _) => {
            let start = chunks.first().map_or(0, |chunk| chunk.start);
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            diagnostics.push(
                Diagnostic::new(
                    Code::NoLanguage,
                    Span { file, start, end: start },
                    "文件开头应声明关键字的语言",
                    "the file must start by naming the language of its keywords",
                )
                .help("第一行写 `语言 zh` 或 `language en`", "write `语言 zh` or `language en` on the first line"),
            );
            if first.is_some_and(str::is_ascii) { Language::En } else { Language::Zh }
        }
    }
}

/// Parses one top-level entry, without its broken parts.
fn parse_chunk(builder: &Builder, source: &SourceFile, chunk: &Chunk) -> Option<Top> {
    let text = &source.text[chunk.start..chunk.end];
    builder.offset.set(u32::try_from(chunk.start).unwrap_or(u32::MAX));
    // One item that exhausts its steps ends the file: a hundred of them would exhaust the patience of every node.
    if chunk.too_deep || builder.spent.get() {
        return None;
    }
    let error = if chunk.unbalanced.is_some() || chunk.open_text {
        None
    } else {
        match Grammar::parse(Rule::entry, text) {
            Ok(pairs) => return build(builder, pairs),
            Err(error) => Some(error),
        }
    };
    if error.as_ref().is_some_and(|error| message::spent(builder, text, error)) {
        return None;
    }
    let left = recover::item(builder, text, chunk, error.as_ref())?;
    build(builder, Grammar::parse(Rule::entry, &left).ok()?)
}

fn build(builder: &Builder, mut pairs: Pairs<Rule>) -> Option<Top> {
    builder.check_language(pairs.clone());
    let node = pairs.next()?;
    item::top(builder, node).map_err(|diagnostic| builder.report(*diagnostic)).ok()
}

/// Remembers that an item is incomplete, or missing altogether.
fn lose_item(builder: &Builder, source: &SourceFile, chunk: &Chunk, missing: bool) {
    let text = &source.text[chunk.start..chunk.end];
    let word = text.split_whitespace().next().unwrap_or("");
    let named = [Rule::k_policy, Rule::k_verification, Rule::k_contract, Rule::k_sharing, Rule::k_test];
    let schema = !keyword::is_one_of(word, &named);
    if missing {
        builder.lose(text, None, builder.span_of(0, text.len()));
    }
    let mut broken = builder.broken.borrow_mut();
    broken.schema |= schema;
    // The words of a broken head need not hold its name.
    broken.any |= schema && missing;
}
