//! What is proved of a table, and how a failure is told: no gap, no forbidden overlap, no row that never decides, and the
//! range of what rows come to together. Owns the wording.
//! Invariant: a witness lies inside the columns' types; its row can be pasted into the table. Where the rest of the policy
//! is whole, the witness becomes a test later (`proofs/tables.rs`). Must not know: how points are found.

use super::space::{Point, Rows, Space, TooIntricate, Words};
use crate::ast::{self, HitWord};
use crate::check::report::Report;
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{FaultShown, TablePoints, TableRow, TypedExpr, domain, show_set, show_word, show_word_en};
use crate::work::Kind;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::value::Type;

/// Rows named in one finding, beside the one that it is about.
const LABELS_MAX: usize = 3;

/// A table whose cells and results are typed.
pub(super) struct Proof<'a> {
    pub(super) clause: &'a ast::TableClause,
    pub(super) columns: &'a [TypedExpr],
    pub(super) rows: &'a [TableRow],
    pub(super) empty: Option<&'a TypedExpr>,
    pub(super) ty: &'a Type,
}

impl Proof<'_> {
    /// Proves all that the table's hit policy asks for, and tells whether every point has a result; `None` if something is
    /// wrong that no point shows, or cannot be proved.
    pub(super) fn run(&self, report: &mut Report) -> Option<bool> {
        let domains: Vec<(i64, i64)> = self.columns.iter().map(|c| domain(&c.ty)).collect();
        let cells: Vec<Vec<Words>> = self
            .rows
            .iter()
            .map(|r| r.cells.iter().zip(&domains).map(|(c, d)| c.clone().unwrap_or_else(|| vec![*d])).collect())
            .collect();
        let mut space = Space::new(&domains, &cells);
        let proved = self.prove(&mut space, report);
        report.work.add(Kind::Tables, space.work());
        if proved.is_err() {
            report.add(
                Diagnostic::new(
                    Code::ProofTooLarge,
                    self.clause.name.span,
                    "表太复杂，在限定的步数内无法证明完整",
                    "the table is too intricate to prove complete within the counted bound",
                )
                .help("拆成几张小表", "split it into smaller tables"),
            );
        }
        proved.ok().flatten()
    }

    fn prove(&self, space: &mut Space, report: &mut Report) -> Result<Option<bool>, TooIntricate> {
        match self.clause.hit {
            HitWord::Unique | HitWord::Any => self.overlaps(space, report),
            _ => {}
        }
        self.dead_rows(space, report)?;
        let whole = self.complete(space, report)?;
        if whole == Some(true) && matches!(self.clause.hit, HitWord::Sum | HitWord::Count) {
            self.total(space, report)?;
        }
        Ok(whole)
    }

    fn name(&self) -> &str {
        &self.clause.name.text
    }

    fn overlaps(&self, space: &Space, report: &mut Report) {
        let unique = self.clause.hit == HitWord::Unique;
        for (j, row) in self.rows.iter().enumerate() {
            let differs = |i: &usize| unique || self.rows[*i].value.canonical() != row.value.canonical();
            // One witness a row is enough to act on.
            let Some(i) = space.meeting(j).iter().take_while(|i| *i < j).find(differs) else { continue };
            let shared = space.shared(i, j);
            let (name, point, first, second) = (self.name(), self.point(&shared), i + 1, j + 1);
            let finding = if unique {
                Diagnostic::new(
                    Code::TableOverlap,
                    row.span,
                    format!("表 `{name}` 的第 {first} 行与第 {second} 行都覆盖 {point}"),
                    format!("rows {first} and {second} of table `{name}` both cover {point}"),
                )
                .help(
                    "缩小其中一行，或写 `命中 顺序` 以行序为先后",
                    "narrow one of them, or write `hit ordered` to let the order decide",
                )
            } else {
                Diagnostic::new(
                    Code::ResultsDiffer,
                    row.span,
                    format!("表 `{name}` 的第 {first} 行与第 {second} 行都覆盖 {point}，结果却不同"),
                    format!("rows {first} and {second} of table `{name}` both cover {point} with different results"),
                )
                .help(
                    "`命中 任一` 的行只有结果相同才可重叠；缩小其中一行，或写 `命中 顺序`",
                    "with `hit any` rows may overlap only where results are equal; narrow one, or write `hit ordered`",
                )
            };
            let finding = finding
                .label(self.rows[i].span, "先有的一行", "the earlier row")
                .witness(format!("| {} | => |", self.cells(&shared)));
            self.fault(finding, TablePoints::Together(vec![i, j]), self.named(&shared), report);
        }
    }

    fn dead_rows(&self, space: &mut Space, report: &mut Report) -> Result<(), TooIntricate> {
        for (i, row) in self.rows.iter().enumerate() {
            if row.cells.iter().flatten().any(Vec::is_empty) {
                self.dead(i, ("其取值不在列的范围内", "its cells lie outside the columns' ranges"), Rows::NONE, report);
            } else if self.clause.hit == HitWord::Ordered && i > 0 {
                let before = Rows::first(i);
                let one = space.containing(i).and(&before);
                if let Some(j) = one.iter().next() {
                    let why = (format!("第 {} 行已全部覆盖", j + 1), format!("row {} covers it wholly", j + 1));
                    self.dead(i, (&why.0, &why.1), Rows::first(j + 1).and(&one), report);
                    continue;
                }
                let before = space.meeting(i).and(&before);
                if space.uncovered(Some(i), before)?.is_none() {
                    self.dead(i, ("前面的行合起来已全部覆盖", "earlier rows together cover it wholly"), before, report);
                }
            }
        }
        Ok(())
    }

    fn dead(&self, i: usize, why: (&str, &str), by: Rows, report: &mut Report) {
        let mut finding = Diagnostic::new(
            Code::DeadRow,
            self.rows[i].span,
            format!("表 `{}` 的第 {} 行永远不会命中：{}", self.name(), i + 1, why.0),
            format!("row {} of table `{}` never decides: {}", i + 1, self.name(), why.1),
        )
        .help("删去此行，或改动各行的次序", "remove it, or change the order of rows");
        for j in by.iter().take(LABELS_MAX) {
            finding = finding.label(self.rows[j].span, "先命中的一行", "a row that comes first");
        }
        report.add(finding);
    }

    /// Whether every point has a result; `None` if `空则` is never used.
    fn complete(&self, space: &mut Space, report: &mut Report) -> Result<Option<bool>, TooIntricate> {
        let hit = self.clause.hit;
        if hit == HitWord::Count {
            return Ok(Some(true));
        }
        let all = space.all();
        let hole = space.uncovered(None, all)?;
        match (hole, self.empty) {
            (None, None) | (Some(_), Some(_)) => Ok(Some(true)),
            (None, Some(empty)) => {
                report.add(
                    Diagnostic::new(
                        Code::DeadRow,
                        empty.span,
                        format!("表 `{}` 的 `空则` 永远用不到：各行已全部覆盖", self.name()),
                        format!("`empty` of table `{}` is never used: the rows cover everything", self.name()),
                    )
                    .help("删去 `空则`", "remove `empty`"),
                );
                Ok(None)
            }
            (Some(hole), None) => {
                let (name, point) = (self.name(), self.point(&hole.point));
                let row = format!("| {} | => |", self.cells(&hole.region));
                let finding = Diagnostic::new(
                    Code::TableGap,
                    self.clause.name.span,
                    format!("表 `{name}` 没有覆盖 {point}"),
                    format!("table `{name}` does not cover {point}"),
                );
                let finding = if hit.collects() {
                    finding.help(
                        format!("补一行 `{row}`，或在命中方式后写 `空则 …` 说明没有行命中时的结果"),
                        format!("add a row `{row}`, or write `empty …` after the hit policy for what no row covers"),
                    )
                } else {
                    finding.help(
                        format!("补一行 `{row}`，或把某一格改为 `任意`"),
                        format!("add a row `{row}`, or make a cell `any`"),
                    )
                };
                let named = self.named(&hole.point);
                self.fault(finding.witness(row), TablePoints::Gap(hole.region), named, report);
                Ok(Some(false))
            }
        }
    }

    /// The range of a sum or a count over the rows that match together: the worst case is looked for among the points, so it
    /// is exact as far as the columns are independent.
    fn total(&self, space: &mut Space, report: &mut Report) -> Result<(), TooIntricate> {
        let counts = self.clause.hit == HitWord::Count;
        let range = |row: &TableRow| if counts { (1, 1) } else { domain(&row.value.ty) };
        let lows: Vec<i128> = self.rows.iter().map(|r| -i128::from(range(r).0)).collect();
        let highs: Vec<i128> = self.rows.iter().map(|r| i128::from(range(r).1)).collect();
        let (declared_low, declared_high) = domain(self.ty);
        let least = space.heaviest(&lows)?.map(|(sum, rows)| (-sum, rows));
        let most = space.heaviest(&highs)?;
        let bad = |(sum, _): &(i128, Rows)| *sum < i128::from(declared_low) || *sum > i128::from(declared_high);
        let ends = (least.map_or(0, |(sum, _)| sum), most.map_or(0, |(sum, _)| sum));
        let wide = (ends.0.min(declared_low.into()), ends.1.max(declared_high.into()));
        let Some((sum, rows)) = most.filter(bad).or(least.filter(bad)) else { return Ok(()) };
        // A sum of many rows may leave a word, and then has no text of its type.
        let shown = |word: i128, show: fn(&Type, i64) -> String| {
            i64::try_from(word).map_or_else(|_| word.to_string(), |word| show(self.ty, word))
        };
        let zh_range = |(low, high)| format!("{}..{}", shown(low, show_word), shown(high, show_word));
        let en_range = |(low, high)| format!("{}..{}", shown(low, show_word_en), shown(high, show_word_en));
        let declared = (i128::from(declared_low), i128::from(declared_high));
        let together: Vec<String> = rows.iter().map(|r| (r + 1).to_string()).collect();
        let (zh, en) = if counts { ("计数", "the count") } else { ("合计", "the sum") };
        let mut finding = Diagnostic::new(
            Code::RangeExceeded,
            self.clause.ty.span,
            format!(
                "第 {} 行同时命中时{zh}可达 {}，超出声明的 {}",
                together.join("、"),
                shown(sum, show_word),
                zh_range(declared)
            ),
            format!(
                "{en} may reach {} when rows {} match together, beyond the declared {}",
                shown(sum, show_word_en),
                together.join(", "),
                en_range(declared)
            ),
        )
        .help(
            format!("把范围放宽为 {}，或使这些行互斥", zh_range(wide)),
            format!("widen the range to {}, or make these rows exclusive", en_range(wide)),
        );
        for row in rows.iter().take(LABELS_MAX) {
            finding = finding.label(self.rows[row].span, "同时命中的一行", "a row that matches");
        }
        self.fault(finding, TablePoints::Together(rows.iter().collect()), Vec::new(), report);
        Ok(())
    }

    fn fault(&self, finding: Diagnostic, points: TablePoints, named: Vec<i64>, report: &mut Report) {
        report.add_fault(finding, FaultShown::Table { table: self.name().to_owned(), points, named });
    }

    /// The words by which a point is told.
    fn named(&self, point: &Point) -> Vec<i64> {
        self.columns.iter().zip(point).map(|(c, words)| ordinary(&c.ty, words)).collect()
    }

    fn point(&self, point: &Point) -> String {
        let shown: Vec<String> = self
            .columns
            .iter()
            .zip(point)
            .map(|(c, words)| format!("{} = {}", c.canonical(), show_word(&c.ty, ordinary(&c.ty, words))))
            .collect();
        format!("`{}`", shown.join(", "))
    }

    /// A box as the cells of a row.
    fn cells(&self, region: &Point) -> String {
        let shown: Vec<String> = self
            .columns
            .iter()
            .zip(region)
            .map(|(c, words)| if words[..] == [domain(&c.ty)] { "任意".to_owned() } else { show_set(&c.ty, words) })
            .collect();
        shown.join(" | ")
    }
}

/// A word of the set that people would think of: next to a constant of the table, not at the end of the calendar.
fn ordinary(ty: &Type, words: &Words) -> i64 {
    let (least, most) = domain(ty);
    let Some((low, high)) = words.first().copied() else { return least };
    let plain = match ty {
        Type::Date => Date::new(2020, 1, 1).map_or(least, |d| i64::from(d.days())),
        Type::Month => YearMonth::new(2020, 1).map_or(least, |m| i64::from(m.index())),
        _ => 0.clamp(least, most),
    };
    match (low == least, high == most) {
        (true, true) => plain,
        (true, false) if !matches!(ty, Type::Enum(_) | Type::Boolean) => high,
        _ => low,
    }
}
