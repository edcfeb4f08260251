//! Lowering of sharing policies: public facts in, the deciding clause out. Forbid wins, the default is no.
//! Must not know: the ledger.

use super::expr::any_of;
use super::{LowerFault, Lowering};
use crate::ast::{ClassWord, ExchangeWord};
use crate::hash;
use crate::ir::{Base, Binary, Expr, Kind, Place, StepId, WordAt};
use crate::package::{PointKind, Sharing, SharingClauseInfo};
use crate::typed::{self, SharingClause};
use guiju_runtime::frame::Layout;
use guiju_runtime::value::{EnumType, Type};
use std::sync::Arc;

/// Names of exchanges in `ExchangeWord` order.
pub(crate) const EXCHANGES: [(&str, ExchangeWord); 4] = [
    ("核验", ExchangeWord::Verification),
    ("详情", ExchangeWord::Detail),
    ("评估", ExchangeWord::Evaluation),
    ("合约", ExchangeWord::Contract),
];

const ASKER: usize = 1;
const EXCHANGE: usize = 2;
const PURPOSE: usize = 3;

/// Lowers a checked sharing policy.
pub(crate) fn sharing(checked: &typed::Sharing) -> Result<Sharing, LowerFault> {
    let exchanges =
        EnumType { name: "交换".into(), variants: EXCHANGES.iter().map(|(n, _)| ((*n).to_owned(), None)).collect() };
    let roots = [
        ("基准日".to_owned(), Type::Date),
        ("问者".to_owned(), Type::Text { max: 256 }),
        ("交换".to_owned(), Type::Enum(Arc::new(exchanges))),
        ("目的".to_owned(), Type::Text { max: 256 }),
    ];
    let layout = Layout::of(&roots).map_err(|f| LowerFault::TooLarge(f.to_string()))?;
    let mut lowering = Lowering::new(layout, 3);
    let mut guards = Vec::new();
    for clause in &checked.clauses {
        let expr = lowering.clause(clause)?;
        let point = lowering.point(
            PointKind::Clause,
            &checked.name,
            clause.label.clone(),
            clause.citation.clone(),
            ClassWord::Public,
            clause.span,
        );
        guards.push(lowering.step(format!("{}·{}", checked.name, clause.label), Kind::Boolean, expr, Some(point)));
    }
    let forbids = (0..guards.len()).filter(|i| !checked.clauses[*i].permit);
    let permits = (0..guards.len()).filter(|i| checked.clauses[*i].permit);
    let order: Vec<usize> = forbids.chain(permits).collect();
    let mut rest = lowering.step("无".into(), Kind::Integer, Expr::Const(Kind::Integer, -1), None);
    for i in order.into_iter().rev() {
        rest = lowering.prefer(guards[i], i, rest);
    }
    lowering.output(rest);
    let (program, _, layout) = lowering.finish()?;
    Ok(Sharing {
        name: checked.name.clone(),
        module: checked.module.clone(),
        owner: checked.owner.clone(),
        schema: checked.schema.clone(),
        clauses: checked.clauses.iter().map(info).collect(),
        program,
        layout,
        meaning_hash: hash::sharing(checked),
    })
}

fn info(c: &SharingClause) -> SharingClauseInfo {
    SharingClauseInfo {
        label: c.label.clone(),
        permit: c.permit,
        citation: c.citation.clone(),
        limit: c.limit,
        points: c.points,
        exchanges: c.exchanges.clone(),
        to: c.to.clone(),
        purposes: c.purposes.clone(),
    }
}

impl Lowering {
    fn clause(&mut self, clause: &SharingClause) -> Result<Expr, LowerFault> {
        let words: Vec<i64> = clause
            .exchanges
            .iter()
            .filter_map(|x| EXCHANGES.iter().position(|(_, w)| w == x))
            .map(|i| i as i64)
            .collect();
        let to: Vec<i64> = clause.to.iter().map(|t| self.literal(t)).collect();
        let purposes: Vec<i64> = clause.purposes.iter().map(|p| self.literal(p)).collect();
        let mut guard = Expr::Const(Kind::Boolean, 1);
        for (kind, root, any) in
            [(Kind::Text, ASKER, to), (Kind::Enum, EXCHANGE, words), (Kind::Text, PURPOSE, purposes)]
        {
            if any.is_empty() {
                continue;
            }
            let mut tests = Vec::new();
            for word in any {
                self.count()?;
                tests.push(Expr::Binary(
                    Binary::Equal,
                    Box::new(self.fact(kind, root)),
                    Box::new(Expr::Const(kind, word)),
                ));
            }
            guard = Expr::And(Box::new(guard), Box::new(any_of(tests)));
        }
        Ok(guard)
    }

    fn fact(&self, kind: Kind, root: usize) -> Expr {
        let root = &self.layout.roots[root];
        let at = |offset| WordAt { base: Base::Frame, offset };
        Expr::Load(kind, Place { word: at(root.first), states: vec![at(root.state)] })
    }

    fn prefer(&mut self, guard: StepId, clause: usize, rest: StepId) -> StepId {
        let select = Expr::Select(
            Kind::Integer,
            Box::new(Expr::Step(Kind::Boolean, guard)),
            Box::new(Expr::Const(Kind::Integer, clause as i64)),
            Box::new(Expr::Step(Kind::Integer, rest)),
        );
        self.step("条款".into(), Kind::Integer, select, None)
    }
}
