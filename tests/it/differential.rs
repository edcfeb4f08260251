//! Both engines leave the same, and native code is a good neighbour: no page is writable and executable, memory comes back.
//! The longer run is `cargo run -p guiju-tests --bin differential -- --programs N --inputs M --seed S`.

use guiju_compiler::ir::{Base, Binary, Expr, Fold, Kind, ListPlace, LoopVar, Place, Program, Step, StepId, WordAt};
use guiju_compiler::{codegen, interpret, ir};
use guiju_runtime::evaluate::{Evaluation, Scalar};
use guiju_runtime::frame::Frame;
use guiju_runtime::module::FrameMismatch;
use guiju_tests::differential::{Level, Plan, hunt, run};

#[test]
fn engines_agree_on_random_programs_and_frames() {
    let plan = Plan { programs: 1_500, inputs: 10, seed: 20_170_316, threads: 2 };
    let counts = run(Level::Form, plan).unwrap_or_else(|d| panic!("{d}"));
    assert_eq!((counts.accepted(), counts.runs), (1_500, 15_000));
    assert!(counts.distinct.len() > 1_400, "{}", counts.distinct.len());
    // A construct that the generator does not know would go untested without anyone noticing.
    assert!(counts.never().is_empty(), "never tried: {:?}", counts.never());
    assert!(counts.states.iter().chain(&counts.truths).all(|n| *n > 100), "{:?} {:?}", counts.states, counts.truths);
}

#[test]
fn engines_agree_on_random_sources_and_facts() {
    let plan = Plan { programs: 80, inputs: 20, seed: 20_170_316, threads: 2 };
    let counts = run(Level::Source, plan).unwrap_or_else(|d| panic!("{d}"));
    // Half of what is right, and a third of what has a slip.
    assert!(counts.accepted() * 5 > counts.made * 2, "the checker refused too many:\n{counts}");
    assert!(counts.restated > 0 && counts.shared > 0, "{counts}");
    assert!(counts.slips.iter().all(|n| *n > 0), "{counts}");
    assert!(counts.truths.iter().all(|n| *n > 100), "{counts}");
}

/// Every kind of fault that is put into native code is told apart by some run.
#[test]
fn faults_put_in_on_purpose_are_found() {
    let plan = Plan { programs: 600, inputs: 30, seed: 3, threads: 1 };
    let found = hunt(Level::Form, plan, 1).unwrap_or_else(|why| panic!("{why}"));
    let missed: Vec<&str> = found.0.iter().filter(|m| m.first.is_none()).map(|m| m.kind).collect();
    assert!(found.0.len() >= 40 && missed.is_empty(), "not found: {missed:?}\n{found}");
}

fn at(offset: u32) -> WordAt {
    WordAt { base: Base::Frame, offset }
}

fn load(kind: Kind, state: u32, word: u32) -> Box<Expr> {
    Box::new(Expr::Load(kind, Place { word: at(word), states: vec![at(state)] }))
}

/// A program of one step over a frame of `words` words.
fn one(words: u32, kind: Kind, expr: Expr) -> Program {
    let steps = vec![Step { name: "唯一".to_owned(), kind, expr, trace: None }];
    Program { frame_words: words, literals: vec![], steps, outputs: vec![StepId(0)], trace_points: 0 }
}

/// What both engines leave of a one-step program; they must leave the same.
fn both(program: &Program, frame: &[i64]) -> Scalar {
    let meant = interpret::run(program, frame);
    let mut native = Evaluation::default();
    let module = codegen::native(program).expect("the program compiles");
    module.run(&Frame::from_words(frame.to_vec()), &mut native).expect("the frame fits");
    assert_eq!(meant, native, "{program}{frame:?}");
    meant.outputs[0]
}

const F: Scalar = Scalar::truth(false);
const T: Scalar = Scalar::truth(true);
const U: Scalar = Scalar::UNKNOWN;
const A: Scalar = Scalar::ABSENT;

/// Frame words of a scalar: its state, its word.
fn words(scalar: Scalar) -> [i64; 2] {
    [i64::from(scalar.state), scalar.word]
}

