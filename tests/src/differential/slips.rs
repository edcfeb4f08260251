//! Slips of an author in a module that was right: a row dropped, a bound moved, a range narrowed, a test of presence
//! forgotten. Owns what slips there are. Invariant: everything follows from the random numbers; the checker may refuse the
//! result, and what it accepts must keep every promise. Must not know: what the checker proves.

use super::Random;
use std::ops::Range;

/// The text with one slip; `None` if it offers no place for the slip that was drawn.
pub(super) fn slip(random: &mut Random, text: &str) -> Option<String> {
    let places = match random.below(6) {
        0 => rows(text),
        1 => return narrowed(random, text),
        2 => words(text, &["不满", "满", "不超过", "超过", "<=", ">=", "<", ">"]),
        3 => words(text, &[" 且 ", " 或 "]),
        4 => presence(text),
        _ => return moved(random, text),
    };
    let place = random.pick(&places)?.clone();
    let found = &text[place.clone()];
    let with = match found.trim() {
        "不满" => "不超过",
        "满" => "超过",
        "不超过" => "不满",
        "超过" => "满",
        "<=" => "<",
        ">=" => ">",
        "<" => "<=",
        ">" => ">=",
        "且" => " 或 ",
        "或" => " 且 ",
        _ => "",
    };
    Some(format!("{}{with}{}", &text[..place.start], &text[place.end..]))
}

/// Rows of tables, headers aside.
fn rows(text: &str) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("    | ") && !line.contains("条款") {
            rows.push(at..at + line.len());
        }
        at += line.len();
    }
    rows
}

/// Words that stand by themselves.
fn words(text: &str, wanted: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for word in wanted {
        for (at, _) in text.match_indices(word) {
            let end = at + word.len();
            let alone = |c: Option<char>| c.is_none_or(|c| c == ' ' || word.starts_with(' '));
            if alone(text[..at].chars().next_back()) && alone(text[end..].chars().next()) {
                found.push(at..end);
            }
        }
    }
    found
}

/// `x 存在 且 `: what makes the use of `x` behind it safe.
fn presence(text: &str) -> Vec<Range<usize>> {
    let ends = text.match_indices(" 存在 且 ").map(|(at, what)| (at, at + what.len()));
    let from = |at: usize| text[..at].rfind([' ', '(']).map_or(0, |before| before + 1);
    ends.map(|(at, end)| from(at)..end).collect()
}

/// A declared range of a definition made narrower by one, or by half.
fn narrowed(random: &mut Random, text: &str) -> Option<String> {
    let mut places = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let declared = line.trim_start().starts_with("定义 ") || line.trim_start().starts_with("表 ");
        if let (true, Some(from)) = (declared, line.find(" : 整数 ")) {
            let from = at + from + " : 整数 ".len();
            let end = text[from..].find([' ', '\n']).map_or(text.len(), |length| from + length);
            places.push(from..end);
        }
        at += line.len();
    }
    let place = random.pick(&places)?.clone();
    let (low, high) = text[place.clone()].split_once("..")?;
    let (low, high) = (low.parse::<i64>().ok()?, high.parse::<i64>().ok()?);
    let by = if random.chance(50) { 1 } else { (high - low) / 2 };
    let (low, high) = if random.chance(50) { (low + by, high) } else { (low, high - by) };
    (low <= high).then(|| format!("{}{low}..{high}{}", &text[..place.start], &text[place.end..]))
}

/// A whole number in a row, guard or value moved by one.
fn moved(random: &mut Random, text: &str) -> Option<String> {
    let body = text.find("策略").or_else(|| text.find("核验")).or_else(|| text.find("合约"))?;
    let digits: Vec<Range<usize>> = words_of_digits(&text[body..]).map(|r| r.start + body..r.end + body).collect();
    let place = random.pick(&digits)?.clone();
    let number = text[place.clone()].parse::<i64>().ok()?;
    let number = if random.chance(50) { number + 1 } else { number - 1 };
    Some(format!("{}{number}{}", &text[..place.start], &text[place.end..]))
}

/// Whole numbers between blanks.
fn words_of_digits(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.match_indices(' ').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let length = rest.find(|c: char| !c.is_ascii_digit())?;
        let whole = (1..=4).contains(&length) && rest[length..].starts_with([' ', ')', '\n']);
        whole.then(|| at + 1..at + 1 + length)
    })
}
