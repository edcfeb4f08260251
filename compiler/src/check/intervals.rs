//! Sets of words as sorted, disjoint, closed intervals. Invariant: intervals ascend, never touch, and are not empty.
//! Must not know: what words mean.

/// A set of words.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    /// The set between two words, both included; empty if `low > high`.
    pub(crate) fn between(low: i64, high: i64) -> Self {
        Self(if low <= high { vec![(low, high)] } else { Vec::new() })
    }

    /// The union of any intervals.
    pub(crate) fn of(mut parts: Vec<(i64, i64)>) -> Self {
        parts.retain(|(l, h)| l <= h);
        parts.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (low, high) in parts {
            match merged.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = (*end).max(high),
                _ => merged.push((low, high)),
            }
        }
        Self(merged)
    }

    /// Its intervals.
    pub(crate) fn parts(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Words in both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let (mut i, mut j) = (0, 0);
        let mut out = Vec::new();
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            let (low, high) = (a.0.max(b.0), a.1.min(b.1));
            if low <= high {
                out.push((low, high));
            }
            if a.1 < b.1 {
                i += 1;
            } else {
                j += 1;
            }
        }
        Self(out)
    }
}
