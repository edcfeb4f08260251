//! Decision tables: exact proofs of no gap, no overlap and no dead row. A row is a box (one set of words a column); gaps are
//! what is left of the whole space after subtracting every row, overlaps are pairwise intersections.
//! Invariant: a table it returns has `complete` set only if no point of the space is left. Work is bounded by
//! [`BOXES_MAX`]. Must not know: how tables are lowered.

use super::facts::Facts;
use super::intervals::Intervals;
use super::policy::assign;
use super::report::Report;
use super::types::{Typer, Values};
use crate::ast::{self, CellTest, Compare, HitWord};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Body, Definition, TableRow, TypedExpr, domain, show_type, show_word};
use guiju_runtime::value::Type;

/// Most boxes a proof may hold.
const BOXES_MAX: usize = 20_000;
/// Most rows and columns of a table.
const ROWS_MAX: usize = 512;
const COLUMNS_MAX: usize = 12;

type Region = Vec<Intervals>;

/// Checks a table.
pub(crate) fn check(clause: &ast::TableClause, values: &Values<'_>, report: &mut Report) -> Option<Definition> {
    let head = values.definitions.get(&clause.name.text)?;
    let ty = head.ty.clone();
    if clause.rows.len() > ROWS_MAX || clause.columns.len() > COLUMNS_MAX {
        report.add(Diagnostic::new(
            Code::TooLarge,
            clause.name.span,
            format!("表至多 {ROWS_MAX} 行 {COLUMNS_MAX} 列"),
            format!("a table has at most {ROWS_MAX} rows and {COLUMNS_MAX} columns"),
        ));
        return None;
    }
    let mut columns = Vec::new();
    for path in &clause.columns {
        columns.push(column(path, values, report)?);
    }
    let mut rows = Vec::new();
    let mut good = true;
    for row in &clause.rows {
        match one_row(row, &columns, &ty, clause.ty.span, values, report) {
            Some(r) => rows.push(r),
            None => good = false,
        }
    }
    if !good {
        return None;
    }
    prove(clause, &columns, &rows, report)?;
    Some(Definition {
        name: clause.name.text.clone(),
        ty,
        optional: false,
        body: Body::Table { hit: clause.hit, columns, rows, complete: true },
        citation: values.scope.cite(clause.citation.as_ref(), report),
        span: clause.name.span,
    })
}

fn column(path: &ast::Path, values: &Values<'_>, report: &mut Report) -> Option<TypedExpr> {
    let expr = ast::Expr { kind: ast::ExprKind::Path(path.clone()), span: path.span };
    let typed = Typer::new(values, report, Facts::default()).infer(&expr, None)?;
    if typed.constant().is_some() {
        report.add(Diagnostic::new(
            Code::BadColumn,
            path.span,
            "列须是值，不能是枚举取值",
            "a column is a value, not a variant",
        ));
        return None;
    }
    if typed.optional {
        let text = typed.canonical();
        report.add(
            Diagnostic::new(
                Code::BadColumn,
                path.span,
                format!("列 `{text}` 可能为无，无法证明表完整"),
                format!("column `{text}` may be absent: completeness cannot be proved"),
            )
            .help(
                format!("先定义一个值，如 `{text} 或缺 …`，再作列"),
                format!("define a value such as `{text} default …` and use it as the column"),
            ),
        );
        return None;
    }
    if matches!(typed.ty, Type::Text { .. } | Type::Identifier(_)) {
        report.add(Diagnostic::new(
            Code::BadColumn,
            path.span,
            format!("`{}` 不能作列", show_type(&typed.ty)),
            format!("`{}` cannot be a column", show_type(&typed.ty)),
        ));
        return None;
    }
    Some(typed)
}

