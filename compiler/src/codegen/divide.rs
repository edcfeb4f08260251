//! Rounded quotients as instructions. Invariant: the same word as `number::divide` for every pair of words, and no trap: the
//! machine's own division faults on a divisor of 0 and on `i64::MIN / -1`, so neither ever reaches it. A constant divisor
//! costs none of this: Cranelift folds the guards away. Must not know: expressions, states.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;
use guiju_runtime::number::Rounding;

/// The quotient of two words of 64 bits.
pub(super) fn divide(b: &mut FunctionBuilder<'_>, rounding: Rounding, x: Value, y: Value) -> Value {
    let by_zero = b.ins().icmp_imm_s(IntCC::Equal, y, 0);
    let by_minus_one = b.ins().icmp_imm_s(IntCC::Equal, y, -1);
    let least = b.ins().icmp_imm_s(IntCC::Equal, x, i64::MIN);
    let wraps = b.ins().band(by_minus_one, least);
    let unsafe_divisor = b.ins().bor(by_zero, wraps);
    // By 1 instead: that leaves `i64::MIN` as it is, which is what wrapping gives, and no rest in either case.
    let one = b.ins().iconst(types::I64, 1);
    let divisor = b.ins().select(unsafe_divisor, one, y);
    let quotient = b.ins().sdiv(x, divisor);
    let rounded = if rounding == Rounding::Down { quotient } else { away(b, rounding, x, divisor, quotient) };
    let zero = b.ins().iconst(types::I64, 0);
    b.ins().select(by_zero, zero, rounded)
}

/// The quotient, moved one away from zero where the rounding says so.
fn away(b: &mut FunctionBuilder<'_>, rounding: Rounding, x: Value, y: Value, quotient: Value) -> Value {
    let whole = b.ins().imul(quotient, y);
    let rest = b.ins().isub(x, whole);
    // The magnitude of `i64::MIN` is right as an unsigned word.
    let (rest, size) = (b.ins().iabs(rest), b.ins().iabs(y));
    let missing = b.ins().isub(size, rest);
    let moved = match rounding {
        Rounding::Down => return quotient,
        Rounding::Up => b.ins().icmp_imm_u(IntCC::NotEqual, rest, 0),
        Rounding::HalfUp => b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, rest, missing),
        Rounding::HalfEven => {
            let more = b.ins().icmp(IntCC::UnsignedGreaterThan, rest, missing);
            let half = b.ins().icmp(IntCC::Equal, rest, missing);
            let odd = b.ins().band_imm_u(quotient, 1);
            let odd = b.ins().ireduce(types::I8, odd);
            let up = b.ins().band(half, odd);
            b.ins().bor(more, up)
        }
    };
    // 1 where the signs agree, -1 where they differ.
    let signs = b.ins().bxor(x, y);
    let sign = b.ins().sshr_imm_s(signs, 63);
    let step = b.ins().bor_imm_u(sign, 1);
    let there = b.ins().iadd(quotient, step);
    b.ins().select(moved, there, quotient)
}
