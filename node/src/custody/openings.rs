//! Opening together: what this custodian gave of its share, what others gave, and what t of them have opened.
//! Owns the rule of release: a partial opening is made only for what the evaluation of an ordered, permitted request has
//! come to, and given again only if it was made before; nobody can ask for another.
//! Invariant: what is opened for a request serves that request alone and ends with it; what others give is used only if it
//! is right; every store is bounded. Must not know: records, policies, how messages travel.

use super::envelope::{EnvelopeError, OpenCapsule, PairKey, SealingSecret, Use, pad, unpad};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::crypto::{Digest, PublicKey};
use crate::custodians::CustodianSet;
use crate::genesis::{CustodianEntry, Genesis};
use crate::state::feed::PermittedRequest;
use crate::threshold::{EncapsulatedKey, KeyShare, Label, PartialOpening, combine};
use crate::transaction::{ChainId, CustodianId, Encapsulation, Height, TransactionId};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// Most partial openings in one message.
pub const PARTIALS_MAX: usize = 256;
/// Most partial openings kept of one custodian.
const KEPT_MAX: usize = 65_536;
/// Blocks after which those of a request that never came are forgotten, and a request that is over too.
const KEPT_BLOCKS: u64 = 256;
/// Messages are padded to the next multiple of this many bytes, so that lengths tell little of how many records were found.
const MESSAGE_CLASS: usize = 2048;

/// What one custodian gives for one encapsulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The request for which it is opened.
    request: TransactionId,
    /// Names the encapsulation, what it is for, and the request.
    opening: Digest,
    partial: PartialOpening,
}

impl Given {
    /// The request for which it is opened.
    pub(super) fn request(&self) -> TransactionId {
        self.request
    }
}

/// What custodians say to each other, sealed for each of them: nodes carry it and read nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningMessage {
    /// Who gives, as it says; what it sealed proves it.
    pub from: CustodianId,
    /// For each custodian it is for: what the two's secret is found by, and the ciphertext.
    pub boxes: Vec<(CustodianId, [u8; 32], Vec<u8>)>,
}

/// What a message asked for in return.
#[derive(Default)]
pub(super) struct Asked {
    /// What this custodian gave of it before.
    pub(super) given: Vec<Given>,
    /// Requests for which more was asked than it gave.
    pub(super) beyond: BTreeSet<TransactionId>,
}

/// Another custodian.
struct Peer {
    share: [u8; 32],
    sealing: [u8; 32],
    /// The secret for messages to it; `None`: its sealing key is none.
    sending: Option<([u8; 32], PairKey)>,
    /// The secret of its messages, by what it last named.
    receiving: Option<([u8; 32], PairKey)>,
    /// The node that last brought a message of it.
    node: Option<PublicKey>,
    /// How many of its partial openings are kept.
    kept: usize,
}

/// What an evaluation lacks.
pub(super) struct Wanted {
    opening: Digest,
    label: Label,
    encapsulation: Encapsulation,
}

/// One request's openings.
#[derive(Default)]
struct Together {
    /// The keys that t custodians have opened; `None`: its maker did not make it as the suite says.
    opened: BTreeMap<Digest, Option<EncapsulatedKey>>,
    /// What this custodian has given.
    own: BTreeMap<Digest, PartialOpening>,
}

/// What others gave for one request, whether it is known here or not.
struct Received {
    since: Height,
    partials: BTreeMap<(Digest, CustodianId), PartialOpening>,
}

/// The evaluation under way.
struct Current {
    request: TransactionId,
    context: Digest,
    lacks: Vec<Wanted>,
}

/// One custodian's part in opening.
pub(super) struct Openings {
    id: CustodianId,
    /// `None`: this custodian has no seat, and gives nothing.
    share: Option<KeyShare>,
    sealing: SealingSecret,
    chain: ChainId,
    epoch: u32,
    custody_key: [u8; 32],
    threshold: usize,
    peers: BTreeMap<CustodianId, Peer>,
    requests: BTreeMap<TransactionId, Together>,
    received: BTreeMap<TransactionId, Received>,
    /// Requests that are over, and since when: nothing is kept for them any more.
    over: BTreeMap<TransactionId, Height>,
    current: RefCell<Option<Current>>,
}