fn one_row(
    row: &ast::Row,
    columns: &[TypedExpr],
    ty: &Type,
    ty_span: Span,
    values: &Values<'_>,
    report: &mut Report,
) -> Option<TableRow> {
    if row.cells.len() != columns.len() {
        report.add(Diagnostic::new(
            Code::RowShape,
            row.span,
            format!("表有 {} 列，此行有 {} 格", columns.len(), row.cells.len()),
            format!("the table has {} columns, this row {} cells", columns.len(), row.cells.len()),
        ));
        return None;
    }
    let mut cells = Vec::new();
    for (cell, column) in row.cells.iter().zip(columns) {
        if cell.tests.is_empty() {
            cells.push(None);
            continue;
        }
        let mut parts = Vec::new();
        for test in &cell.tests {
            parts.extend(test_words(test, column, values, report)?);
        }
        let (low, high) = domain(&column.ty);
        let set = Intervals::of(parts).and(&Intervals::between(low, high));
        cells.push(Some(set.parts().to_vec()));
    }
    let mut typer = Typer::new(values, report, Facts::default());
    let value = typer.infer(&row.value, Some(ty))?;
    if !assign(&mut typer, &value, ty, false, Some(ty_span)) {
        return None;
    }
    Some(TableRow { cells, value, citation: values.scope.cite(row.citation.as_ref(), report), span: row.span })
}

/// The words that a test lets through.
fn test_words(
    test: &CellTest,
    column: &TypedExpr,
    values: &Values<'_>,
    report: &mut Report,
) -> Option<Vec<(i64, i64)>> {
    let mut constant = |expr: &ast::Expr, ordered: bool| {
        let mut typer = Typer::new(values, report, Facts::default());
        let typed = typer.present(expr, Some(&column.ty))?;
        typer.join(column, &typed, expr.span)?;
        let Some(word) = typed.word() else {
            return typer.fail(Diagnostic::new(
                Code::NotConstant,
                expr.span,
                "格中只能写常量",
                "only constants may stand in a cell",
            ));
        };
        if ordered && matches!(column.ty, Type::Boolean | Type::Enum(_)) {
            return typer.fail(Diagnostic::new(
                Code::TypeMismatch,
                expr.span,
                format!("`{}` 没有大小", show_type(&column.ty)),
                format!("`{}` has no order", show_type(&column.ty)),
            ));
        }
        Some(word)
    };
    Some(match test {
        CellTest::Is(e) => {
            let w = constant(e, false)?;
            vec![(w, w)]
        }
        CellTest::Range(a, b) => vec![(constant(a, true)?, constant(b, true)?)],
        CellTest::Compare(op, e) => {
            let w = constant(e, !matches!(op, Compare::Equal | Compare::NotEqual))?;
            match op {
                Compare::Equal => vec![(w, w)],
                Compare::NotEqual => vec![(i64::MIN, w - 1), (w + 1, i64::MAX)],
                Compare::Less => vec![(i64::MIN, w - 1)],
                Compare::AtMost => vec![(i64::MIN, w)],
                Compare::Greater => vec![(w + 1, i64::MAX)],
                Compare::AtLeast => vec![(w, i64::MAX)],
            }
        }
    })
}

fn region(row: &TableRow, space: &Region) -> Region {
    row.cells
        .iter()
        .zip(space)
        .map(|(c, all)| c.as_ref().map_or_else(|| all.clone(), |p| Intervals::of(p.clone())))
        .collect()
}

fn meet(a: &Region, b: &Region) -> Option<Region> {
    let both: Region = a.iter().zip(b).map(|(x, y)| x.and(y)).collect();
    both.iter().all(|s| !s.is_empty()).then_some(both)
}

/// `a` without `b`, as disjoint boxes.
fn subtract(a: &Region, b: &Region) -> Vec<Region> {
    if meet(a, b).is_none() {
        return vec![a.clone()];
    }
    let mut out = Vec::new();
    let mut prefix: Region = Vec::new();
    for i in 0..a.len() {
        let rest = a[i].minus(&b[i]);
        if !rest.is_empty() {
            let mut piece = prefix.clone();
            piece.push(rest);
            piece.extend(a[i + 1..].iter().cloned());
            out.push(piece);
        }
        prefix.push(a[i].and(&b[i]));
    }
    out
}

/// What is left of `start` without `rows`; `None` past the bound.
fn remaining(start: Region, rows: &[Region]) -> Option<Vec<Region>> {
    let mut left = vec![start];
    let mut work = 0;
    for row in rows {
        let mut next = Vec::new();
        for region in &left {
            work += 1;
            next.extend(subtract(region, row));
            if next.len() > BOXES_MAX || work > 20 * BOXES_MAX {
                return None;
            }
        }
        left = next;
        if left.is_empty() {
            break;
        }
    }
    Some(left)
}

