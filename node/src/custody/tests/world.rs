//! A town of three departments and four custodians of whom three must agree, fed by hand. Owns keys and shortcuts.
//! Invariant: every custodian is fed the same, and all that attest one request must attest one digest.

use crate::block::Timestamp;
use crate::codec::{Decode as _, Encode as _};
use crate::crypto::{Digest, Keypair, PublicKey};
use crate::custody::answer::{Answer, OutcomeLine, Refusal, Verdict, open_answer};
use crate::custody::arguments::{Arguments, Question, seal_request};
use crate::custody::capsules::{CapsuleFault, CapsuleStore, MemoryCapsules};
use crate::custody::envelope::{RecordDraft, SealingSecret, seal_record};
use crate::custody::execute::{Custodian, CustodianKeys};
use crate::custody::handles::{HandleKey, handles_of};
use crate::custody::openings::OpeningMessage;
use crate::custody::protocol::{CustodyOrder, CustodyReport};
use crate::custody::seat::ShareShelf;
use crate::genesis::{CustodianEntry, DepartmentEntry, Genesis, ValidatorEntry};
use crate::publication::CompiledModule;
use crate::state::feed::{ActivatedModule, CustodyFeed, FinalisedRequest, PermittedRequest};
use crate::threshold::{DealtKey, KeyShare};
use crate::transaction::{
    CapsuleId, CustodianId, DepartmentId, Exchange, Height, Payload, RecordId, SealedRecord, SealedResult,
    TransactionId,
};
use guiju_compiler::package::{Package, compile};
use guiju_compiler::source::SourceFile;
use guiju_runtime::value::{Schema, Type};
use guiju_runtime::{canonical, json};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

pub(super) const POLICE: DepartmentId = DepartmentId(1);
pub(super) const HOUSING: DepartmentId = DepartmentId(2);
pub(super) const PLANNING: DepartmentId = DepartmentId(3);
const NAMES: [&str; 3] = ["公安局", "住房局", "规划局"];
const LAW: [&str; 3] =
    [include_str!("law/standard.gj"), include_str!("law/policies.gj"), include_str!("law/sharing.gj")];
/// 2019-03-01.
pub(super) const TODAY: i32 = 17_956;

/// A valid citizen's number on an unassigned region prefix.
pub(super) fn citizen(number: u16) -> String {
    let body = format!("32990219850612{number:03}");
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body.bytes().zip(weights).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{body}{}", char::from(b"10X98765432"[(sum % 11) as usize]))
}

/// Capsules that outlive the custodian that writes them.
#[derive(Clone, Default)]
pub(super) struct Shelf(Rc<RefCell<MemoryCapsules>>);

impl CapsuleStore for Shelf {
    fn put(&mut self, capsules: &[(CapsuleId, Vec<u8>)]) -> Result<(), CapsuleFault> {
        self.0.borrow_mut().put(capsules)
    }
    fn get(&self, id: CapsuleId) -> Result<Option<Vec<u8>>, CapsuleFault> {
        self.0.borrow().get(id)
    }
    fn erase(&mut self, id: CapsuleId) -> Result<(), CapsuleFault> {
        self.0.borrow_mut().erase(id)
    }
}

/// Shares of all custodians by number and epoch, wherever they are kept.
pub(super) type AllShares = Rc<RefCell<BTreeMap<(CustodianId, u32), KeyShare>>>;

/// One custodian's.
struct Shares {
    custodian: CustodianId,
    all: AllShares,
}

impl ShareShelf for Shares {
    fn share(&self, epoch: u32) -> std::io::Result<Option<KeyShare>> {
        Ok(self.all.borrow().get(&(self.custodian, epoch)).cloned())
    }
    fn wipe_before(&mut self, epoch: u32) -> std::io::Result<()> {
        self.all.borrow_mut().retain(|(of, e), _| *of != self.custodian || *e >= epoch);
        Ok(())
    }
}

/// What one custodian said of one request.
pub(super) struct Said {
    pub(super) custodian: usize,
    pub(super) request: TransactionId,
    pub(super) digest: Digest,
    pub(super) result: Option<SealedResult>,
}

/// A request that was put, with what its answer is opened by.
pub(super) struct Asked {
    pub(super) permitted: PermittedRequest,
}

