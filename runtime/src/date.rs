//! Civil dates and calendar months by the Civil Code's rules of periods (民法典 arts. 200–204).
//! Invariant: a `Date` is a real day of the proleptic Gregorian calendar in years 1…9999. Must not know: clocks, zones.

use std::fmt;

/// A civil date, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// A calendar month, as months since 0000-01 (year × 12 + month − 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YearMonth(i32);

impl Date {
    /// 0001-01-01.
    pub const MIN: Self = Self(-719_162);
    /// 9999-12-31.
    pub const MAX: Self = Self(2_932_896);

    /// The date with this year, month and day, if there is one.
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
            return None;
        }
        Some(Self(days_from_civil(year, month, day)))
    }

    /// The date `days` after 1970-01-01, if in range.
    pub fn from_days(days: i64) -> Option<Self> {
        let days = i32::try_from(days).ok()?;
        (Self::MIN.0..=Self::MAX.0).contains(&days).then_some(Self(days))
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i32 {
        self.0
    }

    /// Year, month, day.
    pub fn civil(self) -> (i32, u8, u8) {
        civil_from_days(self.0)
    }

    /// The month it lies in.
    pub fn month(self) -> YearMonth {
        let (y, m, _) = self.civil();
        YearMonth(y * 12 + i32::from(m) - 1)
    }

    /// `months` later (or earlier): the corresponding day, or the month's last day where there is none (民法典 art. 202).
    /// Saturates at [`Date::MIN`] and [`Date::MAX`].
    pub fn add_months(self, months: i64) -> Self {
        let (y, m, d) = self.civil();
        let index = (i64::from(y) * 12 + i64::from(m) - 1).saturating_add(months);
        if index < 12 {
            return Self::MIN;
        }
        if index >= 10_000 * 12 {
            return Self::MAX;
        }
        let (y, m) = ((index / 12) as i32, (index % 12) as u8 + 1);
        Self(days_from_civil(y, m, d.min(days_in(y, m))))
    }

    /// `days` later (or earlier), saturating.
    pub fn add_days(self, days: i64) -> Self {
        let sum = i64::from(self.0).saturating_add(days);
        Self(sum.clamp(i64::from(Self::MIN.0), i64::from(Self::MAX.0)) as i32)
    }

    /// Completed years from `self` to `on` (周岁, 民法典 arts. 17, 1259 with 200–202): whole years whose corresponding day
    /// has come; a birthday on 29 February comes on 28 February in common years. Never negative.
    pub fn years_until(self, on: Self) -> i64 {
        if on < self {
            return 0;
        }
        let years = i64::from(on.civil().0) - i64::from(self.civil().0);
        if self.add_months(years * 12) <= on { years } else { years - 1 }
    }
}

impl YearMonth {
    /// The month with this year (1…9999) and month.
    pub fn new(year: i32, month: u8) -> Option<Self> {
        ((1..=9999).contains(&year) && (1..=12).contains(&month)).then(|| Self(year * 12 + i32::from(month) - 1))
    }

    /// The month with this index, if in range.
    pub fn from_index(index: i64) -> Option<Self> {
        let index = i32::try_from(index).ok()?;
        (12..120_000).contains(&index).then_some(Self(index))
    }

    /// Year × 12 + month − 1.
    pub fn index(self) -> i32 {
        self.0
    }

    /// Year and month.
    pub fn civil(self) -> (i32, u8) {
        (self.0 / 12, (self.0 % 12) as u8 + 1)
    }
}

/// Date arithmetic on words, total over any of them: a word that is no date counts as the nearest date. Both engines call
/// these, so they cannot differ.
pub mod words {
    use super::Date;

    fn nearest(word: i64) -> Date {
        Date(word.clamp(i64::from(Date::MIN.0), i64::from(Date::MAX.0)) as i32)
    }

    /// See [`Date::add_months`].
    pub extern "C" fn add_months(date: i64, months: i64) -> i64 {
        i64::from(nearest(date).add_months(months).days())
    }

    /// See [`Date::add_days`].
    pub extern "C" fn add_days(date: i64, days: i64) -> i64 {
        i64::from(nearest(date).add_days(days).days())
    }

    /// See [`Date::years_until`].
    pub extern "C" fn years_until(birth: i64, on: i64) -> i64 {
        nearest(birth).years_until(nearest(on))
    }

    /// See [`Date::month`].
    pub extern "C" fn month_of(date: i64) -> i64 {
        i64::from(nearest(date).month().index())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.civil();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl fmt::Display for YearMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m) = self.civil();
        write!(f, "{y:04}-{m:02}")
    }
}

fn leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 (the era method of Howard Hinnant's `days_from_civil`).
fn days_from_civil(year: i32, month: u8, day: u8) -> i32 {
    let (m, d) = (i32::from(month), i32::from(day));
    let y = if m <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (m + if m > 2 { -3 } else { 9 }) + 2) / 5 + d - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

fn civil_from_days(days: i32) -> (i32, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = (doy - (153 * mp + 2) / 5 + 1) as u8;
    let month = (if mp < 10 { mp + 3 } else { mp - 9 }) as u8;
    (yoe + era * 400 + i32::from(month <= 2), month, day)
}
