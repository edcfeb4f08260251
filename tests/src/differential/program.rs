//! Random well-typed programs over random layouts. Owns how often each construct is tried.
//! Invariant: every program passes `ir::verify`. Must not know: engines, frames' contents.

use super::{Random, evidence};
use guiju_compiler::ir::{
    Base, Binary, Expr, FOLD_DEPTH_MAX, Fold, Kind, ListPlace, LoopVar, Place, Program, Step, StepId, TraceId, WordAt,
};
use guiju_runtime::frame::Layout;
use guiju_runtime::number::Rounding;
use guiju_runtime::value::Type;

/// A program and the layout it reads.
pub(super) struct Subject {
    pub(super) layout: Layout,
    pub(super) program: Program,
}

const KINDS: [Kind; 6] = [Kind::Boolean, Kind::Integer, Kind::Date, Kind::Month, Kind::Enum, Kind::Text];

/// What an expression may read.
#[derive(Clone, Default)]
struct Scope {
    scalars: Vec<(Kind, Place)>,
    lists: Vec<(ListPlace, Type)>,
    /// State words that `PresentAt` may read.
    presences: Vec<Vec<WordAt>>,
    steps: Vec<Kind>,
    depth: u8,
}

impl Subject {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut roots = vec![("基准日".to_owned(), Type::Date)];
        for i in 0..1 + random.below(4) {
            let ty = match random.below(3) {
                0 => evidence::any_type(random, 0),
                1 => evidence::group(random, 2),
                _ => evidence::list(random, 2),
            };
            roots.push((format!("根{i}"), ty));
        }
        let layout = Layout::of(&roots).expect("lists of at most 5, three deep, fit a frame");
        let mut scope = Scope::default();
        for root in &layout.roots {
            let states = vec![WordAt { base: Base::Frame, offset: root.state }];
            scope.presences.push(states.clone());
            scope.see(&root.ty, Base::Frame, root.first, &states);
        }
        let program = program(random, &layout, scope);
        Self { layout, program }
    }
}

impl Scope {
    /// Adds what lies at word `first` of `base`.
    fn see(&mut self, ty: &Type, base: Base, first: u32, states: &[WordAt]) {
        let at = |offset| WordAt { base, offset };
        match ty {
            Type::Group(group) => {
                for (i, field) in group.fields.iter().enumerate() {
                    let slot = Layout::field_offset(ty, i).expect("the group has this field");
                    let mut states = states.to_vec();
                    if let Some(state) = slot.state {
                        states.push(at(first + state));
                        self.presences.push(states.clone());
                    }
                    self.see(&field.ty, base, first + slot.first, &states);
                }
            }
            Type::List { element, max } => {
                let stride = Layout::words_of(element);
                let list =
                    ListPlace { length: at(first), first: at(first + 1), stride, max: *max, states: states.to_vec() };
                self.lists.push((list, (**element).clone()));
            }
            _ => self.scalars.push((kind(ty), Place { word: at(first), states: states.to_vec() })),
        }
    }
}

fn kind(ty: &Type) -> Kind {
    match ty {
        Type::Boolean => Kind::Boolean,
        Type::Date => Kind::Date,
        Type::Month => Kind::Month,
        Type::Enum(_) => Kind::Enum,
        Type::Text { .. } | Type::Identifier(_) => Kind::Text,
        _ => Kind::Integer,
    }
}

fn program(random: &mut Random, layout: &Layout, mut scope: Scope) -> Program {
    let literals: Vec<String> = evidence::TEXTS.iter().take(3).map(|t| (*t).to_owned()).collect();
    let mut steps = Vec::new();
    let mut trace_points = 0;
    for i in 0..2 + random.below(8) {
        let kind = if random.chance(50) { Kind::Boolean } else { KINDS[random.below(KINDS.len())] };
        let depth = 1 + random.below(5);
        let expr = expr(random, &scope, kind, depth);
        // Some points are left without a step.
        trace_points += u32::from(random.chance(10));
        let trace = (kind == Kind::Boolean && random.chance(60)).then(|| {
            trace_points += 1;
            TraceId(trace_points - 1)
        });
        steps.push(Step { name: format!("步骤{i}"), kind, expr, trace });
        scope.steps.push(kind);
    }
    let outputs = (0..1 + random.below(4)).map(|_| StepId(random.below(steps.len()) as u32)).collect();
    Program { frame_words: layout.words, literals, steps, outputs, trace_points }
}

