//! Evidence at the edge: identifiers, dates, JSON, canonical bytes and frames, as tables of cases.

use guiju_runtime::date::{Date, YearMonth};
use guiju_runtime::frame::{Frame, FrameFault, Interner, Layout};
use guiju_runtime::value::{Class, EnumType, Fact, Field, GroupType, IdentifierKind, Type, Value};
use guiju_runtime::{canonical, identifier, json};
use serde_json::json;
use std::sync::Arc;

#[test]
fn identifiers_are_checked_by_their_standards() {
    use IdentifierKind::{CertificateId, CitizenId, CreditCode, UnitCode};
    const ROOT: &str = "1.2.156.3005.2.";
    let good = [
        (CitizenId, "11010519491231002X"),
        (CitizenId, "440524188001010014"),
        (CreditCode, "11100000000013338W"),
        (CreditCode, "11430000006122244L"),
        (CreditCode, "11330105002500287C"),
        (CreditCode, "91370406L24894136J"),
        (CreditCode, "11370800MB28559184"),
        (CreditCode, "91350100M000100Y43"),
        (UnitCode, "320102001001GB00001F00010001"),
        (UnitCode, "320102001001JC00001W00000000"),
    ];
    for (kind, text) in good {
        assert_eq!(identifier::check(kind, text), Ok(()), "{text}");
    }
    for text in [
        "11100000000013338W011.11430000006122244L.20230000403.001.U",
        "11100000MB03271699022.340100.000000016.001.9",
        "11100000000013338W009.11330105002500287C.2025052201.002.0",
    ] {
        assert_eq!(identifier::check(CertificateId, &format!("{ROOT}{text}")), Ok(()), "{text}");
        assert!(identifier::check(CertificateId, text).is_err(), "without its root: {text}");
    }
    let bad = [
        (CitizenId, "110105194912310021", "校验码"),
        (CitizenId, "11010519491231002x", "第 18 个字符"),
        (CitizenId, "11010519490229002X", "出生日期"),
        (CitizenId, "110105491231002", "长度"),
        (CitizenId, "1101051949123100２X", "长度"),
        (CitizenId, "01010519491231002X", "第 1 个字符"),
        (CreditCode, "11100000000013338A", "校验码"),
        (CreditCode, "1110000000001333IW", "第 17 个字符"),
        (CreditCode, "11A00000000013338W", "第 3 个字符"),
        (CreditCode, "", "长度"),
        (UnitCode, "320102001001GB00001W00010001", "第 24 个字符"),
        (UnitCode, "320102001001QB00001F00010001", "第 13 个字符"),
        (UnitCode, "320102001001GB00001X00010001", "第 20 个字符"),
        (CertificateId, "1.2.156.3005.2.11100000000013338W011.1143.2023.001", "分段数"),
        (CertificateId, "1.2.156.3005.2.11100000000013338W01.1143.2023.001.U", "类型代码"),
        (CertificateId, "1.2.156.3005.2.11100000000013338X011.1143.2023.001.U", "类型代码"),
        (CertificateId, "1.2.156.3005.2.11100000000013338W011.1143..001.U", "流水号"),
        (CertificateId, "1.2.156.3005.2.11100000000013338W011.1143.2023.1.U", "版本号"),
        (CertificateId, "1.2.156.3005.2.11100000000013338W011.11430000006122244L.20230000403.001.V", "校验码"),
    ];
    for (kind, text, why) in bad {
        let fault = identifier::check(kind, text).expect_err(text);
        assert!(fault.zh().contains(why), "{text}: {fault}");
    }
}

