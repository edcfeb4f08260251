//! Drives malachite's core for one height at a time. Owns the core's state, the consensus key, the check of every
//! signature, and the translation of effects into outputs in the order in which the core yielded them.
//! Invariant: the effect handler cannot fail (malachite would resume as though it had succeeded); a vote or proposal is
//! signed only by the core's request; records precede the messages that depend on them.
//! Must not know: bodies' content, the mempool, the ledger, peers, time.

mod verify;

use self::verify::Verifier;
use super::context::{Address, GuijuContext, ValidatorSet};
use super::messages::ConsensusMessage;
use super::wal::WalRecord;
use crate::block::Certificate;
use crate::crypto::{Digest, Keypair, PublicKey, Purpose};
use crate::transaction::{ChainId, Height};
use arc_malachitebft_core_consensus::{
    Effect, Error, Input, LivenessMsg, LocallyProposedValue, MisbehaviorEvidence, Params, ProposedValue, Resumable,
    Resume, SignedConsensusMsg, State, process,
};
use arc_malachitebft_core_types::{
    CommitCertificate, LinearTimeouts, Round, SignedProposal, SignedVote, ThresholdParams, Timeout, TimeoutKind,
    Validity, ValueOrigin, ValuePayload, VoteExtensionPolicy,
};
use core::time::Duration;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;

/// A wait inside a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// For the proposal and its body.
    Propose,
    /// For agreement among prevotes.
    Prevote,
    /// For agreement among precommits.
    Precommit,
    /// Until our last statements are sent again.
    Rebroadcast,
}

/// What the driver wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Append to the write-ahead log.
    Append(WalRecord),
    /// Send to all validators, once everything appended so far is on disk.
    Publish(ConsensusMessage),
    /// Report `Step` of `round` after so many milliseconds.
    Schedule {
        /// The wait.
        step: Step,
        /// The round.
        round: u32,
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// That wait is over.
    Cancel {
        /// The wait.
        step: Step,
        /// The round.
        round: u32,
    },
    /// All waits are over.
    CancelAll,
    /// A round began.
    RoundStarted {
        /// The round.
        round: u32,
        /// Who proposes in it.
        proposer: PublicKey,
    },
    /// It is our turn to propose in `round`.
    BuildBlock {
        /// The round.
        round: u32,
    },
    /// A proposal with a good signature names this block: its body is wanted and may be judged.
    Wanted(Candidate),
    /// Send this block's body again.
    Resend {
        /// The round it is proposed in now.
        round: u32,
        /// The block.
        block: Digest,
    },
    /// The block is final.
    Decided(Certificate),
    /// A validator signed two different statements for one slot; the node has both signatures.
    Equivocation(PublicKey),
}

/// A proposal whose signature was checked, waiting for a verdict on its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate(SignedProposal<GuijuContext>);

impl Candidate {
    /// The block proposed.
    pub fn block(&self) -> Digest {
        self.0.message.block
    }
    /// Who proposes it.
    pub fn proposer(&self) -> PublicKey {
        self.0.message.validator.0
    }
}

/// Why the driver cannot go on. The node must stop: going on could mean signing twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverFault(pub String);

impl fmt::Display for DriverFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "共识核心已停止 / the consensus core stopped: {}", self.0)
    }
}

impl std::error::Error for DriverFault {}

/// Waits for a local network: a dead proposer costs propose + precommit = 1.5 s.
pub(crate) fn timeouts() -> LinearTimeouts {
    LinearTimeouts {
        propose: Duration::from_millis(1_000),
        propose_delta: Duration::from_millis(250),
        prevote: Duration::from_millis(500),
        prevote_delta: Duration::from_millis(250),
        precommit: Duration::from_millis(500),
        precommit_delta: Duration::from_millis(250),
        rebroadcast: Duration::from_millis(1_000),
        max_timeout: Duration::from_secs(10),
    }
}

/// The driver.
pub struct Driver {
    state: State<GuijuContext>,
    handler: Handler,
}

/// Everything the effect handler touches; apart from the core's state, which is borrowed while the core runs.
struct Handler {
    key: Keypair,
    verifier: Verifier,
    /// Records already on disk, while they are replayed: these are not appended again, all others are.
    replayed: Option<BTreeSet<Digest>>,
    own_proposal: Option<SignedProposal<GuijuContext>>,
    decided: bool,
    outputs: Vec<Output>,
}

