//! Values, schemas, frames and loaded native policies. Knows nothing of source text, Cranelift, files or networks.
pub mod canonical;
pub mod date;
pub mod evaluate;
pub mod frame;
pub mod identifier;
pub mod json;
pub mod module;
pub mod number;
pub mod schema;
pub mod trace;
pub mod value;
