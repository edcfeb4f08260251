//! The space of a table's columns, cut where any cell begins or ends. Owns the questions a table is judged by: which rows
//! meet, what no row covers, and how much the rows that match together can come to.
//! Invariant: answers are exact; work is counted, and a question past [`WORK_MAX`] is refused, never answered wrongly.
//! Must not know: types, messages, hit policies.
//!
//! A *class* of a column is a set of words that the same rows let through, so there are at most twice as many as cells, and a
//! point is one class a column. Coverage walks the columns, keeping the rows still in play as a bit set. Four things keep the
//! walk short: a row that lets everything through from here on settles it; a row that another one contains from here on is
//! left out; if the rows left are pairwise disjoint, counting points settles it without a walk; and what was found covered
//! is remembered by column and rows.

use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// Most rows of a table.
pub(super) const ROWS_MAX: usize = 512;
/// Most units of work of all questions about one table: a class tried, a row looked at.
pub(super) const WORK_MAX: u64 = 12_000_000;

const BLOCKS: usize = ROWS_MAX / 64;

/// A set of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rows([u64; BLOCKS]);

impl Rows {
    pub(super) const NONE: Self = Self([0; BLOCKS]);

    /// The rows before `count`.
    pub(super) fn first(count: usize) -> Self {
        let mut all = Self::NONE;
        (0..count).for_each(|i| all.flip(i));
        all
    }

    fn flip(&mut self, row: usize) {
        self.0[row / 64] ^= 1 << (row % 64);
    }

    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    fn or(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }

    pub(super) fn without(mut self, row: usize) -> Self {
        self.0[row / 64] &= !(1 << (row % 64));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == [0; BLOCKS]
    }

    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|b| u64::from(b.count_ones())).sum()
    }

    /// Its rows, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, block)| {
            let mut rest = *block;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

/// Closed intervals of words, sorted and disjoint.
pub(super) type Words = Vec<(i64, i64)>;

struct Class {
    words: Words,
    rows: Rows,
}

/// A column, and for each row how its cell stands to the other rows' from this column on.
struct Column {
    /// Which column of the table.
    place: usize,
    classes: Vec<Class>,
    /// By row: the rows whose cells, here and later, hold all of this row's; of equal rows only those before it.
    containing: Vec<Rows>,
    /// By row: the rows that it meets here and later.
    meeting: Vec<Rows>,
    /// Rows that let everything through here and later.
    open: Rows,
}

/// More work than a table may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooIntricate;

/// The space of one table.
pub(super) struct Space {
    columns: Vec<Column>,
    rows: usize,
    work: u64,
}

/// A point: for each column of the table, in its order, the class by its words.
pub(super) type Point = Vec<Words>;

impl Space {
    /// The space whose columns have these domains, cut by the rows' cells. A cell is a set of words inside its domain.
    pub(super) fn new(domains: &[(i64, i64)], rows: &[Vec<Words>]) -> Self {
        let mut columns: Vec<Column> =
            domains.iter().enumerate().map(|(place, domain)| column(place, *domain, rows)).collect();
        // What splits the rows most comes first.
        columns.sort_by_key(|c| (c.open.len(), c.classes.len(), c.place));
        for at in (0..columns.len().saturating_sub(1)).rev() {
            let (here, later) = columns.split_at_mut(at + 1);
            let (here, later) = (&mut here[at], &later[0]);
            here.open = here.open.and(&later.open);
            for row in 0..rows.len() {
                here.containing[row] = here.containing[row].and(&later.containing[row]);
                here.meeting[row] = here.meeting[row].and(&later.meeting[row]);
            }
        }
        for column in &mut columns {
            // Of rows that hold one another the first stays.
            for row in 0..rows.len() {
                let equal = column.containing[row].iter().filter(|o| column.containing[*o].and(&one(row)) == one(row));
                let later: Vec<usize> = equal.filter(|o| *o >= row).collect();
                later.into_iter().for_each(|o| column.containing[row] = column.containing[row].without(o));
            }
        }
        Self { columns, rows: rows.len(), work: 0 }
    }

    /// Units of work spent so far.
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// All rows.
    pub(super) fn all(&self) -> Rows {
        Rows::first(self.rows)
    }

    /// The rows that share a point with `row`, itself left out.
    pub(super) fn meeting(&self, row: usize) -> Rows {
        self.columns.first().map_or(Rows::NONE, |c| c.meeting[row].without(row))
    }

    /// The rows that hold all of `row`; of equal rows only those before it.
    pub(super) fn containing(&self, row: usize) -> Rows {
        self.columns.first().map_or(Rows::NONE, |c| c.containing[row])
    }

    /// A point that both rows cover.
    pub(super) fn shared(&self, a: usize, b: usize) -> Point {
        let both = one(a).or(&one(b));
        self.point(|c| c.classes.iter().position(|k| k.rows.and(&both) == both))
    }

