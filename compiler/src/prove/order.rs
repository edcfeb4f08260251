//! Whether bounds on terms and on differences of two terms can all hold, over whole numbers. Owns a closed matrix of bounds.
//! Invariant: a bound once added is never loosened; the matrix says "impossible" exactly if no whole numbers satisfy all
//! bounds added. Must not know: diagrams, what terms mean.

/// No bound.
const FREE: i128 = i128::MAX / 4;

/// Bounds between points; point 0 is the number zero.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    points: usize,
    /// `most[i * points + j]`: the most that `i - j` can be.
    most: Vec<i128>,
}

impl Bounds {
    /// So many points beside zero, without bounds.
    pub(crate) fn new(count: usize) -> Self {
        let points = count + 1;
        let mut most = vec![FREE; points * points];
        for i in 0..points {
            most[i * points + i] = 0;
        }
        Self { points, most }
    }

    /// Adds `i - j <= most`; points count from 1, 0 is zero. Whether all can still hold.
    pub(crate) fn add(&mut self, i: usize, j: usize, most: i64) -> bool {
        let n = self.points;
        let most = i128::from(most);
        if most >= self.most[i * n + j] {
            return true;
        }
        if most + self.most[j * n + i] < 0 {
            return false;
        }
        for a in 0..n {
            let to = self.most[a * n + i];
            if to >= FREE {
                continue;
            }
            for b in 0..n {
                let from = self.most[j * n + b];
                if from < FREE && to + most + from < self.most[a * n + b] {
                    self.most[a * n + b] = to + most + from;
                }
            }
        }
        true
    }

    /// Adds `low <= i - j <= high`.
    pub(crate) fn between(&mut self, i: usize, j: usize, low: i64, high: i64) -> bool {
        // The least number has no opposite; a bound that loose says nothing.
        let lower = low == i64::MIN || self.add(j, i, -low);
        lower && (high == i64::MAX || self.add(i, j, high))
    }

    /// Least and greatest word that a point can still have.
    pub(crate) fn range(&self, i: usize) -> (i64, i64) {
        let n = self.points;
        let narrow = |v: i128| i64::try_from(v.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).unwrap_or(0);
        let low = self.most[i];
        let low = if low >= FREE { i64::MIN } else { narrow(-low) };
        let high = self.most[i * n];
        (low, if high >= FREE { i64::MAX } else { narrow(high) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_meet_exactly() {
        let mut b = Bounds::new(3);
        assert!(b.between(1, 0, 0, 5) && b.between(2, 0, 7, 9));
        // 1 <= 5 and 2 >= 7, so 1 - 2 <= -2.
        assert!(!b.clone().add(2, 1, 1));
        assert!(b.clone().add(2, 1, 2));
        // 1 < 3 and 3 < 1 cannot be.
        assert!(b.add(1, 3, -1));
        assert!(!b.clone().add(3, 1, 0));
        assert_eq!(b.range(3).0, 1);
    }
}
