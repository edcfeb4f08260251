//! Running the tests in policy files. Must not know: files.

pub(crate) mod facts;
