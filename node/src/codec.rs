//! Canonical bytes. Owns the one encoding in which things are hashed, signed, sent and stored.
//! Invariant: a value has exactly one encoding; decoding never panics, never allocates more than the bytes it was
//! given allow, and refuses trailing bytes. Must not know: what the values mean.

use crate::crypto::{Digest, PublicKey, Signature};
use std::fmt;

/// Why bytes could not be decoded. The sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes ended inside a value.
    Truncated,
    /// Bytes were left after the value.
    Trailing,
    /// A tag, flag or text had no meaning here.
    Malformed,
    /// A length was over its stated bound.
    TooLong,
}

impl DecodeError {
    /// The reason in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Truncated => "字节在值的中间结束",
            Self::Trailing => "值之后还有多余的字节",
            Self::Malformed => "标记或文本在此处没有意义",
            Self::TooLong => "长度超过上限",
        }
    }

    /// The reason in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Truncated => "bytes end inside a value",
            Self::Trailing => "bytes are left after the value",
            Self::Malformed => "a tag, flag or text has no meaning here",
            Self::TooLong => "a length is over its bound",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.zh(), self.en())
    }
}

impl std::error::Error for DecodeError {}

/// A value with one canonical encoding.
pub trait Encode {
    /// Appends the encoding to `out`.
    fn encode(&self, out: &mut Writer);

    /// The encoding as bytes of its own.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.encode(&mut out);
        out.into_bytes()
    }
}

/// A value that can be read back from its canonical encoding.
pub trait Decode: Sized {
    /// Reads one value. Errors: see [`DecodeError`].
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads one value that must be all of `bytes`.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Reader::new(bytes);
        let value = Self::decode(&mut input)?;
        input.finish()?;
        Ok(value)
    }
}

/// Bytes being written.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Appends one byte.
    pub fn u8(&mut self, v: u8) {
        self.0.push(v);
    }
    /// Appends two bytes, big-endian.
    pub fn u16(&mut self, v: u16) {
        self.0.extend_from_slice(&v.to_be_bytes());
    }
    /// Appends four bytes, big-endian.
    pub fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_be_bytes());
    }
    /// Appends eight bytes, big-endian.
    pub fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_be_bytes());
    }
    /// Appends eight bytes, big-endian two's complement.
    pub fn i64(&mut self, v: i64) {
        self.0.extend_from_slice(&v.to_be_bytes());
    }
    /// Appends one byte, 0 or 1.
    pub fn bool(&mut self, v: bool) {
        self.0.push(u8::from(v));
    }
    /// Appends bytes without a length.
    pub fn raw(&mut self, v: &[u8]) {
        self.0.extend_from_slice(v);
    }
    /// Appends a four-byte length and the bytes.
    pub fn bytes(&mut self, v: &[u8]) {
        self.u32(u32::try_from(v.len()).expect("values are bounded far below 4 GiB by their constructors"));
        self.raw(v);
    }
    /// Appends text as [`Writer::bytes`] of its UTF-8.
    pub fn text(&mut self, v: &str) {
        self.bytes(v.as_bytes());
    }
    /// Appends a four-byte count and the items.
    pub fn list<T: Encode>(&mut self, items: &[T]) {
        self.u32(u32::try_from(items.len()).expect("lists are bounded far below 2^32 by their constructors"));
        for item in items {
            item.encode(self);
        }
    }
    /// Appends a flag and, if present, the value.
    pub fn option<T: Encode>(&mut self, v: Option<&T>) {
        self.bool(v.is_some());
        if let Some(v) = v {
            v.encode(self);
        }
    }
    /// The bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Bytes being read.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
    /// The next `n` bytes.
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(DecodeError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }
    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.raw(N)?.try_into().expect("raw returned N bytes"))
    }
    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }
    /// Two bytes, big-endian.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }
    /// Four bytes, big-endian.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }
    /// Eight bytes, big-endian.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }
    /// Eight bytes, big-endian two's complement.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.array()?))
    }
    /// One byte that must be 0 or 1.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Malformed),
        }
    }
    /// Length-prefixed bytes of at most `max`.
    pub fn bytes(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let n = self.u32()? as usize;
        if n > max {
            return Err(DecodeError::TooLong);
        }
        self.raw(n)
    }
    /// Length-prefixed UTF-8 of at most `max` bytes.
    pub fn text(&mut self, max: usize) -> Result<String, DecodeError> {
        let bytes = self.bytes(max)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::Malformed)
    }
    /// A counted list of at most `max` items.
    pub fn list<T: Decode>(&mut self, max: usize) -> Result<Vec<T>, DecodeError> {
        let n = self.u32()? as usize;
        if n > max {
            return Err(DecodeError::TooLong);
        }
        // Every item takes a byte at least, so a count the bytes cannot hold is refused before memory is taken.
        if n > self.0.len() {
            return Err(DecodeError::Truncated);
        }
        (0..n).map(|_| T::decode(self)).collect()
    }
    /// A flag and, if set, a value.
    pub fn option<T: Decode>(&mut self) -> Result<Option<T>, DecodeError> {
        Ok(if self.bool()? { Some(T::decode(self)?) } else { None })
    }
    /// Whether all bytes were read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Errors unless all bytes were read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

macro_rules! fixed_bytes {
    ($($name:ty),*) => {$(
        impl Encode for $name {
            fn encode(&self, out: &mut Writer) { out.raw(&self.0); }
        }
        impl Decode for $name {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> { Ok(Self(input.array()?)) }
        }
    )*};
}
fixed_bytes!(Digest, PublicKey, Signature);
