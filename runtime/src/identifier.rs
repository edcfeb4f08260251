//! Identifiers of the data standard: their form and check characters. Owns the four algorithms and nothing else.
//! Invariant: a text that `check` accepts has exactly one spelling (upper case, no spaces, no separators but the standard's).
//! Must not know: whether the person, firm, certificate or unit exists; that is the owning department's word.

use crate::date::Date;
use crate::value::IdentifierKind;
use std::fmt;

/// Longest identifier of any kind, in characters.
pub const LENGTH_MAX: usize = 128;

/// The root of certificate identifiers (GB/T 36904-2018): everything of one begins with it.
const CERTIFICATE_ROOT: &str = "1.2.156.3005.2.";
/// The alphabet of GB 32100-2015: no I, O, S, V, Z.
const CREDIT_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// The alphabet of ISO 7064 MOD 37,36.
const MOD_ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Why a text is not an identifier of its kind. Whoever wrote it is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentifierFault {
    /// Wrong number of characters.
    Length {
        /// Of which kind.
        kind: IdentifierKind,
        /// Characters there are.
        found: usize,
    },
    /// A character that may not stand there.
    Character {
        /// Of which kind.
        kind: IdentifierKind,
        /// Which, counted from 1.
        position: usize,
    },
    /// A part is missing, too long, or not of its form.
    Part {
        /// Of which kind.
        kind: IdentifierKind,
        /// The part, in Chinese.
        zh: &'static str,
        /// The part, in English.
        en: &'static str,
    },
    /// The birth date inside a citizen's number is no day of the calendar.
    BirthDate,
    /// The check character does not agree with the others: something was mistyped.
    CheckCharacter {
        /// Of which kind.
        kind: IdentifierKind,
    },
}

impl IdentifierFault {
    /// The fault, for Chinese readers.
    pub fn zh(&self) -> String {
        match self {
            Self::Length { kind, found } => format!("{}的长度不对：{found} 个字符", name_zh(*kind)),
            Self::Character { kind, position } => format!("{}的第 {position} 个字符不合规定", name_zh(*kind)),
            Self::Part { kind, zh, .. } => format!("{}的{zh}不合规定", name_zh(*kind)),
            Self::BirthDate => "公民身份号码中的出生日期不是真实日期".to_owned(),
            Self::CheckCharacter { kind } => format!("{}的校验码不符，请核对是否抄错", name_zh(*kind)),
        }
    }

    /// The fault, for English readers.
    pub fn en(&self) -> String {
        match self {
            Self::Length { kind, found } => format!("{} has the wrong length: {found} characters", name_en(*kind)),
            Self::Character { kind, position } => {
                format!("character {position} of {} may not stand there", name_en(*kind))
            }
            Self::Part { kind, en, .. } => format!("the {en} of {} is not of its form", name_en(*kind)),
            Self::BirthDate => "the birth date inside the citizen's number is no real date".to_owned(),
            Self::CheckCharacter { kind } => {
                format!("the check character of {} does not agree: look for a slip", name_en(*kind))
            }
        }
    }
}

impl fmt::Display for IdentifierFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.zh(), self.en())
    }
}

impl std::error::Error for IdentifierFault {}

/// Whether `text` is an identifier of `kind`: form, inner dates and check characters.
pub fn check(kind: IdentifierKind, text: &str) -> Result<(), IdentifierFault> {
    match kind {
        IdentifierKind::CitizenId => citizen(text.as_bytes()),
        IdentifierKind::CreditCode => credit(text.as_bytes(), kind),
        IdentifierKind::CertificateId => certificate(text),
        IdentifierKind::UnitCode => unit(text.as_bytes()),
    }
}

fn name_zh(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::CitizenId => "公民身份号码",
        IdentifierKind::CreditCode => "统一社会信用代码",
        IdentifierKind::CertificateId => "证照标识",
        IdentifierKind::UnitCode => "不动产单元代码",
    }
}

fn name_en(kind: IdentifierKind) -> &'static str {
    match kind {
        IdentifierKind::CitizenId => "the citizen's number",
        IdentifierKind::CreditCode => "the unified social credit code",
        IdentifierKind::CertificateId => "the certificate identifier",
        IdentifierKind::UnitCode => "the real-estate unit code",
    }
}

/// GB 11643-1999: six digits of region, a birth date, three of sequence, and a check character of ISO 7064 MOD 11-2.
fn citizen(text: &[u8]) -> Result<(), IdentifierFault> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &[u8; 11] = b"10X98765432";
    let kind = IdentifierKind::CitizenId;
    exactly(kind, text, 18)?;
    digits(kind, text, 0, 17)?;
    if text[0] == b'0' {
        return Err(IdentifierFault::Character { kind, position: 1 });
    }
    if !text[17].is_ascii_digit() && text[17] != b'X' {
        return Err(IdentifierFault::Character { kind, position: 18 });
    }
    let number = |from: usize, to: usize| text[from..to].iter().fold(0, |n, b| n * 10 + i32::from(b - b'0'));
    if Date::new(number(6, 10), number(10, 12) as u8, number(12, 14) as u8).is_none() {
        return Err(IdentifierFault::BirthDate);
    }
    let sum: u32 = text.iter().zip(WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
    if CHECKS[(sum % 11) as usize] == text[17] { Ok(()) } else { Err(IdentifierFault::CheckCharacter { kind }) }
}

