//! What is wrong with a written test, and what to write instead. Owns the wording of `E0908` for facts and expectations.
//! Invariant: every message says how to mend the test. Must not know: how tests are run.

use crate::ast::Language;
use crate::check::report::nearest;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{show_type, show_type_en};
use crate::witness::{neutral, value_text};
use guiju_runtime::value::Type;

/// Most names listed in a help.
const LISTED_MAX: usize = 6;

/// A fault without a help of its own.
pub(super) fn bad(span: Span, zh: impl Into<String>, en: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::BadTest, span, zh, en)
}

/// Two tests of one title in a module.
pub(super) fn title_twice(span: Span, title: &str) -> Diagnostic {
    bad(span, format!("测试 \"{title}\" 写了两次"), format!("test \"{title}\" is written twice"))
        .help("换一个说明情形的标题", "give it another title that says what the case is")
}

/// A table test without a case.
pub(super) fn no_rows(span: Span) -> Diagnostic {
    bad(span, "表测没有行", "the table test has no rows")
        .help("加上至少一行情形, 或删去此表测", "add a row for each case, or delete the table test")
}

/// `基于` a title that no test has.
pub(super) fn no_such_test<'a>(span: Span, title: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let fault = bad(span, format!("没有名为 \"{title}\" 的测试"), format!("no test is called \"{title}\""));
    match nearest(title, known) {
        Some(near) => fault.help(format!("是否想写 \"{near}\"？"), format!("did you mean \"{near}\"?")),
        None => fault.help(
            "`基于` 只能指本模块里单独写的测试, 不能指表测的一行",
            "`like` names a test of this module that is written by itself, not a row of a table test",
        ),
    }
}

/// Tests that build on one another in a circle, or too many.
pub(super) fn circular(span: Span, most: usize) -> Diagnostic {
    bad(span, "测试的 `基于` 成环或过长", "the chain of `like` is circular or too long").help(
        format!("至多 {most} 层, 最底下的测试写全事实"),
        format!("at most {most} tests build on one another; the lowest gives all facts"),
    )
}

/// An input without which the policy is not asked.
pub(super) fn lacks_input(span: Span, name: &str, ty: &Type) -> Diagnostic {
    let fault = bad(span, format!("测试缺少输入 `{name}`"), format!("the test lacks input `{name}`"));
    match (sample(ty, Language::Zh), sample(ty, Language::En)) {
        (Some(zh), Some(en)) => {
            fault.help(format!("加一行, 例如 `{name} = {zh}`"), format!("add a line such as `{name} = {en}`"))
        }
        _ => fault,
    }
}

/// A test that could not fail.
pub(super) fn expects_nothing(span: Span, outcome: Option<(&str, &str)>) -> Diagnostic {
    let fault = bad(span, "测试没有期望", "the test expects nothing");
    match outcome {
        Some((name, value)) => fault.help(
            format!("加一行, 例如 `期望 {name} = {value}`"),
            format!("add a line such as `expect {name} = {value}`"),
        ),
        None => fault,
    }
}

/// A path that leads through something else than one known record.
pub(super) fn no_way(span: Span) -> Diagnostic {
    bad(
        span,
        "只能改已给出的证书中的字段, 列表须恰有一项",
        "only a field of a record already given can be changed, and a list must have exactly one element",
    )
    .help("在这里写出整份证书", "write the whole record here")
}

/// Absence or ignorance of what every record has.
pub(super) fn required(span: Span) -> Diagnostic {
    bad(span, "必填字段不能为无或未知", "a required field can be neither absent nor unknown").help(
        "给一个值; 整份证书查不到时, 写 `证书 = 未知`, 没有时写 `证书 = 无`",
        "give a value; a record that cannot be looked up is `record = unknown`, one that does not exist `record = absent`",
    )
}

/// A value of another type.
pub(super) fn wanted(span: Span, ty: &Type) -> Diagnostic {
    let (zh, en) = (show_type(ty), show_type_en(ty));
    let fault = bad(span, format!("此处应为 `{zh}` 的值"), format!("a value of `{en}` is wanted here"));
    match ty {
        Type::Enum(of) => {
            let more = if of.variants.len() > LISTED_MAX { ", …" } else { "" };
            let names: Vec<&str> = of.variants.iter().take(LISTED_MAX).map(|(name, _)| name.as_str()).collect();
            let names = names.join(", ");
            fault.help(format!("写 {names}{more} 之一"), format!("write one of {names}{more}"))
        }
        Type::Group(_) => fault.help("写 `{ 字段 = 值, … }`", "write `{ field = value, … }`"),
        Type::List { .. } => fault.help("写 `[ 值, … ]`, 没有时写 `[]`", "write `[ value, … ]`, or `[]` for none"),
        _ => match (sample(ty, Language::Zh), sample(ty, Language::En)) {
            (Some(zh), Some(en)) => fault.help(format!("例如 `{zh}`"), format!("for example `{en}`")),
            _ => fault,
        },
    }
}

/// A field that the policy reads and the record does not give.
pub(super) fn lacks_field(span: Span, path: &str, ty: &Type) -> Diagnostic {
    let fault = bad(span, format!("缺少字段 `{path}`"), format!("field `{path}` is missing"));
    let name = path.rsplit('.').next().unwrap_or(path);
    match (sample(ty, Language::Zh), sample(ty, Language::En)) {
        (Some(zh), Some(en)) => fault.help(
            format!("策略读取它: 加上它, 例如 `{name} = {zh}`"),
            format!("the policy reads it: add it, for example `{name} = {en}`"),
        ),
        _ => fault.help("策略读取它: 加上它", "the policy reads it: add it"),
    }
}

/// A reason that no arm gives.
pub(super) fn no_such_reason<'a>(span: Span, text: &str, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let fault = bad(span, format!("没有分支的理由是 \"{text}\""), format!("no arm gives the reason \"{text}\""));
    match nearest(text, known) {
        Some(near) => fault.help(format!("是否想写 \"{near}\"？"), format!("did you mean \"{near}\"?")),
        None => fault.help("照抄分支里 `理由` 后的文字", "copy the text that stands after `reason` in the arm"),
    }
}

/// A literal of a scalar type, as an example.
fn sample(ty: &Type, language: Language) -> Option<String> {
    match ty {
        Type::Group(_) | Type::List { .. } => None,
        Type::Text { .. } => Some("\"…\"".into()),
        _ => neutral(ty).map(|value| value_text(ty, &value, language)),
    }
}
