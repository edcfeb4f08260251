//! Mappings between code lists. Invariant: every code of `from` has a code of `to`. Must not know: syntax, scopes.

use guiju_runtime::value::EnumType;
use std::fmt::Write as _;
use std::sync::Arc;

/// A total mapping from one code list to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The list mapped from.
    pub from: Arc<EnumType>,
    /// The list mapped to.
    pub to: Arc<EnumType>,
    /// For each code of `from`, the index of its code in `to`.
    pub targets: Vec<u16>,
}

impl Mapping {
    /// The names of both codes of each pair, in the order of `from`.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let target = |t: &u16| self.to.variants.get(usize::from(*t)).map_or("", |(name, _)| name.as_str());
        self.from.variants.iter().zip(&self.targets).map(move |((name, _), t)| (name.as_str(), target(t)))
    }

    /// Its canonical text: both lists and every pair.
    pub fn canonical(&self) -> String {
        let mut out = format!("convert {} to {}:", self.from.name, self.to.name);
        for (from, to) in self.pairs() {
            let _ = write!(out, " {from}=>{to}");
        }
        out
    }
}
