//! One household record erased: asked about before and after, its deletion certificate checked by a process that has only the
//! genesis file. Invariant: the record is found by its owner's own key of handles, as the owner would find it.
//! Must not know: how capsules are destroyed.

use crate::city::{Applicant, City};
use crate::custody::handles::handle;
use crate::demo::DemoFault;
use crate::demo::actors::Departments;
use crate::demo::purchase;
use crate::demo::receipts::write_and_try;
use crate::demo::report::ErasureFact;
use crate::demo::session::{Session, in_force};
use crate::transaction::{Envelope, Handle, Payload, RecordId};
use guiju_compiler::package::Package;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// The department that owns the household register.
const OWNER: &str = "公安局";
/// What verification says of somebody whose claim agrees with the register.
const AGREES: &str = "一致";
/// Longest wait for all custodians' word.
const CERTIFIED_WITHIN: Duration = Duration::from_secs(60);

/// Erases the record of the first applicant that the register knows.
pub(super) fn run(
    session: &Session,
    departments: &Departments,
    package: &Package,
    city: &City,
    filed: &BTreeMap<Handle, RecordId>,
    folder: &Path,
) -> Result<ErasureFact, DemoFault> {
    let ask = |applicant: &Applicant| {
        purchase::verify(session, departments, package, city, applicant).map(|(_, word, _)| word)
    };
    let mut known = None;
    for applicant in &city.applicants {
        let word = ask(applicant)?;
        if word == AGREES {
            known = Some((applicant, word));
            break;
        }
    }
    let (applicant, before) = known.ok_or_else(|| DemoFault::Stopped("the register knows nobody".to_owned()))?;
    let record = record_of(departments, package, filed, &applicant.citizen)?;
    let since = Instant::now();
    let basis = "个人信息保护法第四十七条 示例申请".to_owned();
    let payload = Payload::Erase { records: vec![record], basis };
    let transaction = session.sign(departments.named(OWNER)?, &[], payload)?;
    let id = session.submit(&Envelope { transaction, capsules: Vec::new() }, None)?;
    let (_, outcome) = session.await_block(id)?;
    if outcome != "done" {
        return Err(DemoFault::Stopped(format!("the erasure came to {outcome}")));
    }
    let mut after = ask(applicant)?;
    let certificate = loop {
        if let Some(bytes) = session.any_gateway().deletion(record)? {
            break bytes;
        }
        if since.elapsed() > CERTIFIED_WITHIN {
            return Err(DemoFault::Stopped("an erasure was not certified".to_owned()));
        }
        // An idle chain makes no block, and the certificate rests on a later one.
        after = ask(applicant)?;
    };
    let took = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let file = folder.join("deletion.certificate");
    let (verified, damaged_refused) = write_and_try(&file, certificate, folder)?;
    Ok(ErasureFact { before, after, certified_ms: took, verified, damaged_refused })
}

/// The household record under which a citizen is filed.
fn record_of(
    departments: &Departments,
    package: &Package,
    filed: &BTreeMap<Handle, RecordId>,
    citizen: &str,
) -> Result<RecordId, DemoFault> {
    let policy = in_force(package, "户籍核验", super::today())?;
    let evidence = policy.evidence.first().ok_or_else(|| DemoFault::Stopped("户籍核验 reads nothing".to_owned()))?;
    let key = &departments.named(&evidence.schema.owner)?.handle_key;
    let handle = handle(key, &evidence.schema.name, &evidence.field.join("."), citizen);
    filed.get(&handle).copied().ok_or_else(|| DemoFault::Stopped("a resident has no household record".to_owned()))
}
