//! Canonical bytes: what is decoded fits its type and encodes to the same bytes, so that a value has one encoding.
#![no_main]

use guiju_runtime::{canonical, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let ty = guiju_fuzz::type_number(*first);
    let Ok(fact) = canonical::decode(ty, rest) else { return };
    assert_eq!(canonical::encode(ty, &fact).as_deref(), Ok(rest), "two encodings of {fact:?}");
    let written = json::fact_to_json(ty, &fact);
    assert_eq!(json::fact_from_json(ty, &written).as_ref(), Ok(&fact), "{written}");
});