#[test]
fn truth_tables_are_kleenes() {
    // left, right, and, or
    let table = [
        (F, F, F, F),
        (F, T, F, T),
        (F, U, F, U),
        (F, A, F, U),
        (T, F, F, T),
        (T, T, T, T),
        (T, U, U, T),
        (T, A, U, T),
        (U, F, F, U),
        (U, T, U, T),
        (U, U, U, U),
        (U, A, U, U),
        (A, F, F, U),
        (A, T, U, T),
        (A, U, U, U),
        (A, A, U, U),
    ];
    let (left, right) = (load(Kind::Boolean, 0, 1), load(Kind::Boolean, 2, 3));
    let and = one(4, Kind::Boolean, Expr::And(left.clone(), right.clone()));
    let or = one(4, Kind::Boolean, Expr::Or(left.clone(), right));
    let not = one(2, Kind::Boolean, Expr::Not(left.clone()));
    let present = one(2, Kind::Boolean, Expr::Present(left));
    for (a, b, both_true, either) in table {
        let frame = [words(a), words(b)].concat();
        assert_eq!(both(&and, &frame), both_true, "{a:?} and {b:?}");
        assert_eq!(both(&or, &frame), either, "{a:?} or {b:?}");
    }
    for (a, negated, there) in [(F, T, T), (T, F, T), (U, U, U), (A, U, F)] {
        assert_eq!(both(&not, &words(a)), negated, "not {a:?}");
        assert_eq!(both(&present, &words(a)), there, "present {a:?}");
    }
}

#[test]
fn a_choice_that_hangs_on_nothing_is_known() {
    let number = Scalar::known;
    // condition, then, else, select, then or else by default, demand of then
    let table = [
        (T, number(1), U, number(1), number(1), number(1)),
        (F, number(1), U, U, number(1), number(1)),
        (F, number(1), A, A, number(1), number(1)),
        (U, number(1), number(2), U, number(1), number(1)),
        (U, number(2), number(2), number(2), number(2), number(2)),
        (A, number(2), number(2), number(2), number(2), number(2)),
        (U, A, A, U, A, U),
        (T, A, number(7), A, number(7), U),
        (T, U, number(7), U, U, U),
        (U, A, U, U, U, U),
    ];
    let (condition, yes, no) = (load(Kind::Boolean, 0, 1), load(Kind::Integer, 2, 3), load(Kind::Integer, 4, 5));
    let select = one(6, Kind::Integer, Expr::Select(Kind::Integer, condition, yes.clone(), no.clone()));
    let default = one(6, Kind::Integer, Expr::Default(Kind::Integer, yes.clone(), no));
    let demand = one(6, Kind::Integer, Expr::Demand(Kind::Integer, yes));
    assert_eq!(both(&one(0, Kind::Boolean, Expr::Unknown(Kind::Boolean)), &[]), U);
    assert_eq!(both(&one(0, Kind::Integer, Expr::Unknown(Kind::Integer)), &[]), U);
    for (c, a, b, selected, defaulted, demanded) in table {
        let frame = [words(c), words(a), words(b)].concat();
        assert_eq!(both(&select, &frame), selected, "if {c:?} {a:?} {b:?}");
        assert_eq!(both(&default, &frame), defaulted, "{a:?} default {b:?}");
        assert_eq!(both(&demand, &frame), demanded, "demand {a:?}");
    }
}

/// A fold over a list of at most 3 elements, each a state, a number, and whether it passes.
fn over_list(fold: Fold) -> Program {
    let element = |offset| WordAt { base: Base::Element(LoopVar(0)), offset };
    let filter = Box::new(Expr::Load(Kind::Boolean, Place { word: element(2), states: vec![element(3)] }));
    let value = Box::new(Expr::Load(Kind::Integer, Place { word: element(1), states: vec![element(0)] }));
    let wants_value = !matches!(fold, Fold::Exists | Fold::All | Fold::Count);
    let wants_empty = matches!(fold, Fold::Max | Fold::Min);
    let kind = if matches!(fold, Fold::Exists | Fold::All) { Kind::Boolean } else { Kind::Integer };
    one(
        14,
        kind,
        Expr::Fold {
            fold,
            list: ListPlace { length: at(1), first: at(2), stride: 4, max: 3, states: vec![at(0)] },
            var: LoopVar(0),
            filter: Some(filter),
            value: wants_value.then_some(value),
            empty: wants_empty.then(|| Box::new(Expr::Const(Kind::Integer, -9))),
        },
    )
}

