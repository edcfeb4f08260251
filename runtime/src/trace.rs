//! What guards turned out to be, so that a decision can be explained. Owns the meaning of trace bytes.
//! Invariant: both engines write the same bytes for the same frame. Must not know: what a guard says.

/// What a guard turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// Known to be false.
    False,
    /// Known to be true.
    True,
    /// Not known.
    NotKnown,
}

impl Truth {
    /// The byte it is recorded as.
    pub const fn byte(self) -> u8 {
        match self {
            Self::False => 0,
            Self::True => 1,
            Self::NotKnown => 2,
        }
    }

    /// What a recorded byte means; bytes that no engine writes mean that nothing is known.
    pub const fn of(byte: u8) -> Self {
        match byte {
            0 => Self::False,
            1 => Self::True,
            _ => Self::NotKnown,
        }
    }
}
