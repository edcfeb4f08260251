//! Walking pest's pairs. Owns spans, punctuation skipping, literals, names and citations.
//! Invariant: a shape that the grammar cannot produce is a diagnostic, never a panic. Must not know: items, expressions.

use super::parts::{self, Kind};
use super::{Rule, keyword};
use crate::ast::{Broken, Citation, Language, Literal, LiteralKind, MoneyUnit, Name, Path, versioned};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::{FileId, Span};
use guiju_runtime::number::{self, SCALE_MAX};
use pest::iterators::{Pair, Pairs};
use std::cell::{Cell, RefCell};

/// A node of pest's tree.
pub(super) type Node<'a> = Pair<'a, Rule>;
/// A built part of the tree, or why it cannot be built.
pub(super) type Built<T> = Result<T, Box<Diagnostic>>;

/// What a build of one file shares.
pub(super) struct Builder {
    /// The file.
    pub(super) file: FileId,
    /// Keyword language of the file.
    pub(super) language: Language,
    /// Where the text given to pest starts in the file.
    pub(super) offset: Cell<u32>,
    /// Found so far.
    pub(super) diagnostics: RefCell<Vec<Diagnostic>>,
    /// Whether some item took more steps than allowed, which was reported.
    pub(super) spent: Cell<bool>,
    /// What could not be read so far.
    pub(super) broken: RefCell<Broken>,
}

impl Builder {
    /// For one file.
    pub(super) fn new(file: FileId, language: Language) -> Self {
        Self {
            file,
            language,
            offset: Cell::new(0),
            diagnostics: RefCell::default(),
            spent: Cell::new(false),
            broken: RefCell::default(),
        }
    }

    /// Adds a finding.
    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// The part, or nothing after saying why it cannot be built: the other parts of its item are still read.
    pub(super) fn keep<T>(&self, node: &Node, built: Built<T>) -> Option<T> {
        built
            .map_err(|diagnostic| {
                self.report(*diagnostic);
                self.lose(node.as_str(), None, self.span(node));
            })
            .ok()
    }

    /// Remembers that a part is missing from the tree, so that later stages do not report what follows from that.
    pub(super) fn lose(&self, text: &str, kind: Option<Kind>, span: Span) {
        let names = parts::declared(text, kind);
        let mut broken = self.broken.borrow_mut();
        if names.is_empty() {
            match kind {
                Some(Kind::Field | Kind::Variant) => broken.any = true,
                Some(Kind::Clause) => broken.nameless.push(span),
                _ => {}
            }
        }
        broken.names.extend(names);
        broken.parts.push(span);
    }

    /// The node's place in the file.
    pub(super) fn span(&self, node: &Node) -> Span {
        // Pest skips blanks and comments before an optional part that then is not there: the last token ends the node.
        let mut last = node.clone();
        while let Some(inner) = last.clone().into_inner().next_back() {
            last = inner;
        }
        self.span_of(node.as_span().start(), last.as_span().end())
    }

    /// Bytes of the text given to pest, as a place in the file.
    pub(super) fn span_of(&self, start: usize, end: usize) -> Span {
        let at = |byte: usize| self.offset.get().saturating_add(u32::try_from(byte).unwrap_or(u32::MAX));
        Span { file: self.file, start: at(start), end: at(end) }
    }

    /// Reports keywords of the other language.
    pub(super) fn check_language(&self, pairs: Pairs<Rule>) {
        for node in pairs.flatten() {
            let Some(wanted) = keyword::spelling(node.as_rule(), self.language) else { continue };
            let written = node.as_str();
            if written.is_ascii() == (self.language == Language::En) {
                continue;
            }
            let span = self.span(&node);
            self.report(
                Diagnostic::new(
                    Code::ForeignKeyword,
                    span,
                    format!("`{written}` 不是本文件所声明语言的关键字"),
                    format!("`{written}` is a keyword of the language that this file does not declare"),
                )
                .help(
                    format!("写作 `{wanted}`, 或用 `guiju fmt --lang` 翻译整个文件"),
                    format!("write `{wanted}`, or translate the whole file with `guiju fmt --lang`"),
                ),
            );
        }
    }

    /// A name.
    pub(super) fn name(&self, node: &Node) -> Name {
        Name { text: node.as_str().to_owned(), span: self.span(node) }
    }

    /// All names of a `names` or `owners` node.
    pub(super) fn names(&self, node: Node) -> Vec<Name> {
        node.into_inner().filter(|child| child.as_rule() == Rule::name).map(|child| self.name(&child)).collect()
    }

