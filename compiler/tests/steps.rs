//! How many steps dense sources take to parse, and what becomes of one that takes too many. In a process of its own, and one
//! test: the limit is the process's. Invariant: the densest source of the greatest length is still read to its end.

use guiju_compiler::parse::{STEPS_MAX, parse_within};
use guiju_compiler::source::{FileId, SOURCE_BYTES_MAX, SourceFile};

/// Length of the sources tried: long enough for the header not to matter.
const BYTES: usize = 1_500;

/// What stands before, again and again, and behind.
const SHAPES: &[(&str, &str, &str)] = &[
    ("规则 乙 = 1", "+1", "\n"),
    ("规则 乙 = 1", "--1", "\n"),
    ("规则 乙 = 1", "或 1 ", "\n"),
    ("规则 乙 = ", "((((((((((((((((((((1))))))))))))))))))))+", "1\n"),
    ("", "规则 乙 = 周岁(周岁(周岁(周岁(1,1),1),1),1)\n", ""),
    ("", "规则 乙 = 如果 1 则 1 否则 如果 1 则 1 否则 1\n", ""),
    ("", "规则 a=1\n", ""),
    ("规则 a=1\n", "例外 a 当 1 则 1\n", ""),
    ("表 乙 : 整数 0..1\n|a|=>|\n", "|1|1|\n", ""),
    ("表 乙 : 整数 0..1\n|a|=>|\n", "|1,1,1,1,1|1|\n", ""),
    ("表 乙 : 整数 0..1\n|a|=>|\n", "|1|1+1+1+1+1|\n", ""),
    // Broken at the end, so that it is read again part by part.
    ("规则 乙 = 1", "+1", "+\n"),
];

fn source(shape: (&str, &str, &str)) -> SourceFile {
    let (open, each, close) = shape;
    let body = each.repeat(BYTES / each.len());
    let text =
        format!("语言 zh\n模块 试\n策略 策 版本 1 由 局 施行 2020-01-01 {{\n{open}{body}{close}}}\n枚举 末 {{ 一 }}\n");
    SourceFile { name: "dense.gj".into(), text }
}

/// Whether the steps run out, which is told once, at the item, and is the end of the reading.
fn runs_out(file: &SourceFile, steps: usize) -> bool {
    let (module, findings) = parse_within(FileId(0), file, steps);
    let told = findings.iter().filter(|d| d.message.en.starts_with("reading this item takes more steps")).count();
    assert!(told <= 1, "{findings:?}");
    let last = module.is_some_and(|m| m.items.iter().any(|i| file.text[i.span().start as usize..].starts_with("枚举")));
    assert_eq!(last, told == 0, "{findings:?}");
    told == 1
}

#[test]
fn the_densest_source_of_the_greatest_length_is_read() {
    let files: Vec<SourceFile> = SHAPES.iter().map(|shape| source(*shape)).collect();
    // Steps that a source may take in proportion to its length.
    let share = |file: &SourceFile| STEPS_MAX / SOURCE_BYTES_MAX * file.text.len();
    for file in &files {
        assert!(!runs_out(file, share(file) * 6 / 10), "denser than `STEPS_MAX` says:\n{}", &file.text[..200]);
        assert!(runs_out(file, 2_000), "{}", file.text);
    }
    // The comment at `STEPS_MAX` would be out of date.
    assert!(files.iter().any(|file| runs_out(file, share(file) * 4 / 10)), "none is as dense as `STEPS_MAX` says");
}