/// Every slip of one character, and every swap of two neighbours, is found by the check characters of GB 11643 and GB 32100.
#[test]
fn check_characters_find_single_slips_and_swaps() {
    for (kind, text) in
        [(IdentifierKind::CitizenId, "11010519491231002X"), (IdentifierKind::CreditCode, "91350100M000100Y43")]
    {
        for i in 0..18 {
            for other in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars() {
                let slip: String = text.chars().enumerate().map(|(j, c)| if i == j { other } else { c }).collect();
                assert_eq!(identifier::check(kind, &slip).is_ok(), slip == text, "{slip}");
            }
            let mut swap: Vec<char> = text.chars().collect();
            if i + 1 < 18 {
                swap.swap(i, i + 1);
            }
            let swap: String = swap.into_iter().collect();
            assert_eq!(identifier::check(kind, &swap).is_ok(), swap == text, "{swap}");
        }
    }
}

fn date(text: &str) -> Date {
    json::parse_date(text).unwrap_or_else(|| panic!("{text} is a date"))
}

#[test]
fn periods_follow_the_civil_code() {
    // start, months, end
    let months = [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2017-03-16", 24, "2019-03-16"),
        ("2016-12-31", 2, "2017-02-28"),
        ("1900-01-31", 1, "1900-02-28"),
        ("2000-01-31", 1, "2000-02-29"),
        ("0001-01-31", -1, "0001-01-01"),
        ("9999-12-01", 1, "9999-12-31"),
        ("2017-03-16", i64::MAX, "9999-12-31"),
        ("2017-03-16", i64::MIN, "0001-01-01"),
    ];
    for (start, months, end) in months {
        assert_eq!(date(start).add_months(months).to_string(), end, "{start} + {months}");
    }
    // birth, on, years
    let ages = [
        ("2000-02-29", "2018-02-27", 17),
        ("2000-02-29", "2018-02-28", 18),
        ("2000-02-29", "2020-02-28", 19),
        ("2000-02-29", "2020-02-29", 20),
        ("1999-03-17", "2017-03-16", 17),
        ("1999-03-16", "2017-03-16", 18),
        ("2017-03-16", "2017-03-16", 0),
        ("2017-03-17", "2017-03-16", 0),
        ("0001-01-01", "9999-12-31", 9998),
    ];
    for (birth, on, years) in ages {
        assert_eq!(date(birth).years_until(date(on)), years, "{birth} on {on}");
    }
    for text in [
        "2023-02-29",
        "1900-02-29",
        "2017-13-01",
        "2017-00-01",
        "2017-01-00",
        "0000-01-01",
        "2017-1-1",
        "+201-01-01",
        "2017-03-16 ",
        "２017-03-16",
        "2017-03",
    ] {
        assert_eq!(json::parse_date(text), None, "{text}");
    }
    for text in ["2017-3", "2017-13", "0000-01", "2017-03-16", "2017"] {
        assert_eq!(json::parse_month(text), None, "{text}");
    }
}

/// Days and dates name each other one to one, over every day there is.
#[test]
fn every_day_has_one_date() {
    let (mut year, mut month, mut day) = (1, 1u8, 1u8);
    for days in i64::from(Date::MIN.days())..=i64::from(Date::MAX.days()) {
        let date = Date::from_days(days).expect("in range");
        assert_eq!(date.civil(), (year, month, day));
        assert_eq!(Date::new(year, month, day), Some(date));
        if Date::new(year, month, day + 1).is_some() {
            day += 1;
        } else if month < 12 {
            (month, day) = (month + 1, 1);
        } else {
            (year, month, day) = (year + 1, 1, 1);
        }
    }
    assert_eq!((year, month, day), (10_000, 1, 1));
}

fn field(name: &str, ty: Type, optional: bool) -> Field {
    Field { name: name.to_owned(), ty, optional, class: Some(Class::ResultOnly) }
}

