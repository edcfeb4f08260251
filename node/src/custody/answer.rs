//! Answers: what an asker learns. Owns their content, encoding and sealing. Invariant: an answer holds nothing that the
//! policy's releases do not let leave, and a refusal looks on the ledger exactly as an answer does.
//! Must not know: records, policies' programs, who else asks.

use super::envelope::{EnvelopeError, SealingSecret, Use, pad, seal_to, unpad};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::transaction::{ChainId, DepartmentId, Height, NAME_BYTES_MAX, SealedResult, TransactionId};
use rand_core::CryptoRng;

/// Answers are padded to the next multiple of this many bytes; nearly all fit the first.
pub const ANSWER_CLASS: usize = 2048;

const TEXT_MAX: usize = 4096;
const ITEMS_MAX: usize = 256;

/// What an asker learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The policy's full name.
    pub policy: String,
    /// Its version.
    pub version: u32,
    /// The as-of date, the law's day: days since 1970-01-01.
    pub as_of: i32,
    /// The block at whose knowledge the answer was given.
    pub height: Height,
    /// That block's Shanghai day.
    pub day: i32,
    /// What was decided.
    pub verdict: Verdict,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The policy was evaluated.
    Decided {
        /// Released outcomes in the policy's order.
        outcomes: Vec<OutcomeLine>,
        /// Names of the evidence that would settle what is undetermined, sorted; empty unless released.
        missing: Vec<String>,
        /// How many records the contract writes.
        writes: u16,
    },
    /// The policy was not evaluated to its end, and nothing was written.
    Refused(Refusal),
}

/// One released outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeLine {
    /// The outcome's name.
    pub name: String,
    /// Its value; `None` is undetermined (待定).
    pub value: Option<String>,
    /// The reason, if released and given.
    pub reason: Option<String>,
    /// The law and article, with the reason.
    pub citation: Option<String>,
}

/// Why a request was not answered. Travels sealed, as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The arguments did not open or do not fit the policy's inputs; the asker is at fault.
    Arguments(String),
    /// The leak budget for a person reached is used up.
    BudgetExhausted,
    /// No sealed record proves the earlier as-of date.
    AsOfNotProved,
    /// The decided writes do not fit the data standard or the limits; the policy is at fault.
    Write(String),
    /// The policy is not to be had here; the ledger is at fault.
    NoSuchPolicy,
}

impl Refusal {
    /// For people, in Chinese and English.
    pub fn message(&self) -> String {
        match self {
            Self::Arguments(what) => format!("参数不可用 / the arguments cannot be used: {what}"),
            Self::BudgetExhausted => "额度已尽 / budget exhausted".to_owned(),
            Self::AsOfNotProved => "基准日未获密封记录证明 / no sealed record proves the as-of date".to_owned(),
            Self::Write(what) => format!("写入不合数据标准 / the write does not fit the data standard: {what}"),
            Self::NoSuchPolicy => "策略不可用 / the policy is not available".to_owned(),
        }
    }

    /// A word for the audit log; says nothing of the subject.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Arguments(_) => "refused: arguments",
            Self::BudgetExhausted => "refused: budget",
            Self::AsOfNotProved => "refused: as-of",
            Self::Write(_) => "refused: write",
            Self::NoSuchPolicy => "refused: policy",
        }
    }
}

/// Seals `answer` to the asker's key. Equal randomness gives equal bytes. Errors: `BadRecipient`.
pub fn seal_answer(
    rng: &mut impl CryptoRng,
    chain: ChainId,
    request: TransactionId,
    asker: (DepartmentId, &[u8; 32]),
    answer: &Answer,
) -> Result<([u8; 32], Vec<u8>), EnvelopeError> {
    let padded = pad(&answer.to_bytes(), ANSWER_CLASS);
    seal_to(rng, asker.1, Use::Answer, &binding(chain, request, asker.0), &padded)
}

/// Opens the answer of a finalised result with the asker's key. Errors: `Unopenable` (not this asker's, or not this
/// request's), `Malformed`.
pub fn open_answer(
    opener: &SealingSecret,
    chain: ChainId,
    request: TransactionId,
    asker: DepartmentId,
    result: &SealedResult,
) -> Result<Answer, EnvelopeError> {
    let padded = opener.open(Use::Answer, &result.answer_key, &result.answer, &binding(chain, request, asker))?;
    Answer::from_bytes(&unpad(&padded)?).map_err(|_| EnvelopeError::Malformed)
}

fn binding(chain: ChainId, request: TransactionId, asker: DepartmentId) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    request.encode(&mut out);
    out.u16(asker.0);
    out.into_bytes()
}

fn text_option(text: Option<&String>, out: &mut Writer) {
    out.bool(text.is_some());
    if let Some(text) = text {
        out.text(clip(text));
    }
}

fn read_text_option(input: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    Ok(if input.bool()? { Some(input.text(TEXT_MAX)?) } else { None })
}

/// Texts over the bound are cut at a character: an answer is always made, whatever a source's texts are.
fn clip(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Encode for OutcomeLine {
    fn encode(&self, out: &mut Writer) {
        out.text(clip(&self.name));
        text_option(self.value.as_ref(), out);
        text_option(self.reason.as_ref(), out);
        text_option(self.citation.as_ref(), out);
    }
}
impl Decode for OutcomeLine {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: input.text(TEXT_MAX)?,
            value: read_text_option(input)?,
            reason: read_text_option(input)?,
            citation: read_text_option(input)?,
        })
    }
}

