//! The diffable text of sharing policies. Invariant: every clause with all its conditions is a line.
//! Must not know: what a permit leads to.

use crate::ast::ExchangeWord;
use crate::hash;
use crate::package::{Sharing, SharingClauseInfo};
use std::collections::BTreeMap;

/// The diffable text of a sharing policy, one fact a line, ending with a line feed.
pub fn sharing(sharing: &Sharing) -> String {
    let mut lines = vec![
        format!("共享 {}", sharing.name),
        format!("模块 {}", sharing.module),
        format!("含义 {}", hash::hex(&sharing.meaning_hash)),
        format!("由 {}", sharing.owner),
        format!("关于 {}", sharing.schema),
    ];
    let mut laws = BTreeMap::new();
    for clause in &sharing.clauses {
        lines.push(format!("{}{}", self::clause(clause), super::cited(clause.citation.as_ref(), &mut laws)));
    }
    super::laws(&mut lines, &laws);
    super::finish(lines)
}

fn clause(clause: &SharingClauseInfo) -> String {
    let any = |texts: &[String]| if texts.is_empty() { "任何".to_owned() } else { texts.join(", ") };
    let exchanges: Vec<String> = clause.exchanges.iter().map(|e| exchange(*e).to_owned()).collect();
    let mut line = format!(
        "{} {} : {} 给 {} 目的 {}",
        if clause.permit { "准予" } else { "禁止" },
        clause.label,
        any(&exchanges),
        any(&clause.to),
        any(&clause.purposes),
    );
    if let Some(limit) = clause.limit {
        line = format!("{line} 限 每人 每日 {} 比特", super::bits(limit.millibits_per_day));
        if let Some(millibits) = limit.millibits_per_ninety_days {
            line = format!("{line} 每九十日 {} 比特", super::bits(millibits));
        }
    }
    if clause.points > 0 {
        line = format!("{line} 积分 {}", clause.points);
    }
    line
}

fn exchange(exchange: ExchangeWord) -> &'static str {
    match exchange {
        ExchangeWord::Verification => "核验",
        ExchangeWord::Detail => "详情",
        ExchangeWord::Evaluation => "评估",
        ExchangeWord::Contract => "合约",
    }
}
