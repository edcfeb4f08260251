//! The answers of a table's space against trying every point, and the work that large tables make. Invariant: the generator
//! is seeded, so every run judges the same tables. Must not know: diagnostics.

use super::{Rows, Space, TooIntricate, WORK_MAX, Words};

/// A small generator of its own: which tables it makes must never change.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as i64 % n.max(1)
    }
}

type Table = Vec<Vec<Words>>;

/// A table that covers everything once: boxes split again and again at random places of random columns.
fn partition(columns: usize, rows: usize, high: i64, dice: &mut Dice) -> Table {
    let mut boxes: Table = vec![vec![vec![(0, high)]; columns]];
    while boxes.len() < rows {
        let at = dice.below(boxes.len() as i64) as usize;
        let column = dice.below(columns as i64) as usize;
        let (low, high) = boxes[at][column][0];
        if low == high {
            continue;
        }
        let cut = low + dice.below(high - low);
        let mut other = boxes[at].clone();
        boxes[at][column] = vec![(low, cut)];
        other[column] = vec![(cut + 1, high)];
        boxes.push(other);
    }
    boxes
}

/// Rows of which each cell is anything with a chance of `any` in ten, else a random interval.
fn random(columns: usize, rows: usize, high: i64, any: i64, dice: &mut Dice) -> Table {
    let mut cell = || {
        if dice.below(10) < any {
            return vec![(0, high)];
        }
        let (a, b) = (dice.below(high + 1), dice.below(high + 1));
        vec![(a.min(b), a.max(b))]
    };
    (0..rows).map(|_| (0..columns).map(|_| cell()).collect()).collect()
}

fn space(table: &Table, columns: usize, high: i64) -> Space {
    Space::new(&vec![(0, high); columns], table)
}

fn holds(row: &[Words], point: &[i64]) -> bool {
    row.iter().zip(point).all(|(cell, word)| cell.iter().any(|(l, h)| l <= word && word <= h))
}

/// Every point of a small space.
fn points(columns: usize, high: i64) -> Vec<Vec<i64>> {
    (0..columns).fold(vec![Vec::new()], |points, _| {
        let longer = |p: &Vec<i64>| (0..=high).map(|w| [&p[..], &[w]].concat()).collect::<Vec<_>>();
        points.iter().flat_map(longer).collect()
    })
}

#[test]
fn answers_are_those_of_trying_every_point() {
    let mut dice = Dice(1);
    let (mut holes, mut whole) = (0, 0);
    for round in 0..600 {
        let columns = 1 + (round % 3) as usize;
        let high = 2 + dice.below(4);
        let rows = 1 + dice.below(9) as usize;
        let mut table = if round % 5 == 0 {
            partition(columns, rows.min(3), high, &mut dice)
        } else {
            random(columns, rows, high, 3, &mut dice)
        };
        if round % 7 == 0 {
            table.push(vec![vec![(0, high)]; columns]);
        }
        let all = points(columns, high);
        let mut judged = space(&table, columns, high);
        let among = judged.all();
        let hole = judged.uncovered(None, among).expect("a small table");
        let expected = all.iter().any(|p| !table.iter().any(|r| holds(r, p)));
        assert_eq!(hole.is_some(), expected, "{table:?}");
        if let Some(hole) = &hole {
            let inside: Vec<&Vec<i64>> = all.iter().filter(|p| holds(&hole.region, p)).collect();
            assert!(!inside.is_empty() && inside.iter().all(|p| !table.iter().any(|r| holds(r, p))), "{table:?}");
            assert!(all.iter().any(|p| holds(&hole.point, p) && holds(&hole.region, p)), "{table:?}");
        }
        holes += usize::from(hole.is_some());
        whole += usize::from(hole.is_none());
        for (i, row) in table.iter().enumerate() {
            let inside = || all.iter().filter(|p| holds(row, p));
            let meeting: Vec<usize> = judged.meeting(i).iter().collect();
            let expected: Vec<usize> =
                (0..table.len()).filter(|j| *j != i && inside().any(|p| holds(&table[*j], p))).collect();
            assert_eq!(meeting, expected, "{table:?}");
            for j in meeting {
                let shared = judged.shared(i, j);
                assert!(all.iter().any(|p| holds(&shared, p) && holds(row, p) && holds(&table[j], p)));
            }
            let left = judged.uncovered(Some(i), Rows::first(i)).expect("a small table").is_some();
            assert_eq!(left, inside().any(|p| !table[..i].iter().any(|r| holds(r, p))), "row {i} of {table:?}");
        }
        let weights: Vec<i128> = table.iter().map(|_| i128::from(dice.below(21) - 10)).collect();
        let sum = |p: &Vec<i64>| {
            let rows = table.iter().zip(&weights).filter(|(r, _)| holds(r, p)).map(|(_, w)| *w);
            rows.clone().next().map(|_| rows.sum::<i128>())
        };
        let found = judged.heaviest(&weights).expect("a small table").map(|(sum, _)| sum);
        assert_eq!(found, all.iter().filter_map(sum).max(), "{table:?} {weights:?}");
    }
    assert!(holes > 100 && whole > 100, "{holes} with holes, {whole} without");
}

