//! Which fields of which evidence a policy needs, and for what (data minimisation, 个人信息保护法 第六条). Owns that list and
//! what is derived from it by certificate type. Invariant: a field that an answer, a written record, a key or the as-of date
//! rests on is in it. Must not know: programs.

use crate::check::flow::written;
use crate::package::{Need, Read, Use};
use crate::typed::{Key, Policy, Reads, field_names};
use std::collections::{BTreeMap, BTreeSet};

/// By evidence binding, each field with its uses; the record itself comes first.
pub(super) fn needs(policy: &Policy) -> Vec<Vec<Need>> {
    let mut by_field: BTreeMap<(usize, Vec<usize>), BTreeSet<Use>> = BTreeMap::new();
    for (what, reads) in uses(policy) {
        for field in reads.fields {
            by_field.entry(field).or_default().insert(what);
        }
    }
    let mut all: Vec<Vec<Need>> = policy.evidence.iter().map(|_| Vec::new()).collect();
    for ((evidence, path), uses) in by_field {
        if let (Some(needs), Some(e)) = (all.get_mut(evidence), policy.evidence.get(evidence)) {
            needs.push(Need { field: field_names(&e.schema.group, &path).join("."), uses: uses.into_iter().collect() });
        }
    }
    all
}

/// What is read, by what it is read for.
fn uses(policy: &Policy) -> [(Use, Reads); 4] {
    let mut decides = Reads::default();
    for guard in policy.outcomes.iter().flat_map(|o| &o.arms).filter_map(|a| a.guard.as_ref()) {
        decides.add(guard, &policy.definitions);
    }
    let mut writes = Reads::default();
    for write in &policy.writes {
        write.fields.iter().for_each(|(_, w)| written(w, &mut |e| writes.add(e, &policy.definitions)));
        writes.fields.extend(write.supersedes.map(|i| (i, Vec::new())));
    }
    let mut finds = Reads::default();
    for key in policy.evidence.iter().flat_map(|e| &e.keys) {
        match key {
            Key::One(value) => finds.add(value, &policy.definitions),
            Key::Each { list, filter, value, .. } => {
                finds.place(list);
                finds.add(value, &policy.definitions);
                filter.iter().for_each(|f| finds.add(f, &policy.definitions));
            }
        }
    }
    let mut dates = Reads::default();
    dates.fields.extend(policy.as_of.clone());
    [(Use::Decides, decides), (Use::Writes, writes), (Use::Finds, finds), (Use::Dates, dates)]
}

/// By certificate type, the fields that some binding needs.
pub(super) fn reads(policy: &Policy, needs: &[Vec<Need>]) -> Vec<Read> {
    let mut by_schema: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for (e, needs) in policy.evidence.iter().zip(needs) {
        let (_, fields) =
            by_schema.entry(e.schema.name.clone()).or_insert_with(|| (e.schema.owner.clone(), BTreeSet::new()));
        fields.extend(needs.iter().map(|n| n.field.clone()).filter(|f| !f.is_empty()));
    }
    by_schema
        .into_iter()
        .map(|(schema, (owner, set))| Read { schema, owner, fields: set.into_iter().collect() })
        .collect()
}