/// A household: every kind of type, an optional field, a list of groups.
fn household() -> Type {
    let relations = [("户主", Some("01")), ("配偶", None)].map(|(n, c)| (n.to_owned(), c.map(str::to_owned)));
    let relation = Type::Enum(Arc::new(EnumType { name: "家庭关系".to_owned(), variants: relations.to_vec() }));
    let member = GroupType {
        name: "户成员".to_owned(),
        fields: vec![
            field("身份号", Type::Identifier(IdentifierKind::CitizenId), false),
            field("关系", relation, false),
            field("迁出日", Type::Date, true),
        ],
        term: None,
    };
    Type::Group(Arc::new(GroupType {
        name: "户".to_owned(),
        fields: vec![
            field("户号", Type::Text { max: 4 }, false),
            field("集体", Type::Boolean, true),
            field("人数", Type::Integer { low: 0, high: 16, unit: None }, false),
            field("押金", Type::Money { low: -100, high: 100 }, true),
            field("起月", Type::Month, true),
            field("成员", Type::List { element: Box::new(Type::Group(Arc::new(member))), max: 2 }, false),
        ],
        term: None,
    }))
}

fn household_json() -> serde_json::Value {
    json!({
        "户号": "甲1", "集体": null, "人数": 16, "押金": {"$unknown": true}, "起月": "2017-03",
        "成员": [
            {"身份号": "11010519491231002X", "关系": "配偶", "迁出日": "2016-02-29"},
            {"身份号": "440524188001010014", "关系": "户主", "迁出日": null}
        ]
    })
}

#[test]
fn facts_go_through_json_bytes_and_frames() {
    let ty = household();
    let fact = json::fact_from_json(&ty, &household_json()).expect("it fits");
    assert_eq!(json::fact_to_json(&ty, &fact), household_json());
    let bytes = canonical::encode(&ty, &fact).expect("it fits");
    assert_eq!(canonical::decode(&ty, &bytes), Ok(fact.clone()));
    let layout = Layout::of(&[("基准日".to_owned(), Type::Date), ("户口".to_owned(), ty.clone())]).expect("small");
    let mut interner = Interner::new(&["现势".to_owned(), "甲1".to_owned()]);
    let mut frame = Frame::new(&layout);
    let today = Fact::Known(Value::Date(date("2017-04-01")));
    frame.put(&layout, 0, &today, &mut interner).expect("a date");
    frame.put(&layout, 1, &fact, &mut interner).expect("a household");
    let month = i64::from(YearMonth::new(2017, 3).expect("a month").index());
    let left = i64::from(date("2016-02-29").days());
    let expected = [0, 17_257, 0, 1, 2, 0, 16, 1, 0, 0, month, 2, 2, 1, 0, left, 3, 0, 2, 0];
    assert_eq!(frame.words(), expected);
    assert_eq!(interner.text(3), Some("440524188001010014"));
    assert_eq!(interner.text(4), None);
    frame.put(&layout, 1, &Fact::Absent, &mut interner).expect("absence fits");
    assert_eq!(frame.words()[2], 2);
    assert!(frame.words()[3..].iter().all(|w| *w == 0), "nothing of the old fact is left");
}

