//! The Guiju policy language: text in; diagnostics and native policies out.
pub mod ast;
pub mod diagnostics;
pub mod format;
pub mod ir;
pub mod names;
pub mod parse;
pub mod source;
