//! Leak budgets: how much an asker may learn of one subject. Owns the day meter and the rolling 90-day meter.
//! Invariant: whether a request is within budget depends only on the charges of *earlier* requests that become final,
//! so every custodian rules alike, restarted or not; while that is still open, the ruling is [`Ruling::Unsettled`] and
//! the request waits. A charge counts once for equal questions over unchanged inputs. Must not know: subjects' names
//! (it sees keyed tags), policies, sealing of anything but its own charges.

use super::envelope::{EnvelopeError, SealingSecret, Use, pad, seal_to, unpad};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::transaction::{ChainId, DepartmentId, TransactionId};
use rand_core::CryptoRng;
use std::collections::BTreeMap;

/// Length of the rolling meter, in days, the present day included.
pub const ROLLING_DAYS: i32 = 90;
/// The rolling meter's limit where a clause names none, as a multiple of the day meter's.
pub const ROLLING_FACTOR: u64 = 10;
/// Sealed meters are padded to the next multiple of this many bytes; 38 charges fit the first.
pub const METER_CLASS: usize = 2048;
/// Most charges of one request.
pub const CHARGES_MAX: usize = 1024;

/// Charges older than this many days are forgotten. Twice the rolling meter, so that a request long pending still
/// finds all that its own window reaches.
const KEPT_DAYS: i32 = 2 * ROLLING_DAYS;

/// A subject, as a keyed tag: tells nothing without the custodians' keys.
pub type SubjectTag = [u8; 32];

/// One charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Whom the asker may have learned of.
    pub subject: SubjectTag,
    /// Digest of the question and of what its lookups found: equal keys are one question over unchanged inputs.
    pub question: [u8; 16],
    /// How much, in thousandths of a bit.
    pub millibits: u32,
}

/// Where a charge stands in order and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The request's sequence number.
    pub sequence: u64,
    /// Its Shanghai day.
    pub day: i32,
}

/// How much may be learned of each subject, in thousandths of a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In a day.
    pub day: u64,
    /// In the rolling meter's days.
    pub rolling: u64,
}

impl Limits {
    /// A clause's limits.
    pub fn of(day: u32, rolling: Option<u32>) -> Self {
        let day = u64::from(day);
        Self { day, rolling: rolling.map_or(day * ROLLING_FACTOR, u64::from) }
    }

    /// The least of both.
    pub fn and(self, other: Self) -> Self {
        Self { day: self.day.min(other.day), rolling: self.rolling.min(other.rolling) }
    }
}

/// Whether a charge is within budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It is, however earlier pending requests end.
    Within,
    /// It is not, however earlier pending requests end.
    Exhausted,
    /// It hangs on earlier requests that are not final yet.
    Unsettled,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    moment: Moment,
    question: [u8; 16],
    millibits: u32,
    settled: bool,
}

/// All meters.
#[derive(Debug, Default)]
pub struct Meters {
    entries: BTreeMap<(DepartmentId, SubjectTag), Vec<Entry>>,
    /// Subjects with pending charges, by the request's sequence number.
    pending: BTreeMap<u64, Vec<SubjectTag>>,
}

/// What a question adds to a meter: at least, at most.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    least: u64,
    most: u64,
}

impl Bounds {
    fn add(&mut self, millibits: u32, certain: bool) {
        self.most += u64::from(millibits);
        if certain {
            self.least += u64::from(millibits);
        }
    }

    fn ruling(self, limit: u64) -> Ruling {
        if self.most <= limit {
            Ruling::Within
        } else if self.least > limit {
            Ruling::Exhausted
        } else {
            Ruling::Unsettled
        }
    }
}

/// What is known of one question asked of one subject by one asker within the window.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    millibits: u32,
    settled_today: bool,
    settled_before: bool,
    pending_before: bool,
    today: bool,
}

