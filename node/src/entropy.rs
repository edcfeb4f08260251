//! The operating system's randomness, for keys and for sealing. Invariant: nothing of the replica, the compiler or a wire
//! format comes from here but what is a secret. Must not know: what it is used for.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::io;

/// 32 random bytes. Errors if the system gives none.
pub fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(format!("没有随机数 / no randomness: {e}")))?;
    Ok(bytes)
}

/// A generator seeded with them.
pub fn system_rng() -> io::Result<ChaCha20Rng> {
    Ok(ChaCha20Rng::from_seed(random()?))
}
