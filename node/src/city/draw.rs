//! Chance, from a seed. Owns every random draw of the city: ChaCha8, whole numbers only.
//! Invariant: the same seed and the same order of draws give the same city on every machine. Must not know: people, records.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// A stream of draws.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `seed`; `stream` separates parts of the city so that a change in one does not move the others.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&stream.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number in `low..=high`. The bias of the remainder is below 2⁻³² and does not matter here.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        debug_assert!(low <= high);
        let span = (high - low) as u64 + 1;
        low + (self.0.next_u64() % span) as i64
    }

    /// True `permille` times in a thousand.
    pub(super) fn chance(&mut self, permille: i64) -> bool {
        self.between(0, 999) < permille
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// If `choices` is empty; every caller passes a constant list.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.between(0, choices.len() as i64 - 1) as usize]
    }

    /// An index, by weights in permille; the last takes the rest.
    pub(super) fn weighted(&mut self, permille: &[i64]) -> usize {
        let mut left = self.between(0, 999);
        for (i, w) in permille.iter().enumerate() {
            if left < *w {
                return i;
            }
            left -= w;
        }
        permille.len()
    }

    /// Steps until a trial of `stop` permille succeeds, at most `most`: geometric with mean about `1000 / stop`.
    pub(super) fn geometric(&mut self, stop: i64, most: i64) -> i64 {
        let mut n = 0;
        while n < most && !self.chance(stop) {
            n += 1;
        }
        n
    }
}
