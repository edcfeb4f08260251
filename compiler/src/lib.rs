//! The Guiju policy language: text in; diagnostics and native policies out.
pub mod ast;
pub mod codegen;
pub mod diagnostics;
pub mod explain;
pub mod format;
pub mod hash;
pub mod interpret;
pub mod ir;
pub mod names;
pub mod package;
pub mod parse;
pub mod source;
pub mod summary;
pub mod testing;
pub mod typed;
pub mod work;

mod check;
mod compile;
mod lower;
mod proofs;
mod prove;
mod witness;
