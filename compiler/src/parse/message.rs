//! Pest's errors in words that people use. Owns the names of what was expected.
//! Invariant: no message holds the name of a grammar rule. Must not know: the tree.

use super::node::Builder;
use super::{Rule, keyword};
use crate::ast::Language;
use crate::diagnostics::{Code, Diagnostic, Text};
use crate::names;
use pest::error::{Error, ErrorVariant, InputLocation};

/// Most alternatives named in a message.
const ALTERNATIVES_MAX: usize = 6;

/// The diagnostic for a chunk that the grammar refused.
pub(super) fn syntax(builder: &Builder, text: &str, error: &Error<Rule>) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at.min(text.len()),
    };
    let positives = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => &[],
    };
    let found = found(&text[at..]);
    // At the end of an item the place to look at is its last character.
    let span = if found.is_empty() {
        let last = text.char_indices().next_back().map_or(0, |(last, _)| last);
        builder.span_of(last, text.len())
    } else {
        builder.span_of(at, at + found.len())
    };
    if let Some(fault) = found.chars().next().filter(|first| names::is_radical(*first)).and(names::check(found, span)) {
        return fault;
    }
    let wants_name = positives.iter().any(|rule| matches!(rule, Rule::name | Rule::names | Rule::path | Rule::owners));
    if wants_name && keyword::is_reserved(found) && !continues(positives) && !begins_expression(positives) {
        return Diagnostic::new(
            Code::ReservedName,
            span,
            format!("`{found}` 是关键字, 不能作名称"),
            format!("`{found}` is a keyword and cannot be a name"),
        )
        .help(format!("换一个名称, 如 `{found}项`"), format!("choose another name, such as `{found}_value`"));
    }
    let (zh, en) = expected(positives, builder.language);
    let mut diagnostic = if found.is_empty() {
        Diagnostic::new(
            Code::Syntax,
            span,
            format!("内容到此中断, 其后应为{zh}"),
            format!("this ends too early, expected {en}"),
        )
    } else {
        Diagnostic::new(
            Code::Syntax,
            span,
            format!("此处应为{zh}, 而不是 `{found}`"),
            format!("expected {en}, found `{found}`"),
        )
    };
    diagnostic.help = hint(&text[..at], &text[at..]);
    diagnostic
}

/// Whether pest gave up before it knew. Reported once a file.
pub(super) fn spent(builder: &Builder, text: &str, error: &Error<Rule>) -> bool {
    if !matches!(error.variant, ErrorVariant::CustomError { .. }) {
        return false;
    }
    if !builder.spent.replace(true) {
        builder.report(
            Diagnostic::new(
                Code::TooLarge,
                builder.span_of(0, found(text).len()),
                "读懂这一项所需的步数超过上限, 其后的内容不再检查",
                "reading this item takes more steps than allowed; what follows it is not checked",
            )
            .help("减少嵌套, 用 `定义` 给中间结果命名", "nest less; name parts of it with `define`"),
        );
    }
    true
}

/// The word or character at the start of `rest`.
fn found(rest: &str) -> &str {
    let is_word = |character: char| pest::unicode::XID_CONTINUE(character);
    let word = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
    if word > 0 {
        return &rest[..word];
    }
    &rest[..rest.chars().next().map_or(0, char::len_utf8)]
}

/// Whether an expression may start here.
fn begins_expression(positives: &[Rule]) -> bool {
    positives.iter().any(|rule| matches!(rule, Rule::k_if | Rule::paren | Rule::expr))
}

/// Whether an operator or a new clause could also come here, so that the word is no failed name.
fn continues(positives: &[Rule]) -> bool {
    positives.iter().any(|rule| matches!(rule, Rule::k_and | Rule::r_brace | Rule::EOI))
}

/// What to write instead of a habit from elsewhere.
fn hint(before: &str, rest: &str) -> Option<Text> {
    let (zh, en) = match rest {
        rest if rest.starts_with('=') && before.ends_with('=') => {
            ("相等写作一个 `=`", "equality is written with one `=`")
        }
        rest if rest.starts_with("&&") => ("写作 `且`", "write `and`"),
        rest if rest.starts_with("||") => ("写作 `或`", "write `or`"),
        rest if rest.starts_with('!') => ("否定写作 `非`", "negation is written `not`"),
        rest if rest.starts_with('、') => ("并列用 `,`", "separate with `,`"),
        rest if rest.starts_with('。') => {
            ("名称之间用 `.`, 句末不加标点", "names are joined with `.`, and nothing ends with a stop")
        }
        rest if rest.starts_with('\'') || rest.starts_with('‘') => ("文本用双引号", "texts use double quotes"),
        rest if rest.starts_with("个月") => ("写作 `月`, 如 `3 月`", "write `月`, as in `3 月`"),
        _ => return None,
    };
    Some(Text::new(zh, en))
}

