//! From named cells to facts of the compiled schemas. Invariant: a record that leaves here fits its schema: every field
//! by its declared name and type, no field forgotten but optional ones. Must not know: people, chance.

use super::{CityFault, CityRecord};
use guiju_compiler::package::Package;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::identifier;
use guiju_runtime::value::{Fact, GroupType, Schema, Type, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A value to be fitted to a field.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Yes(bool),
    Number(i64),
    Day(Date),
    Month(YearMonth),
    Text(String),
    /// A variant, by its name in the data standard.
    Variant(&'static str),
    Group(Vec<(&'static str, Cell)>),
    List(Vec<Cell>),
    Nothing,
}

impl Cell {
    /// Text from anything that reads as text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A day, or nothing.
    pub(super) fn day_or_nothing(day: Option<Date>) -> Self {
        day.map_or(Self::Nothing, Self::Day)
    }
}

/// Fits records to the schemas of a package.
pub(super) struct Registrar {
    schemas: BTreeMap<String, Arc<Schema>>,
    /// Records so far, in the order they were made.
    pub(super) records: Vec<CityRecord>,
}

impl Registrar {
    pub(super) fn new(package: &Package) -> Self {
        let schemas = package.schemas.iter().map(|s| (s.name.clone(), s.clone())).collect();
        Self { schemas, records: Vec::new() }
    }

    /// Adds a record of certificate type `schema`.
    pub(super) fn enter(&mut self, schema: &'static str, cells: Vec<(&'static str, Cell)>) -> Result<(), CityFault> {
        let found = self.schemas.get(schema).cloned().ok_or(CityFault::NoSchema(schema))?;
        let fact = Fact::Known(group(&found.group, cells, schema)?);
        self.records.push(CityRecord { schema: found.name.clone(), owner: found.owner.clone(), fact });
        Ok(())
    }
}

fn group(ty: &GroupType, cells: Vec<(&'static str, Cell)>, path: &str) -> Result<Value, CityFault> {
    let mut by_name: BTreeMap<&str, Cell> = cells.into_iter().collect();
    let mut facts = Vec::with_capacity(ty.fields.len());
    for field in &ty.fields {
        let here = format!("{path}.{}", field.name);
        let fact = match by_name.remove(field.name.as_str()) {
            None | Some(Cell::Nothing) if field.optional => Fact::Absent,
            None | Some(Cell::Nothing) => return Err(CityFault::Missing(here)),
            Some(cell) => Fact::Known(value(&field.ty, cell, &here)?),
        };
        facts.push(fact);
    }
    match by_name.keys().next() {
        Some(extra) => Err(CityFault::NoField(format!("{path}.{extra}"))),
        None => Ok(Value::Group(facts)),
    }
}

fn value(ty: &Type, cell: Cell, path: &str) -> Result<Value, CityFault> {
    let misfit = || CityFault::Misfit(path.to_owned());
    Ok(match (ty, cell) {
        (Type::Boolean, Cell::Yes(b)) => Value::Boolean(b),
        (
            Type::Integer { low, high, .. } | Type::Decimal { low, high, .. } | Type::Money { low, high },
            Cell::Number(n),
        ) if (*low..=*high).contains(&n) => Value::Integer(n),
        (Type::Date, Cell::Day(d)) => Value::Date(d),
        (Type::Month, Cell::Month(m)) => Value::Month(m),
        (Type::Text { max }, Cell::Text(t)) if t.chars().count() <= *max as usize => Value::Text(t),
        (Type::Identifier(kind), Cell::Text(t)) => {
            identifier::check(*kind, &t).map_err(|_| misfit())?;
            Value::Text(t)
        }
        (Type::Enum(e), Cell::Variant(name)) => {
            let index = e.variants.iter().position(|(n, _)| n == name).ok_or_else(misfit)?;
            Value::Enum(u16::try_from(index).map_err(|_| misfit())?)
        }
        (Type::Group(g), Cell::Group(cells)) => group(g, cells, path)?,
        (Type::List { element, max }, Cell::List(cells)) if cells.len() <= *max as usize => {
            Value::List(cells.into_iter().map(|c| value(element, c, path)).collect::<Result<_, _>>()?)
        }
        _ => return Err(misfit()),
    })
}
