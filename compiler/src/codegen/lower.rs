//! Steps and expressions as instructions. Owns the translation of everything but folds.
//! Invariant: follows `interpret`'s expressions one for one; recursion is bounded by the verifier's depth.
//! Must not know: how code is placed in memory.

use super::cell::{Cell, Flag, Flags};
use super::divide::divide;
use super::{Calendar, Tables};
use crate::ir::{Base, Binary, Expr, Kind, Place, Program, Step, StepId, WordAt};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{FuncRef, InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;
use std::collections::BTreeMap;

/// Bytes of a word of the frame.
pub(super) const WORD: i64 = 8;
/// Bytes of an output scalar, and where its state byte lies.
const SCALAR: i32 = 16;
const STATE: i32 = 8;

const KNOWN: i64 = guiju_runtime::evaluate::KNOWN as i64;
const ABSENT: i64 = guiju_runtime::evaluate::ABSENT as i64;

/// Emits the whole program into a fresh function.
pub(super) fn program(builder: &mut FunctionBuilder<'_>, calendar: Calendar, tables: &Tables, program: &Program) {
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let (frame, outputs, trace) = match *builder.block_params(entry) {
        [frame, outputs, trace] => (frame, outputs, trace),
        // `define` gave the function three parameters; without them there is nothing to write either.
        _ => return,
    };
    let mut lowering = Lowering {
        builder,
        calendar,
        frame,
        elements: Vec::new(),
        steps: Vec::with_capacity(program.steps.len()),
        tables,
    };
    let mut recorded = vec![false; program.trace_points as usize];
    // Outputs leave as soon as they are there: a thousand words kept to the end would make register allocation quadratic.
    let mut leaving: BTreeMap<StepId, Vec<i32>> = BTreeMap::new();
    for (i, id) in (0i32..).zip(&program.outputs) {
        leaving.entry(*id).or_default().push(i);
    }
    for (id, step) in (0u32..).map(StepId).zip(&program.steps) {
        let cell = lowering.expr(&step.expr);
        if let Some(point) = step.trace {
            lowering.record(trace, point.0, Some(cell));
            recorded[point.0 as usize] = true;
        }
        for i in leaving.get(&id).into_iter().flatten() {
            lowering.output(outputs, *i, step, cell);
        }
        lowering.steps.push(cell);
    }
    for (point, _) in (0u32..).zip(&recorded).filter(|(_, recorded)| !**recorded) {
        lowering.record(trace, point, None);
    }
    lowering.builder.ins().return_(&[]);
}

/// Code being made.
pub(super) struct Lowering<'a, 'b> {
    pub(super) builder: &'a mut FunctionBuilder<'b>,
    calendar: Calendar,
    /// Address of the frame.
    frame: Value,
    /// Addresses of the current elements of enclosing folds, outermost first.
    pub(super) elements: Vec<Value>,
    steps: Vec<Cell>,
    /// Where the words of each lookup lie.
    tables: &'a Tables,
}

/// The frame does not change while a policy runs and lies wholly in memory, so its words may be read once and anywhere.
fn reading() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly().with_can_move()
}

impl Lowering<'_, '_> {
    /// Stores what a guard turned out to be.
    fn record(&mut self, trace: Value, point: u32, guard: Option<Cell>) {
        let b = &mut *self.builder;
        let not_known = b.ins().iconst(types::I8, 2);
        let byte = match guard {
            Some(guard) => b.word_if(guard.lost, not_known, guard.word),
            None => not_known,
        };
        b.ins().store(MemFlagsData::trusted(), byte, trace, point as i32);
    }

