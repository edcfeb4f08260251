//! The parser on good, bad and hostile sources, and the names' rules. Invariant: no source makes it panic, overflow the
//! stack or work without bound.

use crate::diagnostics::{fixtures, source};
use guiju_compiler::ast::{Clause, DEPTH_MAX, Expr, ExprKind, Item, Module, Name, Row};
use guiju_compiler::diagnostics::{Code, Diagnostic};
use guiju_compiler::format::format;
use guiju_compiler::names;
use guiju_compiler::parse::parse;
use guiju_compiler::source::{FileId, SOURCE_BYTES_MAX, SourceFile, Span};

fn file(text: impl Into<String>) -> SourceFile {
    SourceFile { name: "t.gj".to_owned(), text: text.into() }
}

fn codes(text: impl Into<String>) -> Vec<Code> {
    parse(FileId(0), &file(text)).1.iter().map(|diagnostic| diagnostic.code).collect()
}

/// A policy with one rule.
fn rule(expression: &str) -> String {
    format!("语言 zh\n模块 试\n策略 甲 版本 1 由 局 施行 2020-01-01 {{\n    规则 乙 = {expression}\n}}\n")
}

fn value(expression: &str) -> Expr {
    let (module, diagnostics) = parse(FileId(0), &file(rule(expression)));
    assert!(diagnostics.is_empty(), "{expression}: {diagnostics:?}");
    let Some(Item::Policy(policy)) = module.and_then(|module| module.items.into_iter().next()) else {
        panic!("{expression}: no policy")
    };
    match policy.clauses.into_iter().next() {
        Some(Clause::Definition(definition)) => definition.value,
        other => panic!("{expression}: {other:?}"),
    }
}

#[test]
fn the_whole_surface_parses_in_both_languages() {
    for path in fixtures("parse") {
        let source = source(&path);
        let (module, diagnostics) = parse(FileId(0), &source);
        assert!(diagnostics.is_empty(), "{}: {diagnostics:?}", source.name);
        assert_eq!(module.map(|module| module.items.len()), Some(9), "{}", source.name);
    }
}

#[test]
fn translated_keywords_give_the_same_tree() {
    for path in fixtures("parse") {
        let original = source(&path);
        let plain = format(&original, None).expect("fixtures are well formed");
        let module = parse(FileId(0), &original).0.expect("fixtures are well formed");
        let other = match module.language {
            guiju_compiler::ast::Language::Zh => guiju_compiler::ast::Language::En,
            guiju_compiler::ast::Language::En => guiju_compiler::ast::Language::Zh,
        };
        let there = format(&original, Some(other)).expect("translation keeps the tree");
        assert_ne!(plain, there);
        let back = format(&file(there), Some(module.language)).expect("translation keeps the tree");
        // Signs of inequality differ by language only in `≠`, so the way back restores every byte.
        assert_eq!(plain, back);
    }
}

/// Found by fuzzing: the label on a full-width bracket ended inside it.
#[test]
fn findings_point_at_whole_characters() {
    for text in
        ["语言 zh\n模块 甲\n枚举 乙 ｛ 丙 ）", "语言 zh\n模块 甲\n枚举 乙 （ 丙 ｝", "语言 zh\n模块 甲\n枚举 乙 ｛ 丙"]
    {
        let source = file(text);
        let (_, found) = parse(FileId(0), &source);
        assert!(found.iter().any(|d| d.code == Code::Unbalanced), "{text}: {found:?}");
        for span in found.iter().flat_map(|d| std::iter::once(d.primary).chain(d.labels.iter().map(|(s, _)| *s))) {
            let bounds = [span.start as usize, span.end as usize];
            assert!(bounds.iter().all(|at| text.is_char_boundary(*at)), "{text}: {span:?}");
        }
    }
}

#[test]
fn precedence_is_as_stated() {
    let same = [
        ("a 或 b 且 c", "a 或 (b 且 c)"),
        ("非 a 且 b", "(非 a) 且 b"),
        ("非 a = b", "非 (a = b)"),
        ("非 x 存在", "非 (x 存在)"),
        ("a 或缺 0 + 1 满 3", "(a 或缺 (0 + 1)) 满 3"),
        ("a + b * c - d 不满 e", "((a + (b * c)) - d) 不满 e"),
        ("存在 v 于 L 当 v.a 且 b", "存在 v 于 L 当 (v.a 且 b)"),
        ("最大 v.a 对 v 于 L 当 v.b 空则 0 满 24", "(最大 v.a 对 v 于 L 当 v.b 空则 0) 满 24"),
        ("如果 a 则 b 否则 c 且 d", "如果 a 则 b 否则 (c 且 d)"),
        ("计数 v 于 L 满 2", "(计数 v 于 L) 满 2"),
    ];
    for (bare, grouped) in same {
        assert_eq!(shape(&value(bare)), shape(&value(grouped)), "{bare}");
    }
    assert_ne!(shape(&value("(a 或 b) 且 c")), shape(&value("a 或 b 且 c")));
}

