//! Checked formulas. Invariant: a body was checked once, for every value that its parameters may have.
//! Must not know: policies, how calls are written out.

use super::{Input, TypedExpr};
use crate::package::CitationText;
use guiju_runtime::value::Type;
use std::sync::Arc;

/// A computation that several policies share.
#[derive(Debug)]
pub struct Formula {
    /// Its name.
    pub name: String,
    /// What it is given.
    pub parameters: Vec<Input>,
    /// Type of what it gives.
    pub ty: Type,
    /// What it gives, the parameters as inputs in order.
    pub body: TypedExpr,
    /// What it rests on.
    pub citation: Option<CitationText>,
    /// Formulas written out in its body, with those that they use, by name.
    pub uses: Vec<Arc<Formula>>,
}
