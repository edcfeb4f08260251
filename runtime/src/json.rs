//! Facts as JSON, for people and departments' systems. Owns the spelling; canonical bytes are `canonical`'s.
//! Invariant: what `fact_from_json` accepts fits its type; `fact_to_json` then `fact_from_json` gives the fact back.
//! Must not know: frames, policies, HTTP.
//!
//! Spelling: money as a whole number of 分, decimals as text with all their digits `"0.030"` (a JSON number would be read as
//! binary floating point somewhere on the way; fewer digits are read too), enums by name, dates `"2017-03-16"`, months `"2017-03"`, `null` for absent (无), `{"$unknown": true}` for unknown
//! (未知). Every field is written, optional ones too: silence would not say which of the two is meant.

use crate::date::{Date, YearMonth};
use crate::number;
use crate::schema::{self, Misfit, Reason, Wanted};
use crate::value::{Fact, GroupType, Type, Value};
use serde_json::{Map, Value as Json};
use std::fmt;

/// The key of the object that means unknown.
const UNKNOWN_KEY: &str = "$unknown";

/// JSON that does not spell a fact of its type. Whoever wrote it is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// Path of fields and positions, e.g. `成员[2].关系`; empty for the whole.
    pub path: String,
    /// What is wrong, in Chinese.
    pub zh: String,
    /// What is wrong, in English.
    pub en: String,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.path, self.zh, self.en)
    }
}

impl std::error::Error for JsonFault {}

impl From<Misfit> for JsonFault {
    fn from(misfit: Misfit) -> Self {
        Self { zh: misfit.reason.zh(), en: misfit.reason.en(), path: misfit.path }
    }
}

/// Reads a fact of type `ty`.
pub fn fact_from_json(ty: &Type, json: &Json) -> Result<Fact, JsonFault> {
    let fact = read_fact(ty, json, "")?;
    schema::check(ty, &fact)?;
    Ok(fact)
}

/// Spells a fact of type `ty`. A fact that does not fit spells its misfitting parts as `null`.
pub fn fact_to_json(ty: &Type, fact: &Fact) -> Json {
    match fact {
        Fact::Known(value) => write_value(ty, value),
        Fact::Absent => Json::Null,
        Fact::Unknown => Json::Object(Map::from_iter([(UNKNOWN_KEY.to_owned(), Json::Bool(true))])),
    }
}

fn is_unknown(json: &Json) -> bool {
    json.as_object().is_some_and(|o| o.len() == 1 && o.get(UNKNOWN_KEY) == Some(&Json::Bool(true)))
}

fn read_fact(ty: &Type, json: &Json, path: &str) -> Result<Fact, JsonFault> {
    Ok(match json {
        Json::Null => Fact::Absent,
        _ if is_unknown(json) => Fact::Unknown,
        _ => Fact::Known(read_value(ty, json, path)?),
    })
}

fn read_value(ty: &Type, json: &Json, path: &str) -> Result<Value, JsonFault> {
    let misfit = |reason| JsonFault::from(Misfit { path: path.to_owned(), reason });
    let wrong = || misfit(Reason::Kind { wanted: Wanted::of(ty) });
    Ok(match ty {
        Type::Boolean => Value::Boolean(json.as_bool().ok_or_else(wrong)?),
        Type::Integer { .. } | Type::Money { .. } => Value::Integer(json.as_i64().ok_or_else(wrong)?),
        Type::Decimal { scale, .. } => {
            Value::Integer(json.as_str().and_then(|text| number::parse(text, *scale)).ok_or_else(wrong)?)
        }
        Type::Date => Value::Date(json.as_str().and_then(parse_date).ok_or_else(wrong)?),
        Type::Month => Value::Month(json.as_str().and_then(parse_month).ok_or_else(wrong)?),
        Type::Text { .. } | Type::Identifier(_) => Value::Text(json.as_str().ok_or_else(wrong)?.to_owned()),
        Type::Enum(of) => {
            let name = json.as_str().ok_or_else(wrong)?;
            let index = of.variants.iter().position(|(n, _)| n == name).ok_or_else(|| misfit(Reason::Variant))?;
            Value::Enum(u16::try_from(index).map_err(|_| misfit(Reason::Variant))?)
        }
        Type::Group(group) => read_group(group, json.as_object().ok_or_else(wrong)?, path)?,
        Type::List { element, max } => {
            let items = json.as_array().ok_or_else(wrong)?;
            if items.len() > *max as usize {
                return Err(misfit(Reason::TooMany { max: *max }));
            }
            let each = items.iter().enumerate().map(|(i, item)| read_value(element, item, &format!("{path}[{i}]")));
            Value::List(each.collect::<Result<_, _>>()?)
        }
    })
}

fn read_group(group: &GroupType, object: &Map<String, Json>, path: &str) -> Result<Value, JsonFault> {
    let inside = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(name) = object.keys().find(|k| group.fields.iter().all(|f| f.name != **k)) {
        return Err(JsonFault {
            path: inside(name),
            zh: format!("`{}` 没有这个字段", group.name),
            en: format!("`{}` has no such field", group.name),
        });
    }
    let mut facts = Vec::with_capacity(group.fields.len());
    for field in &group.fields {
        let path = inside(&field.name);
        let Some(json) = object.get(&field.name) else {
            return Err(JsonFault {
                path,
                zh: "缺少字段；无写 null，未知写 {\"$unknown\": true}".to_owned(),
                en: "the field is missing; write null for absent, {\"$unknown\": true} for unknown".to_owned(),
            });
        };
        facts.push(read_fact(&field.ty, json, &path)?);
    }
    Ok(Value::Group(facts))
}

fn write_value(ty: &Type, value: &Value) -> Json {
    match (ty, value) {
        (_, Value::Boolean(b)) => Json::Bool(*b),
        (Type::Decimal { scale, .. }, Value::Integer(n)) => Json::String(number::show(*n, *scale)),
        (_, Value::Integer(n)) => Json::from(*n),
        (_, Value::Date(d)) => Json::String(d.to_string()),
        (_, Value::Month(m)) => Json::String(m.to_string()),
        (_, Value::Text(t)) => Json::String(t.clone()),
        (Type::Enum(of), Value::Enum(i)) => {
            of.variants.get(usize::from(*i)).map_or(Json::Null, |(name, _)| Json::String(name.clone()))
        }
        (Type::Group(group), Value::Group(facts)) => {
            let fields = group.fields.iter().zip(facts);
            Json::Object(fields.map(|(field, fact)| (field.name.clone(), fact_to_json(&field.ty, fact))).collect())
        }
        (Type::List { element, .. }, Value::List(values)) => {
            Json::Array(values.iter().map(|value| write_value(element, value)).collect())
        }
        (_, Value::Enum(_) | Value::Group(_) | Value::List(_)) => Json::Null,
    }
}

/// The date spelled `YYYY-MM-DD`, in exactly ten characters.
pub fn parse_date(text: &str) -> Option<Date> {
    let (month, day) = text.rsplit_once('-')?;
    let (year, month) = year_and_month(month)?;
    Date::new(year, month, two_digits(day)?)
}

/// The month spelled `YYYY-MM`, in exactly seven characters.
pub fn parse_month(text: &str) -> Option<YearMonth> {
    let (year, month) = year_and_month(text)?;
    YearMonth::new(year, month)
}

fn year_and_month(text: &str) -> Option<(i32, u8)> {
    let (year, month) = text.split_once('-')?;
    let plain = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit());
    Some((plain.then(|| year.parse().ok())??, two_digits(month)?))
}

fn two_digits(text: &str) -> Option<u8> {
    let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}