    /// A name, with its version as part of it if there is one.
    pub(super) fn listed(&self, node: Node) -> Built<Name> {
        let span = self.span(&node);
        let mut children = Children::of(self, node);
        let name = self.name(&children.take(Rule::name)?);
        if !children.has(Rule::k_version) {
            return Ok(name);
        }
        let version = self.number(&children.take(Rule::unsigned)?)?;
        Ok(Name { text: versioned(&name.text, Some(version)), span })
    }

    /// A dotted name.
    pub(super) fn path(&self, node: Node) -> Path {
        let span = self.span(&node);
        Path { parts: self.names(node), span }
    }

    /// `@source article`, or `source article` of a table cell.
    pub(super) fn citation(&self, node: Node) -> Built<Citation> {
        let span = self.span(&node);
        let mut children = Children::of(self, node);
        let source = self.name(&children.take(Rule::name)?);
        let article = children.maybe(Rule::article).map_or(String::new(), |node| node.as_str().to_owned());
        Ok(Citation { source, article, span })
    }

    /// A text without its quotes and escapes.
    pub(super) fn text(&self, node: &Node) -> Built<String> {
        let span = node.as_span();
        let written = node.as_str();
        let open = written.chars().next().map_or(0, char::len_utf8);
        let close = written.chars().next_back().map_or(0, char::len_utf8);
        let inside = written.get(open..written.len().saturating_sub(close)).unwrap_or("");
        let mut text = String::with_capacity(inside.len());
        let mut characters = inside.char_indices();
        while let Some((_, character)) = characters.next() {
            if character != '\\' {
                text.push(character);
                continue;
            }
            match characters.next() {
                Some((_, escaped @ ('"' | '\\' | '“' | '”'))) => text.push(escaped),
                Some((at, unknown)) => {
                    let end = span.start() + open + at + unknown.len_utf8();
                    return Err(Box::new(
                        Diagnostic::new(
                            Code::BadText,
                            self.span_of(end - unknown.len_utf8() - 1, end),
                            format!("文本里没有 `\\{unknown}` 这种写法"),
                            format!("a text has no `\\{unknown}`"),
                        )
                        .help("只有 `\\\"` 和 `\\\\`", "there are only `\\\"` and `\\\\`"),
                    ));
                }
                None => break,
            }
        }
        Ok(text)
    }

