//! Numbers of fixed scale, from text to machine code: that native quotients are the shared ones on every awkward pair of
//! words, and what policies may and may not do with decimals and money.

use guiju_compiler::codegen::native;
use guiju_compiler::interpret;
use guiju_compiler::ir::{Base, Binary, Expr, Kind, Place, Program, Step, StepId, WordAt};
use guiju_compiler::package::compile;
use guiju_compiler::source::SourceFile;
use guiju_runtime::frame::Frame;
use guiju_runtime::number::{Rounding, divide};

fn word(offset: u32) -> Box<Expr> {
    Box::new(Expr::Load(Kind::Integer, Place { word: WordAt { base: Base::Frame, offset }, states: Vec::new() }))
}

/// One step a rounding, over the first two words of the frame, or over the first and a constant.
fn quotients(divisor: Option<i64>) -> Program {
    let by = |divisor: Option<i64>| divisor.map_or_else(|| word(1), |d| Box::new(Expr::Const(Kind::Integer, d)));
    let steps: Vec<Step> = Rounding::ALL
        .iter()
        .map(|rounding| Step {
            name: format!("{rounding:?}"),
            kind: Kind::Integer,
            expr: Expr::Binary(Binary::Divide(*rounding), word(0), by(divisor)),
            trace: None,
        })
        .collect();
    let outputs = (0..steps.len() as u32).map(StepId).collect();
    Program { frame_words: 2, literals: Vec::new(), steps, outputs, trace_points: 0 }
}

fn edges() -> Vec<i64> {
    let mut all = vec![i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, i64::MIN / 2, i64::MAX / 2, 1 << 53];
    all.extend(-21..=21);
    all.extend([100, -100, 149, 150, 151, 250, -250, 1_000_000_007]);
    all
}

/// By magnitude in 128 bits, written apart from the implementation: the neighbour below, and which of the two is nearer.
fn exact(rounding: Rounding, a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    let (x, y) = (i128::from(a).abs(), i128::from(b).abs());
    let below = x / y;
    let twice = 2 * (x - below * y);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => twice > 0,
        Rounding::HalfUp => twice >= y,
        Rounding::HalfEven => twice > y || (twice == y && below % 2 == 1),
    };
    let size = below + i128::from(up);
    let signed = if (a < 0) == (b < 0) { size } else { -size };
    // Only i64::MIN / -1 does not fit, and wraps.
    i64::try_from(signed).unwrap_or(i64::MIN)
}

#[test]
fn native_quotients_are_exact_and_never_trap() {
    let mut output = guiju_runtime::evaluate::Evaluation::default();
    for divisor in std::iter::once(None).chain(edges().into_iter().map(Some)) {
        let program = quotients(divisor);
        let module = native(&program).expect("a program of four quotients");
        for a in edges() {
            for b in divisor.map_or_else(edges, |d| vec![d]) {
                let frame = [a, b];
                let interpreted = interpret::run(&program, &frame);
                module.run(&Frame::from_words(frame.to_vec()), &mut output).expect("a frame of two words");
                assert_eq!(output, interpreted, "{a} / {b}");
                for (scalar, rounding) in interpreted.outputs.iter().zip(Rounding::ALL) {
                    assert_eq!(scalar.word, exact(rounding, a, b), "{rounding:?} of {a} / {b}");
                    assert_eq!(divide(rounding, a, b), exact(rounding, a, b));
                }
            }
        }
    }
}

/// The codes found in a policy with these definitions, which an outcome uses by `用`.
fn codes(definitions: &str) -> Vec<&'static str> {
    let text = format!(
        "语言 zh\n模块 试\n依据 \"办法\" 记为 办法\n策略 甲 版本 1 由 局 施行 2020-01-01 {{\n\
         输入 价 : 金额 0 元..100 万元\n输入 率 : 小数 0.000..1.000\n输入 数 : 整数 -9..9 [套]\n输入 面积 : 小数 0.0..200.0 [平方米]\n\
         {definitions}\n\
         结论 果 : {{ 一, 二 }} {{ 一 当 用 @办法 1\n二 当 非 用 @办法 1 }}\n}}\n"
    );
    let compiled = compile(&[SourceFile { name: "甲.gj".into(), text }]);
    let unused = ["E0901", "W0902", "W0903"];
    compiled.diagnostics.iter().map(|d| d.code.as_str()).filter(|c| !unused.contains(c)).collect()
}

#[test]
fn units_scales_and_ranges_are_kept() {
    let none: [&str; 0] = [];
    for (rule, wanted) in [
        ("价 超过 5 元", None),
        ("价 超过 5", Some("E0303")),
        ("价 + 0.5 超过 5 元", Some("E0303")),
        ("价 * 价 超过 5 元", Some("E0303")),
        ("价 * 数 超过 5 元", Some("E0303")),
        ("价 * 率 超过 0.125 元", None),
        ("率 超过 0.5", None),
        ("率 超过 0.0005", None),
        ("率 满 1", None),
        ("率 + 数 超过 1", Some("E0303")),
        ("面积 超过 数", Some("E0303")),
        ("率 属于 { 0.01, 0.5 }", None),
        ("率 属于 { 0.0001 }", Some("E0307")),
        ("价 / 3 超过 5 元", Some("E0310")),
        ("四舍五入(价 / 3, 2) 超过 5 元", None),
        ("四舍五入(价 / 3 * 2, 2) 超过 5 元", Some("E0310")),
        ("四舍五入(价 / 数, 2) 超过 5 元", Some("E0303")),
        ("四舍五入(价 / 面积, 2) 超过 5 元", Some("E0303")),
        ("四舍五入(1 / 率, 2) 超过 5", Some("E0603")),
        ("率 > 0 且 四舍五入(1 / 率, 2) 超过 5", None),
        ("率 ≠ 0 且 四舍五入(1 / 率, 2) 超过 5", None),
        ("数 > 0 且 四舍五入(数 / 数, 3) 超过 5", None),
        ("数 ≠ 0 且 四舍五入(数 / 数, 3) 超过 5", Some("E0603")),
        ("四舍五入(价 * 率 * 率 * 率, 2) 超过 5 元", Some("E0602")),
        ("四舍五入(率, 10) 超过 5", Some("E0108")),
    ] {
        let found = codes(&format!("规则 用 = {rule} @办法 1"));
        match wanted {
            None => assert_eq!(found, none, "{rule}"),
            Some(code) => assert!(found.contains(&code), "{rule}: {found:?}"),
        }
    }
}
