//! Canonical bytes of transactions. Invariant: one encoding a value; every list and text is read under its bound.
//! Must not know: what transactions do.

use super::*;

impl Encode for Height {
    fn encode(&self, out: &mut Writer) {
        out.u64(self.0);
    }
}
impl Decode for Height {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.u64()?))
    }
}
impl Encode for Encapsulation {
    fn encode(&self, out: &mut Writer) {
        out.raw(&self.0);
    }
}
impl Decode for Encapsulation {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.array()?))
    }
}
impl Encode for Signer {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Department(id) => {
                out.u8(1);
                out.u16(id.0);
            }
            Self::Custodian(id) => {
                out.u8(2);
                out.u16(id.0);
            }
        }
    }
}
impl Decode for Signer {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match (input.u8()?, input.u16()?) {
            (1, id) => Ok(Self::Department(DepartmentId(id))),
            (2, id) => Ok(Self::Custodian(CustodianId(id))),
            _ => Err(DecodeError::Malformed),
        }
    }
}
impl Encode for Exchange {
    fn encode(&self, out: &mut Writer) {
        out.u8(match self {
            Self::Verification => 1,
            Self::Detail => 2,
            Self::Evaluation => 3,
            Self::Contract => 4,
        });
    }
}
impl Decode for Exchange {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Verification,
            2 => Self::Detail,
            3 => Self::Evaluation,
            4 => Self::Contract,
            _ => return Err(DecodeError::Malformed),
        })
    }
}
impl Encode for SealedRecord {
    fn encode(&self, out: &mut Writer) {
        out.u8(self.suite);
        out.u16(self.owner.0);
        out.text(&self.schema);
        self.standard.encode(out);
        out.list(&self.handles);
        out.option(self.supersedes.as_ref());
        out.raw(&self.nonce);
        out.bytes(&self.body);
        self.capsule.encode(out);
    }
}
impl Decode for SealedRecord {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let record = Self {
            suite: input.u8()?,
            owner: DepartmentId(input.u16()?),
            schema: input.text(NAME_BYTES_MAX)?,
            standard: Digest::decode(input)?,
            handles: input.list(HANDLES_MAX)?,
            supersedes: input.option()?,
            nonce: input.array()?,
            body: input.bytes(BODY_BYTES_MAX)?.to_vec(),
            capsule: CapsuleId::decode(input)?,
        };
        if !record.handles.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::Malformed);
        }
        Ok(record)
    }
}
impl Encode for Request {
    fn encode(&self, out: &mut Writer) {
        out.text(&self.policy);
        self.exchange.encode(out);
        out.text(&self.purpose);
        out.text(&self.basis);
        out.bool(self.as_of.is_some());
        if let Some(day) = self.as_of {
            out.i64(i64::from(day));
        }
        self.arguments_key.encode(out);
        out.bytes(&self.arguments);
    }
}
impl Decode for Request {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            policy: input.text(NAME_BYTES_MAX)?,
            exchange: Exchange::decode(input)?,
            purpose: input.text(NAME_BYTES_MAX)?,
            basis: input.text(NAME_BYTES_MAX)?,
            as_of: if input.bool()? {
                Some(i32::try_from(input.i64()?).map_err(|_| DecodeError::Malformed)?)
            } else {
                None
            },
            arguments_key: Encapsulation::decode(input)?,
            arguments: input.bytes(BODY_BYTES_MAX)?.to_vec(),
        })
    }
}
impl Encode for SealedResult {
    fn encode(&self, out: &mut Writer) {
        self.module.encode(out);
        out.u32(self.version);
        out.i64(i64::from(self.as_of));
        out.raw(&self.answer_key);
        out.bytes(&self.answer);
        out.list(&self.writes);
        out.bytes(&self.meter);
        out.raw(&self.audit_key);
        out.bytes(&self.audit);
    }
}
impl Decode for SealedResult {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            module: Digest::decode(input)?,
            version: input.u32()?,
            as_of: i32::try_from(input.i64()?).map_err(|_| DecodeError::Malformed)?,
            answer_key: input.array()?,
            answer: input.bytes(BODY_BYTES_MAX)?.to_vec(),
            writes: input.list(WRITES_MAX)?,
            meter: input.bytes(BODY_BYTES_MAX)?.to_vec(),
            audit_key: input.array()?,
            audit: input.bytes(BODY_BYTES_MAX)?.to_vec(),
        })
    }
}
impl Encode for Attestation {
    fn encode(&self, out: &mut Writer) {
        self.request.encode(out);
        self.digest.encode(out);
        self.signature.encode(out);
        out.option(self.result.as_ref());
    }
}
impl Decode for Attestation {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            request: TransactionId::decode(input)?,
            digest: Digest::decode(input)?,
            signature: Signature::decode(input)?,
            result: input.option()?,
        })
    }
}
impl Encode for Payload {
    fn encode(&self, out: &mut Writer) {
        match self {
            Self::Publish { source } => {
                out.u8(1);
                out.text(source);
            }
            Self::Approve { source, meaning } => {
                out.u8(2);
                source.encode(out);
                meaning.encode(out);
            }
            Self::Withdraw { source } => {
                out.u8(3);
                source.encode(out);
            }
            Self::Submit { records } => {
                out.u8(4);
                out.list(records);
            }
            Self::Request(request) => {
                out.u8(5);
                request.encode(out);
            }
            Self::Attest { attestations } => {
                out.u8(6);
                out.list(attestations);
            }
            Self::Custodians(change) => {
                out.u8(7);
                change.encode(out);
            }
            Self::Erase { records, basis } => {
                out.u8(8);
                out.list(records);
                out.text(basis);
            }
            Self::Destroyed { records } => {
                out.u8(9);
                out.list(records);
            }
        }
    }
}
impl Decode for Payload {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            1 => Self::Publish { source: input.text(SOURCE_BYTES_MAX)? },
            2 => Self::Approve { source: Digest::decode(input)?, meaning: Digest::decode(input)? },
            3 => Self::Withdraw { source: Digest::decode(input)? },
            4 => Self::Submit { records: input.list(SUBMISSION_RECORDS_MAX)? },
            5 => Self::Request(Request::decode(input)?),
            6 => Self::Attest { attestations: input.list(ATTESTATIONS_MAX)? },
            7 => Self::Custodians(CustodianChange::decode(input)?),
            8 => Self::Erase { records: input.list(ERASURES_MAX)?, basis: input.text(NAME_BYTES_MAX)? },
            9 => Self::Destroyed { records: input.list(ERASURES_MAX)? },
            _ => return Err(DecodeError::Malformed),
        })
    }
}
impl Encode for Destruction {
    fn encode(&self, out: &mut Writer) {
        self.record.encode(out);
        self.signature.encode(out);
    }
}
impl Decode for Destruction {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { record: RecordId::decode(input)?, signature: Signature::decode(input)? })
    }
}
impl Encode for CustodianEntry {
    fn encode(&self, out: &mut Writer) {
        out.u16(self.id.0);
        out.text(&self.name);
        self.signing_key.encode(out);
        out.raw(&self.share_key);
        out.raw(&self.sealing_key);
    }
}
impl Decode for CustodianEntry {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: CustodianId(input.u16()?),
            name: input.text(NAME_BYTES_MAX)?,
            signing_key: PublicKey::decode(input)?,
            share_key: input.array()?,
            sealing_key: input.array()?,
        })
    }
}
impl Encode for CustodianChange {
    fn encode(&self, out: &mut Writer) {
        out.u32(self.epoch);
        out.u16(self.threshold);
        self.transcript.encode(out);
        out.list(&self.custodians);
        out.list(&self.confirmations);
    }
}
impl Decode for CustodianChange {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: input.u32()?,
            threshold: input.u16()?,
            transcript: Digest::decode(input)?,
            custodians: input.list(CUSTODIANS_MAX)?,
            confirmations: input.list(CUSTODIANS_MAX)?,
        })
    }
}
impl Encode for Transaction {
    fn encode(&self, out: &mut Writer) {
        self.chain.encode(out);
        self.sender.encode(out);
        out.raw(&self.nonce);
        self.valid_until.encode(out);
        self.payload.encode(out);
    }
}
impl Decode for Transaction {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            chain: ChainId::decode(input)?,
            sender: Signer::decode(input)?,
            nonce: input.array()?,
            valid_until: Height::decode(input)?,
            payload: Payload::decode(input)?,
        })
    }
}
impl Encode for SignedTransaction {
    fn encode(&self, out: &mut Writer) {
        self.body.encode(out);
        out.u8(u8::try_from(self.signatures.len()).expect("at most SIGNATURES_MAX signatures"));
        for (who, signature) in &self.signatures {
            who.encode(out);
            signature.encode(out);
        }
    }
}
impl Decode for SignedTransaction {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let body = Transaction::decode(input)?;
        let n = input.u8()?;
        if usize::from(n) > SIGNATURES_MAX {
            return Err(DecodeError::TooLong);
        }
        let signatures = (0..n)
            .map(|_| Ok((Signer::decode(input)?, Signature::decode(input)?)))
            .collect::<Result<Vec<_>, DecodeError>>()?;
        if !signatures.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(DecodeError::Malformed);
        }
        Ok(Self { body, signatures })
    }
}
impl Encode for Envelope {
    fn encode(&self, out: &mut Writer) {
        self.transaction.encode(out);
        out.u32(u32::try_from(self.capsules.len()).expect("one capsule a record"));
        for capsule in &self.capsules {
            out.bytes(capsule);
        }
    }
}
impl Decode for Envelope {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let transaction = SignedTransaction::decode(input)?;
        let n = input.u32()? as usize;
        if n > SUBMISSION_RECORDS_MAX {
            return Err(DecodeError::TooLong);
        }
        let capsules = (0..n).map(|_| Ok(input.bytes(1024)?.to_vec())).collect::<Result<Vec<_>, DecodeError>>()?;
        Ok(Self { transaction, capsules })
    }
}
