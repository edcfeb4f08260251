//! Interpreter against native code, the bytes being the dice of the generators.
#![no_main]

use guiju_fuzz::differential;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Err(disagreement) = differential::run_bytes(bytes) {
        panic!("{disagreement}");
    }
});
