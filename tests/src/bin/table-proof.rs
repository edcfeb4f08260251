//! How long the compiler takes to prove a table of 300 rows and 8 columns complete: gap-free, with one hole, and with rows
//! that overlap. Prints milliseconds; the tests count work instead. Must not know: how tables are proved.

use guiju_compiler::package::compile;
use guiju_compiler::source::SourceFile;
use std::fmt::Write as _;
use std::time::Instant;

const ROWS: usize = 300;
const COLUMNS: usize = 8;
const HIGH: i64 = 1000;

type Row = Vec<(i64, i64)>;

/// Boxes that cover everything once: one of them is split at a random place of a random column, again and again.
fn partition() -> Vec<Row> {
    let mut state = 7u64;
    let mut below = |n: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64 % n.max(1)
    };
    let mut boxes = vec![vec![(0, HIGH); COLUMNS]];
    while boxes.len() < ROWS {
        let at = below(boxes.len() as i64) as usize;
        let column = below(COLUMNS as i64) as usize;
        let (low, high) = boxes[at][column];
        if low < high {
            let cut = low + below(high - low);
            let mut other = boxes[at].clone();
            boxes[at][column] = (low, cut);
            other[column] = (cut + 1, high);
            boxes.push(other);
        }
    }
    boxes
}

fn source(rows: &[Row], hit: &str) -> SourceFile {
    let mut text = "语言 zh\n模块 试\n依据 \"某办法\" 记为 办法\n策略 例 版本 1 由 局 施行 2020-01-01 {\n".to_owned();
    for column in 0..COLUMNS {
        let _ = writeln!(text, "    输入 值{column} : 整数 0..{HIGH}");
    }
    let header: Vec<String> = (0..COLUMNS).map(|column| format!("值{column}")).collect();
    let _ = writeln!(text, "    表 额 : 整数 0..1 命中 {hit} @办法 第一条\n    | {} | => |", header.join(" | "));
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|(low, high)| format!("{low}..{high}")).collect();
        let _ = writeln!(text, "    | {} | {} |", cells.join(" | "), i % 2);
    }
    text.push_str("    结论 果 : { 成, 败 } 命中 唯一 {\n        成 当 额 = 1 @办法 第一条\n");
    text.push_str("        败 其余 @办法 第一条\n    }\n}\n");
    SourceFile { name: "table.gj".to_owned(), text }
}

fn report(what: &str, source: SourceFile) {
    let start = Instant::now();
    let compiled = compile(&[source]);
    let spent = start.elapsed().as_millis();
    let codes: Vec<&str> = compiled.diagnostics.iter().map(|d| d.code.as_str()).collect();
    println!("{what}: {spent} ms, {codes:?}");
}

fn main() {
    let whole = partition();
    report("gap-free", source(&whole, "唯一"));
    let mut hole = whole.clone();
    if let Some(cell) = hole[123].iter_mut().find(|(low, high)| low < high) {
        cell.0 += 1;
    }
    report("one hole", source(&hole, "唯一"));
    let mut grown = whole;
    for cell in grown.iter_mut().flatten() {
        *cell = ((cell.0 - 3).max(0), (cell.1 + 3).min(HIGH));
    }
    report("overlapping, ordered", source(&grown, "顺序"));
}
