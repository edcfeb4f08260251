//! Facts from JSON: whatever is accepted is written and read again the same, and has one canonical encoding.
#![no_main]

use guiju_runtime::{canonical, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(value) = serde_json::from_slice(rest) else { return };
    let ty = guiju_fuzz::type_number(*first);
    let Ok(fact) = json::fact_from_json(ty, &value) else { return };
    let written = json::fact_to_json(ty, &fact);
    assert_eq!(json::fact_from_json(ty, &written).as_ref(), Ok(&fact), "{written}");
    let encoded = canonical::encode(ty, &fact).expect("what JSON gave fits its type");
    assert_eq!(canonical::decode(ty, &encoded).as_ref(), Ok(&fact), "{written}");
});
