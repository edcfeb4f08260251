//! Canonical bytes of facts, for sealing and hashing. Owns the encoding.
//! Invariant: a fact that fits its type has exactly one encoding under it; `decode` accepts only that one, never panics, and
//! never allocates more than a constant times the bytes it was given. Must not know: keys, ledgers, JSON.
//!
//! Form 1: the byte 1, then the fact. A fact: a state byte (0 known, 1 unknown, 2 absent), the value if known. Boolean: 0 or 1.
//! Integers, decimals (as words) and money (in 分): 8 bytes; dates and months: 4; variants: 2; all big-endian, two's complement. Text: length in bytes (4),
//! UTF-8. Group: fields in order, a required one as its value, an optional one as a fact. List: count (4), elements.

use crate::date::{Date, YearMonth};
use crate::evaluate::{ABSENT, KNOWN, UNKNOWN};
use crate::frame::state_of;
use crate::schema::{self, Misfit};
use crate::value::{Fact, Field, Type, Value};
use std::fmt;

/// The form written today.
const FORM: u8 = 1;

/// Why bytes are not a fact of the type. Whoever sealed them is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanonicalFault {
    /// A form this version does not read.
    Form(u8),
    /// The bytes end inside a value.
    Truncated,
    /// Bytes are left after the fact.
    Trailing,
    /// A tag, date, month or text has no meaning here.
    Malformed,
    /// The fact does not fit its type.
    Misfit(Misfit),
}

impl fmt::Display for CanonicalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(form) => write!(f, "不认识的编码形式 {form} (unknown form {form})"),
            Self::Truncated => f.write_str("字节不足 (the bytes end inside a value)"),
            Self::Trailing => f.write_str("字节多余 (bytes are left after the fact)"),
            Self::Malformed => f.write_str("字节没有意义 (a tag, date, month or text has no meaning)"),
            Self::Misfit(misfit) => misfit.fmt(f),
        }
    }
}

impl std::error::Error for CanonicalFault {}

/// The encoding of `fact` under `ty`. Errors: the fact does not fit its type.
pub fn encode(ty: &Type, fact: &Fact) -> Result<Vec<u8>, Misfit> {
    schema::check(ty, fact)?;
    let mut out = vec![FORM];
    write_fact(ty, fact, &mut out);
    Ok(out)
}

/// The fact of type `ty` that `bytes` encode; everything about it is checked.
pub fn decode(ty: &Type, bytes: &[u8]) -> Result<Fact, CanonicalFault> {
    let mut input = Input(bytes);
    let [form] = input.take::<1>()?;
    if form != FORM {
        return Err(CanonicalFault::Form(form));
    }
    let fact = read_fact(ty, &mut input)?;
    if !input.0.is_empty() {
        return Err(CanonicalFault::Trailing);
    }
    schema::check(ty, &fact).map_err(CanonicalFault::Misfit)?;
    Ok(fact)
}

fn write_fact(ty: &Type, fact: &Fact, out: &mut Vec<u8>) {
    out.push(state_of(fact));
    if let Fact::Known(value) = fact {
        write_value(ty, value, out);
    }
}

/// Writes a value that was checked against `ty`.
fn write_value(ty: &Type, value: &Value, out: &mut Vec<u8>) {
    match (ty, value) {
        (_, Value::Boolean(b)) => out.push(u8::from(*b)),
        (_, Value::Integer(n)) => out.extend_from_slice(&n.to_be_bytes()),
        (_, Value::Date(d)) => out.extend_from_slice(&d.days().to_be_bytes()),
        (_, Value::Month(m)) => out.extend_from_slice(&m.index().to_be_bytes()),
        (_, Value::Text(t)) => {
            // `schema::check` bounds texts far below u32.
            out.extend_from_slice(&(t.len() as u32).to_be_bytes());
            out.extend_from_slice(t.as_bytes());
        }
        (_, Value::Enum(e)) => out.extend_from_slice(&e.to_be_bytes()),
        (Type::Group(group), Value::Group(facts)) => {
            for (field, fact) in group.fields.iter().zip(facts) {
                match fact {
                    Fact::Known(value) if !field.optional => write_value(&field.ty, value, out),
                    _ => write_fact(&field.ty, fact, out),
                }
            }
        }
        (Type::List { element, .. }, Value::List(values)) => {
            out.extend_from_slice(&(values.len() as u32).to_be_bytes());
            for value in values {
                write_value(element, value, out);
            }
        }
        // `schema::check` refuses a group or list whose type is neither.
        (_, Value::Group(_) | Value::List(_)) => {}
    }
}

/// Bytes still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CanonicalFault> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(CanonicalFault::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], CanonicalFault> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(CanonicalFault::Truncated)?;
        self.0 = rest;
        Ok(head)
    }
}

fn read_fact(ty: &Type, input: &mut Input<'_>) -> Result<Fact, CanonicalFault> {
    let [state] = input.take()?;
    match state {
        KNOWN => Ok(Fact::Known(read_value(ty, input)?)),
        UNKNOWN => Ok(Fact::Unknown),
        ABSENT => Ok(Fact::Absent),
        _ => Err(CanonicalFault::Malformed),
    }
}

fn read_value(ty: &Type, input: &mut Input<'_>) -> Result<Value, CanonicalFault> {
    let malformed = CanonicalFault::Malformed;
    Ok(match ty {
        Type::Boolean => match input.take()? {
            [0] => Value::Boolean(false),
            [1] => Value::Boolean(true),
            [_] => return Err(malformed),
        },
        Type::Integer { .. } | Type::Decimal { .. } | Type::Money { .. } => {
            Value::Integer(i64::from_be_bytes(input.take()?))
        }
        Type::Date => Value::Date(Date::from_days(i64::from(i32::from_be_bytes(input.take()?))).ok_or(malformed)?),
        Type::Month => {
            Value::Month(YearMonth::from_index(i64::from(i32::from_be_bytes(input.take()?))).ok_or(malformed)?)
        }
        Type::Text { .. } | Type::Identifier(_) => {
            let length = u32::from_be_bytes(input.take()?) as usize;
            let text = std::str::from_utf8(input.bytes(length)?).map_err(|_| malformed)?;
            Value::Text(text.to_owned())
        }
        Type::Enum(_) => Value::Enum(u16::from_be_bytes(input.take()?)),
        Type::Group(group) => {
            let facts = group.fields.iter().map(|field| read_field(field, input));
            Value::Group(facts.collect::<Result<_, _>>()?)
        }
        Type::List { element, max } => {
            let count = u32::from_be_bytes(input.take()?);
            if count > *max {
                return Err(CanonicalFault::Malformed);
            }
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(read_value(element, input)?);
            }
            Value::List(values)
        }
    })
}

fn read_field(field: &Field, input: &mut Input<'_>) -> Result<Fact, CanonicalFault> {
    if field.optional { read_fact(&field.ty, input) } else { read_value(&field.ty, input).map(Fact::Known) }
}