/// The alternatives, without repetition, in both languages.
fn expected(positives: &[Rule], language: Language) -> (String, String) {
    let mut names: Vec<(String, String)> = Vec::new();
    // Where an expression may start, its many beginnings say no more than that.
    let operands = begins_expression(positives);
    let starts = |rule: &Rule| {
        matches!(
            rule,
            Rule::unsigned
                | Rule::integer
                | Rule::amount
                | Rule::fraction
                | Rule::text
                | Rule::date
                | Rule::month
                | Rule::name
                | Rule::l_paren
        )
    };
    // Behind every number a unit of money could stand; that helps nobody who is about to write something else.
    let unit = |rule: &Rule| matches!(rule, Rule::k_fen | Rule::k_yuan | Rule::k_wan_yuan | Rule::k_yi_yuan);
    let units = positives.iter().all(unit);
    let operators = positives.contains(&Rule::k_present);
    let idle = |rule: &Rule| {
        // Behind a name a call could open its brackets.
        let operator = operators && matches!(rule, Rule::k_absent | Rule::l_paren);
        (operands && starts(rule)) || operator || (unit(rule) && !units)
    };
    // That nothing more may come is said last.
    let (end, others): (Vec<&Rule>, Vec<&Rule>) =
        positives.iter().filter(|rule| !idle(rule)).partition(|rule| **rule == Rule::EOI);
    for rule in others.into_iter().chain(end) {
        let name = describe(*rule, language);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return ("别的内容".to_owned(), "something else".to_owned());
    }
    let more = names.len() > ALTERNATIVES_MAX;
    names.truncate(ALTERNATIVES_MAX);
    let (zh, en): (Vec<String>, Vec<String>) = names.into_iter().unzip();
    let zh = if more { format!("{}等", zh.join("、")) } else { join(&zh, "、", "或") };
    let en = if more { format!("one of {}, …", en.join(", ")) } else { join(&en, ", ", " or ") };
    (zh, en)
}

fn join(parts: &[String], between: &str, last: &str) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., tail] => format!("{}{last}{tail}", head.join(between)),
    }
}

/// What a rule is called. Keywords are shown as the file would write them.
#[expect(clippy::too_many_lines, reason = "a table: one line a rule")]
fn describe(rule: Rule, language: Language) -> (String, String) {
    let both = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
    let mark = |text: &str| (format!("`{text}`"), format!("`{text}`"));
    if is_operator(rule) {
        return both("运算符", "an operator");
    }
    if is_operand(rule) {
        return both("表达式", "an expression");
    }
    match rule {
        Rule::name | Rule::variant | Rule::listed | Rule::pairing => both("名称", "a name"),
        Rule::names | Rule::owners | Rule::path => both("名称", "a name"),
        Rule::text => both("带引号的文本", "a quoted text"),
        Rule::unsigned | Rule::integer | Rule::decimal | Rule::fraction | Rule::integer_type => both("数", "a number"),
        Rule::amount => both("金额(如 300 万元)", "an amount (such as 300 yuan)"),
        Rule::date => both("日期(如 2017-03-16)", "a date (such as 2017-03-16)"),
        Rule::month_range => both(
            "月(如 2017-03)或一段月(如 2015-04..2017-03)",
            "a month (such as 2017-03) or a run of months (such as 2015-04..2017-03)",
        ),
        Rule::type_expr | Rule::element | Rule::list_type | Rule::decimal_type | Rule::money_type | Rule::text_type => {
            both("类型", "a type")
        }
        Rule::k_public | Rule::k_result_only | Rule::k_by_grant | Rule::k_never => {
            both("公开级(如 `仅结果`)", "a class (such as `result_only`)")
        }
        Rule::k_boolean
        | Rule::k_integer
        | Rule::k_decimal
        | Rule::k_money
        | Rule::k_date
        | Rule::k_month
        | Rule::k_text
        | Rule::k_citizen_id
        | Rule::k_credit_code
        | Rule::k_certificate_id
        | Rule::k_unit_code
        | Rule::k_list => both("类型", "a type"),
        Rule::transition
        | Rule::k_transition
        | Rule::as_of
        | Rule::input
        | Rule::evidence
        | Rule::definition
        | Rule::rule_clause
        | Rule::table
        | Rule::outcome
        | Rule::release
        | Rule::write
        | Rule::k_base
        | Rule::k_input
        | Rule::k_evidence
        | Rule::k_define
        | Rule::k_rule
        | Rule::k_table
        | Rule::k_outcome
        | Rule::k_release
        | Rule::k_write => both("条文(如 `定义`)", "a clause (such as `define`)"),
        Rule::language
        | Rule::module
        | Rule::import
        | Rule::source
        | Rule::enum_item
        | Rule::group
        | Rule::certificate
        | Rule::policy
        | Rule::sharing
        | Rule::property
        | Rule::cases
        | Rule::mapping
        | Rule::formula
        | Rule::test => both("顶层条目(如 `策略`)", "an item (such as `policy`)"),
        Rule::language_word => both("`zh` 或 `en`", "`zh` or `en`"),
        Rule::exception => both("例外", "an exception"),
        Rule::citation | Rule::at => both("依据(如 `@通知 第一条`)", "a citation (such as `@notice art.1`)"),
        Rule::article | Rule::cited => both("条款号", "an article"),
        Rule::field => both("字段", "a field"),
        Rule::parameter => both("参数", "a parameter"),
        Rule::fact | Rule::fact_field => both("事实", "a fact"),
        Rule::expect | Rule::expect_outcome => both("期望", "an expectation"),
        Rule::arm => both("结论的一支", "an arm"),
        Rule::header | Rule::header_cell | Rule::case_header | Rule::case_column => both("表头", "a table header"),
        Rule::row
        | Rule::row_cell
        | Rule::case_row
        | Rule::case_cell
        | Rule::case_value
        | Rule::entry_cell
        | Rule::cell
        | Rule::cell_test
        | Rule::cell_range
        | Rule::cell_bound
        | Rule::cell_between
        | Rule::cell_compare => both("表格的格", "a table cell"),
        Rule::sharing_clause => both("准予或禁止的条文", "a permit or forbid clause"),
        Rule::write_field => both("要写入的字段", "a field to write"),
        Rule::fields | Rule::l_brace | Rule::write_group | Rule::fact_group => mark("{"),
        Rule::r_brace => mark("}"),
        Rule::l_paren => mark("("),
        Rule::r_paren => mark(")"),
        Rule::l_bracket | Rule::write_list | Rule::fact_list => mark("["),
        Rule::r_bracket => mark("]"),
        Rule::comma | Rule::separator => mark(","),
        Rule::colon => mark(":"),
        Rule::bar => mark("|"),
        Rule::question => mark("?"),
        Rule::dots => mark(".."),
        Rule::dot => mark("."),
        Rule::arrow => mark("=>"),
        Rule::eq => mark("="),
        Rule::EOI => both("结束", "the end"),
        rule => match keyword::spelling(rule, language)
            .or_else(|| opening(rule).and_then(|word| keyword::spelling(word, language)))
        {
            Some(word) => mark(word),
            None => both("别的内容", "something else"),
        },
    }
}

