//! Whether a value can be kept where a type is declared: definitions, tables, written fields. Owns the one rule for all of
//! them. Invariant: what it gives back fits the declared type for every value that its parts may have, and has its scale.
//! Must not know: what is being declared.

use super::numbers::is_number;
use super::refused::Refusal;
use super::types::Typer;
use crate::diagnostics::{Code, Diagnostic};
use crate::source::Span;
use crate::typed::{TypedExpr, domain, show_word, show_word_en};
use guiju_runtime::value::Type;

/// `value` as it is kept in a place of type `ty`; a finding if it cannot be.
pub(crate) fn assign(
    typer: &mut Typer<'_>,
    value: TypedExpr,
    ty: &Type,
    optional: bool,
    declared_at: Option<Span>,
) -> Option<TypedExpr> {
    if value.optional && !optional {
        let text = value.canonical();
        return typer.fail(
            Diagnostic::new(
                Code::MayBeAbsent,
                value.span,
                format!("`{text}` 可能为无"),
                format!("`{text}` may be absent"),
            )
            .help(
                format!("写 `{text} 或缺 …`，或把类型声明为可缺省（`?`）"),
                format!("write `{text} default …`, or declare the type optional (`?`)"),
            ),
        );
    }
    match (&value.ty, ty) {
        (found, _) if is_number(found) && is_number(ty) => {
            let kept = typer.kept(value, ty)?;
            Some(within(kept, ty, declared_at, typer))
        }
        (Type::Text { max: found }, Type::Text { max }) => {
            if found > max {
                typer.report.add(Diagnostic::new(
                    Code::RangeExceeded,
                    value.span,
                    format!("文本可长达 {found} 个字符，声明的最长为 {max}"),
                    format!("the text may have {found} characters, {max} are declared"),
                ));
            }
            (found <= max).then_some(value)
        }
        (a, b) if a == b => Some(value),
        (a, b) => typer.mismatch(value.span, b, a),
    }
}

/// The value, or a finding and what is never known if it leaves the declared range.
fn within(value: TypedExpr, ty: &Type, declared_at: Option<Span>, typer: &mut Typer<'_>) -> TypedExpr {
    let (found, declared) = (domain(&value.ty), domain(ty));
    // What is computed with something refused is told of once, there.
    if (declared.0 <= found.0 && found.1 <= declared.1) || value.is_refused() {
        return TypedExpr { ty: if value.is_refused() { ty.clone() } else { value.ty.clone() }, ..value };
    }
    let wide = (declared.0.min(found.0), declared.1.max(found.1));
    let zh = |(low, high)| format!("{}..{}", show_word(ty, low), show_word(ty, high));
    let en = |(low, high)| format!("{}..{}", show_word_en(ty, low), show_word_en(ty, high));
    let mut finding = Diagnostic::new(
        Code::RangeExceeded,
        value.span,
        format!("值可达 {}，超出声明的 {}", zh(found), zh(declared)),
        format!("the value may reach {}, beyond the declared {}", en(found), en(declared)),
    )
    .help(
        format!("把范围放宽为 {}，或用 `如果` 限制该值", zh(wide)),
        format!("widen the range to {}, or bound the value with `if`", en(wide)),
    );
    if let Some(at) = declared_at {
        finding = finding.label(at, "声明的范围", "the declared range");
    }
    let refusal = Refusal::outside(&value, declared);
    typer.refuse(finding, refusal, vec![value], ty.clone())
}