impl OpenCapsule for Openings {
    fn open(
        &self,
        purpose: Use,
        encapsulation: &Encapsulation,
        ciphertext: &[u8],
        aad: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
        let label = purpose.label(aad);
        let mut current = self.current.borrow_mut();
        // Nothing is opened but for a request.
        let current = current.as_mut().ok_or(EnvelopeError::Unopenable)?;
        let named = [encapsulation.id(label).0, current.context.0].concat();
        let opening = Digest::of("guiju/1/custody/opening", &named);
        let opened = self.requests.get(&current.request).and_then(|together| together.opened.get(&opening));
        if let Some(key) = opened {
            let key = key.as_ref().ok_or(EnvelopeError::Unopenable)?;
            return key.open(label, encapsulation, ciphertext, aad).ok_or(EnvelopeError::Unopenable);
        }
        // Before the share touches it, and before anybody else is made to wait for it.
        if !encapsulation.is_for(label) {
            return Err(EnvelopeError::Unopenable);
        }
        current.lacks.push(Wanted { opening, label, encapsulation: *encapsulation });
        Err(EnvelopeError::Waiting)
    }
}

impl Openings {
    /// One of `set`'s custodians that has given nothing yet.
    pub(super) fn new(
        genesis: &Genesis,
        set: &CustodianSet,
        id: CustodianId,
        share: Option<KeyShare>,
        sealing: SealingSecret,
    ) -> Self {
        let chain = genesis.chain_id();
        let peer = |own: &KeyShare, entry: &CustodianEntry| {
            let binding = binding(chain, id, entry.id);
            // Derived, so that a restarted custodian goes on as it was; the secret's messages never collide.
            let seed = Digest::keyed(&own.to_bytes(), "guiju/1/custody/pair-seed", &binding);
            let mut rng = ChaCha20Rng::from_seed(seed.0);
            let sending = sealing.pair_to(&mut rng, &entry.sealing_key, Use::Opening, &binding).ok();
            let (share, sealing) = (entry.share_key, entry.sealing_key);
            Peer { share, sealing, sending, receiving: None, node: None, kept: 0 }
        };
        let others = set.custodians.iter().filter(|c| c.id != id);
        let peers = share.iter().flat_map(|own| others.clone().map(|c| (c.id, peer(own, c)))).collect();
        Self {
            id,
            share,
            sealing,
            chain,
            epoch: set.epoch,
            custody_key: genesis.custody_key,
            threshold: set.enough(),
            peers,
            requests: BTreeMap::new(),
            received: BTreeMap::new(),
            over: BTreeMap::new(),
            current: RefCell::default(),
        }
    }

    /// Begins the evaluation of one request: what another lacked is not given for it.
    pub(super) fn begin(&self, request: &PermittedRequest) {
        let context = self.context(request);
        self.current.replace(Some(Current { request: request.id, context, lacks: Vec::new() }));
    }

    /// A partial opening is bound to the request, the policy's source and the purpose, and made with the shares of one epoch.
    fn context(&self, request: &PermittedRequest) -> Digest {
        let mut out = Writer::default();
        self.chain.encode(&mut out);
        out.u32(self.epoch);
        request.id.encode(&mut out);
        request.module.encode(&mut out);
        out.text(&request.request.purpose);
        Digest::of("guiju/1/custody/opening-context", &out.into_bytes())
    }

    /// Gives this custodian's part of what the evaluation begun last lacks. Returns what that is, and what is to be told to
    /// the others.
    pub(super) fn give(&mut self) -> (Vec<Wanted>, Vec<Given>) {
        let Some(Current { request, context, lacks }) = self.current.take() else { return Default::default() };
        let together = self.requests.entry(request).or_default();
        let mut fresh = Vec::new();
        for Wanted { opening, encapsulation, .. } in &lacks {
            if together.own.contains_key(opening) {
                continue;
            }
            // A checked encapsulation has a point.
            let partial = self.share.as_ref().and_then(|share| share.open(encapsulation, context));
            let Some(partial) = partial else { continue };
            together.own.insert(*opening, partial);
            fresh.push(Given { request, opening: *opening, partial });
        }
        (lacks, fresh)
    }

