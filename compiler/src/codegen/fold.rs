//! Folds as loops. Owns the loop's shape and what each fold carries round it.
//! Invariant: at most `max` rounds, whatever the length word says; follows `interpret`'s folds. Must not know: other expressions.

use super::cell::{Cell, Flag, Flags};
use super::lower::{Lowering, WORD};
use crate::ir::{Expr, Fold, Kind, ListPlace, LoopVar};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use std::iter;

/// What a loop carries from round to round.
#[derive(Clone, Copy)]
struct Carried {
    /// Exists: one passed; all: one failed; counts and sums: so far; max and min: best so far.
    so_far: Value,
    /// Max and min: one passed.
    found: Value,
    /// A filter, or the value of a passing element, was not known.
    lost: Value,
}

impl Carried {
    fn arguments(self) -> [BlockArg; 3] {
        [self.so_far, self.found, self.lost].map(BlockArg::Value)
    }
}

/// A list about to be walked.
struct Walk {
    first: Value,
    end: Value,
    stride: i64,
    unknown: Flag,
}

impl Lowering<'_, '_> {
    pub(super) fn fold(&mut self, fold: Fold, list: &ListPlace, var: LoopVar, parts: [Option<&Expr>; 3]) -> Cell {
        let [filter, value, empty] = parts;
        let walk = self.walk(list);
        let buffer = (fold == Fold::CountDistinct).then(|| self.buffer(list.max));
        let start = self.start(fold);
        let (body, exit) = (self.builder.create_block(), self.builder.create_block());
        let wide = self.builder.func.dfg.value_type(start.so_far);
        self.builder.append_block_param(body, types::I64);
        for block in [body, exit] {
            for ty in [wide, types::I8, types::I8] {
                self.builder.append_block_param(block, ty);
            }
        }
        let none = self.builder.ins().icmp(IntCC::Equal, walk.first, walk.end);
        let enter: Vec<BlockArg> = iter::once(BlockArg::Value(walk.first)).chain(start.arguments()).collect();
        self.builder.ins().brif(none, exit, &start.arguments(), body, &enter);

        self.builder.switch_to_block(body);
        let params = self.builder.block_params(body);
        let (element, carried) = (params[0], Carried { so_far: params[1], found: params[2], lost: params[3] });
        self.elements.truncate(usize::from(var.0));
        self.elements.push(element);
        let (next, may_lose) = self.round(fold, filter, value, carried, buffer);
        self.elements.truncate(usize::from(var.0));
        let after = self.builder.ins().iadd_imm_s(element, walk.stride);
        let done = self.builder.ins().icmp(IntCC::Equal, after, walk.end);
        let again: Vec<BlockArg> = iter::once(BlockArg::Value(after)).chain(next.arguments()).collect();
        self.builder.ins().brif(done, exit, &next.arguments(), body, &again);

        self.builder.switch_to_block(exit);
        let params = self.builder.block_params(exit);
        let end = Carried { so_far: params[0], found: params[1], lost: params[2] };
        let lost = if may_lose { Flag::When(end.lost) } else { Flag::Never };
        self.result(fold, end, lost, walk.unknown, empty)
    }

    fn walk(&mut self, list: &ListPlace) -> Walk {
        let (lost, absent) = self.states(&list.states);
        let length = self.word(list.length);
        let first = self.address(list.first);
        let b = &mut *self.builder;
        let (zero, max) = (b.ins().iconst(types::I64, 0), b.ins().iconst(types::I64, i64::from(list.max)));
        let length = b.ins().smin(length, max);
        let length = b.ins().smax(length, zero);
        // Neither an unknown nor an absent list has elements.
        let length = b.word_if(lost, zero, length);
        let stride = i64::from(list.stride) * WORD;
        let bytes = b.ins().imul_imm_s(length, stride);
        let end = b.ins().iadd(first, bytes);
        let not_absent = b.not(absent);
        Walk { first, end, stride, unknown: b.and(lost, not_absent) }
    }

    fn start(&mut self, fold: Fold) -> Carried {
        let b = &mut *self.builder;
        let no = b.ins().iconst(types::I8, 0);
        let so_far = match fold {
            Fold::Exists | Fold::All => no,
            Fold::Count | Fold::CountDistinct | Fold::Sum => b.ins().iconst(types::I64, 0),
            Fold::Max => b.ins().iconst(types::I64, i64::MIN),
            Fold::Min => b.ins().iconst(types::I64, i64::MAX),
        };
        Carried { so_far, found: no, lost: no }
    }

    /// One round: what is carried on, and whether anything in it may be not known.
    fn round(
        &mut self,
        fold: Fold,
        filter: Option<&Expr>,
        value: Option<&Expr>,
        carried: Carried,
        buffer: Option<StackSlot>,
    ) -> (Carried, bool) {
        let filter = filter.map(|f| self.expr(f));
        let passes = filter.map_or(Flag::Always, |f| self.builder.known_true(f));
        let mut lost = filter.map_or(Flag::Never, |f| f.lost);
        let mut next = carried;
        match (fold, value) {
            (Fold::Exists, _) => {
                let any = self.builder.or(Flag::When(carried.so_far), passes);
                next.so_far = self.builder.byte(any);
            }
            (Fold::All, _) => {
                let fails = filter.map_or(Flag::Never, |f| self.builder.known_false(f));
                let any = self.builder.or(Flag::When(carried.so_far), fails);
                next.so_far = self.builder.byte(any);
            }
            (_, None) => {
                let byte = self.builder.byte(passes);
                let one = self.builder.ins().uextend(types::I64, byte);
                next.so_far = self.builder.ins().iadd(carried.so_far, one);
            }
            (_, Some(expr)) => {
                let value = self.expr(expr);
                let value_lost = self.builder.and(passes, value.lost);
                lost = self.builder.or(lost, value_lost);
                next = self.take(fold, carried, passes, value.word, expr.kind(), buffer);
            }
        }
        let lost_now = self.builder.or(Flag::When(carried.lost), lost);
        next.lost = self.builder.byte(lost_now);
        (next, !matches!(lost, Flag::Never))
    }

