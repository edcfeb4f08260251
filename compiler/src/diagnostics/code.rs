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

            /// The text of its page; `pages` owns the form.
            pub(super) const fn page_source(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("pages/", $text, ".md")),)* }
            }

            /// The code shown as `text`, in upper or lower case.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
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
    /// More findings in one file than are listed.
    TooManyFaults = "E0118",
    /// `之间`, which the law does not define.
    Between = "E0119",
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
    /// Two names in one scope that differ only as simplified and traditional characters do.
    VariantForms = "W0206",
    /// A name that nothing here declares.
    UnknownName = "E0210",
    /// A name declared twice in one scope.
    DuplicateName = "E0211",
    /// An import of a module that is not given.
    UnknownModule = "E0212",
    /// Modules, groups or definitions that need one another.
    Cycle = "E0213",
    /// A variant's name that several enums have.
    AmbiguousVariant = "E0214",
    /// An outcome read in an expression.
    OutcomeRead = "E0215",
    /// A value of another type than is wanted.
    TypeMismatch = "E0301",
    /// A value that may be absent where one is needed.
    MayBeAbsent = "E0302",
    /// Two numbers of different units.
    UnitMismatch = "E0303",
    /// An expression where a constant is needed.
    NotConstant = "E0304",
    /// A certificate, group or enum that cannot be declared so.
    BadSchema = "E0305",
    /// A test of presence on what is always present.
    AlwaysPresent = "E0306",
    /// A literal that is not a valid identifier, date or month.
    BadLiteral = "E0307",
    /// A key that does not fit the field a certificate is filed under.
    BadKey = "E0308",
    /// A term that is not one: no such date fields, or none declared where one is asked for.
    BadTerm = "E0309",
    /// A number with more decimals than are kept, without a word on how to round.
    Unrounded = "E0310",
    /// A mapping between code lists that leaves out a code.
    MappingGap = "E0311",
    /// A code that a mapping gives two codes.
    MappedTwice = "E0312",
    /// A code turned into one of a list to which nothing maps it.
    NoMapping = "E0313",
    /// A date moved by months or years twice in one expression.
    ShiftedTwice = "E0314",
    /// Inputs that no row of a table covers.
    TableGap = "E0401",
    /// Inputs that two rows of a table cover.
    TableOverlap = "E0402",
    /// A row that never decides.
    DeadRow = "E0403",
    /// A column that tables cannot be proved complete over.
    BadColumn = "E0404",
    /// A proof that would take more cases than allowed.
    ProofTooLarge = "E0405",
    /// A hit policy that does not fit its results, or `空则` where it says nothing.
    HitPolicy = "E0406",
    /// Rows of a table hit by any of them that overlap with different results.
    ResultsDiffer = "E0407",
    /// Two rows of a table that one row could say.
    MergeableRows = "W0408",
    /// Two exceptions that may both apply, with neither before the other.
    ExceptionConflict = "E0501",
    /// An exception that never applies.
    DeadException = "E0502",
    /// Two arms of an outcome that may both hold.
    ArmOverlap = "E0503",
    /// An outcome that may have no value.
    ArmGap = "E0504",
    /// A value of an outcome that no arm gives.
    UnreachableValue = "E0505",
    /// An arm that never decides.
    DeadArm = "E0506",
    /// A base value that its exceptions leave nothing to decide.
    DeadBase = "W0507",
    /// A rule that is true, or false, whatever the facts.
    VacuousRule = "W0508",
    /// A value that may leave its declared range.
    RangeExceeded = "E0601",
    /// A number that may grow beyond what the language computes with.
    Overflow = "E0602",
    /// A divisor that may be 0.
    DivisionByZero = "E0603",
    /// A field whose class forbids that a policy reads it.
    NeverLeaves = "E0701",
    /// An outcome of secret data without a release.
    NoRelease = "E0702",
    /// An answer that tells more than its release declares.
    ReleaseTooSmall = "E0703",
    /// A threshold on secret data that the asker chooses freely.
    FreeThreshold = "E0704",
    /// A guess at secret data that a policy would confirm.
    FreeGuess = "E0705",
    /// Data written to a field of a lower class than its own.
    Downgrade = "E0706",
    /// An interval that ends before it begins.
    EmptyInterval = "E0801",
    /// Two versions of one policy in force on one day.
    VersionOverlap = "E0802",
    /// A test on a day on which no version is in force.
    NoVersion = "E0803",
    /// A day between two versions of one policy on which none is in force.
    VersionGap = "E0804",
    /// A transition that cannot be linked, or whose condition decides nothing.
    BadTransition = "E0805",
    /// An input or evidence that no outcome needs.
    Unused = "E0901",
    /// A definition that nothing needs.
    UnusedDefinition = "W0902",
    /// A rule without a citation.
    Uncited = "W0903",
    /// Evidence or a field of it that is read to decide and decides nothing.
    Idle = "W0910",
    /// A policy larger than the language allows.
    TooLarge = "E0904",
    /// A contract that writes what none of its departments owns.
    ForeignWrite = "E0905",
    /// A written record with a field missing, or replaced from elsewhere.
    BadWrite = "E0906",
    /// A sharing policy by a department that does not own the data.
    ForeignSharing = "E0907",
    /// A test whose facts or expectations do not fit its policy.
    BadTest = "E0908",
    /// A clause that does not fit the kind of policy.
    WrongClause = "E0909",
    /// The compiler is at fault.
    Internal = "E0999",
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
