//! What the fuzz targets share: the generators and promises of `guiju-tests`, without the node that package also knows, and
//! libFuzzer's mutations beside our own. Invariant: the same bytes are always the same project.
//! Must not know: what is being tested.

#[path = "../src"]
mod generators {
    pub mod differential;
    pub mod promises;
    pub mod random;
}

pub use generators::{differential, promises, random};

use guiju_compiler::package::compile;
use guiju_compiler::source::SourceFile;
use guiju_runtime::value::Type;
use random::Random;
use std::sync::LazyLock;

static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let text = include_str!("../../policies/standard.gj").to_owned();
    let package = compile(&[SourceFile { name: "standard.gj".to_owned(), text }]).package;
    let schemas = package.map(|p| p.schemas).unwrap_or_default();
    let groups = schemas.iter().map(|s| Type::Group(s.group.clone()));
    let lists = schemas.iter().map(|s| Type::List { element: Box::new(Type::Group(s.group.clone())), max: 4 });
    let scalars = [
        Type::Boolean,
        Type::Integer { low: i64::MIN, high: i64::MAX, unit: None },
        Type::Integer { low: -3, high: 3, unit: None },
        Type::Decimal { low: -5_000, high: 5_000, scale: 3, unit: None },
        Type::Money { low: 0, high: 99_999 },
        Type::Date,
        Type::Month,
        Type::Text { max: 8 },
    ];
    groups.chain(lists).chain(scalars).collect()
});

/// One of the types evidence can have, by number, so that an input keeps its type while its other bytes change.
pub fn type_number(n: u8) -> &'static Type {
    &TYPES[usize::from(n) % TYPES.len()]
}

/// The bytes as text; what is no UTF-8 is replaced, so that a cut inside a character does not hide the rest.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Half of the mutations keep words whole, half are libFuzzer's own.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    if seed.is_multiple_of(2) {
        return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
    }
    let out = promises::mutate(&text(&data[..size]), &mut Random::new(u64::from(seed)));
    let length = out.len().min(max_size).min(data.len());
    data[..length].copy_from_slice(&out.as_bytes()[..length]);
    length
}