/// GB 32100-2015: 18 characters of a 31-character alphabet, the last a weighted check.
fn credit(text: &[u8], kind: IdentifierKind) -> Result<(), IdentifierFault> {
    exactly(kind, text, 18)?;
    digits(kind, text, 2, 8)?;
    let (mut sum, mut weight) = (0usize, 1usize);
    for (i, b) in text.iter().enumerate() {
        let Some(value) = CREDIT_ALPHABET.iter().position(|a| a == b) else {
            return Err(IdentifierFault::Character { kind, position: i + 1 });
        };
        if i == 17 {
            let check = (31 - sum % 31) % 31;
            return if check == value { Ok(()) } else { Err(IdentifierFault::CheckCharacter { kind }) };
        }
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    Err(IdentifierFault::CheckCharacter { kind })
}

/// GB/T 36904-2018: `1.2.156.3005.2.` type `.` issuer `.` serial `.` version `.` check, where the type is the defining
/// authority's credit code and three digits, and the check is ISO 7064 MOD 37,36 over the parts without their dots.
fn certificate(text: &str) -> Result<(), IdentifierFault> {
    let kind = IdentifierKind::CertificateId;
    let part = |zh, en| IdentifierFault::Part { kind, zh, en };
    if text.len() > LENGTH_MAX {
        return Err(IdentifierFault::Length { kind, found: text.chars().count() });
    }
    let rest = text.strip_prefix(CERTIFICATE_ROOT).ok_or(part("根代码", "root"))?;
    let parts: Vec<&str> = rest.split('.').collect();
    let [type_code, issuer, serial, version, check] = parts[..] else {
        return Err(part("分段数", "number of parts"));
    };
    let upper = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    if type_code.len() != 21 || !upper(type_code) || !type_code.bytes().skip(18).all(|b| b.is_ascii_digit()) {
        return Err(part("类型代码", "type code"));
    }
    credit(&type_code.as_bytes()[..18], kind).map_err(|_| part("类型代码", "type code"))?;
    if issuer.is_empty() || issuer.len() > 18 || !upper(issuer) {
        return Err(part("颁发机构代码", "issuer"));
    }
    if serial.is_empty() || serial.len() > 40 || !upper(serial) {
        return Err(part("流水号", "serial number"));
    }
    if version.len() != 3 || !version.bytes().all(|b| b.is_ascii_digit()) {
        return Err(part("版本号", "version"));
    }
    if check.len() != 1 || !upper(check) {
        return Err(part("校验位", "check character"));
    }
    let body = [type_code, issuer, serial, version].concat();
    if mod_37_36(body.as_bytes()) == check.as_bytes()[0] {
        Ok(())
    } else {
        Err(IdentifierFault::CheckCharacter { kind })
    }
}

/// The check character of ISO 7064 MOD 37,36 over digits and upper-case letters.
fn mod_37_36(body: &[u8]) -> u8 {
    let mut p = 36usize;
    for b in body {
        let value = MOD_ALPHABET.iter().position(|a| a == b).unwrap_or(0);
        p = (p + value) % 36;
        p = if p == 0 { 36 } else { p } * 2 % 37;
    }
    MOD_ALPHABET[(37 - p) % 36]
}

/// GB/T 37346-2019: county 6, cadastral district 3, sub-district 3, parcel feature 2, parcel 5, fixture feature 1, unit 8.
/// The standard has no check character.
fn unit(text: &[u8]) -> Result<(), IdentifierFault> {
    let kind = IdentifierKind::UnitCode;
    let at = |i: usize, ok: bool| if ok { Ok(()) } else { Err(IdentifierFault::Character { kind, position: i + 1 }) };
    exactly(kind, text, 28)?;
    digits(kind, text, 0, 12)?;
    at(12, b"GJZ".contains(&text[12]))?;
    at(13, b"ABSXCDEFHWY".contains(&text[13]))?;
    digits(kind, text, 14, 19)?;
    at(19, b"FLQW".contains(&text[19]))?;
    for (i, b) in text.iter().enumerate().skip(20) {
        let ok = if text[19] == b'W' { *b == b'0' } else { b.is_ascii_digit() || b.is_ascii_uppercase() };
        at(i, ok)?;
    }
    Ok(())
}

fn exactly(kind: IdentifierKind, text: &[u8], length: usize) -> Result<(), IdentifierFault> {
    if text.len() == length {
        return Ok(());
    }
    // Bytes that begin a character, so that Chinese typed by mistake is counted as people count.
    let found = text.iter().filter(|b| **b & 0xC0 != 0x80).count();
    Err(IdentifierFault::Length { kind, found })
}

fn digits(kind: IdentifierKind, text: &[u8], from: usize, to: usize) -> Result<(), IdentifierFault> {
    match text[from..to].iter().position(|b| !b.is_ascii_digit()) {
        Some(i) => Err(IdentifierFault::Character { kind, position: from + i + 1 }),
        None => Ok(()),
    }
}
