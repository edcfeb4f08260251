//! Values, schemas, frames and loaded native policies. Knows nothing of source text, Cranelift, files or networks.
pub mod date;
pub mod value;