/// Takes a corner off a row: exactly that corner is then not covered.
fn bore(table: &mut Table, row: usize) -> Vec<i64> {
    let column = table[row].iter().position(|c| c[0].0 < c[0].1).expect("a row wider than a point");
    let point: Vec<i64> = table[row].iter().map(|c| c[0].0).collect();
    table[row][column][0].0 += 1;
    point
}

#[test]
fn a_gap_free_table_of_300_rows_and_8_columns_costs_little_and_a_hole_is_found() {
    let mut dice = Dice(7);
    let mut table = partition(8, 300, 1000, &mut dice);
    let mut judged = space(&table, 8, 1000);
    let among = judged.all();
    assert!((0..300).all(|row| judged.meeting(row).is_empty()), "the rows are disjoint");
    assert!(judged.uncovered(None, among).expect("within the bound").is_none());
    let whole = judged.work();
    let point = bore(&mut table, 123);
    let mut judged = space(&table, 8, 1000);
    let hole = judged.uncovered(None, among).expect("within the bound").expect("there is a hole");
    assert!(holds(&hole.region, &point));
    // Counting settles a disjoint table at once; a hole is walked down to, column by column.
    assert!(whole <= 1_000 && judged.work() <= 100_000, "{whole}, with a hole {}", judged.work());
}

#[test]
fn large_tables_of_any_shape_stay_within_the_bound() {
    let mut dice = Dice(11);
    for any in [2, 5, 8] {
        for (columns, rows) in [(6, 300), (8, 300), (12, 512)] {
            let mut table = random(columns, rows, 1000, any, &mut dice);
            table.push(vec![vec![(0, 1000)]; columns]);
            table.truncate(512);
            table.rotate_right(1);
            table[0] = vec![vec![(0, 1000)]; columns];
            let mut judged = space(&table, columns, 1000);
            let among = judged.all();
            assert!(judged.uncovered(None, among).expect("one row is open").is_none());
            assert!(judged.work() <= WORK_MAX);
        }
    }
}

#[test]
fn what_is_too_intricate_is_refused_not_answered() {
    let mut dice = Dice(5);
    let mut table = partition(12, 400, 1000, &mut dice);
    // Every row grows a little, so that nothing is disjoint and nothing is open.
    for cell in table.iter_mut().flatten() {
        cell[0] = ((cell[0].0 - 3).max(0), (cell[0].1 + 3).min(1000));
    }
    let mut judged = space(&table, 12, 1000);
    let among = judged.all();
    match judged.uncovered(None, among) {
        Ok(hole) => assert!(hole.is_none(), "growing opens no hole"),
        Err(TooIntricate) => assert!(judged.work() > WORK_MAX),
    }
}
