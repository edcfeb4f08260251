//! Lowering of expressions and places. Invariant: what the checker treats as present is demanded, so that evidence that
//! turns out absent makes the result unknown, never wrong. Must not know: steps' order.

use super::{LowerFault, Lowering, kind_of};
use crate::ast::{Compare, Function, PeriodUnit, Quantifier};
use crate::ir::{Base, Binary, Expr, Fold, Kind, ListPlace, LoopVar, Place, WordAt};
use crate::typed::{Access, Arithmetic, Constant, Node, Quantified, Quotient, Start, TypedExpr, scale_of};
use guiju_runtime::frame::Layout;
use guiju_runtime::number;
use guiju_runtime::value::Type;

type Lowered = Result<Expr, LowerFault>;

impl Lowering {
    /// Lowers an expression.
    pub(super) fn expr(&mut self, e: &TypedExpr) -> Lowered {
        self.count()?;
        let kind = kind_of(&e.ty);
        Ok(match &e.node {
            Node::Constant(Constant::Word(w)) => Expr::Const(kind, *w),
            Node::Constant(Constant::Text(t)) => Expr::Const(Kind::Text, self.literal(t)),
            Node::Load(access) => {
                let (base, offset, states) = self.locate(access)?;
                let demanded = !e.optional && !states.is_empty() && access.start != Start::AsOf;
                let load = Expr::Load(kind, Place { word: WordAt { base, offset }, states });
                if demanded { Expr::Demand(kind, Box::new(load)) } else { load }
            }
            Node::Definition(index, _) => {
                let id = self
                    .definitions
                    .get(*index)
                    .copied()
                    .ok_or_else(|| LowerFault::Internal("a definition out of order".into()))?;
                let step = Expr::Step(kind, id);
                if e.optional { step } else { Expr::Demand(kind, Box::new(step)) }
            }
            Node::Not(a) => Expr::Not(self.boxed(a)?),
            Node::And(a, b) => Expr::And(self.boxed(a)?, self.boxed(b)?),
            Node::Or(a, b) => Expr::Or(self.boxed(a)?, self.boxed(b)?),
            Node::Compare(op, a, b) => self.compare(*op, a, b)?,
            Node::In(a, list) => self.membership(a, list)?,
            Node::Convert(a, mapping) => {
                Expr::Lookup(kind, self.boxed(a)?, mapping.targets.iter().map(|t| i64::from(*t)).collect())
            }
            Node::Present(a) => Expr::Present(self.boxed(a)?),
            Node::PresentBinding(access) => Expr::PresentAt(self.locate(access)?.2),
            Node::Default(a, b) => Expr::Default(kind, self.boxed(a)?, self.boxed(b)?),
            Node::Arithmetic(op, a, b) => {
                let op = match op {
                    Arithmetic::Add => Binary::Add,
                    Arithmetic::Subtract => Binary::Subtract,
                    Arithmetic::Multiply => Binary::Multiply,
                };
                Expr::Binary(op, self.boxed(a)?, self.boxed(b)?)
            }
            Node::Scale(a, digits) => times_ten(self.expr(a)?, *digits)?,
            Node::Round { rounding, value, divisor, digits } => {
                let scaling = Quotient::of(value, divisor.as_deref(), *digits, scale_of(&e.ty));
                let dividend = times_ten(self.expr(value)?, scaling.numerator)?;
                let divisor = match divisor {
                    Some(divisor) => Some(times_ten(self.expr(divisor)?, scaling.denominator)?),
                    None if scaling.denominator > 0 => Some(ten(scaling.denominator)?),
                    None => None,
                };
                let rounded = match divisor {
                    Some(divisor) => Expr::Binary(Binary::Divide(*rounding), Box::new(dividend), Box::new(divisor)),
                    None => dividend,
                };
                times_ten(rounded, scaling.after)?
            }
            Node::Shift(a, n, unit) => self.shift(a, *n, *unit)?,
            Node::If(c, a, b) => Expr::Select(kind, self.boxed(c)?, self.boxed(a)?, self.boxed(b)?),
            Node::Call(function, args) => self.call(*function, args)?,
            Node::Quantified(q) => self.quantified(q)?,
            Node::Refused(_) => Expr::Unknown(kind),
        })
    }

    fn boxed(&mut self, e: &TypedExpr) -> Result<Box<Expr>, LowerFault> {
        self.expr(e).map(Box::new)
    }

    fn compare(&mut self, op: Compare, a: &TypedExpr, b: &TypedExpr) -> Lowered {
        let (a, b) = (self.boxed(a)?, self.boxed(b)?);
        Ok(match op {
            Compare::Equal => Expr::Binary(Binary::Equal, a, b),
            Compare::NotEqual => Expr::Not(Box::new(Expr::Binary(Binary::Equal, a, b))),
            Compare::Less => Expr::Binary(Binary::Less, a, b),
            Compare::AtMost => Expr::Binary(Binary::AtMost, a, b),
            Compare::Greater => Expr::Binary(Binary::Less, b, a),
            Compare::AtLeast => Expr::Binary(Binary::AtMost, b, a),
        })
    }

    fn membership(&mut self, a: &TypedExpr, list: &[TypedExpr]) -> Lowered {
        let mut tests = Vec::new();
        for item in list {
            tests.push(Expr::Binary(Binary::Equal, self.boxed(a)?, self.boxed(item)?));
        }
        Ok(any_of(tests))
    }

