//! A request's arguments: the inputs of the policy and the secret from which everything random in its result derives.
//! Owns their encoding and sealing. Invariant: arguments open only for the chain, asker, policy, exchange, purpose,
//! basis and as-of date they were sealed for. Must not know: the policy's input types, results.

use super::envelope::{EnvelopeError, OpenCapsule, SIZE_CLASS, Use, pad, seal_to_custody, unpad};
use crate::codec::{DecodeError, Encode, Reader, Writer};
use crate::transaction::{BODY_BYTES_MAX, ChainId, DepartmentId, Encapsulation, Exchange, NAME_BYTES_MAX, Request};
use rand_core::CryptoRng;
use serde_json::Value;
use std::fmt;
use zeroize::Zeroizing;

/// Most inputs a request can carry.
pub const INPUTS_MAX: usize = 32;

/// What is sealed in a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Inputs by name, as JSON in the form of `guiju_runtime::json`.
    pub inputs: Vec<(String, Value)>,
    /// Chosen at random by the asker, used once; the answer's and written records' randomness derive from it.
    pub secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arguments({} inputs)", self.inputs.len())
    }
}

/// The public part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// The policy's full name, `module.policy`.
    pub policy: &'a str,
    /// Which exchange.
    pub exchange: Exchange,
    /// Purpose, in the words of the sharing policies.
    pub purpose: &'a str,
    /// Legal basis and case number.
    pub basis: &'a str,
    /// The as-of date (days since 1970-01-01), if earlier than the block's.
    pub as_of: Option<i32>,
}

/// A request with its arguments sealed to the custody key. Errors: `TooLarge`, `BadRecipient`.
pub fn seal_request(
    rng: &mut impl CryptoRng,
    chain: ChainId,
    asker: DepartmentId,
    custody_key: &[u8; 32],
    question: Question<'_>,
    arguments: &Arguments,
) -> Result<Request, EnvelopeError> {
    let names = [question.policy, question.purpose, question.basis];
    if names.iter().any(|name| name.len() > NAME_BYTES_MAX) || arguments.inputs.len() > INPUTS_MAX {
        return Err(EnvelopeError::TooLarge);
    }
    let mut request = Request {
        policy: question.policy.to_owned(),
        exchange: question.exchange,
        purpose: question.purpose.to_owned(),
        basis: question.basis.to_owned(),
        as_of: question.as_of,
        arguments_key: Encapsulation::default(),
        arguments: Vec::new(),
    };
    let padded = pad(&encode(arguments), SIZE_CLASS);
    let (key, sealed) = seal_to_custody(rng, custody_key, Use::Arguments, &binding(chain, asker, &request), &padded)?;
    if sealed.len() > BODY_BYTES_MAX {
        return Err(EnvelopeError::TooLarge);
    }
    request.arguments_key = key;
    request.arguments = sealed;
    Ok(request)
}

/// Opens a request's arguments. Errors: `Unopenable`, `Malformed` (the asker is at fault), `Waiting`.
pub fn open_arguments(
    opener: &dyn OpenCapsule,
    chain: ChainId,
    asker: DepartmentId,
    request: &Request,
) -> Result<Arguments, EnvelopeError> {
    let padded =
        opener.open(Use::Arguments, &request.arguments_key, &request.arguments, &binding(chain, asker, request))?;
    decode(&unpad(&padded)?).map_err(|_| EnvelopeError::Malformed)
}

/// Everything public in the request, its arguments excepted.
fn binding(chain: ChainId, asker: DepartmentId, request: &Request) -> Vec<u8> {
    let mut out = Writer::default();
    chain.encode(&mut out);
    out.u16(asker.0);
    let bare = Request { arguments_key: Encapsulation::default(), arguments: Vec::new(), ..request.clone() };
    bare.encode(&mut out);
    out.into_bytes()
}

