//! Values that stand for nobody and nothing: texts and identifiers that are valid in form, on regions and codes that are
//! not assigned. Invariant: two numbers give two texts, as far as the length allows. Must not know: policies.

use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::identifier;
use guiju_runtime::value::{Fact, IdentifierKind, Type, Value};

/// Characters that check characters are taken from.
const CHECKS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The text number `n` of a type.
pub(super) fn text(ty: &Type, n: usize) -> String {
    match ty {
        Type::Identifier(kind) => identifier(*kind, n),
        Type::Text { max } => {
            let digits = n.to_string();
            let keep = (*max as usize).min(digits.len());
            digits[digits.len() - keep..].to_owned()
        }
        _ => String::new(),
    }
}

/// The identifier number `n` of a kind.
fn identifier(kind: IdentifierKind, n: usize) -> String {
    let n = n % 1000;
    let stem = match kind {
        IdentifierKind::CitizenId => format!("32990219900101{n:03}"),
        IdentifierKind::CreditCode => format!("91329902MA0{n:06}"),
        IdentifierKind::CertificateId => format!("1.2.156.3005.2.{}001.0.{n}.001.", credit(0)),
        IdentifierKind::UnitCode => return format!("329902001001GB00001F0000{n:04}"),
    };
    with_check(kind, &stem)
}

fn credit(n: usize) -> String {
    with_check(IdentifierKind::CreditCode, &format!("91329902MA0{n:06}"))
}

fn with_check(kind: IdentifierKind, stem: &str) -> String {
    CHECKS.chars().map(|c| format!("{stem}{c}")).find(|t| identifier::check(kind, t).is_ok()).unwrap_or_default()
}

/// A value that fits the type and stands for one that does not matter.
pub(crate) fn neutral(ty: &Type) -> Option<Value> {
    Some(match ty {
        Type::Boolean => Value::Boolean(false),
        Type::Integer { low, high, .. } | Type::Decimal { low, high, .. } | Type::Money { low, high } => {
            Value::Integer(0.clamp(*low, *high))
        }
        Type::Date => Value::Date(Date::new(1970, 1, 1)?),
        Type::Month => Value::Month(YearMonth::new(1970, 1)?),
        Type::Text { .. } | Type::Identifier(_) => Value::Text(text(ty, 0)),
        Type::Enum(_) => Value::Enum(0),
        Type::List { .. } => Value::List(Vec::new()),
        Type::Group(g) => {
            let mut facts = Vec::new();
            for f in &g.fields {
                facts.push(if f.optional { Fact::Absent } else { Fact::Known(neutral(&f.ty)?) });
            }
            Value::Group(facts)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_is_valid_and_its_own() {
        for kind in [
            IdentifierKind::CitizenId,
            IdentifierKind::CreditCode,
            IdentifierKind::CertificateId,
            IdentifierKind::UnitCode,
        ] {
            let all: std::collections::BTreeSet<String> = (0..200).map(|n| text(&Type::Identifier(kind), n)).collect();
            assert_eq!(all.len(), 200, "{kind:?}");
            for one in &all {
                assert_eq!(identifier::check(kind, one), Ok(()), "{one}");
            }
        }
    }
}