impl Driver {
    /// A driver that has not started `height`. `validators` are that height's.
    pub fn new(chain: ChainId, key: Keypair, height: Height, validators: ValidatorSet) -> Self {
        let params = Params {
            address: Address(key.public()),
            threshold_params: ThresholdParams::default(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        // The replica buffers messages for later heights itself, bounded by peer; the core never sees one.
        let state = State::new(GuijuContext, height, validators.clone(), params, 1, 1);
        let verifier = Verifier::new(chain, validators);
        let handler =
            Handler { key, verifier, replayed: None, own_proposal: None, decided: false, outputs: Vec::new() };
        Self { state, handler }
    }

    /// The height last started.
    pub fn height(&self) -> Height {
        self.state.height()
    }

    /// The round in progress.
    pub fn round(&self) -> u32 {
        self.state.round().as_u32().unwrap_or(0)
    }

    /// Whether the height in progress has been decided.
    pub fn decided(&self) -> bool {
        self.handler.decided
    }

    /// Starts `height`, replaying the records that an earlier run of this node wrote for it, if any. Bodies must be
    /// known to the caller before the outputs are read, since a replay can end in a decision.
    pub fn start(
        &mut self,
        height: Height,
        validators: ValidatorSet,
        records: Vec<WalRecord>,
    ) -> Result<Vec<Output>, DriverFault> {
        self.handler.verifier.begin(validators.clone());
        self.handler.own_proposal = None;
        self.handler.decided = false;
        let record_digests = records.iter().map(record_digest).collect();
        let inputs: Vec<_> = records.into_iter().filter_map(WalRecord::into_input).collect();
        // `is_restart` would make the core forget; no target time, so that the core never reads a clock.
        let start = Input::StartHeight(height, validators, false, None, VoteExtensionPolicy::Disabled);
        if inputs.is_empty() {
            self.feed(start)?;
            return Ok(self.take());
        }
        self.handler.replayed = Some(record_digests);
        self.feed(start)?;
        self.state.index_wal_entries(&inputs);
        for input in inputs {
            if self.handler.decided {
                break;
            }
            if let Input::Proposal(proposal) = &input
                && proposal.message.validator.0 == self.handler.key.public()
            {
                self.handler.own_proposal = Some(proposal.clone());
            }
            self.feed(input)?;
        }
        self.state.reset_entries_index();
        self.handler.replayed = None;
        Ok(self.take())
    }

    /// Handles a peer's message for the height in progress. Signatures are checked here.
    pub fn message(&mut self, message: ConsensusMessage) -> Result<Vec<Output>, DriverFault> {
        debug_assert_eq!(message.height(), self.height());
        self.feed(match message {
            ConsensusMessage::Vote(vote) => Input::Vote(vote),
            ConsensusMessage::Proposal(proposal) => Input::Proposal(proposal),
            ConsensusMessage::Polka(certificate) => Input::PolkaCertificate(certificate),
            ConsensusMessage::Round(certificate) => Input::RoundCertificate(certificate),
        })?;
        Ok(self.take())
    }

    /// Proposes `block` in `round`, which must be the answer to [`Output::BuildBlock`].
    pub fn propose(&mut self, round: u32, block: Digest) -> Result<Vec<Output>, DriverFault> {
        let value = LocallyProposedValue::new(self.height(), Round::new(round), block);
        self.feed(Input::Propose(value))?;
        Ok(self.take())
    }

    /// Says whether the body of the candidate's block is valid by the ledger's rules.
    pub fn judge(&mut self, candidate: &Candidate, valid: bool) -> Result<Vec<Output>, DriverFault> {
        let proposal = &candidate.0;
        let value = ProposedValue {
            height: proposal.message.height,
            round: proposal.message.round,
            valid_round: proposal.message.lock_round,
            proposer: proposal.message.validator,
            value: proposal.message.block,
            validity: Validity::from_bool(valid),
        };
        self.feed(Input::ProposedValue(value, ValueOrigin::Consensus))?;
        Ok(self.take())
    }

    /// A wait is over.
    pub fn elapsed(&mut self, step: Step, round: u32) -> Result<Vec<Output>, DriverFault> {
        let kind = match step {
            Step::Propose => TimeoutKind::Propose,
            Step::Prevote => TimeoutKind::Prevote,
            Step::Precommit => TimeoutKind::Precommit,
            Step::Rebroadcast => TimeoutKind::Rebroadcast,
        };
        self.feed(Input::TimeoutElapsed(Timeout::new(Round::new(round), kind)))?;
        Ok(self.take())
    }

    /// Our last statements in the round in progress, for a peer that may have missed them.
    pub fn statements(&self) -> Vec<ConsensusMessage> {
        let mut messages = Vec::new();
        if let Some(entered) = self.state.round_certificate()
            && entered.enter_round == self.state.round()
        {
            messages.push(ConsensusMessage::Round(entered.certificate.clone()));
        }
        messages.extend(self.own_proposal().map(|(message, _)| message));
        let votes = [&self.state.last_signed_prevote, &self.state.last_signed_precommit];
        messages.extend(votes.into_iter().flatten().cloned().map(ConsensusMessage::Vote));
        messages
    }

    /// Our proposal in the round in progress, and its block.
    pub fn own_proposal(&self) -> Option<(ConsensusMessage, Digest)> {
        let proposal = self.own_signed_proposal()?;
        Some((ConsensusMessage::Proposal(proposal.clone()), proposal.message.block))
    }

    fn own_signed_proposal(&self) -> Option<&SignedProposal<GuijuContext>> {
        self.handler
            .own_proposal
            .as_ref()
            .filter(|p| p.message.height == self.state.height() && p.message.round == self.state.round())
    }

    /// Whether a validator has signed `message`: only then may it wake an idle node.
    pub fn is_authentic(&mut self, message: &ConsensusMessage) -> bool {
        self.handler.verifier.is_authentic(message)
    }

    fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.handler.outputs)
    }