/// The keyword that a small rule opens with.
fn opening(rule: Rule) -> Option<Rule> {
    Some(match rule {
        Rule::exception_of => Rule::k_of,
        Rule::exception_before => Rule::k_before,
        Rule::superseding => Rule::k_superseding,
        Rule::limit => Rule::k_limit,
        Rule::points => Rule::k_points,
        Rule::like => Rule::k_like,
        Rule::fact_months => Rule::k_each_month,
        Rule::monotone => Rule::k_monotone,
        Rule::implied => Rule::k_whenever,
        Rule::at_no_time => Rule::k_at_no_time,
        Rule::key_each => Rule::k_for,
        Rule::condition => Rule::k_where,
        Rule::if_empty => Rule::k_empty,
        Rule::expect_reason => Rule::k_reason,
        Rule::expect_missing => Rule::k_missing,
        Rule::exchanges => Rule::k_anything,
        Rule::grantees | Rule::purposes => Rule::k_anything,
        Rule::range_over => return None,
        _ => return None,
    })
}

fn is_operator(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::k_or
            | Rule::k_and
            | Rule::k_default
            | Rule::add
            | Rule::subtract
            | Rule::multiply
            | Rule::divide
            | Rule::equal
            | Rule::not_equal
            | Rule::less
            | Rule::greater
            | Rule::at_most
            | Rule::at_least
            | Rule::k_reaches
            | Rule::k_below
            | Rule::k_exceeds
            | Rule::k_within
            | Rule::k_present
            | Rule::member
            | Rule::k_in_force
            | Rule::past
            | Rule::k_in_past
            | Rule::bounded
            | Rule::between
            | Rule::between_word
            | Rule::between_and
            | Rule::k_at
            | Rule::convert
            | Rule::k_convert
            | Rule::k_member
    )
}

fn is_operand(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::expr
            | Rule::operand
            | Rule::paren
            | Rule::conditional
            | Rule::rolled
            | Rule::k_rolled
            | Rule::exists
            | Rule::every
            | Rule::count
            | Rule::count_distinct
            | Rule::aggregate
            | Rule::call
            | Rule::apply
            | Rule::rounding
            | Rule::period
            | Rule::key
            | Rule::write_value
            | Rule::fact_value
            | Rule::month_day
            | Rule::k_if
            | Rule::k_exists
            | Rule::k_every
            | Rule::k_count
            | Rule::k_sum
            | Rule::k_largest
            | Rule::k_smallest
            | Rule::k_half_up
            | Rule::k_half_even
            | Rule::k_round_down
            | Rule::k_round_up
            | Rule::k_age_on
            | Rule::k_month_of
            | Rule::k_months_between
            | Rule::k_days_between
            | Rule::k_not
            | Rule::k_true
            | Rule::k_false
            | Rule::k_today
    )
}