impl Encode for Refusal {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Arguments(what) => {
                out.u8(1);
                out.text(clip(what));
            }
            Self::BudgetExhausted => out.u8(2),
            Self::AsOfNotProved => out.u8(3),
            Self::Write(what) => {
                out.u8(4);
                out.text(clip(what));
            }
            Self::NoSuchPolicy => out.u8(5),
        }
    }
}
impl Decode for Refusal {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Arguments(input.text(TEXT_MAX)?),
            2 => Self::BudgetExhausted,
            3 => Self::AsOfNotProved,
            4 => Self::Write(input.text(TEXT_MAX)?),
            5 => Self::NoSuchPolicy,
            _ => return Err(DecodeError::Malformed),
        })
    }
}

impl Encode for Verdict {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Decided { outcomes, missing, writes } => {
                out.u8(1);
                out.list(&outcomes[..outcomes.len().min(ITEMS_MAX)]);
                let missing = &missing[..missing.len().min(ITEMS_MAX)];
                out.u16(u16::try_from(missing.len()).expect("at most ITEMS_MAX"));
                for name in missing {
                    out.text(clip(name));
                }
                out.u16(*writes);
            }
            Self::Refused(refusal) => {
                out.u8(2);
                refusal.encode(out);
            }
        }
    }
}
impl Decode for Verdict {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => {
                let outcomes = input.list(ITEMS_MAX)?;
                let count = usize::from(input.u16()?);
                if count > ITEMS_MAX {
                    return Err(DecodeError::TooLong);
                }
                let missing = (0..count).map(|_| input.text(TEXT_MAX)).collect::<Result<_, _>>()?;
                Self::Decided { outcomes, missing, writes: input.u16()? }
            }
            2 => Self::Refused(Refusal::decode(input)?),
            _ => return Err(DecodeError::Malformed),
        })
    }
}

impl Encode for Answer {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.policy);
        out.u32(self.version);
        out.i64(i64::from(self.as_of));
        self.height.encode(out);
        out.i64(i64::from(self.day));
        self.verdict.encode(out);
    }
}
impl Decode for Answer {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let day = |n: i64| i32::try_from(n).map_err(|_| DecodeError::Malformed);
        Ok(Self {
            policy: input.text(NAME_BYTES_MAX)?,
            version: input.u32()?,
            as_of: day(input.i64()?)?,
            height: Height::decode(input)?,
            day: day(input.i64()?)?,
            verdict: Verdict::decode(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Digest;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    fn answer(verdict: Verdict) -> Answer {
        Answer {
            policy: "南京.住房.购房资格".into(),
            version: 3,
            as_of: 17_241,
            height: Height(9),
            day: 20_000,
            verdict,
        }
    }

    fn decided(reason: &str) -> Answer {
        let line = OutcomeLine {
            name: "资格".into(),
            value: Some("不符合".into()),
            reason: Some(reason.into()),
            citation: None,
        };
        answer(Verdict::Decided { outcomes: vec![line], missing: vec!["税".into()], writes: 1 })
    }

    fn sealed(answer: &Answer) -> (SealingSecret, SealedResult) {
        let asker = SealingSecret::from_bytes([5; 32]);
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let id = TransactionId(Digest([2; 32]));
        let chain = ChainId(Digest([1; 32]));
        let (answer_key, answer) =
            seal_answer(&mut rng, chain, id, (DepartmentId(7), &asker.public()), answer).unwrap();
        (asker, SealedResult { answer_key, answer, ..SealedResult::default() })
    }

    #[test]
    fn an_answer_opens_for_its_asker_and_request_only() {
        let (asker, result) = sealed(&decided("本市户籍家庭已有两套"));
        let (chain, id) = (ChainId(Digest([1; 32])), TransactionId(Digest([2; 32])));
        assert_eq!(open_answer(&asker, chain, id, DepartmentId(7), &result), Ok(decided("本市户籍家庭已有两套")));
        let refused = Err(EnvelopeError::Unopenable);
        assert_eq!(open_answer(&asker, chain, id, DepartmentId(8), &result), refused);
        assert_eq!(open_answer(&asker, chain, TransactionId(Digest([3; 32])), DepartmentId(7), &result), refused);
        let other = SealingSecret::from_bytes([6; 32]);
        assert_eq!(open_answer(&other, chain, id, DepartmentId(7), &result), refused);
    }

    #[test]
    fn refusals_have_the_shape_of_answers_and_decode() {
        let shape = sealed(&decided("本市户籍家庭已有两套")).1.answer.len();
        let refusals = [
            Refusal::Arguments("申请人".into()),
            Refusal::BudgetExhausted,
            Refusal::AsOfNotProved,
            Refusal::Write("权利人".into()),
            Refusal::NoSuchPolicy,
        ];
        for refusal in refusals {
            let answer = answer(Verdict::Refused(refusal));
            assert_eq!(sealed(&answer).1.answer.len(), shape);
            assert_eq!(Answer::from_bytes(&answer.to_bytes()), Ok(answer));
        }
    }

    #[test]
    fn cut_bytes_are_refused_and_long_texts_cut_at_a_character() {
        let bytes = decided("理由").to_bytes();
        assert!((0..bytes.len()).all(|cut| Answer::from_bytes(&bytes[..cut]).is_err()));
        let long = Answer::from_bytes(&decided(&"理".repeat(3000)).to_bytes()).unwrap();
        let Verdict::Decided { outcomes, .. } = long.verdict else { panic!("decided") };
        assert_eq!(outcomes[0].reason.as_deref(), Some("理".repeat(1365).as_str()));
    }
}
