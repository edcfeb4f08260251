//! Dice: numbers that follow from a seed, or are read from the bytes of a fuzzer. Owns where chance comes from.
//! Invariant: the same seed or bytes give the same numbers on every machine. Must not know: what they decide.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Random numbers of a test.
pub struct Random {
    /// What is still to be used before the stream.
    bytes: Vec<u8>,
    at: usize,
    stream: ChaCha8Rng,
}

impl Random {
    /// Numbers that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { bytes: Vec::new(), at: 0, stream: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Numbers read from `bytes`, two a number; then numbers that follow from how many bytes there were.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), at: 0, stream: ChaCha8Rng::seed_from_u64(bytes.len() as u64) }
    }

    fn next(&mut self) -> u64 {
        match self.bytes.get(self.at..self.at + 2) {
            Some(pair) => {
                self.at += 2;
                // Choices are taken modulo small numbers: the low bits are as given, the high ones spread them.
                let low = u64::from(pair[0]) | u64::from(pair[1]) << 8;
                low | low.wrapping_mul(0x9E37_79B9_7F4A_7C15) << 16
            }
            None => self.stream.next_u64(),
        }
    }

    /// Any word.
    pub fn word(&mut self) -> i64 {
        self.next() as i64
    }

    /// Below `bound`, which is at least 1. The bias is of no account here.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `items`, if there are any.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }

    /// A word in `low ..= high`, often a bound or next to one.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (i128::from(high) - i128::from(low) + 1).max(1) as u128;
        let offset = match self.below(8) {
            0 => 0,
            1 => span - 1,
            2 => 1 % span,
            _ => u128::from(self.next()) % span,
        };
        (i128::from(low) + offset as i128) as i64
    }
}
