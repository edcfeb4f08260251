//! Ordered multi-valued interval decision diagrams. A node tests one variable; its edges cut the variable's line into
//! intervals. Leaves are linear forms, of which truths are the constants 0 and 1.
//! Invariant: on every path variables ascend; neighbouring edges differ; equal nodes have one id, so that equal functions
//! do too. Work is counted in steps, never timed, and is the same on every machine. Must not know: what variables mean.

use std::collections::{BTreeMap, BTreeSet};

/// A node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// A variable; the order of ids is the order of the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VarId(pub(crate) u32);

/// A term that a leaf speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TermId(pub(crate) u32);

/// `plus - minus + offset`, each part perhaps missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leaf {
    /// Term counted once.
    pub(crate) plus: Option<TermId>,
    /// Term subtracted once.
    pub(crate) minus: Option<TermId>,
    /// What is added.
    pub(crate) offset: i64,
}

impl Leaf {
    /// A constant.
    pub(crate) const fn word(word: i64) -> Self {
        Self { plus: None, minus: None, offset: word }
    }

    /// One term.
    pub(crate) const fn term(term: TermId) -> Self {
        Self { plus: Some(term), minus: None, offset: 0 }
    }

    /// The constant it is.
    pub(crate) const fn constant(&self) -> Option<i64> {
        match (self.plus, self.minus) {
            (None, None) => Some(self.offset),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Leaf(Leaf),
    /// Edges in order: each ends at its word, the last at the variable's greatest.
    Branch(VarId, Vec<(i64, NodeId)>),
}

/// An interval of a variable and where it leads.
pub(crate) type Edge = (i64, i64, NodeId);

/// The counted budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent;

/// A memory of results, for one operation on two diagrams.
pub(crate) type Memo = BTreeMap<(NodeId, NodeId), NodeId>;

/// What a leaf pair becomes.
pub(crate) type OnLeaves<'f> = &'f mut dyn FnMut(&mut Store, Leaf, Leaf) -> Result<NodeId, Spent>;

/// All nodes, and what is left of the budget.
pub(crate) struct Store {
    nodes: Vec<Node>,
    known: BTreeMap<Node, NodeId>,
    /// Least and greatest word of each variable.
    variables: Vec<(i64, i64)>,
    choices: BTreeMap<(NodeId, NodeId, NodeId), NodeId>,
    left: u64,
}

impl Store {
    /// The diagram that is always false.
    pub(crate) const FALSE: NodeId = NodeId(0);
    /// The diagram that is always true.
    pub(crate) const TRUE: NodeId = NodeId(1);

    /// A store without variables or budget.
    pub(crate) fn new() -> Self {
        let mut store = Self {
            nodes: Vec::new(),
            known: BTreeMap::new(),
            variables: Vec::new(),
            choices: BTreeMap::new(),
            left: 0,
        };
        store.intern(Node::Leaf(Leaf::word(0)));
        store.intern(Node::Leaf(Leaf::word(1)));
        store
    }

    /// Sets how many steps may be taken; returns what was left.
    pub(crate) fn allow(&mut self, steps: u64) -> u64 {
        std::mem::replace(&mut self.left, steps)
    }

    /// Counts a step.
    pub(crate) fn step(&mut self) -> Result<(), Spent> {
        self.left = self.left.checked_sub(1).ok_or(Spent)?;
        Ok(())
    }

    /// A new variable, last in the order.
    pub(crate) fn variable(&mut self, low: i64, high: i64) -> VarId {
        self.variables.push((low, high));
        VarId(self.variables.len() as u32 - 1)
    }

    /// Least and greatest word of a variable.
    pub(crate) fn bounds(&self, variable: VarId) -> (i64, i64) {
        self.variables.get(variable.0 as usize).copied().unwrap_or((i64::MIN, i64::MAX))
    }

    /// A leaf.
    pub(crate) fn leaf(&mut self, leaf: Leaf) -> NodeId {
        self.intern(Node::Leaf(leaf))
    }

    /// A truth.
    pub(crate) const fn truth(truth: bool) -> NodeId {
        if truth { Self::TRUE } else { Self::FALSE }
    }

    /// The leaf that a node is.
    pub(crate) fn as_leaf(&self, node: NodeId) -> Option<Leaf> {
        match &self.nodes[node.0 as usize] {
            Node::Leaf(leaf) => Some(*leaf),
            Node::Branch(..) => None,
        }
    }

    /// The variable a node tests, and for every edge its interval and where it leads.
    pub(crate) fn branch(&self, node: NodeId) -> Option<(VarId, Vec<Edge>)> {
        let Node::Branch(variable, edges) = &self.nodes[node.0 as usize] else { return None };
        let mut from = self.bounds(*variable).0;
        let mut out = Vec::with_capacity(edges.len());
        for (end, child) in edges {
            out.push((from, *end, *child));
            from = end.saturating_add(1);
        }
        Some((*variable, out))
    }

    /// Every variable that a diagram tests; ascending.
    pub(crate) fn support(&self, node: NodeId) -> Vec<VarId> {
        let mut seen = vec![false; self.nodes.len()];
        let mut found = BTreeSet::new();
        let mut todo = vec![node];
        while let Some(next) = todo.pop() {
            if std::mem::replace(&mut seen[next.0 as usize], true) {
                continue;
            }
            if let Node::Branch(variable, edges) = &self.nodes[next.0 as usize] {
                found.insert(*variable);
                todo.extend(edges.iter().map(|(_, n)| *n));
            }
        }
        found.into_iter().collect()
    }

    /// Every word at which the edges of a variable's tests end.
    pub(crate) fn cuts(&self, node: NodeId, variable: VarId) -> BTreeSet<i64> {
        let mut seen = vec![false; self.nodes.len()];
        let mut ends = BTreeSet::new();
        let mut todo = vec![node];
        while let Some(next) = todo.pop() {
            if std::mem::replace(&mut seen[next.0 as usize], true) {
                continue;
            }
            if let Node::Branch(v, edges) = &self.nodes[next.0 as usize] {
                if *v == variable {
                    ends.extend(edges.iter().map(|(end, _)| *end));
                }
                todo.extend(edges.iter().map(|(_, n)| *n));
            }
        }
        ends
    }

    /// The diagram where the variable has a word.
    pub(crate) fn restrict(
        &mut self,
        node: NodeId,
        variable: VarId,
        word: i64,
        memo: &mut BTreeMap<NodeId, NodeId>,
    ) -> Result<NodeId, Spent> {
        if self.top(node).is_none_or(|top| top > variable) {
            return Ok(node);
        }
        if let Some(known) = memo.get(&node) {
            return Ok(*known);
        }
        self.step()?;
        let Node::Branch(top, edges) = self.nodes[node.0 as usize].clone() else { return Ok(node) };
        let made = if top == variable {
            self.at(node, variable, word)
        } else {
            let mut kept = Vec::with_capacity(edges.len());
            for (end, child) in edges {
                kept.push((end, self.restrict(child, variable, word, memo)?));
            }
            self.make(top, kept)
        };
        memo.insert(node, made);
        Ok(made)
    }

    /// True where the variable lies in one of these closed intervals, which ascend and do not touch.
    pub(crate) fn within(&mut self, variable: VarId, parts: &[(i64, i64)]) -> NodeId {
        let (low, high) = self.bounds(variable);
        let mut edges: Vec<(i64, NodeId)> = Vec::new();
        for &(from, to) in parts {
            let (from, to) = (from.max(low), to.min(high));
            if from > to {
                continue;
            }
            if edges.last().map_or(from > low, |(end, _)| *end < from - 1) {
                edges.push((from - 1, Self::FALSE));
            }
            edges.push((to, Self::TRUE));
        }
        if edges.last().is_none_or(|(end, _)| *end < high) {
            edges.push((high, Self::FALSE));
        }
        self.make(variable, edges)
    }

    /// `then` where `condition` holds, `otherwise` elsewhere.
    pub(crate) fn choose(&mut self, condition: NodeId, then: NodeId, otherwise: NodeId) -> Result<NodeId, Spent> {
        if condition == Self::TRUE || then == otherwise {
            return Ok(then);
        }
        if condition == Self::FALSE {
            return Ok(otherwise);
        }
        if then == Self::TRUE && otherwise == Self::FALSE {
            return Ok(condition);
        }
        if let Some(known) = self.choices.get(&(condition, then, otherwise)) {
            return Ok(*known);
        }
        self.step()?;
        let Some(top) = [condition, then, otherwise].into_iter().filter_map(|n| self.top(n)).min() else {
            // Only a truth can be a leaf here, and both truths were answered above.
            return Ok(otherwise);
        };
        let mut edges = Vec::new();
        for end in self.ends(top, &[condition, then, otherwise]) {
            let (c, t, o) = (self.at(condition, top, end), self.at(then, top, end), self.at(otherwise, top, end));
            edges.push((end, self.choose(c, t, o)?));
        }
        let made = self.make(top, edges);
        self.choices.insert((condition, then, otherwise), made);
        Ok(made)
    }

    /// Both hold.
    pub(crate) fn and(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Spent> {
        self.choose(a, b, Self::FALSE)
    }

    /// One holds.
    pub(crate) fn or(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, Spent> {
        self.choose(a, Self::TRUE, b)
    }

    /// It does not hold.
    pub(crate) fn not(&mut self, a: NodeId) -> Result<NodeId, Spent> {
        self.choose(a, Self::FALSE, Self::TRUE)
    }

    /// Replaces every pair of leaves that one input leads to by what `on` makes of it, which may test any variable.
    pub(crate) fn combine(&mut self, a: NodeId, b: NodeId, memo: &mut Memo, on: OnLeaves<'_>) -> Result<NodeId, Spent> {
        if let Some(known) = memo.get(&(a, b)) {
            return Ok(*known);
        }
        self.step()?;
        let made = match (self.as_leaf(a), self.as_leaf(b)) {
            (Some(x), Some(y)) => on(self, x, y)?,
            _ => {
                let top = [a, b].into_iter().filter_map(|n| self.top(n)).min().unwrap_or(VarId(0));
                let mut edges = Vec::new();
                for end in self.ends(top, &[a, b]) {
                    let (x, y) = (self.at(a, top, end), self.at(b, top, end));
                    edges.push((end, self.combine(x, y, memo, on)?));
                }
                self.join(top, edges)?
            }
        };
        memo.insert((a, b), made);
        Ok(made)
    }

    /// A test of `variable` over diagrams that may test earlier variables.
    fn join(&mut self, variable: VarId, edges: Vec<(i64, NodeId)>) -> Result<NodeId, Spent> {
        if edges.iter().all(|(_, n)| self.top(*n).is_none_or(|v| v > variable)) {
            return Ok(self.make(variable, edges));
        }
        let low = self.bounds(variable).0;
        let mut rest = None;
        for (end, child) in edges.into_iter().rev() {
            rest = Some(match rest {
                None => child,
                Some(after) => {
                    let here = self.within(variable, &[(low, end)]);
                    self.choose(here, child, after)?
                }
            });
        }
        Ok(rest.unwrap_or(Self::FALSE))
    }

    fn top(&self, node: NodeId) -> Option<VarId> {
        match &self.nodes[node.0 as usize] {
            Node::Leaf(_) => None,
            Node::Branch(variable, _) => Some(*variable),
        }
    }

    /// Where the edges of any of the nodes end, if it tests this variable.
    fn ends(&self, variable: VarId, nodes: &[NodeId]) -> Vec<i64> {
        let mut ends: Vec<i64> = Vec::new();
        for node in nodes {
            if let Node::Branch(v, edges) = &self.nodes[node.0 as usize]
                && *v == variable
            {
                ends.extend(edges.iter().map(|(end, _)| *end));
            }
        }
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// Where a node leads if the variable has this word.
    fn at(&self, node: NodeId, variable: VarId, word: i64) -> NodeId {
        match &self.nodes[node.0 as usize] {
            Node::Branch(v, edges) if *v == variable => {
                let at = edges.partition_point(|(end, _)| *end < word);
                edges.get(at).map_or(node, |(_, child)| *child)
            }
            _ => node,
        }
    }

    fn make(&mut self, variable: VarId, edges: Vec<(i64, NodeId)>) -> NodeId {
        let mut kept: Vec<(i64, NodeId)> = Vec::with_capacity(edges.len());
        for (end, child) in edges {
            match kept.last_mut() {
                Some((before, same)) if *same == child => *before = end,
                _ => kept.push((end, child)),
            }
        }
        match &kept[..] {
            [] => Self::FALSE,
            [(_, only)] => *only,
            _ => self.intern(Node::Branch(variable, kept)),
        }
    }

    fn intern(&mut self, node: Node) -> NodeId {
        let next = NodeId(self.nodes.len() as u32);
        match self.known.get(&node) {
            Some(known) => *known,
            None => {
                self.known.insert(node.clone(), next);
                self.nodes.push(node);
                next
            }
        }
    }
}
