//! Opening together: what this custodian gave of its share, what others gave, and what t of them have opened.
//! Owns the rule of release: a partial opening is made only for what the evaluation of an ordered, permitted request has
//! come to, and given again only if it was made before; nobody can ask for another.
//! Invariant: what others sent is checked before it is used; every store is bounded, and ends with its request.
//! Must not know: records, policies, how messages travel.

use super::envelope::{EnvelopeError, SealingSecret, Use, pad, seal_to, unpad};
use super::threshold::{KeyShare, Label, OpenCapsule, PartialOpening, combine, open_with};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::Digest;
use crate::genesis::Genesis;
use crate::state::feed::PermittedRequest;
use crate::transaction::{ChainId, CustodianId, Encapsulation, Height, TransactionId};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// Most partial openings in one message.
pub const PARTIALS_MAX: usize = 256;
/// Most partial openings kept of one custodian for requests that are not evaluated here yet.
const EARLY_MAX: usize = 8192;
/// Blocks after which those of a request that never came are forgotten.
const EARLY_BLOCKS: u64 = 256;
/// Messages are padded to the next multiple of this many bytes, so that lengths tell little of how many records were found.
const MESSAGE_CLASS: usize = 4096;

/// What one custodian gives for one encapsulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The request for which it is opened.
    request: TransactionId,
    /// Names the encapsulation and its label.
    opening: Digest,
    partial: PartialOpening,
}

/// What custodians say to each other, sealed for each of them: nodes carry it and read nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningMessage {
    /// Who gives.
    pub from: CustodianId,
    /// For each custodian it is for: the encapsulated key and the ciphertext.
    pub boxes: Vec<(CustodianId, [u8; 32], Vec<u8>)>,
}

/// What an encapsulation is opened for.
struct Wanted {
    opening: Digest,
    encapsulation: Encapsulation,
}

#[derive(Default)]
struct Received {
    /// By custodian, with the height at which it came.
    given: BTreeMap<CustodianId, (Given, Height)>,
}

/// One custodian's part in opening.
pub(super) struct Openings {
    id: CustodianId,
    share: KeyShare,
    sealing: SealingSecret,
    chain: ChainId,
    custody_key: [u8; 32],
    threshold: usize,
    /// Public halves of shares, and sealing keys, of all custodians.
    others: BTreeMap<CustodianId, ([u8; 32], [u8; 32])>,
    /// What t custodians have opened: the secret that the encapsulation shares with the custody key.
    opened: BTreeMap<Digest, Zeroizing<[u8; 32]>>,
    /// What this custodian has given, by encapsulation.
    own: BTreeMap<Digest, Given>,
    received: BTreeMap<Digest, Received>,
    /// What the evaluation under way lacks.
    wanted: RefCell<Vec<Wanted>>,
    /// Encapsulations by the request that they were opened for.
    of_request: BTreeMap<TransactionId, BTreeSet<Digest>>,
}

impl OpenCapsule for Openings {
    fn open(
        &self,
        purpose: Use,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let label = Label::of(purpose, aad);
        let opening = encapsulation.id(label);
        if let Some(shared) = self.opened.get(&opening) {
            return open_with(shared, &self.custody_key, label, encapsulation, ciphertext, aad);
        }
        // Before the share touches it, and before anybody else is made to wait for it.
        if !encapsulation.is_for(label) {
            return Err(EnvelopeError::Unopenable);
        }
        self.wanted.borrow_mut().push(Wanted { opening, encapsulation: *encapsulation });
        Err(EnvelopeError::Waiting)
    }
}

impl Openings {
    /// A custodian that has given nothing yet.
    pub(super) fn new(genesis: &Genesis, id: CustodianId, share: KeyShare, sealing: SealingSecret) -> Self {
        Self {
            id,
            share,
            sealing,
            chain: genesis.chain_id(),
            custody_key: genesis.custody_key,
            threshold: usize::from(genesis.custody_threshold),
            others: genesis.custodians.iter().map(|c| (c.id, (c.share_key, c.sealing_key))).collect(),
            opened: BTreeMap::new(),
            own: BTreeMap::new(),
            received: BTreeMap::new(),
            wanted: RefCell::default(),
            of_request: BTreeMap::new(),
        }
    }

