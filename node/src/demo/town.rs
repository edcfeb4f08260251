//! 证照提交: the synthetic city's records, each sealed by the department that owns it and put on the ledger in batches.
//! Invariant: a record is checked against its schema before it is sealed. Must not know: policies, decisions.

use crate::city::City;
use crate::crypto::Digest;
use crate::custody::envelope::{RecordDraft, seal_record};
use crate::custody::handles::handles_of;
use crate::demo::DemoFault;
use crate::demo::actors::{Department, Departments};
use crate::demo::progress::Progress;
use crate::demo::purchase::micros;
use crate::demo::session::{Session, in_parallel};
use crate::entropy::system_rng;
use crate::transaction::{Envelope, Handle, Payload, RecordId, SealedRecord};
use guiju_compiler::package::Package;
use guiju_runtime::canonical;
use guiju_runtime::value::{Fact, Schema, Type};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Most records in one batch of the demo.
const BATCH_RECORDS: usize = 100;
/// Largest batch, in bytes of record bodies: a transaction must stay below its own bound.
const BATCH_BYTES: usize = 160 * 1024;
/// Batches in flight.
const WORKERS: usize = 6;

struct Batch<'a> {
    owner: &'a Department,
    records: Vec<SealedRecord>,
    capsules: Vec<Vec<u8>>,
}

/// What submitting left for later steps.
pub(super) struct Submitted {
    /// How many records.
    pub(super) records: u64,
    /// Each batch's latency, in microseconds.
    pub(super) latencies: Vec<u64>,
    /// The record filed last under each handle, as its owner keeps track of it.
    pub(super) filed: BTreeMap<Handle, RecordId>,
}

/// Seals and submits every record.
pub(super) fn submit(
    session: &Session,
    departments: &Departments,
    package: &Package,
    city: &City,
) -> Result<Submitted, DemoFault> {
    let batches = seal(session, departments, package, city)?;
    let total = city.records.len() as u64;
    let progress = Mutex::new(Progress::start("证照提交 submitting sealed records", total));
    let latencies = Mutex::new(Vec::new());
    in_parallel(&batches, WORKERS, |batch| {
        let since = Instant::now();
        let payload = Payload::Submit { records: batch.records.clone() };
        let transaction = session.sign(batch.owner, &[], payload)?;
        let id = session.submit(&Envelope { transaction, capsules: batch.capsules.clone() }, None)?;
        let (_, outcome) = session.await_block(id)?;
        if outcome != "done" {
            return Err(DemoFault::Stopped(format!("a submission came to nothing: {outcome}")));
        }
        latencies.lock().expect("no thread panics while it holds this").push(micros(since.elapsed()));
        progress.lock().expect("no thread panics while it holds this").advance(batch.records.len() as u64);
        Ok(())
    })?;
    progress.into_inner().expect("all threads ended").finish();
    let records = batches.iter().flat_map(|batch| &batch.records);
    let filed = records.flat_map(|record| record.handles.iter().map(|handle| (*handle, record.id()))).collect();
    Ok(Submitted { records: total, latencies: latencies.into_inner().expect("all threads ended"), filed })
}

fn seal<'a>(
    session: &Session,
    departments: &'a Departments,
    package: &Package,
    city: &City,
) -> Result<Vec<Batch<'a>>, DemoFault> {
    let schemas: BTreeMap<&str, &Arc<Schema>> = package.schemas.iter().map(|s| (s.name.as_str(), s)).collect();
    let standards: BTreeMap<&str, Digest> =
        package.modules.iter().map(|m| (m.name.as_str(), Digest(m.source_hash))).collect();
    let mut progress = Progress::start("封存 sealing records", city.records.len() as u64);
    let mut rng = system_rng()?;
    let mut open: BTreeMap<&str, Batch<'a>> = BTreeMap::new();
    let mut done = Vec::new();
    for record in &city.records {
        let schema = schemas
            .get(record.schema.as_str())
            .ok_or_else(|| DemoFault::Stopped(format!("the city has a record of no known type: {}", record.schema)))?;
        let owner = departments.named(&schema.owner)?;
        let ty = Type::Group(schema.group.clone());
        let plaintext = canonical::encode(&ty, &record.fact)
            .map_err(|fault| DemoFault::Stopped(format!("a record does not fit {}: {fault}", schema.name)))?;
        let Fact::Known(content) = &record.fact else {
            return Err(DemoFault::Stopped("a record must be known".to_owned()));
        };
        let draft = RecordDraft {
            owner: owner.id,
            schema: &schema.name,
            standard: standards[schema.module.as_str()],
            handles: handles_of(&owner.handle_key, schema, content),
            supersedes: None,
        };
        let genesis = session.genesis();
        let (sealed, capsule) = seal_record(&mut rng, genesis.chain_id(), &genesis.custody_key, draft, &plaintext)
            .map_err(|fault| DemoFault::Stopped(format!("a record cannot be sealed: {fault}")))?;
        let batch = open.entry(owner.name.as_str()).or_insert_with(|| Batch {
            owner,
            records: Vec::new(),
            capsules: Vec::new(),
        });
        batch.records.push(sealed);
        batch.capsules.push(capsule);
        let bytes: usize = batch.records.iter().map(|r| r.body.len() + 256).sum();
        if batch.records.len() >= BATCH_RECORDS || bytes >= BATCH_BYTES {
            done.extend(open.remove(owner.name.as_str()));
        }
        progress.advance(1);
    }
    done.extend(open.into_values());
    progress.finish();
    Ok(done)
}
