//! The Guiju policy language: text in; diagnostics and native policies out.
pub mod ast;
pub mod ir;
pub mod source;