    fn output(&mut self, outputs: Value, index: i32, step: &Step, cell: Cell) {
        let b = &mut *self.builder;
        let mut word = b.masked(cell);
        if step.kind == Kind::Boolean {
            word = b.ins().uextend(types::I64, word);
        }
        // Unknown is 1 and absent 2, and absent implies lost.
        let (lost, absent) = (b.byte(cell.lost), b.byte(cell.absent));
        let state = b.ins().iadd(lost, absent);
        b.ins().store(MemFlagsData::trusted(), word, outputs, index * SCALAR);
        b.ins().store(MemFlagsData::trusted(), state, outputs, index * SCALAR + STATE);
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Cell {
        match expr {
            Expr::Const(kind, word) => {
                let word = self.constant(*kind, *word);
                Cell::known(word)
            }
            Expr::Unknown(kind) => {
                let word = self.constant(*kind, 0);
                Cell::clean(word, Flag::Always)
            }
            Expr::Load(kind, place) => self.load(*kind, place),
            Expr::Step(_, id) => self.steps[id.0 as usize],
            Expr::Not(a) => {
                let a = self.expr(a);
                let word = self.builder.ins().bxor_imm_u(a.word, 1);
                Cell::unless(word, a.lost)
            }
            Expr::And(a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.and(a, b)
            }
            Expr::Or(a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.or(a, b)
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                self.binary(*op, a, b)
            }
            Expr::Lookup(kind, a, words) => {
                let a = self.expr(a);
                self.lookup(*kind, a, words)
            }
            Expr::MonthOf(a) => {
                let a = self.expr(a);
                let word = self.call(self.calendar.month_of, &[a.word]);
                Cell::unless(word, a.lost)
            }
            Expr::Select(_, condition, a, b) => {
                let (condition, a, b) = (self.expr(condition), self.expr(a), self.expr(b));
                self.select(condition, a, b)
            }
            Expr::Present(a) => {
                let a = self.expr(a);
                self.present(a.lost, a.absent)
            }
            Expr::PresentAt(states) => {
                let (lost, absent) = self.states(states);
                self.present(lost, absent)
            }
            Expr::Default(_, a, default) => {
                let (a, default) = (self.expr(a), self.expr(default));
                self.default(a, default)
            }
            Expr::Demand(_, a) => Cell { absent: Flag::Never, ..self.expr(a) },
            Expr::Fold { fold, list, var, filter, value, empty } => {
                let parts = [filter.as_deref(), value.as_deref(), empty.as_deref()];
                self.fold(*fold, list, *var, parts)
            }
        }
    }

    fn constant(&mut self, kind: Kind, word: i64) -> Value {
        let ty = if kind == Kind::Boolean { types::I8 } else { types::I64 };
        self.builder.ins().iconst(ty, word)
    }

    fn load(&mut self, kind: Kind, place: &Place) -> Cell {
        let (lost, absent) = self.states(&place.states);
        let mut word = self.word(place.word);
        if kind == Kind::Boolean {
            word = self.builder.ins().icmp_imm_u(IntCC::NotEqual, word, 0);
        }
        Cell { word, lost, absent, clean: matches!(lost, Flag::Never) }
    }

    fn and(&mut self, left: Cell, right: Cell) -> Cell {
        let b = &mut *self.builder;
        if let (Flag::Never, Flag::Never) = (left.lost, right.lost) {
            return Cell::known(b.ins().band(left.word, right.word));
        }
        let (left_true, right_true) = (b.known_true(left), b.known_true(right));
        let (left_false, right_false) = (b.known_false(left), b.known_false(right));
        let truth = b.and(left_true, right_true);
        let falsehood = b.or(left_false, right_false);
        let decided = b.or(truth, falsehood);
        let lost = b.not(decided);
        Cell::clean(b.byte(truth), lost)
    }

    fn or(&mut self, left: Cell, right: Cell) -> Cell {
        let b = &mut *self.builder;
        if let (Flag::Never, Flag::Never) = (left.lost, right.lost) {
            return Cell::known(b.ins().bor(left.word, right.word));
        }
        let (left_true, right_true) = (b.known_true(left), b.known_true(right));
        let truth = b.or(left_true, right_true);
        // Undecided: not true, and one side not known.
        let some_lost = b.or(left.lost, right.lost);
        let not_true = b.not(truth);
        let lost = b.and(some_lost, not_true);
        Cell::clean(b.byte(truth), lost)
    }

    fn binary(&mut self, op: Binary, left: Cell, right: Cell) -> Cell {
        let (x, y) = (left.word, right.word);
        let lost = self.builder.or(left.lost, right.lost);
        let word = match op {
            Binary::Add => self.builder.ins().iadd(x, y),
            Binary::Subtract => self.builder.ins().isub(x, y),
            Binary::Multiply => self.builder.ins().imul(x, y),
            Binary::Divide(rounding) => divide(self.builder, rounding, x, y),
            Binary::Equal => self.builder.ins().icmp(IntCC::Equal, x, y),
            Binary::Less => self.builder.ins().icmp(IntCC::SignedLessThan, x, y),
            Binary::AtMost => self.builder.ins().icmp(IntCC::SignedLessThanOrEqual, x, y),
            Binary::AddMonths => self.call(self.calendar.add_months, &[x, y]),
            Binary::AddDays => self.call(self.calendar.add_days, &[x, y]),
            Binary::YearsUntil => self.call(self.calendar.years_until, &[x, y]),
        };
        Cell::unless(word, lost)
    }

    /// The words of a lost condition's branches are equal wherever the result is known, so either will do there.
    fn select(&mut self, condition: Cell, left: Cell, right: Cell) -> Cell {
        let b = &mut *self.builder;
        let truth = b.known_true(condition);
        let word = b.word_if(truth, left.word, right.word);
        let mut lost = b.flag_if(truth, left.lost, right.lost);
        let mut absent = b.flag_if(truth, left.absent, right.absent);
        let clean = left.clean && right.clean && matches!(condition.lost, Flag::Never);
        if !matches!(condition.lost, Flag::Never) {
            let differ = Flag::When(b.ins().icmp(IntCC::NotEqual, left.word, right.word));
            let some_lost = b.or(left.lost, right.lost);
            let no_common = b.or(differ, some_lost);
            lost = b.flag_if(condition.lost, no_common, lost);
            absent = b.flag_if(condition.lost, Flag::Never, absent);
        }
        Cell { word, lost, absent, clean }
    }

    fn present(&mut self, lost: Flag, absent: Flag) -> Cell {
        let b = &mut *self.builder;
        let (known, not_absent) = (b.not(lost), b.not(absent));
        let unknown = b.and(lost, not_absent);
        Cell::clean(b.byte(known), unknown)
    }

    fn default(&mut self, a: Cell, default: Cell) -> Cell {
        let b = &mut *self.builder;
        Cell {
            word: b.word_if(a.absent, default.word, a.word),
            lost: b.flag_if(a.absent, default.lost, a.lost),
            absent: b.and(a.absent, default.absent),
            clean: a.clean && (default.clean || matches!(a.absent, Flag::Never)),
        }
    }

    /// Where the index is lost its word is anything, so it is clamped like one that is known.
    fn lookup(&mut self, kind: Kind, index: Cell, words: &[i64]) -> Cell {
        let table = self.tables.get(words).copied();
        let b = &mut *self.builder;
        let least = b.ins().iconst(types::I64, 0);
        let most = b.ins().iconst(types::I64, words.len().saturating_sub(1) as i64);
        let above = b.ins().smax(index.word, least);
        let inside = b.ins().smin(above, most);
        // Every table of the program was placed before its first instruction.
        let Some(table) = table else { return Cell::unless(least, Flag::Always) };
        let start = b.ins().symbol_value(types::I64, table);
        let offset = b.ins().imul_imm_s(inside, WORD);
        let address = b.ins().iadd(start, offset);
        let mut word = b.ins().load(types::I64, reading(), address, 0);
        if kind == Kind::Boolean {
            word = b.ins().icmp_imm_u(IntCC::NotEqual, word, 0);
        }
        Cell::unless(word, index.lost)
    }

    fn call(&mut self, function: FuncRef, operands: &[Value]) -> Value {
        let call = self.builder.ins().call(function, operands);
        self.builder.inst_results(call)[0]
    }

    /// Whether the first state word that is not 0 says lost, and whether it says absent.
    pub(super) fn states(&mut self, states: &[WordAt]) -> (Flag, Flag) {
        let words: Vec<Value> = states.iter().map(|at| self.word(*at)).collect();
        let b = &mut *self.builder;
        let mut rest = words.into_iter().rev();
        let Some(mut first) = rest.next() else { return (Flag::Never, Flag::Never) };
        for outer in rest {
            let outer_lost = b.ins().icmp_imm_u(IntCC::NotEqual, outer, KNOWN);
            first = b.ins().select(outer_lost, outer, first);
        }
        let lost = b.ins().icmp_imm_u(IntCC::NotEqual, first, KNOWN);
        let absent = b.ins().icmp_imm_u(IntCC::Equal, first, ABSENT);
        (Flag::When(lost), Flag::When(absent))
    }

    pub(super) fn word(&mut self, at: WordAt) -> Value {
        let base = self.base(at.base);
        // The verifier bounds offsets by `FRAME_WORDS_MAX`, far below what an offset can say.
        self.builder.ins().load(types::I64, reading(), base, at.offset as i32 * WORD as i32)
    }

    /// Address of the first word of a list's elements.
    pub(super) fn address(&mut self, at: WordAt) -> Value {
        let base = self.base(at.base);
        self.builder.ins().iadd_imm_s(base, i64::from(at.offset) * WORD)
    }

    fn base(&self, base: Base) -> Value {
        match base {
            Base::Frame => self.frame,
            Base::Element(var) => self.elements[usize::from(var.0)],
        }
    }
}
