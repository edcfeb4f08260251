//! Numbers of fixed scale: their text, and quotients with a stated rounding. Owns the four roundings, which every engine and
//! every test shares. Invariant: total over all words; a word `w` of scale `s` means exactly `w / 10^s`.
//! Must not know: types, policies, JSON.
//!
//! All four round by magnitude and keep the sign, so a debt is rounded as the claim that it is to the other side.
//! To whole numbers:
//!
//! | exact | half up | half even | down | up |
//! |------:|--------:|----------:|-----:|---:|
//! |   2.4 |       2 |         2 |    2 |  3 |
//! |   2.5 |       3 |         2 |    2 |  3 |
//! |   3.5 |       4 |         4 |    3 |  4 |
//! |  -2.5 |      -3 |        -2 |   -2 | -3 |
//! |  -2.6 |      -3 |        -3 |   -2 | -3 |

/// Most digits after the point.
pub const SCALE_MAX: u8 = 9;
/// Digits after the point of an amount in 元: its words count 分.
pub const MONEY_SCALE: u8 = 2;

/// How a quotient becomes a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rounding {
    /// 四舍五入: to the nearest; a half goes away from zero.
    HalfUp,
    /// 四舍六入五成双, GB/T 8170—2008 3.2: to the nearest; a half goes to the even neighbour.
    HalfEven,
    /// 舍去: toward zero.
    Down,
    /// 进一: away from zero.
    Up,
}

impl Rounding {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::HalfUp, Self::HalfEven, Self::Down, Self::Up];
}

/// `a / b` as a whole number. Nothing is undefined: a quotient by 0 is 0, and `i64::MIN / -1` wraps to `i64::MIN`; the
/// checker proves that a policy asks for neither.
pub fn divide(rounding: Rounding, a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    let (quotient, rest) = (a.wrapping_div(b), a.wrapping_rem(b).unsigned_abs());
    let missing = b.unsigned_abs() - rest;
    let away = match rounding {
        Rounding::HalfUp => rest >= missing,
        Rounding::HalfEven => rest > missing || (rest == missing && quotient % 2 != 0),
        Rounding::Down => false,
        Rounding::Up => rest > 0,
    };
    let step = if (a < 0) == (b < 0) { 1 } else { -1 };
    if away { quotient.wrapping_add(step) } else { quotient }
}

/// `10^digits`; `None` beyond what a word holds.
pub fn power(digits: u8) -> Option<i64> {
    10i64.checked_pow(u32::from(digits))
}

/// The number that `word` of `scale` means, with exactly `scale` digits after the point: `-0.030`.
pub fn show(word: i64, scale: u8) -> String {
    let digits = format!("{:0>1$}", word.unsigned_abs(), usize::from(scale) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if word < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// The word of `scale` that `text` spells: digits, at most one point, a leading `-` if negative. `None` if it is anything else,
/// has more digits after the point than `scale`, or does not fit a word.
pub fn parse(text: &str, scale: u8) -> Option<i64> {
    let (negative, plain) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = plain.split_once('.').unwrap_or((plain, "0"));
    let all_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let part = if part.len() > usize::from(scale) && plain.contains('.') { return None } else { part };
    if !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let part = if scale == 0 { "" } else { part };
    let digits = format!("{whole}{part:0<0$}", usize::from(scale));
    let sign = if negative { "-" } else { "" };
    format!("{sign}{digits}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_module_holds() {
        use Rounding::{Down, HalfEven, HalfUp, Up};
        for (tenths, half_up, half_even, down, up) in
            [(24, 2, 2, 2, 3), (25, 3, 2, 2, 3), (35, 4, 4, 3, 4), (-25, -3, -2, -2, -3), (-26, -3, -3, -2, -3)]
        {
            for (rounding, wanted) in [(HalfUp, half_up), (HalfEven, half_even), (Down, down), (Up, up)] {
                assert_eq!(divide(rounding, tenths, 10), wanted, "{rounding:?} of {tenths} tenths");
                assert_eq!(divide(rounding, -tenths, -10), wanted, "{rounding:?} of {tenths} tenths");
                assert_eq!(divide(rounding, -tenths, 10), -wanted, "{rounding:?} of minus {tenths} tenths");
            }
        }
    }

    #[test]
    fn nothing_is_undefined() {
        for rounding in Rounding::ALL {
            assert_eq!(divide(rounding, 7, 0), 0);
            assert_eq!(divide(rounding, i64::MIN, -1), i64::MIN);
            assert_eq!(divide(rounding, i64::MIN, 1), i64::MIN);
            assert_eq!(divide(rounding, i64::MIN, i64::MIN), 1);
        }
        assert_eq!(divide(Rounding::HalfUp, i64::MAX, i64::MIN), -1);
        assert_eq!(divide(Rounding::Down, i64::MAX, i64::MIN), 0);
    }

    #[test]
    fn text_and_word_are_one_to_one() {
        for (word, scale, text) in
            [(30, 3, "0.030"), (-5, 2, "-0.05"), (7, 0, "7"), (123_456, 2, "1234.56"), (0, 1, "0.0")]
        {
            assert_eq!(show(word, scale), text);
            assert_eq!(parse(text, scale), Some(word));
        }
        assert_eq!(parse("0.03", 3), Some(30));
        assert_eq!(parse("3", 3), Some(3000));
        assert_eq!(show(i64::MIN, 9), "-9223372036.854775808");
        assert_eq!(parse("-9223372036.854775808", 9), Some(i64::MIN));
        for bad in ["", "-", ".5", "5.", "0.0300", "+1", "1e3", "1_000", " 1", "9223372036854775.808"] {
            assert_eq!(parse(bad, 3), None, "{bad}");
        }
        assert_eq!(parse("5.0", 0), None);
    }
}