    /// Takes a passing element's value in. Where the value is not known its word is anything, and the result is lost anyway.
    fn take(
        &mut self,
        fold: Fold,
        carried: Carried,
        passes: Flag,
        word: Value,
        kind: Kind,
        buffer: Option<StackSlot>,
    ) -> Carried {
        let mut next = carried;
        let b = &mut *self.builder;
        match fold {
            Fold::Max | Fold::Min => {
                let best = if fold == Fold::Max {
                    b.ins().smax(carried.so_far, word)
                } else {
                    b.ins().smin(carried.so_far, word)
                };
                next.so_far = b.word_if(passes, best, carried.so_far);
                let found = b.or(Flag::When(carried.found), passes);
                next.found = b.byte(found);
            }
            Fold::CountDistinct => {
                let word = if kind == Kind::Boolean { b.ins().uextend(types::I64, word) } else { word };
                if let Some(buffer) = buffer {
                    next.so_far = self.distinct(buffer, carried.so_far, passes, word);
                }
            }
            Fold::Sum | Fold::Count | Fold::Exists | Fold::All => {
                let zero = b.ins().iconst(types::I64, 0);
                let addend = b.word_if(passes, word, zero);
                next.so_far = b.ins().iadd(carried.so_far, addend);
            }
        }
        next
    }

    /// Room for the distinct values of a list.
    fn buffer(&mut self, max: u32) -> StackSlot {
        // The verifier bounds all buffers together by `DISTINCT_WORDS_MAX`.
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, max * WORD as u32, 3);
        self.builder.create_sized_stack_slot(data)
    }

    /// Looks for `word` among the first `count` of `buffer`; adds it if it is not there. Gives the new count.
    fn distinct(&mut self, buffer: StackSlot, count: Value, passes: Flag, word: Value) -> Value {
        let b = &mut *self.builder;
        let [search, compare, insert, done] = [(); 4].map(|()| b.create_block());
        b.append_block_param(search, types::I64);
        b.append_block_param(done, types::I64);
        let start = b.ins().stack_addr(types::I64, buffer, 0);
        let bytes = b.ins().imul_imm_s(count, WORD);
        let end = b.ins().iadd(start, bytes);
        let passes = b.byte(passes);
        b.ins().brif(passes, search, &[BlockArg::Value(start)], done, &[BlockArg::Value(count)]);

        b.switch_to_block(search);
        let at = b.block_params(search)[0];
        let exhausted = b.ins().icmp(IntCC::Equal, at, end);
        b.ins().brif(exhausted, insert, &[], compare, &[]);

        b.switch_to_block(compare);
        let seen = b.ins().load(types::I64, MemFlagsData::trusted(), at, 0);
        let same = b.ins().icmp(IntCC::Equal, seen, word);
        let after = b.ins().iadd_imm_s(at, WORD);
        b.ins().brif(same, done, &[BlockArg::Value(count)], search, &[BlockArg::Value(after)]);

        b.switch_to_block(insert);
        b.ins().store(MemFlagsData::trusted(), word, end, 0);
        let more = b.ins().iadd_imm_s(count, 1);
        b.ins().jump(done, &[BlockArg::Value(more)]);

        b.switch_to_block(done);
        b.block_params(done)[0]
    }

    fn result(&mut self, fold: Fold, end: Carried, lost: Flag, list_unknown: Flag, empty: Option<&Expr>) -> Cell {
        match fold {
            Fold::Exists | Fold::All => {
                // One that passed (failed) decides whatever the others are; an unknown list has none.
                let b = &mut *self.builder;
                let undecided = b.not(Flag::When(end.so_far));
                let lost = b.and(lost, undecided);
                let lost = b.or(lost, list_unknown);
                if fold == Fold::Exists {
                    return Cell::clean(end.so_far, lost);
                }
                let word = b.byte(undecided);
                Cell::unless(word, lost)
            }
            Fold::Count | Fold::CountDistinct | Fold::Sum => {
                let lost = self.builder.or(lost, list_unknown);
                Cell::unless(end.so_far, lost)
            }
            Fold::Max | Fold::Min => {
                let lost = self.builder.or(lost, list_unknown);
                let best = Cell::unless(end.so_far, lost);
                let Some(empty) = empty else { return best };
                let empty = self.expr(empty);
                let b = &mut *self.builder;
                let (found, not_lost) = (Flag::When(end.found), b.not(lost));
                let none = b.not(found);
                let empty_lost = b.and(none, empty.lost);
                let empty_absent = b.and(none, empty.absent);
                Cell {
                    word: b.word_if(found, best.word, empty.word),
                    lost: b.or(lost, empty_lost),
                    absent: b.and(not_lost, empty_absent),
                    clean: matches!(lost, Flag::Never) && empty.clean,
                }
            }
        }
    }
}
