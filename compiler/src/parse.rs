//! Text to syntax tree. Owns the walk from bytes to [`Module`]; `parse/*` are the only files that name pest.
//! Invariant: work is linear in a source of bounded size, and no nesting overflows the stack: the scan refuses what is
//! too deep before pest sees it. Must not know: types, other modules, what names mean.
//!
//! The scan cuts the file into top-level items, so that a broken item does not hide the next.

mod expression;
mod fact;
mod item;
mod keyword;
mod message;
mod node;
mod policy;
mod scan;

use crate::ast::{Language, Module};
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
use scan::{Chunk, Scan};
use std::collections::BTreeSet;

mod grammar {
    //! What pest derives from `grammar.pest`: a rule for each of its lines.
    /// The derived parser.
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub(super) struct Grammar;
}

/// Most diagnostics reported for one file; a file worse than this is better read from its top.
const DIAGNOSTICS_MAX: usize = 64;

/// Parses one file. The module holds every item that could be read; it is `None` when the file has no usable header
/// or is refused as a whole. A source is well formed when no diagnostic is an error.
pub fn parse(file: FileId, source: &SourceFile) -> (Option<Module>, Vec<Diagnostic>) {
    let (module, mut diagnostics) = parse_all(file, source);
    // A word or character that is wrong in itself explains the syntax error that it causes.
    let explained: BTreeSet<u32> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code != Code::Syntax)
        .map(|diagnostic| diagnostic.primary.start)
        .collect();
    diagnostics.retain(|diagnostic| diagnostic.code != Code::Syntax || !explained.contains(&diagnostic.primary.start));
    diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.start, diagnostic.primary.end, diagnostic.code));
    diagnostics.dedup();
    diagnostics.truncate(DIAGNOSTICS_MAX);
    (module, diagnostics)
}

fn parse_all(file: FileId, source: &SourceFile) -> (Option<Module>, Vec<Diagnostic>) {
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
    let Scan { chunks, comments, mut diagnostics, refused } = scan::scan(file, &source.text);
    if refused {
        return (None, diagnostics);
    }
    let whole = Span { file, start: 0, end: u32::try_from(length).unwrap_or(u32::MAX) };
    let language = language_of(file, source, &chunks, &mut diagnostics);
    let mut builder = Builder::new(file, language);
    let mut module = Module {
        language,
        name: item::no_path(whole),
        imports: Vec::new(),
        sources: Vec::new(),
        items: Vec::new(),
        comments,
        span: whole,
    };
    let mut header = Header::default();
    for chunk in chunks.iter().filter(|chunk| !chunk.broken) {
        let Some(top) = parse_chunk(&mut builder, source, chunk) else { continue };
        match top {
            Top::Language(span) => header.language(&mut builder, span, chunk.start == chunks[0].start),
            Top::Module(name) => header.module(&mut builder, &mut module, name),
            Top::Import(import) => module.imports.push(import),
            Top::Source(source) => module.sources.push(source),
            Top::Item(item) => module.items.push(*item),
        }
    }
    diagnostics.append(&mut builder.diagnostics);
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
    fn language(&mut self, builder: &mut Builder, span: Span, first: bool) {
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

    fn module(&mut self, builder: &mut Builder, module: &mut Module, name: crate::ast::Path) {
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

/// Parses one top-level entry.
fn parse_chunk(builder: &mut Builder, source: &SourceFile, chunk: &Chunk) -> Option<Top> {
    let text = &source.text[chunk.start..chunk.end];
    builder.offset = u32::try_from(chunk.start).unwrap_or(u32::MAX);
    let mut pairs = match Grammar::parse(Rule::entry, text) {
        Ok(pairs) => pairs,
        Err(error) => {
            let diagnostic = message::syntax(builder, text, &error);
            builder.report(diagnostic);
            return None;
        }
    };
    builder.check_language(pairs.clone());
    let node = pairs.next()?;
    match item::top(builder, node) {
        Ok(top) => Some(top),
        Err(diagnostic) => {
            builder.report(*diagnostic);
            None
        }
    }
}