    /// Begins the evaluation of one request: what another lacked is not given for it.
    pub(super) fn begin(&self) {
        self.wanted.take();
    }

    /// Gives this custodian's part of what the evaluation of `request` lacks, and opens what enough have given. Returns what
    /// is new, for the others, whether anything was opened, and who gave what is wrong.
    pub(super) fn give(&mut self, request: &PermittedRequest) -> Opened {
        let context = context(self.chain, request);
        let mut out = Opened::default();
        for wanted in self.wanted.take() {
            let Wanted { opening, encapsulation } = wanted;
            if !self.own.contains_key(&opening) {
                let Some(partial) = self.share.open(&encapsulation, context) else { continue };
                let given = Given { request: request.id, opening, partial };
                self.of_request.entry(request.id).or_default().insert(opening);
                self.own.insert(opening, given.clone());
                out.fresh.push(given);
            }
            let right = self.right(request.id, opening, &encapsulation, context, &mut out.wrong);
            if right.len() >= self.threshold
                && let Some(shared) = combine(&right)
            {
                self.opened.insert(opening, shared);
                out.progress = true;
            }
        }
        out
    }

    /// Partial openings of an encapsulation that are right, no more than are needed; wrong ones are dropped and told.
    fn right(
        &mut self,
        request: TransactionId,
        opening: Digest,
        encapsulation: &Encapsulation,
        context: Digest,
        wrong: &mut Vec<CustodianId>,
    ) -> BTreeMap<CustodianId, PartialOpening> {
        let mut right: BTreeMap<CustodianId, PartialOpening> = BTreeMap::new();
        right.extend(self.own.get(&opening).map(|own| (self.id, own.partial)));
        let Some(received) = self.received.get_mut(&opening) else { return right };
        // INVARIANT: nothing is combined that was not checked against the registered share, for this very request.
        received.given.retain(|id, (given, _)| {
            if right.len() >= self.threshold {
                return true;
            }
            let share = self.others.get(id).map(|(share, _)| share);
            let good = given.request == request
                && share.is_some_and(|share| given.partial.is_right(share, encapsulation, context));
            if good {
                right.insert(*id, given.partial);
            } else {
                wrong.push(*id);
            }
            good
        });
        right
    }

    /// What this custodian gave for the request, to be sent again.
    pub(super) fn given(&self, request: TransactionId) -> Vec<Given> {
        let openings = self.of_request.get(&request).into_iter().flatten();
        openings.filter_map(|opening| self.own.get(opening)).cloned().collect()
    }

    /// Seals what is given for the others, or for one; `again` asks each for its own part in return.
    pub(super) fn message(&self, given: &[Given], again: bool, only: Option<CustodianId>) -> Option<OpeningMessage> {
        let mut out = Writer::default();
        out.bool(again);
        out.list(given);
        let plain = Zeroizing::new(out.into_bytes());
        let padded = pad(&plain, MESSAGE_CLASS);
        let mut boxes = Vec::new();
        for (to, (_, key)) in self.others.iter().filter(|(to, _)| **to != self.id && only.is_none_or(|o| o == **to)) {
            let binding = binding(self.chain, self.id, *to);
            // Of the share and all that is sealed, so that one randomness never seals two plaintexts.
            let seed = Digest::keyed(
                &self.share.to_bytes(),
                "guiju/1/custody/opening-seed",
                &[binding.as_slice(), &plain].concat(),
            );
            let mut rng = ChaCha20Rng::from_seed(seed.0);
            // Fails only for a key of low order, which the genesis file is at fault for.
            let (encapsulated, sealed) = seal_to(&mut rng, key, Use::Opening, &binding, &padded).ok()?;
            boxes.push((*to, encapsulated, sealed));
        }
        (!boxes.is_empty()).then_some(OpeningMessage { from: self.id, boxes })
    }