/// A random expression of `kind`, `depth` deep at most (but for the leaves of folds).
fn expr(random: &mut Random, scope: &Scope, kind: Kind, depth: usize) -> Expr {
    if depth == 0 || random.chance(15) {
        return leaf(random, scope, kind);
    }
    let d = depth - 1;
    // Shapes that every kind has.
    match random.below(10) {
        0 | 1 => {
            let condition = boxed(random, scope, Kind::Boolean, d);
            return Expr::Select(kind, condition, boxed(random, scope, kind, d), boxed(random, scope, kind, d));
        }
        2 => return Expr::Default(kind, boxed(random, scope, kind, d), boxed(random, scope, kind, d)),
        3 => return Expr::Demand(kind, boxed(random, scope, kind, d)),
        _ => {}
    }
    match kind {
        Kind::Boolean => boolean(random, scope, d),
        Kind::Integer => integer(random, scope, d),
        Kind::Date => match random.below(4) {
            0 => extreme(random, scope, kind, d),
            n => {
                let op = if n == 1 { Binary::AddDays } else { Binary::AddMonths };
                Expr::Binary(op, boxed(random, scope, kind, d), boxed(random, scope, Kind::Integer, d))
            }
        },
        Kind::Month => match random.below(4) {
            0 => extreme(random, scope, kind, d),
            1 => Expr::MonthOf(boxed(random, scope, Kind::Date, d)),
            n => {
                let op = if n == 2 { Binary::Add } else { Binary::Subtract };
                Expr::Binary(op, boxed(random, scope, kind, d), boxed(random, scope, Kind::Integer, d))
            }
        },
        Kind::Enum if random.below(3) == 0 => {
            let words = (0..=random.below(6)).map(|_| random.below(4) as i64).collect();
            Expr::Lookup(kind, boxed(random, scope, Kind::Enum, d), words)
        }
        Kind::Enum | Kind::Text => leaf(random, scope, kind),
    }
}

fn boxed(random: &mut Random, scope: &Scope, kind: Kind, depth: usize) -> Box<Expr> {
    Box::new(expr(random, scope, kind, depth))
}

fn leaf(random: &mut Random, scope: &Scope, kind: Kind) -> Expr {
    let places: Vec<&Place> = scope.scalars.iter().filter(|(k, _)| *k == kind).map(|(_, p)| p).collect();
    let steps: Vec<usize> = scope.steps.iter().enumerate().filter(|(_, k)| **k == kind).map(|(i, _)| i).collect();
    match (random.below(10), random.pick(&places), random.pick(&steps)) {
        (0..6, Some(place), _) => Expr::Load(kind, (*place).clone()),
        (6..9, _, Some(step)) => Expr::Step(kind, StepId(*step as u32)),
        _ if random.chance(4) => Expr::Unknown(kind),
        _ => Expr::Const(kind, constant(random, kind)),
    }
}

fn constant(random: &mut Random, kind: Kind) -> i64 {
    match kind {
        Kind::Boolean => random.below(2) as i64,
        Kind::Integer => match random.below(10) {
            0 => random.word(),
            1 => [i64::MIN, i64::MAX, 12, -12][random.below(4)],
            _ => random.between(-3, 3),
        },
        Kind::Date => i64::from(evidence::date(random).days()),
        Kind::Month => i64::from(evidence::month(random).index()),
        Kind::Enum | Kind::Text => random.below(3) as i64,
    }
}