/// The tree without spans.
fn shape(expr: &Expr) -> String {
    let shown = format!("{expr:?}");
    let mut out = String::new();
    let mut rest = shown.as_str();
    while let Some(at) = rest.find("Span {") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = &rest[rest.find('}').expect("a span ends") + 1..];
    }
    out + rest
}

#[test]
fn every_span_covers_its_text() {
    let text = rule("甲.乙 + 12 满 (丙 或缺 3)");
    let Some(Item::Policy(policy)) =
        parse(FileId(0), &file(&text)).0.and_then(|module| module.items.into_iter().next())
    else {
        panic!("no policy")
    };
    let cut = |span: Span| &text[span.start as usize..span.end as usize];
    assert!(cut(policy.span).starts_with("策略 甲") && cut(policy.span).ends_with('}'));
    let whole = value("甲.乙 + 12 满 (丙 或缺 3)");
    assert_eq!(cut(whole.span), "甲.乙 + 12 满 (丙 或缺 3)");
    let ExprKind::Compare(_, left, right) = whole.kind else { panic!("not a comparison") };
    assert_eq!((cut(left.span), cut(right.span)), ("甲.乙 + 12", "(丙 或缺 3)"));
}

#[test]
fn a_broken_item_does_not_hide_the_next() {
    let text = "语言 zh\n模块 试\n枚举 甲 { 一 二 }\n枚举 乙 { 一 }\n组 丙 { 丁 }\n枚举 戊 { 一 }\n";
    let (module, diagnostics) = parse(FileId(0), &file(text));
    assert_eq!(diagnostics.iter().filter(|diagnostic| diagnostic.code == Code::Syntax).count(), 2);
    let kept: Vec<String> = module
        .map(|Module { items, .. }| items)
        .unwrap_or_default()
        .into_iter()
        .map(|item| match item {
            Item::Enum(item) => item.name.text,
            Item::Group(item) if item.fields.is_empty() => item.name.text,
            other => panic!("{other:?}"),
        })
        .collect();
    // The group is kept without its field, so that its name stays known; the enum has no variant left.
    assert_eq!(kept, ["乙", "丙", "戊"]);
}

#[test]
fn deep_nesting_is_refused_and_never_overflows() {
    let million = 1_000_000;
    let kinds: [(&str, &str, &str); 8] = [
        ("(", "甲", ")"),
        ("非 ", "甲", ""),
        ("非 (", "甲", ")"),
        ("如果 甲 则 乙 否则 ", "丙", ""),
        ("如果 ", "甲", " 则 乙 否则 丙"),
        ("存在 v 于 L 当 ", "甲", ""),
        ("合计 ", "甲", " 对 v 于 L"),
        ("周岁(", "甲", ")"),
    ];
    for (open, middle, close) in kinds {
        for depth in [million, 20_000, 5_000, DEPTH_MAX + 1] {
            let text = rule(&format!("{}{middle}{}", open.repeat(depth), close.repeat(depth)));
            let expected = if text.len() > SOURCE_BYTES_MAX { Code::TooLong } else { Code::TooDeep };
            assert_eq!(codes(text), [expected], "{open:?} × {depth}");
        }
    }
    for bracket in ["[", "{", "[{甲="] {
        let text = format!("语言 zh\n模块 试\n测试 \"某\" 甲 于 2020-01-01 {{ 乙 = {}", bracket.repeat(15_000));
        assert_eq!(codes(text), [Code::TooDeep], "{bracket:?}");
    }
}

#[test]
fn nesting_up_to_the_limit_is_accepted_on_a_small_stack() {
    // Test threads have 2 MiB; a node's workers have no less.
    let depth = DEPTH_MAX - 8;
    for (open, close) in
        [("(", ")"), ("非 ", ""), ("如果 甲 则 乙 否则 ", ""), ("周岁(", ", 丙)"), ("存在 v 于 L 当 ", "")]
    {
        let text = rule(&format!("{}甲{}", open.repeat(depth), close.repeat(depth)));
        assert_eq!(codes(text.clone()), [], "{open:?}");
        assert!(format(&file(text), None).is_ok(), "{open:?}");
    }
}

#[test]
fn long_chains_are_trees_too() {
    // Left-deep: a later stage recurses on it, so it counts as depth.
    let chain = |length: usize| rule(&vec!["甲"; length].join(" 且 "));
    assert_eq!(codes(chain(DEPTH_MAX)), []);
    assert_eq!(codes(chain(DEPTH_MAX + 1)), [Code::TooDeep]);
    assert_eq!(codes(chain(10_000)), [Code::TooDeep]);
}

#[test]
fn a_source_over_the_limit_is_refused_unread() {
    let mut text = rule("甲");
    text.push_str(&"// 甲\n".repeat(SOURCE_BYTES_MAX / 8));
    assert!(text.len() <= SOURCE_BYTES_MAX);
    assert_eq!(codes(text.clone()), []);
    text.push_str(&" ".repeat(SOURCE_BYTES_MAX + 1 - text.len()));
    assert_eq!(codes(text), [Code::TooLong]);
    assert_eq!(codes("甲 ".repeat(1 << 18)), [Code::TooLong]);
}