    /// A point of `within` (of the whole space, if `None`) that no row of `among` covers, widened to a largest box of such
    /// points.
    pub(super) fn uncovered(&mut self, within: Option<usize>, among: Rows) -> Result<Option<Hole>, TooIntricate> {
        let mut walk = Walk::new(self, within);
        let mut chosen = Vec::new();
        let found = walk.gap(0, among, &mut chosen)?;
        if !found {
            return Ok(None);
        }
        let point = self.point_of(&chosen);
        Ok(Some(Hole { point, region: self.widened(within, among, &chosen) }))
    }

    /// The greatest sum of the weights of the rows that match at one point where some row does, and those rows; `None` if no
    /// row matches anywhere.
    pub(super) fn heaviest(&mut self, weights: &[i128]) -> Result<Option<(i128, Rows)>, TooIntricate> {
        let mut search = Heaviest { space: self, weights, best: None, seen: BTreeSet::new() };
        search.from(0, Rows::first(search.space.rows))?;
        Ok(search.best)
    }

    fn spend(&mut self, units: u64) -> Result<(), TooIntricate> {
        self.work = self.work.saturating_add(units);
        if self.work > WORK_MAX { Err(TooIntricate) } else { Ok(()) }
    }

    fn point(&self, choose: impl Fn(&Column) -> Option<usize>) -> Point {
        let chosen: Vec<usize> = self.columns.iter().map(|c| choose(c).unwrap_or(0)).collect();
        self.point_of(&chosen)
    }

    fn point_of(&self, chosen: &[usize]) -> Point {
        self.in_order(chosen.iter().zip(&self.columns).map(|(k, c)| c.classes[*k].words.clone()))
    }

    /// Puts what is given for the columns as walked into the table's order.
    fn in_order(&self, given: impl Iterator<Item = Words>) -> Point {
        let mut placed: Vec<(usize, Words)> = self.columns.iter().map(|c| c.place).zip(given).collect();
        placed.sort_by_key(|(place, _)| *place);
        placed.into_iter().map(|(_, words)| words).collect()
    }

    /// Takes in every class of a column that leaves the box uncovered, one column after the other.
    fn widened(&self, within: Option<usize>, among: Rows, chosen: &[usize]) -> Point {
        let mut taken: Vec<Vec<usize>> = chosen.iter().map(|k| vec![*k]).collect();
        for at in 0..self.columns.len() {
            // Rows that cover some point of the box, but for this column.
            let mut others = among;
            for (c, classes) in self.columns.iter().zip(&taken).enumerate().filter(|(i, _)| *i != at).map(|(_, x)| x) {
                let any = classes.iter().fold(Rows::NONE, |any, k| any.or(&c.classes[*k].rows));
                others = others.and(&any);
            }
            let classes = self.columns[at].classes.iter().enumerate();
            taken[at] = classes
                .filter(|(_, k)| within.is_none_or(|row| k.rows.and(&one(row)) == one(row)))
                .filter(|(_, k)| k.rows.and(&others).is_empty())
                .map(|(i, _)| i)
                .collect();
        }
        let words = taken.iter().zip(&self.columns).map(|(classes, c)| {
            let mut words: Words = classes.iter().flat_map(|k| c.classes[*k].words.iter().copied()).collect();
            words.sort_unstable();
            words.dedup_by(|next, last| {
                let joins = last.1.checked_add(1) == Some(next.0);
                if joins {
                    last.1 = next.1;
                }
                joins
            });
            words
        });
        self.in_order(words)
    }
}

/// What no row covers.
pub(super) struct Hole {
    /// One point of it.
    pub(super) point: Point,
    /// A box of such points that no class of any column could be added to.
    pub(super) region: Point,
}

fn one(row: usize) -> Rows {
    let mut rows = Rows::NONE;
    rows.flip(row);
    rows
}

fn column(place: usize, domain: (i64, i64), rows: &[Vec<Words>]) -> Column {
    // Where a row begins or ceases to let words through.
    let mut events: Vec<(i128, usize)> = Vec::new();
    for (row, cells) in rows.iter().enumerate() {
        for (low, high) in &cells[place] {
            events.push((i128::from(*low), row));
            events.push((i128::from(*high) + 1, row));
        }
    }
    events.sort_unstable();
    let end = i128::from(domain.1) + 1;
    let mut by_rows: BTreeMap<Rows, Words> = BTreeMap::new();
    let mut order: Vec<Rows> = Vec::new();
    let (mut at, mut active) = (i128::from(domain.0), Rows::NONE);
    let mut rest = events.into_iter().peekable();
    while at < end {
        while let Some((_, row)) = rest.next_if(|(word, _)| *word <= at) {
            active.flip(row);
        }
        let next = rest.peek().map_or(end, |(word, _)| (*word).min(end));
        let words = by_rows.entry(active).or_insert_with(|| {
            order.push(active);
            Words::new()
        });
        // Both lie inside the domain, whose ends are words.
        words.push((at as i64, (next - 1) as i64));
        at = next;
    }
    let classes: Vec<Class> =
        order.into_iter().map(|rows| Class { words: by_rows.remove(&rows).unwrap_or_default(), rows }).collect();
    let all = Rows::first(rows.len());
    let (mut containing, mut meeting) = (vec![all; rows.len()], vec![Rows::NONE; rows.len()]);
    let mut open = all;
    for class in &classes {
        open = open.and(&class.rows);
        for row in class.rows.iter() {
            containing[row] = containing[row].and(&class.rows);
            meeting[row] = meeting[row].or(&class.rows);
        }
    }
    Column { place, classes, containing, meeting, open }
}

