//! Writes must not lower a class: what a contract writes can be read again under the class of the field it is written to.
//! Invariant: in a contract it accepts every written value is at most of its field's class. Must not know: releases.

use super::flow::Flow;
use super::report::Report;
use super::types::word_of;
use crate::diagnostics::{Code, Diagnostic};
use crate::typed::{Policy, TypedExpr, Written};
use guiju_runtime::value::{Field, GroupType, Type};

/// Checks every written value against the field it is written to.
pub(crate) fn check(policy: &Policy, flow: &Flow, report: &mut Report) {
    for write in &policy.writes {
        group(&write.fields, &write.schema.group, flow, report);
    }
}

fn group(fields: &[(usize, Written)], ty: &GroupType, flow: &Flow, report: &mut Report) {
    for (index, value) in fields {
        if let Some(field) = ty.fields.get(*index) {
            written(value, field, &field.ty, flow, report);
        }
    }
}

fn written(value: &Written, field: &Field, ty: &Type, flow: &Flow, report: &mut Report) {
    match (value, ty) {
        (Written::Expr(e), _) => one(e, field, flow, report),
        (Written::Group(fields), Type::Group(inner)) => group(fields, inner, flow, report),
        (Written::List(items), Type::List { element, .. }) => {
            items.iter().for_each(|item| written(item, field, element, flow, report));
        }
        _ => {}
    }
}

fn one(value: &TypedExpr, field: &Field, flow: &Flow, report: &mut Report) {
    let Some(class) = field.class.map(word_of) else { return };
    let own = flow.expr(value).class();
    if own > class {
        let (own, class) = (class_words(own), class_words(class));
        report.add(
            Diagnostic::new(
                Code::Downgrade,
                value.span,
                format!("把 `{}` 的数据写入 `{}` 的字段 `{}`", own.0, class.0, field.name),
                format!("data of class `{}` is written to field `{}` of class `{}`", own.1, field.name, class.1),
            )
            .help(
                format!("写入级别不低于 `{}` 的字段，或写入输入与常数", own.0),
                format!("write it to a field of class `{}` or higher, or write an input or a constant", own.1),
            ),
        );
    }
}

fn class_words(class: crate::ast::ClassWord) -> (&'static str, &'static str) {
    use crate::ast::ClassWord;
    match class {
        ClassWord::Public => ("公开", "public"),
        ClassWord::ResultOnly => ("仅结果", "result_only"),
        ClassWord::ByGrant => ("凭授权", "by_grant"),
        ClassWord::Never => ("不出", "never"),
    }
}