#[test]
fn every_prefix_and_every_lost_character_is_survived() {
    for path in fixtures("parse") {
        let text = source(&path).text;
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        for at in places.iter().step_by(23) {
            parse(FileId(0), &file(&text[..*at]));
            let mut lost = text.clone();
            lost.remove(*at);
            let (module, diagnostics) = parse(FileId(0), &file(lost));
            assert!(module.is_some() || diagnostics.iter().any(Diagnostic::is_error), "silent at {at}");
        }
    }
}

#[test]
fn hostile_bytes_are_survived() {
    let alphabet = [
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "|",
        "\"",
        "“",
        "”",
        "@",
        "//",
        "\n",
        "\\",
        "..",
        "=>",
        "非",
        "如果",
        "则",
        "否则",
        "策略",
        "测试",
        "规则",
        "表",
        "甲",
        "1",
        "2017-03-16",
        "-",
        "\u{3000}",
        "\u{202e}",
        "😀",
        "\0",
        "０",
        "=",
        ":",
        ",",
        " ",
    ];
    let mut state = 0x9e37_79b9_u64;
    for round in 0..3000 {
        let mut text = if round % 2 == 0 { rule("") } else { String::from("语言 zh\n模块 试\n") };
        for _ in 0..60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = usize::try_from(state >> 33).expect("31 bits fit") % alphabet.len();
            text.push_str(alphabet[pick]);
            text.push(if state & 4096 == 0 { ' ' } else { '\n' });
        }
        let source = file(text);
        let (_, diagnostics) = parse(FileId(0), &source);
        for diagnostic in &diagnostics {
            guiju_compiler::diagnostics::render::plain(
                std::slice::from_ref(&source),
                diagnostic,
                guiju_compiler::ast::Language::En,
            );
        }
        let _ = format(&source, None);
    }
}

#[test]
fn names_follow_unicode_rules() {
    let at = Span::default();
    for good in ["户籍", "A类户籍", "二手房转移登记", "applicant_2", "〇"] {
        assert_eq!(names::check(good, at).map(|diagnostic| diagnostic.message.en), None, "{good}");
    }
    let bad = [
        ("⼾籍", Code::NameCharacter),
        ("Ａ类", Code::NameCharacter),
        ("户籍１", Code::NameCharacter),
        ("p\u{430}ss", Code::MixedScript),
        ("cafe\u{301}", Code::NotNormal),
        ("户\u{e0100}籍", Code::NameCharacter),
    ];
    for (name, code) in bad {
        assert_eq!(names::check(name, at).map(|diagnostic| diagnostic.code), Some(code), "{name}");
    }
}

#[test]
fn names_that_look_alike_clash_within_a_scope() {
    let name = |text: &str| Name { text: text.to_owned(), span: Span::default() };
    for (one, other) in
        [("户籍", "戶籍"), ("生日", "生曰"), ("未婚", "末婚"), ("己婚", "已婚"), ("Il", "I1"), ("土地", "士地")]
    {
        let found = names::confusable([&name(one), &name(other)]);
        assert_eq!(
            found.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(),
            [Code::Confusable],
            "{one} {other}"
        );
    }
    assert!(names::confusable([&name("户籍"), &name("户口"), &name("户籍")]).is_empty());
}

#[test]
fn a_cell_is_what_its_column_makes_it() {
    let text = "语言 zh\n模块 试\n策略 甲 版本 1 由 局 施行 2020-01-01 {\n    表 乙 : 整数 0..9 命中 唯一\n    \
                | 丙 | => | 条款 |\n    | 1 | 加(丙) | 通知(一) |\n    | 2 | 丙+1 | 通知 第二条 |\n    | 3 | 加(丙) * 2 | 通知 |\n}\n";
    let (module, diagnostics) = parse(FileId(0), &file(text));
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let Some(Item::Policy(policy)) = module.and_then(|module| module.items.into_iter().next()) else {
        panic!("no policy")
    };
    let Some(Clause::Table(table)) = policy.clauses.into_iter().next() else { panic!("no table") };
    let cited = |row: &Row| row.citation.as_ref().map(|c| format!("{}|{}", c.source.text, c.article));
    let citations: Vec<Option<String>> = table.rows.iter().map(cited).collect();
    assert_eq!(citations, [Some("通知|(一)".into()), Some("通知|第二条".into()), Some("通知|".into())]);
    let kinds: Vec<Option<&ExprKind>> = table.rows.iter().map(|row| row.value.as_ref().map(|e| &e.kind)).collect();
    assert!(
        matches!(kinds[..], [Some(ExprKind::Apply(..)), Some(ExprKind::Add(..)), Some(ExprKind::Multiply(..))]),
        "{kinds:?}"
    );
    let again = format(&file(text), None).expect("the table is well formed");
    assert!(again.contains("| 通知 (一)") && again.contains("| 丙 + 1"), "{again}");
}