#[test]
fn folds_mean_what_the_form_says() {
    let n = Scalar::known;
    let folds = [Fold::Exists, Fold::All, Fold::Count, Fold::CountDistinct, Fold::Sum, Fold::Max, Fold::Min];
    // state of the list, its length, (value, passes) a element; then one result a fold
    type Row = (i64, i64, [(Scalar, Scalar); 3], [Scalar; 7]);
    let table: [Row; 9] = [
        (0, 0, [(n(1), T); 3], [F, T, n(0), n(0), n(0), n(-9), n(-9)]),
        (2, 3, [(n(1), T); 3], [F, T, n(0), n(0), n(0), n(-9), n(-9)]),
        (1, 3, [(n(1), T); 3], [U; 7]),
        (0, 3, [(n(4), T), (n(-2), T), (n(4), T)], [T, T, n(3), n(2), n(6), n(4), n(-2)]),
        (0, 3, [(n(4), T), (n(-2), F), (U, F)], [T, F, n(1), n(1), n(4), n(4), n(4)]),
        (0, 3, [(n(4), T), (U, T), (n(1), T)], [T, T, n(3), U, U, U, U]),
        (0, 3, [(n(4), F), (n(5), U), (n(1), T)], [T, F, U, U, U, U, U]),
        (0, 2, [(n(4), F), (n(5), A), (n(1), T)], [U, F, U, U, U, U, U]),
        // A length no list can have counts as the nearest it can.
        (0, 99, [(n(i64::MAX), T), (n(1), T), (n(1), T)], [T, T, n(3), n(2), n(i64::MIN + 1), n(i64::MAX), n(1)]),
    ];
    for (state, length, elements, results) in table {
        let mut frame = vec![state, length];
        for (value, passes) in elements {
            frame.extend([i64::from(value.state), value.word, passes.word, i64::from(passes.state)]);
        }
        for (fold, result) in folds.into_iter().zip(results) {
            assert_eq!(both(&over_list(fold), &frame), result, "{fold} over {frame:?}");
        }
    }
    let mut negative = vec![0, -1];
    negative.extend([0, 1, 1, 0].repeat(3));
    assert_eq!(both(&over_list(Fold::Count), &negative), n(0));
}

#[test]
fn arithmetic_wraps_and_the_calendar_saturates() {
    let table = [
        (Binary::Add, Kind::Integer, i64::MAX, 1, i64::MIN),
        (Binary::Subtract, Kind::Integer, i64::MIN, 1, i64::MAX),
        (Binary::Multiply, Kind::Integer, i64::MIN, -1, i64::MIN),
        (Binary::AddDays, Kind::Date, i64::MIN, i64::MAX, 2_932_896),
        (Binary::AddDays, Kind::Date, 0, i64::MIN, -719_162),
        (Binary::AddMonths, Kind::Date, i64::MAX, i64::MIN, -719_162),
        (Binary::AddMonths, Kind::Date, 0, i64::MAX, 2_932_896),
        (Binary::YearsUntil, Kind::Integer, i64::MIN, i64::MAX, 9_998),
    ];
    for (op, kind, left, right, result) in table {
        let (a, b) = match op {
            Binary::AddDays | Binary::AddMonths => (Kind::Date, Kind::Integer),
            Binary::YearsUntil => (Kind::Date, Kind::Date),
            _ => (Kind::Integer, Kind::Integer),
        };
        let program = one(4, kind, Expr::Binary(op, load(a, 0, 1), load(b, 2, 3)));
        assert_eq!(both(&program, &[0, left, 0, right]), Scalar::known(result), "{op} {left} {right}");
    }
}

#[test]
fn frames_of_another_size_are_refused() {
    let module = codegen::native(&over_list(Fold::Count)).expect("compiles");
    let refused = module.run(&Frame::from_words(vec![0; 13]), &mut Evaluation::default());
    assert_eq!(refused, Err(FrameMismatch { wanted: 14, found: 13 }));
}

#[test]
fn engines_never_see_a_malformed_program() {
    use ir::verify::VerifyReason::*;
    let zero = || Box::new(Expr::Const(Kind::Integer, 0));
    let truth = || Box::new(Expr::Const(Kind::Boolean, 1));
    let element = WordAt { base: Base::Element(LoopVar(0)), offset: 0 };
    let count = |list: ListPlace, var, filter| Expr::Fold {
        fold: Fold::Count,
        list,
        var: LoopVar(var),
        filter,
        value: None,
        empty: None,
    };
    let list = |stride, max| ListPlace { length: at(0), first: at(1), stride, max, states: vec![] };
    let stray = |kind, word| Expr::Load(kind, Place { word, states: vec![] });
    let mut deep = Expr::Const(Kind::Boolean, 1);
    for _ in 0..ir::verify::DEPTH_MAX {
        deep = Expr::Not(Box::new(deep));
    }
    let table = vec![
        (Expr::Binary(Binary::Add, zero(), truth()), KindOfOperand(Kind::Boolean)),
        (Expr::Not(zero()), KindOfOperand(Kind::Integer)),
        (Expr::Const(Kind::Boolean, 2), Constant),
        (Expr::Const(Kind::Text, 0), Constant),
        (Expr::Step(Kind::Integer, StepId(0)), StepNotEarlier(StepId(0))),
        (stray(Kind::Integer, at(8)), OutOfPlace(at(8))),
        (stray(Kind::Integer, element), Unbound(LoopVar(0))),
        (count(list(1, 8), 0, None), ListOutOfPlace),
        (count(list(0, 1), 0, None), ListOutOfPlace),
        (count(list(1, 7), 1, None), FoldDepth(LoopVar(1))),
        (count(list(1, 7), 0, Some(zero())), KindOfOperand(Kind::Integer)),
        (deep, TooDeep),
    ];
    for (expr, reason) in table {
        let program = one(8, expr.kind(), expr);
        let fault = ir::verify(&program).expect_err("malformed");
        assert_eq!(fault.reason, reason, "{program}");
        assert!(matches!(codegen::native(&program), Err(codegen::CodegenFault::Verify(f)) if f == fault));
    }
}

