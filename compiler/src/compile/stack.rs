//! The stack that the compiler runs on. Owns its size, so that how deep a source may nest never depends on the thread that
//! happens to compile it, and the boundary at which a fault of the compiler stops.
//! Invariant: one call, one thread, joined before it returns. Must not know: what is run.

use std::thread::{Builder, scope};

/// Bytes of stack: several times what the deepest source accepted takes in an unoptimised build.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Runs `work` on a stack of [`STACK_BYTES`]; `None` if it panicked.
///
/// # Panics
/// If the system starts no thread: then nothing can be compiled here, and going on would judge sources otherwise than others.
pub(super) fn own<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    scope(|threads| {
        let thread = Builder::new().name("compile".into()).stack_size(STACK_BYTES).spawn_scoped(threads, work);
        thread.expect("a node that cannot start a thread must stop").join().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn a_fault_inside_is_told_and_goes_no_further() {
        assert_eq!(own(|| 7), Some(7));
        assert_eq!(own(|| -> u8 { panic!("as a fault of the compiler would") }), None);
    }
}
