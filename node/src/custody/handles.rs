//! Handles: where a record is filed. Owns the pseudo-random function from a subject to its place on the ledger, and the
//! rule which handles a record's content demands. Invariant: a handle tells nothing without the owner's key, and equal
//! subjects of two owners, types or fields have unrelated handles. Must not know: how records are sealed or kept.

use super::envelope::{EnvelopeError, SealingSecret, Use, seal_to};
use crate::codec::Writer;
use crate::crypto::Digest;
use crate::transaction::{DepartmentId, Handle};
use guiju_runtime::value::{Fact, GroupType, Schema, Type, Value};
use rand_core::CryptoRng;
use std::collections::BTreeSet;
use std::fmt;
use zeroize::Zeroizing;

/// A department's secret key of handles; custodians hold it too. Wiped when dropped; its debug form tells nothing.
#[derive(Clone)]
pub struct HandleKey(Zeroizing<[u8; 32]>);

impl HandleKey {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    /// The key whose bytes are `bytes`, as in a key file.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, to be written to a key file.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// The key as the genesis file holds it: sealed to custody's index, bound to its department.
    /// Errors: `BadRecipient`.
    pub fn seal(
        &self,
        rng: &mut impl CryptoRng,
        index_key: &[u8; 32],
        department: DepartmentId,
    ) -> Result<Vec<u8>, EnvelopeError> {
        let (encapsulated, sealed) =
            seal_to(rng, index_key, Use::HandleKey, &department.0.to_be_bytes(), self.0.as_ref())?;
        Ok([encapsulated.as_slice(), &sealed].concat())
    }

    /// Opens what [`HandleKey::seal`] made. Errors: `Unopenable`, `Malformed`.
    pub fn open(index: &SealingSecret, department: DepartmentId, sealed: &[u8]) -> Result<Self, EnvelopeError> {
        let (encapsulated, sealed) = sealed.split_first_chunk::<32>().ok_or(EnvelopeError::Malformed)?;
        let bytes = index.open(Use::HandleKey, encapsulated, sealed, &department.0.to_be_bytes())?;
        let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| EnvelopeError::Malformed)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl fmt::Debug for HandleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleKey(…)")
    }
}

/// The handle of `subject` in field `field` (dotted path, e.g. `成员.身份号`) of certificate type `schema`.
pub fn handle(key: &HandleKey, schema: &str, field: &str, subject: &str) -> Handle {
    let mut out = Writer::default();
    out.text(schema);
    out.text(field);
    out.text(subject);
    let bytes = Zeroizing::new(out.into_bytes());
    Handle(Digest::keyed(&key.0, "guiju/1/handle", &bytes))
}

/// The handles that a record of type `schema` with this content is filed under, ascending: one for every text found at
/// a `归档` path, through lists at every element. Absent fields file nothing. `content` is the certificate's group.
pub fn handles_of(key: &HandleKey, schema: &Schema, content: &Value) -> Vec<Handle> {
    let mut handles = BTreeSet::new();
    for path in &schema.filed_under {
        let field = path.join(".");
        walk(&schema.group, content, path, &mut |subject| {
            handles.insert(handle(key, &schema.name, &field, subject));
        });
    }
    handles.into_iter().collect()
}

/// Calls `found` with every text at `path` inside a value of group `group`.
pub(super) fn walk(group: &GroupType, value: &Value, path: &[String], found: &mut dyn FnMut(&str)) {
    let (Some((name, rest)), Value::Group(facts)) = (path.split_first(), value) else {
        return;
    };
    let Some(index) = group.fields.iter().position(|field| field.name == *name) else {
        return;
    };
    if let Some(Fact::Known(value)) = facts.get(index) {
        walk_into(&group.fields[index].ty, value, rest, found);
    }
}

fn walk_into(ty: &Type, value: &Value, rest: &[String], found: &mut dyn FnMut(&str)) {
    match (ty, value) {
        (Type::Group(group), _) => walk(group, value, rest, found),
        (Type::List { element, .. }, Value::List(items)) => {
            for item in items {
                walk_into(element, item, rest, found);
            }
        }
        (_, Value::Text(subject)) if rest.is_empty() => found(subject),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guiju_runtime::value::{Class, Field, IdentifierKind};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use std::sync::Arc;

    fn field(name: &str, ty: Type, class: Option<Class>) -> Field {
        Field { name: name.into(), ty, optional: false, class }
    }

    fn schema() -> Schema {
        let id = Type::Identifier(IdentifierKind::CitizenId);
        let member = GroupType {
            name: "户成员".into(),
            fields: vec![field("身份号", id.clone(), Some(Class::ByGrant)), field("已婚", Type::Boolean, None)],
            term: None,
        };
        let list = Type::List { element: Box::new(Type::Group(Arc::new(member))), max: 4 };
        Schema {
            name: "居民户口簿".into(),
            module: "南京.数据标准".into(),
            owner: "公安局".into(),
            filed_under: vec![vec!["成员".into(), "身份号".into()], vec!["户号".into()]],
            complete_from: None,
            group: Arc::new(GroupType {
                name: "居民户口簿".into(),
                fields: vec![field("户号", Type::Text { max: 12 }, Some(Class::ByGrant)), field("成员", list, None)],
                term: None,
            }),
        }
    }

    fn member(id: &str) -> Value {
        Value::Group(vec![Fact::Known(Value::Text(id.into())), Fact::Known(Value::Boolean(true))])
    }

    #[test]
    fn a_record_is_filed_under_every_element_of_a_path_through_a_list() {
        let key = HandleKey::from_bytes([1; 32]);
        let content = Value::Group(vec![
            Fact::Known(Value::Text("17".into())),
            Fact::Known(Value::List(vec![member("甲"), member("乙"), member("甲")])),
        ]);
        let mut expected = vec![
            handle(&key, "居民户口簿", "成员.身份号", "甲"),
            handle(&key, "居民户口簿", "成员.身份号", "乙"),
            handle(&key, "居民户口簿", "户号", "17"),
        ];
        expected.sort_unstable();
        assert_eq!(handles_of(&key, &schema(), &content), expected);
        let empty = Value::Group(vec![Fact::Absent, Fact::Known(Value::List(vec![]))]);
        assert_eq!(handles_of(&key, &schema(), &empty), vec![]);
    }

    #[test]
    fn handles_do_not_link_across_owners_types_or_fields() {
        let (one, two) = (HandleKey::from_bytes([1; 32]), HandleKey::from_bytes([2; 32]));
        let distinct: BTreeSet<_> = [
            handle(&one, "a", "b", "c"),
            handle(&two, "a", "b", "c"),
            handle(&one, "ab", "", "c"),
            handle(&one, "a", "bc", ""),
            handle(&one, "", "ab", "c"),
        ]
        .into();
        assert_eq!(distinct.len(), 5);
    }

    #[test]
    fn a_handle_key_opens_only_for_its_department() {
        let custody = SealingSecret::from_bytes([9; 32]);
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let key = HandleKey::generate(&mut rng);
        let sealed = key.seal(&mut rng, &custody.public(), DepartmentId(4)).unwrap();
        assert!(!sealed.windows(32).any(|w| w == key.0.as_slice()));
        let opened = HandleKey::open(&custody, DepartmentId(4), &sealed).unwrap();
        assert_eq!(opened.0, key.0);
        assert_eq!(HandleKey::open(&custody, DepartmentId(5), &sealed).err(), Some(EnvelopeError::Unopenable));
        assert_eq!(HandleKey::open(&custody, DepartmentId(4), &sealed[..20]).err(), Some(EnvelopeError::Malformed));
    }
}