    /// Takes what another custodian gives, unchecked so far. Returns what this one gave of the same, if it is asked for.
    /// Errors if the message is not for this custodian, or not one's that it could be.
    pub(super) fn receive(&mut self, message: &OpeningMessage, now: Height) -> Result<Vec<Given>, EnvelopeError> {
        let from = message.from;
        if from == self.id || !self.others.contains_key(&from) {
            return Err(EnvelopeError::Malformed);
        }
        let (_, encapsulated, sealed) =
            message.boxes.iter().find(|(to, _, _)| *to == self.id).ok_or(EnvelopeError::Malformed)?;
        let padded = self.sealing.open(Use::Opening, encapsulated, sealed, &binding(self.chain, from, self.id))?;
        let plain = unpad(&padded)?;
        let mut input = Reader::new(&plain);
        let parsed = input.bool().and_then(|again| Ok((again, input.list::<Given>(PARTIALS_MAX)?)));
        let (again, given) = parsed.map_err(|_| EnvelopeError::Malformed)?;
        input.finish().map_err(|_| EnvelopeError::Malformed)?;
        let asked: Vec<Digest> = given.iter().map(|g| g.opening).collect();
        let mut room = EARLY_MAX.saturating_sub(self.received.values().filter(|r| r.given.contains_key(&from)).count());
        for one in given {
            if self.opened.contains_key(&one.opening) || room == 0 {
                continue;
            }
            room -= 1;
            self.received.entry(one.opening).or_default().given.insert(from, (one, now));
        }
        let own = asked.iter().filter(|_| again).filter_map(|opening| self.own.get(opening));
        Ok(own.cloned().collect())
    }

    /// Forgets everything of a request that is final or expired.
    pub(super) fn forget(&mut self, request: TransactionId) {
        for opening in self.of_request.remove(&request).unwrap_or_default() {
            self.opened.remove(&opening);
            self.own.remove(&opening);
        }
        self.received.retain(|_, r| {
            r.given.retain(|_, (given, _)| given.request != request);
            !r.given.is_empty()
        });
    }

    /// Forgets what was given for requests that never came.
    pub(super) fn prune(&mut self, now: Height) {
        let known: BTreeSet<TransactionId> = self.of_request.keys().copied().collect();
        self.received.retain(|_, r| {
            r.given.retain(|_, (given, at)| known.contains(&given.request) || at.0 + EARLY_BLOCKS > now.0);
            !r.given.is_empty()
        });
    }
}

/// What came of giving.
#[derive(Default)]
pub(super) struct Opened {
    /// For the others.
    pub(super) fresh: Vec<Given>,
    /// Whether something is open that was not.
    pub(super) progress: bool,
    /// Custodians whose parts were wrong.
    pub(super) wrong: Vec<CustodianId>,
}

/// A partial opening is bound to the request, the policy's source and the purpose.
fn context(chain: ChainId, request: &PermittedRequest) -> Digest {
    let mut out = Writer::default();
    chain.encode(&mut out);
    request.id.encode(&mut out);
    request.module.encode(&mut out);
    out.text(&request.request.purpose);
    Digest::of("guiju/1/custody/opening-context", &out.into_bytes())
}

fn binding(chain: ChainId, from: CustodianId, to: CustodianId) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    out.u16(from.0);
    out.u16(to.0);
    out.into_bytes()
}

impl Encode for Given {
    fn encode(&self, out: &mut Writer) {
        self.request.encode(out);
        self.opening.encode(out);
        self.partial.encode(out);
    }
}
impl Decode for Given {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            request: TransactionId::decode(input)?,
            opening: Digest::decode(input)?,
            partial: PartialOpening::decode(input)?,
        })
    }
}