fn boolean(random: &mut Random, scope: &Scope, d: usize) -> Expr {
    let both = |random: &mut Random, kind| (boxed(random, scope, kind, d), boxed(random, scope, kind, d));
    match random.below(12) {
        0 => Expr::Not(boxed(random, scope, Kind::Boolean, d)),
        1 | 2 => {
            let (a, b) = both(random, Kind::Boolean);
            Expr::And(a, b)
        }
        3 | 4 => {
            let (a, b) = both(random, Kind::Boolean);
            Expr::Or(a, b)
        }
        5 | 6 => {
            let kind = KINDS[random.below(KINDS.len())];
            let (a, b) = both(random, kind);
            Expr::Binary(Binary::Equal, a, b)
        }
        7 => {
            let kind = [Kind::Integer, Kind::Date, Kind::Month][random.below(3)];
            let (a, b) = both(random, kind);
            Expr::Binary(if random.chance(50) { Binary::Less } else { Binary::AtMost }, a, b)
        }
        8 => {
            let kind = KINDS[random.below(KINDS.len())];
            Expr::Present(boxed(random, scope, kind, d))
        }
        9 => match random.pick(&scope.presences) {
            Some(states) => Expr::PresentAt(states.clone()),
            None => leaf(random, scope, Kind::Boolean),
        },
        10 => fold(random, scope, Fold::Exists, Kind::Boolean, d),
        _ => fold(random, scope, Fold::All, Kind::Boolean, d),
    }
}

fn integer(random: &mut Random, scope: &Scope, d: usize) -> Expr {
    let both = |random: &mut Random, op, left, right| {
        Expr::Binary(op, boxed(random, scope, left, d), boxed(random, scope, right, d))
    };
    match random.below(14) {
        12 | 13 => {
            let rounding = Rounding::ALL[random.below(Rounding::ALL.len())];
            both(random, Binary::Divide(rounding), Kind::Integer, Kind::Integer)
        }
        0 => both(random, Binary::Add, Kind::Integer, Kind::Integer),
        1 => both(random, Binary::Subtract, Kind::Integer, Kind::Integer),
        2 => both(random, Binary::Multiply, Kind::Integer, Kind::Integer),
        3 => both(random, Binary::Subtract, Kind::Date, Kind::Date),
        4 => both(random, Binary::Subtract, Kind::Month, Kind::Month),
        5 => both(random, Binary::YearsUntil, Kind::Date, Kind::Date),
        6 | 7 => fold(random, scope, Fold::Count, Kind::Integer, d),
        8 => fold(random, scope, Fold::CountDistinct, Kind::Integer, d),
        9 | 10 => fold(random, scope, Fold::Sum, Kind::Integer, d),
        _ => extreme(random, scope, Kind::Integer, d),
    }
}

fn extreme(random: &mut Random, scope: &Scope, kind: Kind, d: usize) -> Expr {
    let which = if random.chance(50) { Fold::Max } else { Fold::Min };
    fold(random, scope, which, kind, d)
}

fn fold(random: &mut Random, scope: &Scope, fold: Fold, kind: Kind, d: usize) -> Expr {
    let Some((list, element)) = random.pick(&scope.lists).cloned().filter(|_| scope.depth < FOLD_DEPTH_MAX) else {
        return leaf(random, scope, kind);
    };
    let var = LoopVar(scope.depth);
    let mut inner = scope.clone();
    inner.depth += 1;
    // What the element holds comes first to hand: often nothing else is in scope but it and steps.
    if random.chance(60) {
        inner.scalars.clear();
    }
    inner.see(&element, Base::Element(var), 0, &[]);
    let filter = random.chance(80).then(|| boxed(random, &inner, Kind::Boolean, d.min(2)));
    let value = match fold {
        Fold::Exists | Fold::All | Fold::Count => None,
        Fold::CountDistinct => Some(KINDS[random.below(KINDS.len())]),
        Fold::Sum => Some(Kind::Integer),
        Fold::Max | Fold::Min => Some(kind),
    };
    let value = value.map(|kind| boxed(random, &inner, kind, d.min(1)));
    let empty = matches!(fold, Fold::Max | Fold::Min).then(|| boxed(random, scope, kind, d.min(1)));
    Expr::Fold { fold, list, var, filter, value, empty }
}
