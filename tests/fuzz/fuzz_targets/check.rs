//! The whole compiler on any bytes, as one or several modules. `promises::checking` says what must hold.
#![no_main]

use guiju_fuzz::{mutate, promises, text};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { mutate(data, size, max_size, seed) });

fuzz_target!(|bytes: &[u8]| promises::checking(&text(bytes)));