impl Meters {
    /// Rules on `charge` by `asker` at `now`, under `limits`, where earlier requests that are not evaluated
    /// yet may charge up to `ahead` millibits more, for this very question or another. The charge itself is not yet counted.
    pub fn rule(&self, asker: DepartmentId, now: Moment, charge: &Charge, limits: Limits, ahead: u64) -> Ruling {
        let mut asked: BTreeMap<[u8; 16], Asked> = BTreeMap::new();
        let earlier = self.entries.get(&(asker, charge.subject)).map_or(&[][..], Vec::as_slice);
        for entry in earlier.iter().filter(|e| in_window(e, now)) {
            let known = asked.entry(entry.question).or_default();
            known.millibits = known.millibits.max(entry.millibits);
            let today = entry.moment.day == now.day;
            known.today |= today;
            known.settled_today |= today && entry.settled;
            known.settled_before |= !today && entry.settled;
            known.pending_before |= !today && !entry.settled;
        }
        let before = asked.get(&charge.question).copied();
        if before.is_some_and(|known| known.settled_today || known.settled_before) {
            return Ruling::Within;
        }
        let own = asked.entry(charge.question).or_default();
        own.millibits = own.millibits.max(charge.millibits);
        own.today = true;
        own.settled_today = true;
        let bounds = Bounds { least: 0, most: ahead };
        let (mut day, mut rolling) = (bounds, bounds);
        for known in asked.values() {
            rolling.add(known.millibits, known.settled_today || known.settled_before);
            if known.today && !known.settled_before {
                day.add(known.millibits, known.settled_today && !known.pending_before);
            }
        }
        let ruling = match (day.ruling(limits.day), rolling.ruling(limits.rolling)) {
            (Ruling::Exhausted, _) | (_, Ruling::Exhausted) => Ruling::Exhausted,
            (Ruling::Within, Ruling::Within) => Ruling::Within,
            _ => Ruling::Unsettled,
        };
        // The same question is pending, or may be: if that one becomes final this one is free, whatever the meters say.
        if (before.is_some() || ahead > 0) && ruling == Ruling::Exhausted { Ruling::Unsettled } else { ruling }
    }

    /// Counts the charges of an evaluated request that is not final yet.
    pub fn charge(&mut self, asker: DepartmentId, moment: Moment, charges: &[Charge]) {
        self.forget(asker, moment.sequence);
        self.pending.insert(moment.sequence, charges.iter().map(|charge| charge.subject).collect());
        self.add(asker, moment, charges, false);
    }

    /// Counts the charges of a finalised request, in place of those it had while pending.
    pub fn settle(&mut self, asker: DepartmentId, moment: Moment, charges: &[Charge]) {
        self.forget(asker, moment.sequence);
        self.add(asker, moment, charges, true);
    }

    /// Takes back the pending charges of a request that will not become final.
    pub fn forget(&mut self, asker: DepartmentId, sequence: u64) {
        for subject in self.pending.remove(&sequence).unwrap_or_default() {
            if let Some(entries) = self.entries.get_mut(&(asker, subject)) {
                entries.retain(|e| e.settled || e.moment.sequence != sequence);
            }
        }
    }

    /// Forgets what no window reaches any more, on `today`.
    pub fn prune(&mut self, today: i32) {
        let first = today.saturating_sub(KEPT_DAYS);
        for entries in self.entries.values_mut() {
            entries.retain(|e| !e.settled || e.moment.day >= first);
        }
        self.entries.retain(|_, entries| !entries.is_empty());
    }

    fn add(&mut self, asker: DepartmentId, moment: Moment, charges: &[Charge], settled: bool) {
        for Charge { subject, question, millibits } in charges {
            let entry = Entry { moment, question: *question, millibits: *millibits, settled };
            self.entries.entry((asker, *subject)).or_default().push(entry);
        }
    }
}

fn in_window(entry: &Entry, now: Moment) -> bool {
    entry.moment.sequence < now.sequence
        && entry.moment.day <= now.day
        && entry.moment.day > now.day.saturating_sub(ROLLING_DAYS)
}

impl Encode for Charge {
    fn encode(&self, out: &mut Writer) {
        out.raw(&self.subject);
        out.raw(&self.question);
        out.u32(self.millibits);
    }
}
impl Decode for Charge {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { subject: input.array()?, question: input.array()?, millibits: input.u32()? })
    }
}

/// Seals a request's charges to custody's index, for the ledger to keep. Errors: `BadRecipient`.
pub fn seal_meter(
    rng: &mut impl CryptoRng,
    chain: ChainId,
    request: TransactionId,
    index_key: &[u8; 32],
    charges: &[Charge],
) -> Result<Vec<u8>, EnvelopeError> {
    let mut out = Writer::default();
    out.list(charges);
    let padded = pad(&out.into_bytes(), METER_CLASS);
    let (key, sealed) = seal_to(rng, index_key, Use::Meter, &binding(chain, request), &padded)?;
    Ok([key.as_slice(), &sealed].concat())
}