#[test]
fn json_that_does_not_fit_is_refused_where_it_does_not() {
    // path to change, what to put there (none: take it away), path named in the fault, part of its message
    let table = [
        ("/户号", Some(json!("一二三四五")), "户号", "4 个字符"),
        ("/户号", Some(json!("e\u{301}")), "户号", "NFC"),
        ("/户号", Some(json!("甲\u{202E}")), "户号", "不可见"),
        ("/户号", Some(json!("甲\u{200B}")), "户号", "不可见"),
        ("/户号", Some(json!(1)), "户号", "文本"),
        ("/户号", Some(json!(null)), "户号", "必填"),
        ("/户号", Some(json!({"$unknown": true})), "户号", "必填"),
        ("/户号", None, "户号", "缺少字段"),
        ("/集体", None, "集体", "缺少字段"),
        ("/集体", Some(json!("是")), "集体", "是或否"),
        ("/人数", Some(json!(17)), "人数", "0 与 16"),
        ("/人数", Some(json!(-1)), "人数", "0 与 16"),
        ("/人数", Some(json!(1.0)), "人数", "整数"),
        ("/人数", Some(json!(u64::MAX)), "人数", "整数"),
        ("/押金", Some(json!({"$unknown": false})), "押金", "整数"),
        ("/起月", Some(json!("2017-03-16")), "起月", "年月"),
        ("/成员/1/关系", Some(json!("子女")), "成员[1].关系", "枚举"),
        ("/成员/0/身份号", Some(json!("110105194912310021")), "成员[0].身份号", "校验码"),
        ("/成员/0/迁出日", Some(json!("2015-02-29")), "成员[0].迁出日", "日期"),
        ("/成员/0", Some(json!(null)), "成员[0]", "一组字段"),
        ("/成员", Some(json!([1, 2, 3])), "成员", "超过 2 项"),
        ("/姓名", Some(json!("甲")), "姓名", "没有这个字段"),
    ];
    for (place, put, path, why) in table {
        let mut json = household_json();
        let (parent, key) = place.rsplit_once('/').expect("a pointer");
        let parent = json.pointer_mut(parent).expect("it is there");
        match (parent, put) {
            (serde_json::Value::Object(o), Some(put)) => drop(o.insert(key.to_owned(), put)),
            (serde_json::Value::Object(o), None) => drop(o.remove(key)),
            (other, Some(put)) => other[key.parse::<usize>().expect("a position")] = put,
            _ => panic!("{place} cannot be taken away"),
        }
        let fault = json::fact_from_json(&household(), &json).expect_err(place);
        assert_eq!(fault.path, path, "{fault}");
        assert!(fault.zh.contains(why), "{place}: {fault}");
    }
}

/// No byte string but the one that was written decodes to a fact: each changed byte is refused or means another fact, each
/// cut is refused, and what does decode encodes to the same bytes again.
#[test]
fn a_fact_has_one_encoding() {
    let ty = household();
    let fact = json::fact_from_json(&ty, &household_json()).expect("it fits");
    let bytes = canonical::encode(&ty, &fact).expect("it fits");
    for length in 0..bytes.len() {
        assert!(canonical::decode(&ty, &bytes[..length]).is_err(), "cut to {length}");
    }
    assert_eq!(canonical::decode(&ty, &[bytes.as_slice(), &[0]].concat()), Err(canonical::CanonicalFault::Trailing));
    assert_eq!(canonical::decode(&ty, &[9]), Err(canonical::CanonicalFault::Form(9)));
    for i in 0..bytes.len() {
        for change in 1..=255u8 {
            let mut other = bytes.clone();
            other[i] ^= change;
            if let Ok(decoded) = canonical::decode(&ty, &other) {
                assert_ne!(decoded, fact, "byte {i} ^ {change}");
                assert_eq!(canonical::encode(&ty, &decoded).as_deref(), Ok(other.as_slice()), "byte {i} ^ {change}");
            }
        }
    }
}

#[test]
fn frames_take_only_what_fits() {
    let layout = Layout::of(&[("户口".to_owned(), household())]).expect("small");
    let mut frame = Frame::new(&layout);
    let mut interner = Interner::default();
    let before = frame.clone();
    let fault = frame.put(&layout, 0, &Fact::Known(Value::Boolean(true)), &mut interner).expect_err("no household");
    assert!(matches!(&fault, FrameFault::Misfit { root, .. } if root == "户口"), "{fault}");
    assert_eq!(frame.put(&layout, 1, &Fact::Absent, &mut interner), Err(FrameFault::NoSuchRoot(1)));
    let other = Layout::of(&[("户口".to_owned(), Type::Date)]).expect("small");
    assert_eq!(frame.put(&other, 0, &Fact::Absent, &mut interner), Err(FrameFault::OtherLayout));
    assert_eq!(frame, before, "a refused fact leaves no mark");
    let huge = Type::List { element: Box::new(Type::Boolean), max: u32::MAX };
    let vast = Type::List { element: Box::new(huge.clone()), max: u32::MAX };
    for ty in [huge, vast] {
        assert!(Layout::of(&[("大".to_owned(), ty)]).is_err());
    }
}
