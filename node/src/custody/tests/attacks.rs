//! A patient and permitted asker who wants to know more of one person than the budget allows. Invariant: over any ninety days
//! it learns no more than the clause says, by whichever policies, persons and dates it asks.

use super::world::{Town, outcome, refusal};
use super::{citizen, household, settled, title};
use crate::custody::answer::{Answer, Refusal, Verdict};
use guiju_runtime::date::Date;
use serde_json::json;

/// What nobody but the owner is to know: a day among 3,287, nearly 12 bits. An asker cannot choose what secret data is
/// compared with (E0704 refuses such a policy), but it can choose which of its own contracts proves the as-of date.
const FIRST_PAID: i32 = 15_900;
/// 2010-01-01 and 2018-12-31.
const DAYS: (i32, i32) = (14_610, 17_896);

fn saver() -> Town {
    let mut town = settled();
    town.submit(vec![("缴存", json!({"身份号": citizen(1), "首缴日": "2013-07-14"}))]);
    town
}

/// Asks whether the first payment was made by `day`, with a contract of that day made for the purpose.
fn paid_by(town: &mut Town, policy: &str, day: i32) -> Answer {
    let date = Date::from_days(i64::from(day)).expect("a day").to_string();
    let number = format!("网-{day}");
    town.submit(vec![("合同", json!({"合同号": number, "备案日": date}))]);
    town.answer(policy, json!({"申请人": citizen(1), "合同号": number}), Some(day))
}

/// Halves the interval that the day lies in, if the question is answered.
fn halve(town: &mut Town, policy: &str, (low, high): &mut (i32, i32)) -> bool {
    let middle = low.midpoint(*high);
    let answer = paid_by(town, policy, middle);
    match &answer.verdict {
        Verdict::Refused(why) => {
            assert_eq!(*why, Refusal::BudgetExhausted);
            false
        }
        Verdict::Decided { .. } => {
            if outcome(&answer).0 == Some("达到") {
                *high = middle
            } else {
                *low = middle + 1
            }
            true
        }
    }
}

#[test]
fn a_binary_search_over_many_days_ends_at_the_ninety_days_limit() {
    let mut town = saver();
    let mut days = DAYS;
    let mut by_day = Vec::new();
    for _ in 0..89 {
        let answered = (0..5).take_while(|_| halve(&mut town, "存足", &mut days)).count();
        by_day.push(answered);
        town.day += 1;
    }
    // 1.585 bits an answer: three a day, six in ninety days, and nothing on the 87 days that follow.
    assert_eq!((by_day[..3].to_vec(), by_day.iter().sum::<usize>()), (vec![3, 3, 0], 6));
    assert!(days.0 <= FIRST_PAID && FIRST_PAID <= days.1, "each answer was true");
    assert!(days.1 - days.0 >= (DAYS.1 - DAYS.0) / 64 - 1, "the other half of the bits is as unknown as before");
    // The first day leaves the window only with the ninety-first.
    assert!(!halve(&mut town, "存足", &mut days));
    town.day += 1;
    assert!(halve(&mut town, "存足", &mut days));
}

#[test]
fn many_policies_share_one_budget() {
    let mut town = saver();
    let mut days = DAYS;
    let mut answered = 0;
    for turn in 0..8 {
        let policy = ["存足", "存够"][turn % 2];
        answered += usize::from(halve(&mut town, policy, &mut days));
    }
    assert_eq!(answered, 3);
    // What was answered once is answered again, and tells nothing new.
    let first = DAYS.0.midpoint(DAYS.1);
    let again = json!({"申请人": citizen(1), "合同号": format!("网-{first}")});
    assert!(matches!(town.answer("存足", again, Some(first)).verdict, Verdict::Decided { .. }));
    assert_eq!(refusal(&paid_by(&mut town, "存够", first + 1)), &Refusal::BudgetExhausted);
}

#[test]
fn chosen_dates_and_spouses_open_no_further_budget() {
    let mut town = settled();
    // Contracts of six days prove six as-of dates: six questions about one household, of which 20 bits bear five.
    let filed = |n: usize| json!({"合同号": format!("网-1{n}"), "备案日": format!("2018-07-0{}", n + 1)});
    for n in 0..6 {
        town.submit(vec![("合同", filed(n))]);
    }
    let ask = |town: &mut Town, person: u16, n: usize| {
        let inputs = json!({"申请人": citizen(person), "合同号": format!("网-1{n}")});
        let day = 17_713 + n as i32;
        matches!(town.answer("资格", inputs, Some(day)).verdict, Verdict::Decided { .. })
    };
    // The spouse is reached by every one of them, and reaches the applicant as well.
    let answered = (0..6).filter(|n| ask(&mut town, 1 + (*n as u16 % 2), *n)).count();
    assert_eq!(answered, 5);
    // A household of others has its own.
    town.submit(vec![("户口", household("家庭户", &[7, 8])), ("产权", title("A", 7))]);
    assert!(ask(&mut town, 7, 0));
}
