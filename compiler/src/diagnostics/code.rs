//! The codes of diagnostics. Owns their numbers: `E01xx` lexical and syntax, `02` names, `03` types, `04` tables,
//! `05` exceptions and arms, `06` ranges, `07` flow, `08` time and versions, `09` packaging; `W` for warnings.
//! Invariant: a code is never renamed or reused. Must not know: messages.

use super::Severity;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As shown to people, e.g. `E0101`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// Something else was expected here.
    Syntax = "E0101",
    /// The file has no `语言 zh` or `language en` at its start.
    NoLanguage = "E0102",
    /// A keyword of the other language.
    ForeignKeyword = "E0103",
    /// Nested deeper than the language allows.
    TooDeep = "E0104",
    /// The file is longer than the language allows.
    TooLong = "E0105",
    /// A text without its closing quote, or with an unknown escape.
    BadText = "E0106",
    /// A number too large for its place.
    BadNumber = "E0108",
    /// Comparisons in a row without parentheses.
    ChainedComparison = "E0109",
    /// A period that is not added to or subtracted from anything.
    LonePeriod = "E0110",
    /// A table row with the wrong number of cells.
    RowShape = "E0111",
    /// A cell that cannot stand in its column.
    CellShape = "E0112",
    /// A clause said twice, or missing.
    ClauseCount = "E0113",
    /// A keyword stuck to a name.
    GluedKeyword = "E0114",
    /// A reserved word used as a name.
    ReservedName = "E0115",
    /// A bracket without its partner.
    Unbalanced = "E0116",
    /// The formatter would have changed a meaning and refused.
    FormatterFault = "E0117",
    /// A name or text that is not in Unicode normal form C.
    NotNormal = "E0201",
    /// A character that a name may not have.
    NameCharacter = "E0202",
    /// A name that mixes scripts.
    MixedScript = "E0203",
    /// Two names in one scope that look alike.
    Confusable = "E0204",
    /// A character that hides or reorders text.
    HiddenCharacter = "E0205",
}

impl Code {
    /// `W…` warns, `E…` refuses.
    pub const fn severity(self) -> Severity {
        match self.as_str().as_bytes().first() {
            Some(b'W') => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