    fn shift(&mut self, a: &TypedExpr, n: i32, unit: PeriodUnit) -> Lowered {
        let n = i64::from(n);
        let integer = |n| Box::new(Expr::Const(Kind::Integer, n));
        let months = if unit == PeriodUnit::Years { n * 12 } else { n };
        if a.ty == Type::Date {
            let (op, n) = if unit == PeriodUnit::Days { (Binary::AddDays, n) } else { (Binary::AddMonths, months) };
            return Ok(Expr::Binary(op, self.boxed(a)?, integer(n)));
        }
        // Months saturate at the calendar's ends, as dates do.
        let (low, high) = crate::typed::domain(&Type::Month);
        let bound = if months >= 0 { (high - months).max(low) } else { (low - months).min(high) };
        let limit = Box::new(Expr::Const(Kind::Month, bound));
        let (first, second) = (self.boxed(a)?, self.boxed(a)?);
        let fits = if months >= 0 {
            Expr::Binary(Binary::AtMost, first, limit)
        } else {
            Expr::Binary(Binary::AtMost, limit, first)
        };
        let end = Expr::Const(Kind::Month, if months >= 0 { high } else { low });
        let moved = Expr::Binary(Binary::Add, second, integer(months));
        Ok(Expr::Select(Kind::Month, Box::new(fits), Box::new(moved), Box::new(end)))
    }

    fn call(&mut self, function: Function, args: &[TypedExpr]) -> Lowered {
        let mut lowered = Vec::new();
        for arg in args {
            lowered.push(self.boxed(arg)?);
        }
        let mut lowered = lowered.into_iter();
        let mut next = || lowered.next().ok_or_else(|| LowerFault::Internal("an argument is missing".into()));
        let first = next()?;
        Ok(match function {
            Function::MonthOf => Expr::MonthOf(first),
            Function::AgeOn => Expr::Binary(Binary::YearsUntil, first, next()?),
            Function::MonthsBetween | Function::DaysBetween => Expr::Binary(Binary::Subtract, next()?, first),
        })
    }

    fn quantified(&mut self, q: &Quantified) -> Lowered {
        let list = self.list(&q.list, q.max)?;
        let fold = match q.quantifier {
            Quantifier::Exists => Fold::Exists,
            Quantifier::All => Fold::All,
            Quantifier::Count => Fold::Count,
            Quantifier::CountDistinct => Fold::CountDistinct,
            Quantifier::Sum => Fold::Sum,
            Quantifier::Max => Fold::Max,
            Quantifier::Min => Fold::Min,
        };
        let mut part = |e: &Option<TypedExpr>| e.as_ref().map(|e| self.boxed(e)).transpose();
        let (filter, value, empty) = (part(&q.condition)?, part(&q.value)?, part(&q.empty)?);
        Ok(Expr::Fold { fold, list, var: LoopVar(q.depth), filter, value, empty })
    }

    /// Where a list lies.
    pub(super) fn list(&mut self, access: &Access, max: u32) -> Result<ListPlace, LowerFault> {
        let (base, offset, states) = self.locate(access)?;
        let stride = match access.declared_type() {
            Type::List { element, .. } => Layout::words_of(&element),
            _ => return Err(LowerFault::Internal("a fold over no list".into())),
        };
        let at = |offset| WordAt { base, offset };
        Ok(ListPlace { length: at(offset), first: at(offset + 1), stride, max, states })
    }

    /// Base, offset and state words of a path.
    fn locate(&self, access: &Access) -> Result<(Base, u32, Vec<WordAt>), LowerFault> {
        let root = match access.start {
            Start::AsOf => Some(0),
            Start::Input(i) => Some(1 + i),
            Start::Evidence(i) => Some(self.evidence_root + i),
            Start::Variable(_) => None,
        };
        let (base, mut offset, mut states) = match (root, &access.start) {
            (Some(r), _) => {
                let root =
                    self.layout.roots.get(r).ok_or_else(|| LowerFault::Internal("a root out of range".into()))?;
                (Base::Frame, root.first, vec![WordAt { base: Base::Frame, offset: root.state }])
            }
            (None, Start::Variable(depth)) => (Base::Element(LoopVar(*depth)), 0, Vec::new()),
            (None, _) => return Err(LowerFault::Internal("a path without a start".into())),
        };
        let mut ty = access.start_ty.clone();
        for index in &access.fields {
            let slot =
                Layout::field_offset(&ty, *index).ok_or_else(|| LowerFault::Internal("a field out of range".into()))?;
            if let Some(state) = slot.state {
                states.push(WordAt { base, offset: offset + state });
            }
            offset += slot.first;
            let Type::Group(group) = &ty else { return Err(LowerFault::Internal("a field of no group".into())) };
            ty = group.fields[*index].ty.clone();
        }
        Ok((base, offset, states))
    }
}

/// A power of ten.
fn ten(digits: u8) -> Lowered {
    let word = number::power(digits).ok_or_else(|| LowerFault::Internal("a scale beyond a word".into()))?;
    Ok(Expr::Const(Kind::Integer, word))
}

fn times_ten(e: Expr, digits: u8) -> Lowered {
    if digits == 0 {
        return Ok(e);
    }
    Ok(Expr::Binary(Binary::Multiply, Box::new(e), Box::new(ten(digits)?)))
}

/// Kleene or of all, balanced so that long lists do not nest deep.
pub(super) fn any_of(mut tests: Vec<Expr>) -> Expr {
    while tests.len() > 1 {
        let mut paired = Vec::with_capacity(tests.len().div_ceil(2));
        let mut rest = tests.into_iter();
        while let Some(a) = rest.next() {
            paired.push(match rest.next() {
                Some(b) => Expr::Or(Box::new(a), Box::new(b)),
                None => a,
            });
        }
        tests = paired;
    }
    tests.pop().unwrap_or(Expr::Const(Kind::Boolean, 0))
}
