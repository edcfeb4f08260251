//! What an evaluation leaves: output scalars and a trace. Owns their memory form, which native code writes directly.
//! Invariant: a scalar whose state is not [`KNOWN`] has the word 0. Must not know: programs, policies, machine code.

/// State of a scalar that is known.
pub const KNOWN: u8 = 0;
/// State of a scalar that was not supplied (未知).
pub const UNKNOWN: u8 = 1;
/// State of a scalar that is known not to exist (无).
pub const ABSENT: u8 = 2;

/// A word and its state. The form is C's, because native code writes it in place.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scalar {
    /// The value as a word; 0 unless known.
    pub word: i64,
    /// [`KNOWN`], [`UNKNOWN`] or [`ABSENT`].
    pub state: u8,
}

impl Scalar {
    /// Not supplied.
    pub const UNKNOWN: Self = Self { word: 0, state: UNKNOWN };
    /// Known not to exist.
    pub const ABSENT: Self = Self { word: 0, state: ABSENT };

    /// Known to be `word`.
    pub const fn known(word: i64) -> Self {
        Self { word, state: KNOWN }
    }

    /// Known to be true or false.
    pub const fn truth(truth: bool) -> Self {
        Self::known(truth as i64)
    }

    /// The word, if known.
    pub const fn get(self) -> Option<i64> {
        if self.state == KNOWN { Some(self.word) } else { None }
    }
}

/// What one run of a program left. Reuse it from run to run: its memory is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Outputs, in the program's order.
    pub outputs: Vec<Scalar>,
    /// One byte a trace point: see [`crate::trace::Truth`].
    pub trace: Vec<u8>,
}