    /// Opens what enough custodians have given of what `request` lacks, and takes it off the list. Returns who gave what is
    /// wrong.
    pub(super) fn advance(&mut self, request: &PermittedRequest, lacks: &mut Vec<Wanted>) -> BTreeSet<CustodianId> {
        let mut wrong = BTreeSet::new();
        lacks.retain(|wanted| !self.opens(request, wanted, &mut wrong));
        wrong
    }

    /// Whether a wanted key is open now.
    fn opens(&mut self, request: &PermittedRequest, wanted: &Wanted, wrong: &mut BTreeSet<CustodianId>) -> bool {
        let Wanted { opening, label, encapsulation } = wanted;
        let mut parts = self.parts(request.id, *opening);
        if parts.len() < self.threshold {
            return false;
        }
        let first = |parts: &BTreeMap<_, _>| parts.iter().take(self.threshold).map(|(id, part)| (*id, *part)).collect();
        let mut key = combine(&first(&parts), &self.custody_key, *label, encapsulation);
        if key.is_none() {
            // A part is wrong, or the encapsulation is: the proofs tell.
            let context = self.context(request);
            let is_right = |id: &CustodianId, part: &PartialOpening| {
                *id == self.id || self.peers.get(id).is_some_and(|p| part.is_right(&p.share, encapsulation, context))
            };
            wrong.extend(parts.iter().filter(|(id, part)| !is_right(id, part)).map(|(id, _)| *id));
            parts.retain(|id, _| !wrong.contains(id));
            if parts.len() >= self.threshold {
                key = combine(&first(&parts), &self.custody_key, *label, encapsulation);
            }
        }
        let done = parts.len() >= self.threshold;
        self.drop_received(request.id, |(of, id)| of == opening && (done || wrong.contains(id)));
        if done {
            self.requests.entry(request.id).or_default().opened.insert(*opening, key);
        }
        done
    }

    /// All partial openings at hand for one opening.
    fn parts(&self, request: TransactionId, opening: Digest) -> BTreeMap<CustodianId, PartialOpening> {
        let own =
            self.requests.get(&request).and_then(|together| together.own.get(&opening)).map(|own| (self.id, *own));
        let (first, last) = ((opening, CustodianId(0)), (opening, CustodianId(u16::MAX)));
        let received = self.received.get(&request).into_iter().flat_map(|r| r.partials.range(first..=last));
        own.into_iter().chain(received.map(|((_, id), partial)| (*id, *partial))).collect()
    }

    /// What this custodian gave for the request, to be sent again.
    pub(super) fn given(&self, request: TransactionId) -> Vec<Given> {
        let own = self.requests.get(&request).into_iter().flat_map(|together| &together.own);
        own.map(|(opening, partial)| Given { request, opening: *opening, partial: *partial }).collect()
    }

    /// Seals what is given for the others, to the node that last brought something of each, or to all nodes if that is not
    /// known or if it may be stale; `again` asks each for its own part in return.
    pub(super) fn messages(
        &self,
        given: &[Given],
        again: bool,
        stale: bool,
    ) -> Vec<(Option<PublicKey>, OpeningMessage)> {
        let mut messages = Vec::new();
        for given in given.chunks(PARTIALS_MAX) {
            let plain = plain(given, again);
            let mut boxes = Vec::new();
            for (to, peer) in &self.peers {
                let Some((key, pair)) = &peer.sending else { continue };
                let sealed = (*to, *key, pair.seal(&plain));
                match peer.node.filter(|_| !stale) {
                    Some(node) => messages.push((Some(node), OpeningMessage { from: self.id, boxes: vec![sealed] })),
                    None => boxes.push(sealed),
                }
            }
            if !boxes.is_empty() {
                messages.push((None, OpeningMessage { from: self.id, boxes }));
            }
        }
        messages
    }

    /// Seals what is given for one custodian.
    pub(super) fn answers(&self, given: &[Given], to: CustodianId) -> Vec<OpeningMessage> {
        let Some((key, pair)) = self.peers.get(&to).and_then(|peer| peer.sending.as_ref()) else { return Vec::new() };
        let sealed = given.chunks(PARTIALS_MAX).map(|given| (to, *key, pair.seal(&plain(given, false))));
        sealed.map(|sealed| OpeningMessage { from: self.id, boxes: vec![sealed] }).collect()
    }