impl Asked {
    pub(super) fn id(&self) -> TransactionId {
        self.permitted.id
    }
}

pub(super) struct Town {
    pub(super) genesis: Genesis,
    package: Package,
    standard: Digest,
    policies: Digest,
    custody: DealtKey,
    pub(super) shares: AllShares,
    rng: ChaCha20Rng,
    pub(super) custodians: Vec<Custodian<Shelf>>,
    pub(super) shelves: Vec<Shelf>,
    pub(super) fed: Vec<CustodyFeed>,
    sequence: u64,
    pub(super) day: i32,
    /// Everything any custodian reported, as bytes.
    pub(super) reported: Vec<Vec<u8>>,
    /// Records whose capsules custodians say they destroyed.
    pub(super) destroyed: Vec<(usize, RecordId)>,
    pub(super) wanted: Vec<(usize, Vec<CapsuleId>)>,
    /// Opening messages on their way: from whose node, to which or to all.
    carried: Vec<(usize, Option<PublicKey>, OpeningMessage)>,
    /// Custodians that say and hear nothing of openings.
    pub(super) silent: BTreeSet<usize>,
    /// What a dishonest custodian makes of its messages.
    pub(super) bend: Option<fn(usize, &mut OpeningMessage)>,
}

fn handle_key(id: DepartmentId) -> HandleKey {
    HandleKey::from_bytes([0x40 + id.0 as u8; 32])
}

fn sealing(id: DepartmentId) -> SealingSecret {
    SealingSecret::from_bytes([0x50 + id.0 as u8; 32])
}

/// The transport key of a custodian's node.
fn node(index: usize) -> PublicKey {
    PublicKey([index as u8 + 1; 32])
}

pub(super) fn signing(family: u8, number: u16) -> Keypair {
    Keypair::from_seed([family + number as u8; 32])
}

/// Opens custody's index.
pub(super) fn index_secret() -> SealingSecret {
    SealingSecret::from_bytes([0x62; 32])
}

pub(super) fn receiving(number: u16) -> SealingSecret {
    SealingSecret::from_bytes([0x70 + number as u8; 32])
}

fn genesis(rng: &mut ChaCha20Rng, custody: &DealtKey) -> Genesis {
    let department = |(number, name): (u16, &str)| {
        let id = DepartmentId(number);
        DepartmentEntry {
            id,
            name: name.to_owned(),
            code: format!("{number:018}"),
            signing_key: signing(0x10, number).public(),
            sealing_key: sealing(id).public(),
            handle_key_sealed: handle_key(id).seal(rng, &index_secret().public(), id).expect("seals"),
        }
    };
    Genesis {
        name: "试验".to_owned(),
        time: Timestamp(1),
        departments: (1..).zip(NAMES).map(department).collect(),
        validators: vec![ValidatorEntry {
            name: "node".to_owned(),
            consensus_key: signing(0x20, 1).public(),
            transport_key: signing(0x20, 2).public(),
            address: "127.0.0.1:7001".parse().expect("an address"),
        }],
        custodians: (1..=4)
            .map(|number| CustodianEntry {
                id: CustodianId(number),
                name: format!("custodian{number}"),
                signing_key: signing(0x30, number).public(),
                share_key: custody.share(CustodianId(number)).public(),
                sealing_key: receiving(number).public(),
            })
            .collect(),
        custody_threshold: 3,
        custody_key: custody.public(),
        index_key: index_secret().public(),
        auditor_key: auditor().public(),
        expiry_blocks: 10,
    }
}

pub(super) fn auditor() -> SealingSecret {
    SealingSecret::from_bytes([0x61; 32])
}