    /// A whole number that fits its place.
    pub(super) fn number<T: TryFrom<i64>>(&self, node: &Node) -> Built<T> {
        let digits: String = node.as_str().chars().filter(|character| *character != '_').collect();
        digits.parse::<i64>().ok().and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
            Box::new(Diagnostic::new(
                Code::BadNumber,
                self.span(node),
                format!("`{digits}` 太大"),
                format!("`{digits}` is too large"),
            ))
        })
    }

    /// A number with at most three decimals, in thousandths.
    pub(super) fn thousandths(&self, node: &Node) -> Built<u32> {
        let written: String = node.as_str().chars().filter(|character| *character != '_').collect();
        let (whole, part) = written.split_once('.').unwrap_or((&written, ""));
        let value = (part.len() <= 3).then(|| format!("{whole}{part:0<3}").parse::<u32>().ok()).flatten();
        value.ok_or_else(|| {
            Box::new(Diagnostic::new(
                Code::BadNumber,
                self.span(node),
                format!("`{written}` 应小于 4294967, 最多三位小数"),
                format!("`{written}` must be less than 4294967 and have at most three decimals"),
            ))
        })
    }

    /// A literal by its rule; `None` for other rules.
    pub(super) fn literal(&self, node: &Node) -> Built<Option<Literal>> {
        let written = node.as_str();
        let kind = match node.as_rule() {
            Rule::k_true => LiteralKind::Boolean(true),
            Rule::k_false => LiteralKind::Boolean(false),
            Rule::integer => LiteralKind::Integer(self.number(node)?),
            Rule::fraction => {
                let (digits, scale) = self.scaled(node)?;
                LiteralKind::Decimal(digits, scale)
            }
            Rule::amount => self.amount(node)?,
            Rule::text => LiteralKind::Text(self.text(node)?),
            Rule::date => LiteralKind::Date(
                written[..4].parse().unwrap_or(0),
                written[5..7].parse().unwrap_or(0),
                written[8..10].parse().unwrap_or(0),
            ),
            Rule::month => LiteralKind::Month(written[..4].parse().unwrap_or(0), written[5..7].parse().unwrap_or(0)),
            _ => return Ok(None),
        };
        Ok(Some(Literal { kind, span: self.span(node) }))
    }

    /// A number's digits without the point, and how many stand behind it.
    fn scaled(&self, node: &Node) -> Built<(i64, u8)> {
        let written: String = node.as_str().chars().filter(|character| *character != '_').collect();
        let scale = written.split_once('.').map_or(0, |(_, part)| part.len());
        let scale = u8::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX);
        let word = scale.and_then(|scale| Some((number::parse(&written, scale)?, scale)));
        word.ok_or_else(|| {
            Box::new(Diagnostic::new(
                Code::BadNumber,
                self.span(node),
                format!("`{written}` 太大，或多于 {SCALE_MAX} 位小数"),
                format!("`{written}` is too large or has more than {SCALE_MAX} decimals"),
            ))
        })
    }

    fn amount(&self, node: &Node) -> Built<LiteralKind> {
        let mut children = Children::of(self, node.clone());
        let (digits, scale) = self.scaled(&children.any()?)?;
        let unit = match children.any()?.as_rule() {
            Rule::k_fen => MoneyUnit::Fen,
            Rule::k_wan_yuan => MoneyUnit::WanYuan,
            Rule::k_yi_yuan => MoneyUnit::YiYuan,
            _ => MoneyUnit::Yuan,
        };
        Ok(LiteralKind::Money(digits, scale, unit))
    }

    /// A date where the grammar takes nothing else.
    pub(super) fn date(&self, node: &Node) -> Built<Literal> {
        self.literal(node)?.ok_or_else(|| self.impossible(self.span(node)))
    }

    /// A month where the grammar takes nothing else.
    pub(super) fn month(&self, node: &Node) -> Built<Literal> {
        self.date(node)
    }

    /// The grammar promised another shape: our fault, said so instead of panicking.
    pub(super) fn impossible(&self, span: Span) -> Box<Diagnostic> {
        Box::new(Diagnostic::new(
            Code::Syntax,
            span,
            "编译器自身有错: 语法与语法树不一致",
            "fault of the compiler: grammar and tree disagree",
        ))
    }
}

/// The children of a node without punctuation, taken in order.
pub(super) struct Children<'a, 'b> {
    builder: &'b Builder,
    pairs: std::iter::Peekable<Pairs<'a, Rule>>,
    span: Span,
}

impl<'a, 'b> Children<'a, 'b> {
    /// Of `node`.
    pub(super) fn of(builder: &'b Builder, node: Node<'a>) -> Self {
        let span = builder.span(&node);
        Self { builder, pairs: node.into_inner().peekable(), span }
    }

    /// The next child that is not punctuation.
    pub(super) fn next(&mut self) -> Option<Node<'a>> {
        self.peek()?;
        self.pairs.next()
    }

    fn peek(&mut self) -> Option<Rule> {
        while let Some(node) = self.pairs.peek() {
            match node.as_rule() {
                Rule::comma
                | Rule::separator
                | Rule::colon
                | Rule::l_paren
                | Rule::r_paren
                | Rule::l_brace
                | Rule::r_brace
                | Rule::l_bracket
                | Rule::r_bracket
                | Rule::bar
                | Rule::at
                | Rule::dots
                | Rule::dot
                | Rule::eq
                | Rule::EOI => {
                    self.pairs.next();
                }
                rule => return Some(rule),
            }
        }
        None
    }

    /// The next child, which must be `rule`.
    pub(super) fn take(&mut self, rule: Rule) -> Built<Node<'a>> {
        self.maybe(rule).ok_or_else(|| self.builder.impossible(self.span))
    }

    /// The next child, whatever it is.
    pub(super) fn any(&mut self) -> Built<Node<'a>> {
        self.next().ok_or_else(|| self.builder.impossible(self.span))
    }

    /// The next child if it is `rule`.
    pub(super) fn maybe(&mut self, rule: Rule) -> Option<Node<'a>> {
        if self.peek() == Some(rule) { self.pairs.next() } else { None }
    }

    /// Whether the next child was `rule`; takes it.
    pub(super) fn has(&mut self, rule: Rule) -> bool {
        self.maybe(rule).is_some()
    }

    /// Every next child that is `rule`.
    pub(super) fn run(&mut self, rule: Rule) -> Vec<Node<'a>> {
        std::iter::from_fn(|| self.maybe(rule)).collect()
    }
}