    fn feed(&mut self, input: Input<GuijuContext>) -> Result<(), DriverFault> {
        let Self { state, handler } = self;
        let result: Result<(), Error<GuijuContext>> = process!(
            input: input,
            state: state,
            metrics: &(),
            with: effect => Ok::<_, Infallible>(handler.on_effect(effect))
        );
        match result {
            Ok(()) => Ok(()),
            // What peers send can lead the core here; it refuses the input and the node goes on.
            Err(Error::DriverProcess(_) | Error::InvalidCommitCertificate(..) | Error::MissingPolkaCertificate(..)) => {
                Ok(())
            }
            // Divergence at replay, a lost decision or a wrong resume: to go on could be to sign twice.
            Err(
                error @ (Error::UnexpectedResume(..)
                | Error::DecisionNotFound(..)
                | Error::VoteExtensionRequired(..)
                | Error::WalCorrupted(_)
                | Error::ReplayDivergence(..)),
            ) => Err(DriverFault(error.to_string())),
        }
    }
}

impl Handler {
    fn on_effect(&mut self, effect: Effect<GuijuContext>) -> Resume<GuijuContext> {
        match effect {
            Effect::SignVote(vote, r) => {
                let bytes = vote.signing_bytes(self.verifier.chain());
                let signature = self.key.sign(Purpose::Vote, &bytes);
                self.verifier.remember(Purpose::Vote, &vote.validator.0, &bytes, &signature);
                r.resume_with(SignedVote::new(vote, signature))
            }
            Effect::SignProposal(proposal, r) => {
                let bytes = proposal.signing_bytes(self.verifier.chain());
                let signature = self.key.sign(Purpose::Proposal, &bytes);
                self.verifier.remember(Purpose::Proposal, &proposal.validator.0, &bytes, &signature);
                r.resume_with(SignedProposal::new(proposal, signature))
            }
            Effect::VerifySignature(message, key, r) => {
                r.resume_with(self.verifier.message(&message.message, &key, &message.signature))
            }
            Effect::VerifyCommitCertificate(certificate, _, _, r) => r.resume_with(self.verifier.commit(&certificate)),
            Effect::VerifyExtendedCommitCertificate(certificate, _, _, _, r) => {
                r.resume_with(self.verifier.commit(&certificate.trim_vote_extensions()))
            }
            Effect::VerifyPolkaCertificate(certificate, _, _, r) => r.resume_with(self.verifier.polka(&certificate)),
            Effect::VerifyRoundCertificate(certificate, _, _, r) => r.resume_with(self.verifier.round(&certificate)),
            // Vote extensions are disabled for every height: the core yields neither of these.
            Effect::ExtendVote(_, _, _, _, r) => r.resume_with(None),
            Effect::VerifyVoteExtension(_, _, _, _, _, _, r) => r.resume_with(Ok(())),
            other => self.on_command(other),
        }
    }

