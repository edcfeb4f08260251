//! Chance. Owns the one generator of a run. Invariant: no other source of randomness exists in the simulator.
//! Must not know: what is decided with it.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// The generator.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `bound`; 0 if the bound is 0. The bias of the remainder is far below any rate used here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }

    /// True in `rate` of ten thousand cases.
    pub(super) fn chance(&mut self, rate: u32) -> bool {
        self.below(10_000) < u64::from(rate)
    }

    /// Sixteen bytes.
    pub(super) fn bytes16(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.next_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.0.next_u64().to_be_bytes());
        bytes
    }
}
