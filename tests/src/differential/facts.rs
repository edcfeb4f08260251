//! Facts for a compiled policy: the words at which its meaning may turn, and their neighbours; absent, unknown, empty and
//! full lists. Owns which inputs a policy is tried on. Invariant: facts fit the layout, and a required input is known.
//! Must not know: engines.

use super::{Random, evidence};
use guiju_compiler::package::Policy;
use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::frame::{Frame, Interner, Root};
use guiju_runtime::value::{Fact, IdentifierKind, Type, Value};

/// A fact for each root of the policy.
pub(super) fn facts(random: &mut Random, policy: &Policy, words: &[i64]) -> Vec<Fact> {
    let mut facts = Facts { random, words, texts: &policy.program.literals, unknown: true };
    let fact = |(i, root): (usize, &Root)| {
        let required = i == 0 || policy.input_optional.get(i - 1).is_some_and(|optional| !optional);
        match facts.random.below(16) {
            0 | 1 if !required => Fact::Absent,
            2 | 3 if !required => Fact::Unknown,
            _ => Fact::Known(facts.value(&root.ty)),
        }
    };
    policy.layout.roots.iter().enumerate().map(fact).collect()
}

/// A fact for each root of the policy, none of which is unknown; what may be absent sometimes is.
pub(super) fn known(random: &mut Random, policy: &Policy, words: &[i64]) -> Vec<Fact> {
    let mut facts = Facts { random, words, texts: &policy.program.literals, unknown: false };
    let fact = |(i, root): (usize, &Root)| {
        let input = i.checked_sub(1).and_then(|input| policy.input_optional.get(input)).copied();
        let evidence = policy.evidence.iter().find(|e| e.root == i).map(|e| e.optional || e.all);
        let absent = input.or(evidence).unwrap_or(false) && facts.random.chance(20);
        if absent { Fact::Absent } else { Fact::Known(facts.value(&root.ty)) }
    };
    policy.layout.roots.iter().enumerate().map(fact).collect()
}

/// The frame that holds these facts.
pub(super) fn put(policy: &Policy, facts: &[Fact]) -> Frame {
    let mut interner = Interner::new(&policy.program.literals);
    let mut frame = Frame::new(&policy.layout);
    for (i, fact) in facts.iter().enumerate() {
        let put = frame.put(&policy.layout, i, fact, &mut interner);
        assert!(put.is_ok(), "{put:?}");
    }
    frame
}

/// A frame of the policy.
pub(super) fn frame(random: &mut Random, policy: &Policy, words: &[i64]) -> Frame {
    let facts = facts(random, policy, words);
    put(policy, &facts)
}

struct Facts<'a> {
    random: &'a mut Random,
    words: &'a [i64],
    texts: &'a [String],
    /// Whether optional fields may be unknown.
    unknown: bool,
}

impl Facts<'_> {
    /// A turning word or a neighbour of it, if one lies within.
    fn turning(&mut self, low: i64, high: i64) -> Option<i64> {
        for _ in 0..3 {
            let word = self.random.pick(self.words).copied()?;
            let word = word.saturating_add([0, 0, 1, -1][self.random.below(4)]);
            if (low..=high).contains(&word) {
                return Some(word);
            }
        }
        None
    }

    fn number(&mut self, low: i64, high: i64) -> i64 {
        match self.random.chance(60) {
            true => self.turning(low, high),
            false => None,
        }
        .unwrap_or_else(|| self.random.between(low, high))
    }

    fn value(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Boolean => Value::Boolean(self.random.chance(50)),
            Type::Date => {
                let turning = self.turning(i64::from(Date::MIN.days()), i64::from(Date::MAX.days()));
                let turning = turning.filter(|days| days.abs() > 2_000 && self.random.chance(60));
                let date = turning.and_then(Date::from_days);
                Value::Date(date.unwrap_or_else(|| evidence::date(self.random)))
            }
            Type::Month => {
                let month = self.turning(24_000, 24_400).and_then(YearMonth::from_index);
                Value::Month(month.unwrap_or_else(|| evidence::month(self.random)))
            }
            Type::Text { max } => {
                let given = self.random.pick(self.texts).filter(|t| t.chars().count() <= *max as usize).cloned();
                Value::Text(match given {
                    Some(text) if self.random.chance(60) => text,
                    _ => evidence::TEXTS[self.random.below(evidence::TEXTS.len())].to_owned(),
                })
            }
            Type::Identifier(kind) => Value::Text(self.identifier(*kind).to_owned()),
            Type::Enum(of) => Value::Enum(self.random.below(of.variants.len()) as u16),
            Type::Group(group) => Value::Group(
                (group.fields.iter())
                    .map(|f| match self.random.below(10) {
                        0 | 1 if f.optional => Fact::Absent,
                        2 if f.optional && self.unknown => Fact::Unknown,
                        _ => Fact::Known(self.value(&f.ty)),
                    })
                    .collect(),
            ),
            Type::List { element, max } => {
                let length = self.random.between(0, i64::from(*max));
                Value::List((0..length).map(|_| self.value(element)).collect())
            }
            Type::Integer { low, high, .. } | Type::Decimal { low, high, .. } | Type::Money { low, high } => {
                Value::Integer(self.number(*low, *high))
            }
        }
    }

    /// Valid numbers on unassigned regions.
    fn identifier(&mut self, kind: IdentifierKind) -> &'static str {
        match kind {
            IdentifierKind::CitizenId => ["11010519491231002X", "32990219850612001X"][self.random.below(2)],
            IdentifierKind::CreditCode => "91350100M000100Y43",
            IdentifierKind::CertificateId => "1.2.156.3005.2.11100000000013127D001.11990024.20180100001.001.X",
            IdentifierKind::UnitCode => "320102001001GB00001F00010001",
        }
    }
}