/// Permissions of this process's pages.
fn permissions() -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux tells its maps");
    maps.lines().filter_map(|l| l.split(' ').nth(1)).map(str::to_owned).collect()
}

/// Resident kilobytes of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells its status");
    let line = status.lines().find(|l| l.starts_with("VmRSS")).expect("it has a resident size");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("in kilobytes")
}

#[test]
fn code_is_never_writable_and_its_memory_comes_back() {
    let program = over_list(Fold::CountDistinct);
    let live: Vec<_> = (0..20).map(|_| codegen::native(&program).expect("compiles")).collect();
    let pages = permissions();
    assert!(pages.iter().any(|p| p == "r-xp"), "there is code");
    assert!(!pages.iter().any(|p| p.contains("wx")), "a page is writable and executable");
    drop(live);
    for _ in 0..50 {
        drop(codegen::native(&program).expect("compiles"));
    }
    let before = (resident(), permissions().len());
    for _ in 0..1_000 {
        drop(codegen::native(&program).expect("compiles"));
    }
    let after = (resident(), permissions().len());
    // A leaked page of code alone would be 4,000 kB and, apart from each other, hundreds of maps. Other tests run beside
    // this one, so some growth proves nothing.
    assert!(after.1 < before.1 + 200, "maps {before:?} then {after:?}");
    assert!(after.0 < before.0 + 65_536, "resident kB {before:?} then {after:?}");
}

/// The bounds of the verifier are bounds that code generation can bear: a program at them compiles, runs and agrees.
#[test]
fn the_largest_programs_compile() {
    let sum = |i: u32| {
        let mut expr = *load(Kind::Integer, 0, 1);
        for j in 0..30 {
            expr = Expr::Binary(Binary::Add, Box::new(expr), load(Kind::Integer, 0, 1 + (i + j) % 900));
        }
        let expr = Expr::Binary(Binary::Less, Box::new(expr), load(Kind::Integer, 0, 1 + i % 900));
        Step { name: String::new(), kind: Kind::Boolean, expr, trace: Some(ir::TraceId(i)) }
    };
    let wide = Program {
        frame_words: 901,
        literals: vec![],
        steps: (0..750).map(sum).collect(),
        outputs: (0..750).map(StepId).collect(),
        trace_points: 750,
    };
    let mut loops = wide.clone();
    let fold = |i: u32| {
        let element = |offset| Place { word: WordAt { base: Base::Element(LoopVar(0)), offset }, states: vec![] };
        let expr = Expr::Fold {
            fold: Fold::CountDistinct,
            list: ListPlace { length: at(i % 8), first: at(1 + i % 8), stride: 2, max: 8, states: vec![] },
            var: LoopVar(0),
            filter: Some(Box::new(Expr::Load(Kind::Boolean, element(1)))),
            value: Some(Box::new(Expr::Load(Kind::Integer, element(0)))),
            empty: None,
        };
        Step { name: String::new(), kind: Kind::Integer, expr, trace: None }
    };
    loops.steps = (0..ir::verify::FOLDS_MAX).map(fold).collect();
    (loops.outputs, loops.trace_points) = ((0..ir::verify::FOLDS_MAX).map(StepId).collect(), 0);
    // Every loop's result is wanted again after the last loop.
    let mut live = loops.clone();
    for i in 0..ir::verify::FOLDS_MAX {
        let earlier = |id| Box::new(Expr::Step(Kind::Integer, StepId(id)));
        let expr = Expr::Binary(Binary::Add, earlier(i), earlier(ir::verify::FOLDS_MAX - 1 - i));
        live.steps.push(Step { name: String::new(), kind: Kind::Integer, expr, trace: None });
    }
    live.outputs = (ir::verify::FOLDS_MAX..2 * ir::verify::FOLDS_MAX).map(StepId).collect();
    let mut over = loops.clone();
    over.steps.push(fold(0));
    assert_eq!(ir::verify(&over).map_err(|f| f.reason), Err(ir::verify::VerifyReason::TooManyFolds));
    for program in [wide, loops, live] {
        let frame: Vec<i64> = (0..901).map(|i| if i == 0 { 0 } else { (i * 7_919) % 11 }).collect();
        let mut native = Evaluation::default();
        let module = codegen::native(&program).unwrap_or_else(|why| panic!("{why}"));
        module.run(&Frame::from_words(frame.clone()), &mut native).expect("the frame fits");
        assert_eq!(native, interpret::run(&program, &frame));
    }
}