/// One question of coverage.
struct Walk<'a> {
    space: &'a mut Space,
    /// By column: the classes inside the asked-for box.
    classes: Vec<Vec<usize>>,
    /// By column and row: points of the row from here on; `None` where they are too many to count.
    points: Vec<Vec<Option<u128>>>,
    /// By column: points from here on.
    all_points: Vec<Option<u128>>,
    covered: BTreeSet<(usize, Rows)>,
}

impl<'a> Walk<'a> {
    fn new(space: &'a mut Space, within: Option<usize>) -> Self {
        let inside = |class: &Class| within.is_none_or(|row| class.rows.and(&one(row)) == one(row));
        let classes: Vec<Vec<usize>> = space
            .columns
            .iter()
            .map(|c| c.classes.iter().enumerate().filter(|(_, k)| inside(k)).map(|(i, _)| i).collect())
            .collect();
        let mut points = vec![vec![Some(1u128); space.rows]];
        let mut all_points = vec![Some(1u128)];
        for (column, inside) in space.columns.iter().zip(&classes).rev() {
            let mut counts = vec![0u128; space.rows];
            for class in inside {
                column.classes[*class].rows.iter().for_each(|row| counts[row] += 1);
            }
            let later = points.last().cloned().unwrap_or_default();
            let product = |count: u128, later: Option<u128>| later.and_then(|l| l.checked_mul(count));
            points.push(counts.into_iter().zip(later).map(|(n, l)| product(n, l)).collect());
            let later = all_points.last().copied().flatten();
            all_points.push(product(inside.len() as u128, later));
        }
        points.reverse();
        all_points.reverse();
        Self { space, classes, points, all_points, covered: BTreeSet::new() }
    }

    /// Whether something from column `at` on is covered by none of `active`; `chosen` then holds its classes.
    fn gap(&mut self, at: usize, active: Rows, chosen: &mut Vec<usize>) -> Result<bool, TooIntricate> {
        if active.is_empty() {
            let rest = self.classes[at..].iter().map(|inside| inside.first().copied());
            let Some(rest) = rest.collect::<Option<Vec<usize>>>() else { return Ok(false) };
            chosen.extend(rest);
            return Ok(true);
        }
        let Some(column) = self.space.columns.get(at) else { return Ok(false) };
        if !column.open.and(&active).is_empty() {
            return Ok(false);
        }
        let mut left = active;
        let mut disjoint = true;
        for row in active.iter() {
            if !column.containing[row].and(&active).is_empty() {
                left = left.without(row);
            }
        }
        for row in left.iter() {
            disjoint &= column.meeting[row].and(&left) == one(row);
        }
        self.space.spend(2 * active.len())?;
        if self.covered.contains(&(at, left)) {
            return Ok(false);
        }
        if disjoint && self.counted(at, left) == Some(true) {
            return Ok(false);
        }
        for index in 0..self.classes[at].len() {
            let class = self.classes[at][index];
            self.space.spend(1)?;
            let next = left.and(&self.space.columns[at].classes[class].rows);
            chosen.push(class);
            if self.gap(at + 1, next, chosen)? {
                return Ok(true);
            }
            chosen.pop();
        }
        self.covered.insert((at, left));
        Ok(false)
    }

    /// Whether disjoint rows fill everything from column `at` on; `None` if the points cannot be counted.
    fn counted(&self, at: usize, rows: Rows) -> Option<bool> {
        let mut sum = 0u128;
        for row in rows.iter() {
            sum = sum.checked_add((*self.points.get(at)?.get(row)?)?)?;
        }
        Some(sum == (*self.all_points.get(at)?)?)
    }
}

/// A search for the rows that weigh most together.
struct Heaviest<'a> {
    space: &'a mut Space,
    weights: &'a [i128],
    best: Option<(i128, Rows)>,
    seen: BTreeSet<(usize, Rows)>,
}

impl Heaviest<'_> {
    fn from(&mut self, at: usize, active: Rows) -> Result<(), TooIntricate> {
        self.space.spend(active.len() + 1)?;
        // Of rows that all weigh down, the lightest would have to match alone.
        let weights = || active.iter().map(|row| self.weights[row]);
        let Some(most) = weights().max() else { return Ok(()) };
        let bound = if most > 0 { weights().filter(|w| *w > 0).sum() } else { most };
        if self.best.is_some_and(|(best, _)| bound <= best) {
            return Ok(());
        }
        if at == self.space.columns.len() {
            let weight = weights().sum();
            if self.best.is_none_or(|(best, _)| weight > best) {
                self.best = Some((weight, active));
            }
            return Ok(());
        }
        if !self.seen.insert((at, active)) {
            return Ok(());
        }
        for class in 0..self.space.columns[at].classes.len() {
            let next = active.and(&self.space.columns[at].classes[class].rows);
            self.from(at + 1, next)?;
        }
        Ok(())
    }
}