impl Town {
    /// A town whose law is in force, with its custodians caught up.
    pub(super) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let custody = DealtKey::generate(&mut rng, 3);
        let genesis = genesis(&mut rng, &custody);
        let file = |text: &&str| SourceFile { name: String::new(), text: (*text).to_owned() };
        let compiled = compile(&LAW.iter().map(file).collect::<Vec<_>>());
        let package = compiled.package.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
        let shares = (1..=4).map(|n| ((CustodianId(n), 0), custody.share(CustodianId(n)))).collect();
        let [standard, policies, sharing] = LAW.map(CompiledModule::source_hash);
        let mut town = Self {
            genesis,
            package,
            standard,
            policies,
            custody,
            shares: Rc::new(RefCell::new(shares)),
            rng,
            custodians: Vec::new(),
            shelves: (0..4).map(|_| Shelf::default()).collect(),
            fed: Vec::new(),
            sequence: 0,
            day: TODAY,
            reported: Vec::new(),
            destroyed: Vec::new(),
            wanted: Vec::new(),
            carried: Vec::new(),
            silent: BTreeSet::new(),
            bend: None,
        };
        town.custodians = (0..4).map(|index| town.custodian(index)).collect();
        let module = |(source, hash): (&str, Digest), imports: Vec<Digest>| ActivatedModule {
            source: source.to_owned(),
            hash,
            imports,
        };
        let modules = vec![
            module((LAW[0], standard), vec![]),
            module((LAW[1], policies), vec![standard]),
            module((LAW[2], sharing), vec![standard]),
        ];
        town.block(CustodyFeed { modules, ..CustodyFeed::default() });
        for index in 0..4 {
            assert!(town.order(index, CustodyOrder::CaughtUp).is_empty());
        }
        town
    }

    /// A custodian that was fed nothing, over its own shelf of capsules.
    fn custodian(&self, index: usize) -> Custodian<Shelf> {
        let id = CustodianId(index as u16 + 1);
        let keys = CustodianKeys {
            id,
            signing: signing(0x30, id.0),
            shares: Box::new(Shares { custodian: id, all: self.shares.clone() }),
            index: index_secret(),
            sealing: receiving(id.0),
        };
        Custodian::new(self.genesis.clone(), keys, self.shelves[index].clone()).expect("handle keys open")
    }

    /// A further custodian with the capsules that the first has, fed all blocks. Returns its place.
    pub(super) fn join(&mut self) -> usize {
        let index = self.custodians.len();
        self.shelves.push(self.shelves[0].clone());
        self.custodians.push(self.custodian(index));
        assert!(self.restart(index).is_empty());
        index
    }

    /// Ends a custodian and starts it again: everything but its capsules is gone, and all blocks are fed again.
    pub(super) fn restart(&mut self, index: usize) -> Vec<Said> {
        self.custodians[index] = self.custodian(index);
        for feed in self.fed.clone() {
            assert!(self.order(index, CustodyOrder::Feed(feed)).is_empty());
        }
        let mut said = self.order(index, CustodyOrder::CaughtUp);
        said.extend(self.carry());
        said
    }

    /// Gives an order to one custodian, over the wire's bytes.
    pub(super) fn order(&mut self, index: usize, order: CustodyOrder) -> Vec<Said> {
        let order = CustodyOrder::from_bytes(&order.to_bytes()).expect("an order decodes");
        let mut said = Vec::new();
        for report in self.custodians[index].handle(order).expect("memory does not fail") {
            let bytes = report.to_bytes();
            assert_eq!(CustodyReport::from_bytes(&bytes).as_ref(), Ok(&report));
            self.reported.push(bytes);
            match report {
                CustodyReport::Transaction(signed) => {
                    let key = signing(0x30, index as u16 + 1).public();
                    let verified = signed.verify(self.genesis.chain_id(), |_| Some(key)).expect("signed");
                    let attestations = match &verified.body().payload {
                        Payload::Attest { attestations } => attestations.as_slice(),
                        Payload::Destroyed { records } => {
                            self.destroyed.extend(records.iter().map(|statement| (index, statement.record)));
                            &[]
                        }
                        other => panic!("a custodian says nothing else: {other:?}"),
                    };
                    said.extend(attestations.iter().map(|a| Said {
                        custodian: index,
                        request: a.request,
                        digest: a.digest,
                        result: a.result.clone(),
                    }));
                }
                CustodyReport::Want(ids) => self.wanted.push((index, ids)),
                CustodyReport::Have { .. } => {}
                CustodyReport::Opening { to, message } => self.carried.push((index, to, message)),
            }
        }
        said
    }

    /// Feeds a block to every custodian; `feed`'s height and time are set here.
    pub(super) fn block(&mut self, feed: CustodyFeed) -> Vec<Said> {
        let height = Height(self.fed.len() as u64 + 1);
        let feed = CustodyFeed { height, time: Timestamp(height.0), day: self.day, ..feed };
        self.fed.push(feed.clone());
        let all = 0..self.custodians.len();
        let mut said: Vec<Said> = all.flat_map(|index| self.order(index, CustodyOrder::Feed(feed.clone()))).collect();
        said.extend(self.carry());
        said
    }

    /// Carries opening messages until there are no more.
    pub(super) fn carry(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        while !self.carried.is_empty() {
            for (from, to, mut message) in std::mem::take(&mut self.carried) {
                if let Some(bend) = self.bend {
                    bend(from, &mut message);
                }
                for index in 0..self.custodians.len() {
                    let meant = index != from && to.is_none_or(|key| key == node(index));
                    if meant && !self.silent.contains(&from) && !self.silent.contains(&index) {
                        let order = CustodyOrder::Opening { from: node(from), message: message.clone() };
                        said.extend(self.order(index, order));
                    }
                }
            }
        }
        said
    }

    pub(super) fn schema(&self, name: &str) -> Arc<Schema> {
        self.package.schemas.iter().find(|s| s.name == name).expect("declared").clone()
    }

    fn owner(&self, schema: &Schema) -> DepartmentId {
        self.genesis.department_named(&schema.owner).expect("registered").id
    }

    /// Seals a record whose content is JSON. The capsule goes onto every shelf unless `withheld`.
    pub(super) fn record(&mut self, schema: &str, content: Json, withheld: bool) -> (RecordId, SealedRecord, Vec<u8>) {
        self.record_as(schema, content, withheld, |_| {})
    }

    /// As [`Town::record`], with the draft bent by a dishonest owner.
    pub(super) fn record_as(
        &mut self,
        schema: &str,
        content: Json,
        withheld: bool,
        bend: impl FnOnce(&mut RecordDraft<'_>),
    ) -> (RecordId, SealedRecord, Vec<u8>) {
        self.record_of(schema, content, withheld, bend, |plaintext| plaintext)
    }

    /// As [`Town::record_as`], with the sealed bytes spoilt too, as only their sealer could.
    pub(super) fn record_of(
        &mut self,
        schema: &str,
        content: Json,
        withheld: bool,
        bend: impl FnOnce(&mut RecordDraft<'_>),
        spoil: impl FnOnce(Vec<u8>) -> Vec<u8>,
    ) -> (RecordId, SealedRecord, Vec<u8>) {
        let schema = self.schema(schema);
        let ty = Type::Group(schema.group.clone());
        let fact = json::fact_from_json(&ty, &content).expect("fits");
        let guiju_runtime::value::Fact::Known(value) = &fact else { panic!("known") };
        let owner = self.owner(&schema);
        let mut draft = RecordDraft {
            owner,
            schema: &schema.name,
            standard: self.standard,
            handles: handles_of(&handle_key(owner), &schema, value),
            supersedes: None,
        };
        bend(&mut draft);
        let plaintext = spoil(canonical::encode(&ty, &fact).expect("encodes"));
        let (record, capsule) =
            seal_record(&mut self.rng, self.genesis.chain_id(), &self.genesis.custody_key, draft, &plaintext)
                .expect("seals");
        if !withheld {
            for shelf in &mut self.shelves {
                shelf.put(&[(record.capsule, capsule.clone())]).expect("memory does not fail");
            }
        }
        (record.id(), record, capsule)
    }

    /// Submits records in a block of their own.
    pub(super) fn submit(&mut self, records: Vec<(&str, Json)>) {
        let records = records.into_iter().map(|(schema, content)| {
            let (id, record, _) = self.record(schema, content, false);
            (id, record)
        });
        let records = records.collect();
        self.block(CustodyFeed { records, ..CustodyFeed::default() });
    }

    /// A question as the gate has permitted it, to be put into the next block.
    pub(super) fn ask(&mut self, policy: &str, inputs: Json, as_of: Option<i32>) -> Asked {
        let contract = policy == "转移";
        let exchange = if contract { Exchange::Contract } else { Exchange::Evaluation };
        let (asker, purpose) = if contract { (PLANNING, "不动产登记") } else { (HOUSING, "购房审核") };
        let question = Question { policy, exchange, purpose, basis: "试", as_of };
        self.sequence += 1;
        let Json::Object(inputs) = inputs else { panic!("an object") };
        let secret = Digest::of("guiju/test/secret", &self.sequence.to_be_bytes()).0.into();
        let arguments = Arguments { inputs: inputs.into_iter().collect(), secret };
        let (chain, key) = (self.genesis.chain_id(), self.genesis.custody_key);
        let request = seal_request(&mut self.rng, chain, asker, &key, question, &arguments).expect("seals");
        let permitted = PermittedRequest {
            sequence: self.sequence,
            id: TransactionId(Digest::of("guiju/test/request", &request.to_bytes())),
            asker,
            request,
            module: self.policies,
            version: 1,
            as_of: as_of.unwrap_or(self.day),
            day: self.day,
            height: Height(self.fed.len() as u64 + 1),
        };
        Asked { permitted }
    }

    /// Puts questions into one block.
    pub(super) fn put(&mut self, asked: &[&Asked]) -> Vec<Said> {
        let requests = asked.iter().map(|asked| asked.permitted.clone()).collect();
        self.block(CustodyFeed { requests, ..CustodyFeed::default() })
    }

    /// Makes results final in a block of their own.
    pub(super) fn finalise(&mut self, results: Vec<(&Asked, SealedResult)>) -> Vec<Said> {
        let finalised = results
            .into_iter()
            .map(|(asked, result)| FinalisedRequest { id: asked.id(), sequence: asked.permitted.sequence, result })
            .collect();
        self.block(CustodyFeed { finalised, ..CustodyFeed::default() })
    }

    /// The result of a request that all four custodians attested alike.
    pub(super) fn agreed(&self, said: &[Said], asked: &Asked) -> SealedResult {
        let votes: BTreeMap<usize, Digest> =
            said.iter().filter(|s| s.request == asked.id()).map(|s| (s.custodian, s.digest)).collect();
        assert_eq!(votes.len(), 4, "every custodian attests once");
        self.result(said, asked)
    }

    /// The one result among what was said; any t custodians bring it along.
    pub(super) fn result(&self, said: &[Said], asked: &Asked) -> SealedResult {
        let said: Vec<&Said> = said.iter().filter(|s| s.request == asked.id()).collect();
        assert!(said.windows(2).all(|pair| pair[0].digest == pair[1].digest), "one digest");
        let result = said.iter().find_map(|s| s.result.clone()).expect("someone brings the result");
        assert_eq!(result.digest(asked.id()), said[0].digest);
        result
    }

    /// Asks in a block of its own, makes the result final, and opens the answer.
    pub(super) fn answer(&mut self, policy: &str, inputs: Json, as_of: Option<i32>) -> Answer {
        let asked = self.ask(policy, inputs, as_of);
        let said = self.put(&[&asked]);
        let result = self.agreed(&said, &asked);
        self.finalise(vec![(&asked, result.clone())]);
        self.open(&asked, &result)
    }

    pub(super) fn open(&self, asked: &Asked, result: &SealedResult) -> Answer {
        let asker = asked.permitted.asker;
        open_answer(&sealing(asker), self.genesis.chain_id(), asked.id(), asker, result).expect("opens")
    }

    pub(super) fn custody(&self) -> &DealtKey {
        &self.custody
    }
}

/// The one outcome of an answer that decided: value, reason.
pub(super) fn outcome(answer: &Answer) -> (Option<&str>, Option<&str>) {
    match &answer.verdict {
        Verdict::Decided { outcomes, .. } => {
            let [OutcomeLine { value, reason, .. }] = outcomes.as_slice() else { panic!("one outcome") };
            (value.as_deref(), reason.as_deref())
        }
        Verdict::Refused(refusal) => panic!("refused: {}", refusal.message()),
    }
}

/// The refusal of an answer.
pub(super) fn refusal(answer: &Answer) -> &Refusal {
    match &answer.verdict {
        Verdict::Refused(refusal) => refusal,
        Verdict::Decided { .. } => panic!("decided"),
    }
}
