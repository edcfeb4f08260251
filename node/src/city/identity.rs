//! Names and numbers of people, firms, units and certificates that cannot be real.
//! Invariant: every number has valid check characters, and stands on a region prefix (3299xx) that GB/T 2260 does not
//! assign. Must not know: records, chance.

use guiju_runtime::date::Date;

/// Nanjing's districts: the name in the data standard and the last two digits of the GB/T 2260 code. The synthetic
/// prefix of a district is `3299` and these two digits.
pub(super) const DISTRICTS: [(&str, &str); 11] = [
    ("玄武区", "02"),
    ("秦淮区", "04"),
    ("建邺区", "05"),
    ("鼓楼区", "06"),
    ("浦口区", "11"),
    ("栖霞区", "13"),
    ("雨花台区", "14"),
    ("江宁区", "15"),
    ("六合区", "16"),
    ("溧水区", "17"),
    ("高淳区", "18"),
];

const SURNAMES: [&str; 24] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马",
    "罗", "梁", "宋", "郑", "谢",
];
const GIVEN: [&str; 32] = [
    "明", "芳", "伟", "静", "磊", "洋", "艳", "勇", "娟", "涛", "敏", "强", "丽", "军", "杰", "婷", "超", "霞", "平",
    "刚", "桂英", "建国", "志强", "秀兰", "文博", "雨桐", "子涵", "浩然", "欣怡", "宇轩", "梦琪", "嘉豪",
];

/// A name, from any number.
pub(super) fn person_name(n: i64) -> String {
    let n = n.unsigned_abs() as usize;
    format!("{}{}", SURNAMES[n % SURNAMES.len()], GIVEN[(n / SURNAMES.len()) % GIVEN.len()])
}

/// A citizen's number (GB 11643-1999): synthetic district prefix, birth date, sequence 0…999 (odd for men), check.
pub(super) fn citizen(district: usize, birth: Date, sequence: u32) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let (year, month, day) = birth.civil();
    let mut text = format!("3299{}{year:04}{month:02}{day:02}{:03}", DISTRICTS[district % 11].1, sequence % 1000);
    let sum: u32 = text.bytes().zip(WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
    text.push(char::from(b"10X98765432"[(sum % 11) as usize]));
    text
}

/// A unified social credit code (GB 32100-2015) of a firm, with the check character of its GB 11714 part.
pub(super) fn firm(number: u32) -> String {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const INNER: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("{:08}", number % 100_000_000);
    let sum: u32 = body.bytes().zip(INNER).map(|(b, w)| u32::from(b - b'0') * w).sum();
    let inner = match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        n => char::from(b'0' + n as u8),
    };
    let mut text = format!("91329900{body}{inner}");
    let (mut sum, mut weight) = (0usize, 1usize);
    for b in text.bytes() {
        sum += ALPHABET.iter().position(|a| *a == b).unwrap_or(0) * weight;
        weight = weight * 3 % 31;
    }
    text.push(char::from(ALPHABET[(31 - sum % 31) % 31]));
    text
}

/// A real-estate unit code (GB/T 37346-2019): a flat on state-owned building land.
pub(super) fn unit(district: usize, parcel: u32, flat: u32) -> String {
    format!("3299{}001001GB{:05}F{:08}", DISTRICTS[district % 11].1, parcel % 100_000, flat % 100_000_000)
}

/// A certificate identifier (GB/T 36904-2018) of a talent certificate.
pub(super) fn talent_certificate(number: u32) -> String {
    const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let issuer = firm(1);
    let parts = format!("{issuer}001.{issuer}.{:09}.001", number % 1_000_000_000);
    let mut p = 36usize;
    for b in parts.bytes().filter(|b| *b != b'.') {
        p = (p + ALPHABET.iter().position(|a| *a == b).unwrap_or(0)) % 36;
        p = if p == 0 { 36 } else { p } * 2 % 37;
    }
    format!("1.2.156.3005.2.{parts}.{}", char::from(ALPHABET[(37 - p) % 36]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use guiju_runtime::identifier::check;
    use guiju_runtime::value::IdentifierKind;

    #[test]
    fn every_number_has_valid_check_characters() {
        let birth = Date::new(1985, 6, 12).expect("a real day");
        for n in 0..500 {
            for district in 0..11 {
                check(IdentifierKind::CitizenId, &citizen(district, birth, n)).expect("citizen");
                check(IdentifierKind::UnitCode, &unit(district, n, n * 7)).expect("unit");
            }
            check(IdentifierKind::CreditCode, &firm(n * 7919)).expect("firm");
            check(IdentifierKind::CertificateId, &talent_certificate(n)).expect("certificate");
        }
        assert_eq!(citizen(0, birth, 1), "32990219850612001X", "computed by hand");
    }
}