fn prove(clause: &ast::TableClause, columns: &[TypedExpr], rows: &[TableRow], report: &mut Report) -> Option<()> {
    let space: Region = columns
        .iter()
        .map(|c| {
            let (low, high) = domain(&c.ty);
            Intervals::between(low, high)
        })
        .collect();
    let regions: Vec<Region> = rows.iter().map(|r| region(r, &space)).collect();
    if clause.hit == HitWord::Unique {
        overlaps(clause, columns, rows, &regions, report);
    }
    dead_rows(clause, rows, &regions, report);
    let Some(left) = remaining(space, &regions) else {
        report.add(
            Diagnostic::new(
                Code::ProofTooLarge,
                clause.name.span,
                "表太复杂，在限定的步数内无法证明完整",
                "the table is too intricate to prove complete within the counted bound",
            )
            .help("拆成几张小表", "split it into smaller tables"),
        );
        return None;
    };
    if let Some(gap) = left.first() {
        let witness = point(columns, gap);
        report.add(
            Diagnostic::new(
                Code::TableGap,
                clause.name.span,
                format!("表 `{}` 没有覆盖 {witness}", clause.name.text),
                format!("table `{}` does not cover {witness}", clause.name.text),
            )
            .help("补一行，或把某一格改为 `任意`", "add a row, or make a cell `any`")
            .witness(format!("| {} | => |", cells(columns, gap))),
        );
        return None;
    }
    Some(())
}

fn overlaps(
    clause: &ast::TableClause,
    columns: &[TypedExpr],
    rows: &[TableRow],
    regions: &[Region],
    report: &mut Report,
) {
    for j in 1..rows.len() {
        for i in 0..j {
            let Some(both) = meet(&regions[i], &regions[j]) else { continue };
            let witness = point(columns, &both);
            report.add(
                Diagnostic::new(
                    Code::TableOverlap,
                    rows[j].span,
                    format!("表 `{}` 的第 {} 行与第 {} 行都覆盖 {witness}", clause.name.text, i + 1, j + 1),
                    format!("rows {} and {} of table `{}` both cover {witness}", i + 1, j + 1, clause.name.text),
                )
                .label(rows[i].span, "先有的一行", "the earlier row")
                .help(
                    "缩小其中一行，或写 `命中 顺序` 以行序为先后",
                    "narrow one of them, or write `hit ordered` to let the order decide",
                )
                .witness(format!("| {} | => |", cells(columns, &both))),
            );
            // One witness a row is enough to act on.
            break;
        }
    }
}

fn dead_rows(clause: &ast::TableClause, rows: &[TableRow], regions: &[Region], report: &mut Report) {
    for (i, region) in regions.iter().enumerate() {
        let empty = region.iter().any(Intervals::is_empty);
        let dead = empty
            || (clause.hit == HitWord::Ordered
                && remaining(region.clone(), &regions[..i]).is_some_and(|l| l.is_empty()));
        if dead {
            let why = if empty {
                ("其取值不在列的范围内", "its cells lie outside the columns' ranges")
            } else {
                ("前面的行已全部覆盖", "earlier rows cover it wholly")
            };
            report.add(
                Diagnostic::new(
                    Code::DeadRow,
                    rows[i].span,
                    format!("表 `{}` 的第 {} 行永远不会命中：{}", clause.name.text, i + 1, why.0),
                    format!("row {} of table `{}` never decides: {}", i + 1, clause.name.text, why.1),
                )
                .help("删去此行，或改动各行的次序", "remove it, or change the order of rows"),
            );
        }
    }
}

fn point(columns: &[TypedExpr], region: &Region) -> String {
    let shown: Vec<String> = columns
        .iter()
        .zip(region)
        .map(|(c, s)| format!("{} = {}", c.canonical(), s.least().map_or_else(String::new, |w| show_word(&c.ty, w))))
        .collect();
    format!("`{}`", shown.join(", "))
}

fn cells(columns: &[TypedExpr], region: &Region) -> String {
    let shown: Vec<String> =
        columns.iter().zip(region).map(|(c, s)| s.least().map_or_else(String::new, |w| show_word(&c.ty, w))).collect();
    shown.join(" | ")
}