/// Opens what [`seal_meter`] made. Errors: `Unopenable`, `Malformed`.
pub fn open_meter(
    opener: &SealingSecret,
    chain: ChainId,
    request: TransactionId,
    meter: &[u8],
) -> Result<Vec<Charge>, EnvelopeError> {
    let (key, sealed) = meter.split_first_chunk::<32>().ok_or(EnvelopeError::Malformed)?;
    let plain = unpad(&opener.open(Use::Meter, key, sealed, &binding(chain, request))?)?;
    let mut input = Reader::new(&plain);
    let charges = input.list(CHARGES_MAX).map_err(|_| EnvelopeError::Malformed)?;
    input.finish().map_err(|_| EnvelopeError::Malformed)?;
    Ok(charges)
}

fn binding(chain: ChainId, request: TransactionId) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    request.encode(&mut out);
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Digest;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    const ASKER: DepartmentId = DepartmentId(1);

    fn charge(question: u8) -> Charge {
        Charge { subject: [1; 32], question: [question; 16], millibits: 3000 }
    }

    fn at(sequence: u64, day: i32) -> Moment {
        Moment { sequence, day }
    }

    #[test]
    fn the_day_meter_fills_and_empties_with_the_day() {
        let mut meters = Meters::default();
        for n in 0..2 {
            assert_eq!(meters.rule(ASKER, at(n, 10), &charge(n as u8), Limits::of(6000, None), 0), Ruling::Within);
            meters.settle(ASKER, at(n, 10), &[charge(n as u8)]);
        }
        assert_eq!(meters.rule(ASKER, at(2, 10), &charge(9), Limits::of(6000, None), 0), Ruling::Exhausted);
        assert_eq!(meters.rule(ASKER, at(2, 11), &charge(9), Limits::of(6000, None), 0), Ruling::Within);
        assert_eq!(meters.rule(DepartmentId(2), at(2, 10), &charge(9), Limits::of(6000, None), 0), Ruling::Within);
        let other = Charge { subject: [2; 32], ..charge(9) };
        assert_eq!(meters.rule(ASKER, at(2, 10), &other, Limits::of(6000, None), 0), Ruling::Within);
    }

    #[test]
    fn the_rolling_meter_fills_over_days_and_forgets_after_ninety() {
        let mut meters = Meters::default();
        for n in 0..20_u8 {
            let (now, asked) = (at(u64::from(n), i32::from(n)), charge(n));
            assert_eq!(meters.rule(ASKER, now, &asked, Limits::of(6000, None), 0), Ruling::Within, "{n}");
            meters.settle(ASKER, now, &[asked]);
        }
        assert_eq!(meters.rule(ASKER, at(30, 20), &charge(99), Limits::of(6000, None), 0), Ruling::Exhausted);
        assert_eq!(meters.rule(ASKER, at(30, 89), &charge(99), Limits::of(6000, None), 0), Ruling::Exhausted);
        assert_eq!(meters.rule(ASKER, at(30, 90), &charge(99), Limits::of(6000, None), 0), Ruling::Within);
    }

    #[test]
    fn the_same_question_over_unchanged_inputs_is_free() {
        let mut meters = Meters::default();
        meters.settle(ASKER, at(1, 10), &[charge(1)]);
        meters.settle(ASKER, at(2, 10), &[charge(2)]);
        assert_eq!(meters.rule(ASKER, at(3, 10), &charge(1), Limits::of(6000, None), 0), Ruling::Within);
        meters.settle(ASKER, at(3, 10), &[charge(1)]);
        assert_eq!(meters.rule(ASKER, at(4, 10), &charge(3), Limits::of(9000, None), 0), Ruling::Within);
        // Asked again on a later day it is still free, and takes nothing from that day.
        meters.settle(ASKER, at(5, 11), &[charge(1)]);
        assert_eq!(meters.rule(ASKER, at(6, 11), &charge(3), Limits::of(3000, None), 0), Ruling::Within);
    }

    #[test]
    fn pending_charges_make_a_ruling_wait_only_when_they_matter() {
        let mut meters = Meters::default();
        meters.charge(ASKER, at(1, 10), &[charge(1)]);
        assert_eq!(meters.rule(ASKER, at(2, 10), &charge(2), Limits::of(6000, None), 0), Ruling::Within);
        assert_eq!(meters.rule(ASKER, at(2, 10), &charge(2), Limits::of(5000, None), 0), Ruling::Unsettled);
        assert_eq!(meters.rule(ASKER, at(2, 10), &charge(2), Limits::of(2000, None), 0), Ruling::Exhausted);
        // A later request never counts against an earlier one.
        assert_eq!(meters.rule(ASKER, at(0, 10), &charge(2), Limits::of(3000, None), 0), Ruling::Within);
        let mut settled = Meters::default();
        settled.charge(ASKER, at(1, 10), &[charge(1)]);
        settled.settle(ASKER, at(1, 10), &[charge(1)]);
        assert_eq!(settled.rule(ASKER, at(2, 10), &charge(2), Limits::of(5000, None), 0), Ruling::Exhausted);
        meters.forget(ASKER, 1);
        assert_eq!(meters.rule(ASKER, at(2, 10), &charge(2), Limits::of(5000, None), 0), Ruling::Within);
    }

    #[test]
    fn a_pending_twin_makes_an_exhausted_question_wait() {
        let mut meters = Meters::default();
        meters.settle(ASKER, at(1, 10), &[charge(1)]);
        meters.charge(ASKER, at(2, 10), &[charge(2)]);
        assert_eq!(meters.rule(ASKER, at(3, 10), &charge(2), Limits::of(3000, None), 0), Ruling::Unsettled);
    }

    /// Whatever subset of pending requests becomes final, a ruling other than `Unsettled` is the one that holds then.
    #[test]
    fn rulings_hold_however_pending_requests_end() {
        let pending: Vec<(Moment, u8)> =
            vec![(at(1, 9), 1), (at(2, 9), 2), (at(3, 10), 1), (at(4, 10), 3), (at(5, 10), 2)];
        let mut unsettled = 0;
        for limit in (0..=18_000).step_by(1500) {
            for question in 1..=4 {
                let mut meters = Meters::default();
                for (moment, asked) in &pending {
                    meters.charge(ASKER, *moment, &[charge(*asked)]);
                }
                let early = meters.rule(ASKER, at(6, 10), &charge(question), Limits::of(limit, None), 0);
                unsettled += u32::from(early == Ruling::Unsettled);
                for subset in 0..1 << pending.len() {
                    let mut last = Meters::default();
                    for (i, (moment, asked)) in pending.iter().enumerate() {
                        if subset >> i & 1 == 1 {
                            last.settle(ASKER, *moment, &[charge(*asked)]);
                        }
                    }
                    let ruling = last.rule(ASKER, at(6, 10), &charge(question), Limits::of(limit, None), 0);
                    assert_ne!(ruling, Ruling::Unsettled);
                    assert!(early == ruling || early == Ruling::Unsettled, "{limit} {question} {subset:b}");
                }
            }
        }
        assert!(unsettled > 0 && unsettled < 52);
    }

    #[test]
    fn old_charges_are_forgotten() {
        let mut meters = Meters::default();
        meters.settle(ASKER, at(1, 0), &[charge(1)]);
        meters.prune(KEPT_DAYS);
        assert_eq!(meters.entries.len(), 1);
        meters.prune(KEPT_DAYS + 1);
        assert!(meters.entries.is_empty());
    }

    #[test]
    fn a_sealed_meter_opens_for_its_request_and_shows_only_its_class() {
        let custody = SealingSecret::from_bytes([9; 32]);
        let (chain, id) = (ChainId(Digest([1; 32])), TransactionId(Digest([2; 32])));
        let seal = |charges: &[Charge]| {
            let mut rng = ChaCha20Rng::seed_from_u64(1);
            seal_meter(&mut rng, chain, id, &custody.public(), charges).unwrap()
        };
        let charges = [charge(1), charge(2)];
        let meter = seal(&charges);
        assert_eq!(open_meter(&custody, chain, id, &meter).unwrap(), charges);
        assert_eq!(seal(&[]).len(), meter.len());
        let other = TransactionId(Digest([3; 32]));
        assert_eq!(open_meter(&custody, chain, other, &meter), Err(EnvelopeError::Unopenable));
        assert_eq!(open_meter(&custody, chain, id, &meter[..9]), Err(EnvelopeError::Malformed));
    }
}