    /// Takes what another custodian gives, which is its own word and otherwise unchecked so far. Returns what it asks for in
    /// return. Errors if the message is not for this custodian, or not of the one that it names.
    pub(super) fn receive(
        &mut self,
        message: &OpeningMessage,
        node: PublicKey,
        now: Height,
    ) -> Result<Asked, EnvelopeError> {
        let from = message.from;
        let (again, given) = self.unseal(message)?;
        let peer = self.peers.get_mut(&from).ok_or(EnvelopeError::Malformed)?;
        peer.node = Some(node);
        let mut asked = Asked::default();
        for one in given {
            let together = self.requests.get(&one.request);
            if again {
                match together.and_then(|together| together.own.get(&one.opening)) {
                    Some(partial) => asked.given.push(Given { partial: *partial, ..one }),
                    None => _ = asked.beyond.insert(one.request),
                }
            }
            let opened = together.is_some_and(|together| together.opened.contains_key(&one.opening));
            if opened || self.over.contains_key(&one.request) || peer.kept >= KEPT_MAX {
                continue;
            }
            let received = self.received.entry(one.request);
            let received = received.or_insert_with(|| Received { since: now, partials: BTreeMap::new() });
            if received.partials.insert((one.opening, from), one.partial).is_none() {
                peer.kept += 1;
            }
        }
        Ok(asked)
    }

    /// Opens the box for this custodian: whether it asks for something in return, and what is given.
    fn unseal(&mut self, message: &OpeningMessage) -> Result<(bool, Vec<Given>), EnvelopeError> {
        let own = message.boxes.iter().find(|(to, _, _)| *to == self.id);
        let (_, key, sealed) = own.ok_or(EnvelopeError::Malformed)?;
        let peer = self.peers.get_mut(&message.from).ok_or(EnvelopeError::Malformed)?;
        let known = peer.receiving.as_ref().filter(|(of, _)| of == key).map(|(_, pair)| pair.clone());
        let pair = match known {
            Some(pair) => pair,
            None => {
                let binding = binding(self.chain, message.from, self.id);
                self.sealing.pair_from(&peer.sealing, Use::Opening, key, &binding)?
            }
        };
        let padded = pair.open(sealed)?;
        peer.receiving = Some((*key, pair));
        let plain = unpad(&padded)?;
        let mut input = Reader::new(&plain);
        let parsed = input.bool().and_then(|again| Ok((again, input.list::<Given>(PARTIALS_MAX)?)));
        let parsed = parsed.map_err(|_| EnvelopeError::Malformed)?;
        input.finish().map_err(|_| EnvelopeError::Malformed)?;
        Ok(parsed)
    }

    fn drop_received(&mut self, request: TransactionId, drops: impl Fn(&(Digest, CustodianId)) -> bool) {
        let Some(received) = self.received.get_mut(&request) else { return };
        received.partials.retain(|key, _| {
            let dropped = drops(key);
            if dropped && let Some(peer) = self.peers.get_mut(&key.1) {
                peer.kept = peer.kept.saturating_sub(1);
            }
            !dropped
        });
        if received.partials.is_empty() {
            self.received.remove(&request);
        }
    }

    /// Forgets everything of a request that is final or expired.
    pub(super) fn forget(&mut self, request: TransactionId, now: Height) {
        self.requests.remove(&request);
        self.drop_received(request, |_| true);
        self.over.insert(request, now);
    }

    /// Forgets what was given for requests that never came.
    pub(super) fn prune(&mut self, now: Height) {
        let past = |since: &Height| since.0 + KEPT_BLOCKS <= now.0;
        self.over.retain(|_, since| !past(since));
        let unknown = self.received.iter().filter(|(id, r)| past(&r.since) && !self.requests.contains_key(id));
        let unknown: Vec<TransactionId> = unknown.map(|(id, _)| *id).collect();
        for request in unknown {
            self.drop_received(request, |_| true);
        }
    }
}

fn binding(chain: ChainId, from: CustodianId, to: CustodianId) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    out.u16(from.0);
    out.u16(to.0);
    out.into_bytes()
}

fn plain(given: &[Given], again: bool) -> Zeroizing<Vec<u8>> {
    let mut out = Writer::default();
    out.bool(again);
    out.list(given);
    pad(&Zeroizing::new(out.into_bytes()), MESSAGE_CLASS)
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
