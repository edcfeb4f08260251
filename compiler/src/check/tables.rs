//! Decision tables: typing of heads, columns and rows. What is proved of them is in `tables/proof.rs`, over the space of
//! `tables/space.rs`; which rows could be one is in `tables/merging.rs`.
//! Invariant: a table it returns has `complete` set only if no point of the space is left, but for what `空则` answers; one
//! that is returned with a fault has a finding that refuses the policy.
//! Must not know: how tables are lowered.

mod merging;
mod proof;
mod space;

use super::assign::assign;
use super::facts::Facts;
use super::formula::written_in;
use super::intervals::Intervals;
use super::numbers::is_number;
use super::refused::{both, compared, faults_only_where};
use super::report::Report;
use super::scope::NUMBER_MAX;
use super::types::{Typer, Values, make};
use crate::ast::{self, CellTest, Compare, HitWord};
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{Body, Constant, Definition, Node, TableRow, TypedExpr, domain, show_type, show_type_en};
use guiju_runtime::value::Type;
use space::ROWS_MAX;

/// Most columns of a table.
const COLUMNS_MAX: usize = 12;

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
    fits_hit(clause, &ty, report)?;
    if !report.may_begin(&clause.name.text, clause.name.span) {
        return None;
    }
    let mut columns = Vec::new();
    for path in &clause.columns {
        columns.push(column(path, values, report)?);
    }
    let mut rows = Vec::new();
    let mut good = true;
    for row in &clause.rows {
        match one_row(row, &columns, clause, &ty, values, report) {
            Some(r) => rows.push(r),
            None => good = false,
        }
    }
    if !good {
        return None;
    }
    let empty = match &clause.empty {
        Some(empty) => Some(result(empty, &ty, clause.ty.span, values, report)?),
        None => None,
    };
    let complete =
        proof::Proof { clause, columns: &columns, rows: &rows, empty: empty.as_ref(), ty: &ty }.run(report)?;
    if complete {
        merging::hint(clause, &columns, &rows, report);
    }
    Some(Definition {
        name: clause.name.text.clone(),
        ty,
        optional: false,
        body: Body::Table { hit: clause.hit, columns, rows, empty, complete },
        citation: values.scope.cite(clause.citation.as_ref(), report),
        formulas: written_in(values.scope, &clause.empty),
        span: clause.name.span,
    })
}

/// Whether results of the type can be collected as the table says.
fn fits_hit(clause: &ast::TableClause, ty: &Type, report: &mut Report) -> Option<()> {
    let number = is_number(ty);
    let fault = match clause.hit {
        HitWord::Sum if !number => Some(("只有数才能合计", "only numbers can be summed")),
        HitWord::Min | HitWord::Max if !number && !matches!(ty, Type::Date | Type::Month) => {
            Some(("只有有大小的值才能取最小、最大", "only what has an order has a least and a greatest"))
        }
        HitWord::Count if !matches!(ty, Type::Integer { .. }) => Some(("计数的结果是整数", "a count is an integer")),
        _ => None,
    };
    if let Some((zh, en)) = fault {
        report.add(
            Diagnostic::new(Code::HitPolicy, clause.ty.span, zh, en)
                .help("改结果的类型，或改命中方式", "change the result's type or the hit policy"),
        );
        return None;
    }
    if let Some(empty) = &clause.empty
        && !matches!(clause.hit, HitWord::Sum | HitWord::Min | HitWord::Max)
    {
        let (zh, en) = if clause.hit == HitWord::Count {
            ("没有行命中时计数就是 0，不写 `空则`", "the count of no rows is 0: `empty` has nothing to say")
        } else {
            ("`空则` 只用于 `合计`、`最小`、`最大`", "`empty` goes with `sum`, `min` and `max` only")
        };
        report.add(Diagnostic::new(Code::HitPolicy, empty.span, zh, en).help("删去 `空则`", "remove `empty`"));
        return None;
    }
    Some(())
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
            format!("`{}` cannot be a column", show_type_en(&typed.ty)),
        ));
        return None;
    }
    Some(typed)
}

fn one_row(
    row: &ast::Row,
    columns: &[TypedExpr],
    clause: &ast::TableClause,
    ty: &Type,
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
    let before = report.faults();
    let value = match &row.value {
        Some(value) if clause.hit == HitWord::Sum => result(value, &addend(ty), clause.ty.span, values, report)?,
        Some(value) => result(value, ty, clause.ty.span, values, report)?,
        None => make(Node::Constant(Constant::Word(1)), Type::Integer { low: 1, high: 1, unit: None }, row.span),
    };
    if report.faults() > before {
        let here = lets_through(columns, &cells);
        faults_only_where(report, before, &here, true);
    }
    let citation = values.scope.cite(row.citation.as_ref(), report);
    Some(TableRow { cells, value, citation, formulas: written_in(values.scope, &row.value), span: row.span })
}

/// Where all cells of a row let their column's value through.
fn lets_through(columns: &[TypedExpr], cells: &[Option<Vec<(i64, i64)>>]) -> TypedExpr {
    let truth = |word| make(Node::Constant(Constant::Word(word)), Type::Boolean, Span::default());
    let columns = columns.iter().zip(cells).filter_map(|(column, cell)| Some((column, cell.as_ref()?)));
    let tests = columns.map(|(column, parts)| {
        if matches!(column.ty, Type::Boolean | Type::Enum(_)) {
            let words = parts.iter().flat_map(|(low, high)| *low..=*high);
            let words = words.map(|word| make(Node::Constant(Constant::Word(word)), column.ty.clone(), column.span));
            return make(Node::In(Box::new(column.clone()), words.collect()), Type::Boolean, column.span);
        }
        let parts = parts.iter().map(|(low, high)| {
            let (above, below) = (compared(Compare::AtLeast, column, *low), compared(Compare::AtMost, column, *high));
            both(above, below)
        });
        parts
            .reduce(|a, b| make(Node::Or(Box::new(a), Box::new(b)), Type::Boolean, column.span))
            .unwrap_or_else(|| truth(0))
    });
    tests.reduce(both).unwrap_or_else(|| truth(1))
}

/// A result that fits the table's type.
fn result(expr: &ast::Expr, ty: &Type, ty_span: Span, values: &Values<'_>, report: &mut Report) -> Option<TypedExpr> {
    let mut typer = Typer::new(values, report, Facts::default());
    let value = typer.infer(expr, Some(ty))?;
    assign(&mut typer, value, ty, false, Some(ty_span))
}

/// What may be added up to the type: of its kind and unit, of any size. The sum is judged, not its parts.
fn addend(ty: &Type) -> Type {
    match ty {
        Type::Integer { unit, .. } => Type::Integer { low: -NUMBER_MAX, high: NUMBER_MAX, unit: unit.clone() },
        Type::Decimal { scale, unit, .. } => {
            Type::Decimal { low: -NUMBER_MAX, high: NUMBER_MAX, scale: *scale, unit: unit.clone() }
        }
        Type::Money { .. } => Type::Money { low: -NUMBER_MAX, high: NUMBER_MAX },
        other => other.clone(),
    }
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
        let typed = typer.constant_like(column, typed)?;
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
                format!("`{}` has no order", show_type_en(&column.ty)),
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
