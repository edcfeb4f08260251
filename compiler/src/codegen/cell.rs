//! Scalars while code is being made: a word in a register, and what is known of its state. Owns the algebra of flags.
//! Invariant: what is known statically costs no instruction. Must not know: expressions, frames.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;

/// A truth that is known now, or will be known when the code runs.
#[derive(Clone, Copy)]
pub(super) enum Flag {
    Never,
    Always,
    /// An 8-bit 0 or 1.
    When(Value),
}

/// A scalar. `word` has 8 bits (0 or 1) for booleans, 64 for all else.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) word: Value,
    /// Its state is not known: unknown or absent.
    pub(super) lost: Flag,
    /// Its state is absent; implies `lost`.
    pub(super) absent: Flag,
    /// `word` is 0 wherever `lost`; otherwise it is anything there and must be masked before it leaves.
    pub(super) clean: bool,
}

impl Cell {
    pub(super) fn known(word: Value) -> Self {
        Self { word, lost: Flag::Never, absent: Flag::Never, clean: true }
    }

    /// Known unless `lost`, never absent, anything where lost.
    pub(super) fn unless(word: Value, lost: Flag) -> Self {
        Self { word, lost, absent: Flag::Never, clean: matches!(lost, Flag::Never) }
    }

    /// Known unless `lost`, never absent, 0 where lost.
    pub(super) fn clean(word: Value, lost: Flag) -> Self {
        Self { word, lost, absent: Flag::Never, clean: true }
    }
}

/// Instructions on flags and cells.
pub(super) trait Flags {
    fn byte(&mut self, flag: Flag) -> Value;
    fn not(&mut self, a: Flag) -> Flag;
    fn and(&mut self, a: Flag, b: Flag) -> Flag;
    fn or(&mut self, a: Flag, b: Flag) -> Flag;
    fn flag_if(&mut self, condition: Flag, a: Flag, b: Flag) -> Flag;
    fn word_if(&mut self, condition: Flag, a: Value, b: Value) -> Value;
    fn known_true(&mut self, a: Cell) -> Flag;
    fn known_false(&mut self, a: Cell) -> Flag;
    fn masked(&mut self, a: Cell) -> Value;
}

impl Flags for FunctionBuilder<'_> {
    fn byte(&mut self, flag: Flag) -> Value {
        match flag {
            Flag::Never => self.ins().iconst(types::I8, 0),
            Flag::Always => self.ins().iconst(types::I8, 1),
            Flag::When(value) => value,
        }
    }

    fn not(&mut self, a: Flag) -> Flag {
        match a {
            Flag::Never => Flag::Always,
            Flag::Always => Flag::Never,
            Flag::When(value) => Flag::When(self.ins().icmp_imm_u(IntCC::Equal, value, 0)),
        }
    }

    fn and(&mut self, a: Flag, b: Flag) -> Flag {
        match (a, b) {
            (Flag::Never, _) | (_, Flag::Never) => Flag::Never,
            (Flag::Always, other) | (other, Flag::Always) => other,
            (Flag::When(a), Flag::When(b)) => Flag::When(self.ins().band(a, b)),
        }
    }

    fn or(&mut self, a: Flag, b: Flag) -> Flag {
        match (a, b) {
            (Flag::Always, _) | (_, Flag::Always) => Flag::Always,
            (Flag::Never, other) | (other, Flag::Never) => other,
            (Flag::When(a), Flag::When(b)) => Flag::When(self.ins().bor(a, b)),
        }
    }

    fn flag_if(&mut self, condition: Flag, a: Flag, b: Flag) -> Flag {
        match (condition, a, b) {
            (Flag::Always, _, _) => a,
            (Flag::Never, _, _) => b,
            (_, Flag::Never, Flag::Never) => Flag::Never,
            (_, Flag::Always, Flag::Always) => Flag::Always,
            (_, Flag::Always, _) => self.or(condition, b),
            (_, Flag::Never, _) => {
                let otherwise = self.not(condition);
                self.and(otherwise, b)
            }
            (_, _, Flag::Never) => self.and(condition, a),
            (_, _, Flag::Always) => {
                let otherwise = self.not(condition);
                self.or(otherwise, a)
            }
            (Flag::When(c), Flag::When(a), Flag::When(b)) => Flag::When(self.ins().select(c, a, b)),
        }
    }

    fn word_if(&mut self, condition: Flag, a: Value, b: Value) -> Value {
        match condition {
            Flag::Always => a,
            Flag::Never => b,
            Flag::When(c) => self.ins().select(c, a, b),
        }
    }

    fn known_true(&mut self, a: Cell) -> Flag {
        if a.clean {
            return Flag::When(a.word);
        }
        let known = self.not(a.lost);
        self.and(known, Flag::When(a.word))
    }

    fn known_false(&mut self, a: Cell) -> Flag {
        let (known, falsehood) = (self.not(a.lost), self.not(Flag::When(a.word)));
        self.and(known, falsehood)
    }

    fn masked(&mut self, a: Cell) -> Value {
        if a.clean {
            return a.word;
        }
        let ty = self.func.dfg.value_type(a.word);
        let zero = self.ins().iconst(ty, 0);
        self.word_if(a.lost, zero, a.word)
    }
}
