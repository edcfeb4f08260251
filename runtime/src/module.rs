//! A loaded native policy. Owns the one call into machine code and the life of the memory it lies in.
//! Invariant: the code is called only with buffers of the sizes it was compiled for, and only while its owner lives.
//! Must not know: how code is made (`compiler::codegen` does), what outputs mean.

use crate::evaluate::{Evaluation, Scalar};
use crate::frame::Frame;
use std::fmt;

/// Machine code of a policy: reads `frame_words` words at the first pointer; writes one [`Scalar`] an output at the second
/// (word at 16 × i, state byte at 16 × i + 8) and one byte a trace point at the third.
pub type Entry = unsafe extern "C" fn(frame: *const i64, out: *mut i64, trace: *mut u8);

/// Sizes of the buffers an [`Entry`] works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Words it reads.
    pub frame_words: usize,
    /// Scalars it writes.
    pub outputs: usize,
    /// Trace bytes it writes.
    pub trace_points: usize,
}

/// A frame of another program. The caller is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMismatch {
    /// Words the program reads.
    pub wanted: usize,
    /// Words the frame has.
    pub found: usize,
}

impl fmt::Display for FrameMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "帧有 {} 字，策略要 {} 字 (the frame has {} words, the policy reads {})",
            self.found, self.wanted, self.found, self.wanted
        )
    }
}

impl std::error::Error for FrameMismatch {}

/// A loaded native policy; dropping it frees its code.
pub struct Module {
    entry: Entry,
    sizes: Sizes,
    /// Keeps the code mapped; never touched before it is dropped.
    _owner: Box<dyn Send>,
}

// SAFETY: `entry` is code that reads only its arguments, so any thread may call it, also many at once; `_owner` is `Send`
// and is not reachable through a shared reference.
unsafe impl Sync for Module {}

impl Module {
    /// A module around code.
    ///
    /// # Safety
    /// `entry` must read no more than `sizes.frame_words` words, write no more than `sizes` says in the form [`Entry`] tells,
    /// touch nothing else, be callable from any thread, and stay valid until `owner` is dropped.
    pub unsafe fn new(entry: Entry, sizes: Sizes, owner: Box<dyn Send>) -> Self {
        Self { entry, sizes, _owner: owner }
    }

    /// Sizes it was compiled for.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Runs the policy over `frame`, leaving outputs and trace in `out`, whose memory is reused.
    pub fn run(&self, frame: &Frame, out: &mut Evaluation) -> Result<(), FrameMismatch> {
        let words = frame.words();
        if words.len() != self.sizes.frame_words {
            return Err(FrameMismatch { wanted: self.sizes.frame_words, found: words.len() });
        }
        out.outputs.resize(self.sizes.outputs, Scalar::default());
        out.trace.resize(self.sizes.trace_points, 0);
        // SAFETY: the buffers have the sizes that `new` was promised; `Scalar` has the form that `Entry` tells.
        unsafe { (self.entry)(words.as_ptr(), out.outputs.as_mut_ptr().cast(), out.trace.as_mut_ptr()) };
        Ok(())
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}