fn encode(arguments: &Arguments) -> Zeroizing<Vec<u8>> {
    let mut out = Writer::default();
    out.raw(arguments.secret.as_ref());
    out.u8(u8::try_from(arguments.inputs.len()).expect("at most INPUTS_MAX inputs"));
    for (name, value) in &arguments.inputs {
        out.text(name);
        out.text(&value.to_string());
    }
    Zeroizing::new(out.into_bytes())
}

fn decode(bytes: &[u8]) -> Result<Arguments, DecodeError> {
    let mut input = Reader::new(bytes);
    let secret = Zeroizing::new(input.array()?);
    let count = usize::from(input.u8()?);
    if count > INPUTS_MAX {
        return Err(DecodeError::TooLong);
    }
    let mut inputs: Vec<(String, Value)> = Vec::with_capacity(count);
    for _ in 0..count {
        let name = input.text(NAME_BYTES_MAX)?;
        let text = Zeroizing::new(input.text(BODY_BYTES_MAX)?);
        let value = serde_json::from_str(&text).map_err(|_| DecodeError::Malformed)?;
        if inputs.iter().any(|(other, _)| *other == name) {
            return Err(DecodeError::Malformed);
        }
        inputs.push((name, value));
    }
    input.finish()?;
    Ok(Arguments { inputs, secret })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Digest;
    use crate::threshold::DealtKey;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use serde_json::json;

    const QUESTION: Question<'static> = Question {
        policy: "南京.住房.购房资格",
        exchange: Exchange::Evaluation,
        purpose: "购房资格审核",
        basis: "2017-0001",
        as_of: Some(17_000),
    };

    fn arguments() -> Arguments {
        Arguments { inputs: vec![("申请人".into(), json!("110105194912310020"))], secret: Zeroizing::new([4; 32]) }
    }

    fn sealed() -> (DealtKey, ChainId, Request) {
        let custody = DealtKey::generate(&mut ChaCha20Rng::seed_from_u64(9), 3);
        let chain = ChainId(Digest([1; 32]));
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let request =
            seal_request(&mut rng, chain, DepartmentId(2), &custody.public(), QUESTION, &arguments()).unwrap();
        (custody, chain, request)
    }

    #[test]
    fn arguments_open_for_what_they_were_sealed_for() {
        let (custody, chain, request) = sealed();
        assert_eq!(open_arguments(&custody, chain, DepartmentId(2), &request).unwrap(), arguments());
        let bytes = request.to_bytes();
        assert!(!bytes.windows(18).any(|w| w == b"110105194912310020"));
    }

    #[test]
    fn nobody_can_hand_in_anothers_arguments_or_bend_the_question() {
        let (custody, chain, request) = sealed();
        let refused = Some(EnvelopeError::Unopenable);
        assert_eq!(open_arguments(&custody, chain, DepartmentId(3), &request).err(), refused);
        let elsewhere = ChainId(Digest([2; 32]));
        assert_eq!(open_arguments(&custody, elsewhere, DepartmentId(2), &request).err(), refused);
        type Change = fn(&mut Request);
        let changes: [Change; 6] = [
            |r| r.policy.push('x'),
            |r| r.exchange = Exchange::Contract,
            |r| r.purpose.push('x'),
            |r| r.basis.push('x'),
            |r| r.as_of = None,
            |r| r.arguments[0] ^= 1,
        ];
        for change in changes {
            let mut other = request.clone();
            change(&mut other);
            assert_eq!(open_arguments(&custody, chain, DepartmentId(2), &other).err(), refused);
        }
    }

    #[test]
    fn ill_formed_arguments_are_refused_not_panicked_on() {
        assert!(decode(&[]).is_err());
        let good = encode(&arguments());
        for cut in 0..good.len() {
            assert!(decode(&good[..cut]).is_err());
        }
        let mut twice = arguments();
        twice.inputs.push(twice.inputs[0].clone());
        assert_eq!(decode(&encode(&twice)), Err(DecodeError::Malformed));
    }
}
