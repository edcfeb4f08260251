//! The Guiju policy language: text in; diagnostics and native policies out.
pub mod ast;
pub mod codegen;
pub mod interpret;
pub mod diagnostics;
pub mod ir;
pub mod package;
pub mod source;