    /// The effects that ask for something to be done and want no answer.
    fn on_command(&mut self, effect: Effect<GuijuContext>) -> Resume<GuijuContext> {
        match effect {
            Effect::CancelAllTimeouts(_) => self.outputs.push(Output::CancelAll),
            Effect::CancelTimeout(timeout, _) => {
                if let Some((step, round)) = wait_of(timeout) {
                    self.outputs.push(Output::Cancel { step, round });
                }
            }
            Effect::ScheduleTimeout(timeout, _) => {
                if let Some((step, round)) = wait_of(timeout) {
                    let after = timeouts().duration_for(timeout).as_millis();
                    let after_ms = u64::try_from(after).expect("capped at ten seconds");
                    self.outputs.push(Output::Schedule { step, round, after_ms });
                }
            }
            Effect::StartRound(_, round, proposer, _, _) => {
                let round = round.as_u32().unwrap_or(0);
                self.outputs.push(Output::RoundStarted { round, proposer: proposer.0 });
            }
            Effect::PublishConsensusMsg(message, _) => {
                let message = match message {
                    SignedConsensusMsg::Vote(vote) => ConsensusMessage::Vote(vote),
                    SignedConsensusMsg::Proposal(proposal) => {
                        if proposal.message.validator.0 == self.key.public() {
                            self.own_proposal = Some(proposal.clone());
                        }
                        ConsensusMessage::Proposal(proposal)
                    }
                };
                self.outputs.push(Output::Publish(message));
            }
            Effect::PublishLivenessMsg(message, _) => {
                self.outputs.push(Output::Publish(match message {
                    LivenessMsg::Vote(vote) => ConsensusMessage::Vote(vote),
                    LivenessMsg::PolkaCertificate(certificate) => ConsensusMessage::Polka(certificate),
                    LivenessMsg::SkipRoundCertificate(certificate) => ConsensusMessage::Round(certificate),
                }));
            }
            Effect::RepublishVote(vote, _) => self.outputs.push(Output::Publish(ConsensusMessage::Vote(vote))),
            Effect::RepublishRoundCertificate(certificate, _) => {
                self.outputs.push(Output::Publish(ConsensusMessage::Round(certificate)));
            }
            Effect::GetValue(_, round, _, _) => {
                self.outputs.push(Output::BuildBlock { round: round.as_u32().unwrap_or(0) });
            }
            Effect::RestreamProposal(_, round, _, _, block, _) => {
                self.outputs.push(Output::Resend { round: round.as_u32().unwrap_or(0), block });
            }
            Effect::WalAppend(height, input, _) => self.on_append(height, input),
            Effect::Decide(certificate, _, _) => {
                self.decided = true;
                self.outputs.push(Output::Decided(certificate_of(certificate)));
            }
            Effect::Finalize(_, _, evidence, _) => self.on_evidence(&evidence),
            // Sync runs on the replica's own check of certificates, so the core is given no sync responses; all
            // remaining effects were answered by `on_effect`.
            _ => {}
        }
        Resume::Continue
    }

    fn on_append(&mut self, height: Height, input: Input<GuijuContext>) {
        let wanted = match &input {
            Input::Proposal(proposal) => Some(proposal.clone()),
            _ => None,
        };
        let Some(record) = WalRecord::of_input(height, input) else { return };
        let known = self.replayed.as_ref().is_some_and(|replayed| replayed.contains(&record_digest(&record)));
        if !known {
            self.outputs.push(Output::Append(record));
        }
        if let Some(proposal) = wanted {
            self.outputs.push(Output::Wanted(Candidate(proposal)));
        }
    }

    fn on_evidence(&mut self, evidence: &MisbehaviorEvidence<GuijuContext>) {
        let liars: BTreeSet<PublicKey> = (evidence.votes.iter().map(|(address, _)| address.0))
            .chain(evidence.proposals.iter().map(|(address, _)| address.0))
            .collect();
        self.outputs.extend(liars.into_iter().map(Output::Equivocation));
    }
}

fn wait_of(timeout: Timeout) -> Option<(Step, u32)> {
    let step = match timeout.kind {
        TimeoutKind::Propose => Step::Propose,
        TimeoutKind::Prevote => Step::Prevote,
        TimeoutKind::Precommit => Step::Precommit,
        TimeoutKind::Rebroadcast => Step::Rebroadcast,
        TimeoutKind::FinalizeHeight(_) => return None,
    };
    Some((step, timeout.round.as_u32()?))
}

fn record_digest(record: &WalRecord) -> Digest {
    use crate::codec::Encode as _;
    Digest::of("guiju/1/wal-record", &record.to_bytes())
}

fn certificate_of(certificate: CommitCertificate<GuijuContext>) -> Certificate {
    let mut signatures: Vec<_> =
        certificate.commit_signatures.into_iter().map(|s| (s.address.0, s.signature)).collect();
    signatures.sort();
    signatures.dedup_by_key(|(key, _)| *key);
    Certificate {
        height: certificate.height,
        round: certificate.round.as_u32().unwrap_or(0),
        block: certificate.value_id,
        signatures,
    }
}
