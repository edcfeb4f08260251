//! Frames: evidence as a flat array of words, in the order a program was compiled for. Owns the layout rules and text interning.
//! Invariant: a frame built with [`Frame::put`] holds only values that fit their types, zeroes wherever a state is not known,
//! list lengths within bounds, and text ids of its interner. Must not know: programs, JSON, machine code.
//!
//! Layout. Every root has a state word (0 known, 1 unknown, 2 absent), then its contents. A scalar is one word. A group is its
//! fields in order. A list is a length word, then `max` elements of equal stride. An optional field has a state word before it.

use crate::evaluate::{ABSENT, KNOWN, UNKNOWN};
use crate::schema::{self, Misfit};
use crate::value::{Fact, Field, Type, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Most words of a frame (8 MiB).
pub const FRAME_WORDS_MAX: u32 = 1 << 20;

/// One named thing in a frame: the as-of date, an input, or a piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Its type: a group for one certificate, a list of groups for 全部, a scalar for an input.
    pub ty: Type,
    /// Which word is its state.
    pub state: u32,
    /// First word of its contents.
    pub first: u32,
    /// Whether its absence says nothing: evidence that a policy counts on (declared without `?`) and that is not there leaves
    /// open what it would have said, so that [`Frame::put`] makes it unknown.
    pub required: bool,
}

/// Where a field lies, counted from the first word of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSlot {
    /// Its state word, if it is optional.
    pub state: Option<u32>,
    /// First word of its contents.
    pub first: u32,
}

/// A layout that a frame cannot have. The policy's author is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutFault {
    /// The root that went over the bound.
    pub root: String,
}

impl fmt::Display for LayoutFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root } = self;
        write!(
            f,
            "`{root}` 使帧超过 {FRAME_WORDS_MAX} 字，请减小列表上限 (`{root}` takes the frame over {FRAME_WORDS_MAX} words: lower the bounds of its lists)"
        )
    }
}

impl std::error::Error for LayoutFault {}

/// The order of words in the frames of one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Words of a frame.
    pub words: u32,
    /// Roots in order.
    pub roots: Vec<Root>,
}

impl Layout {
    /// The layout with these roots. Errors: more than [`FRAME_WORDS_MAX`] words.
    pub fn of(roots: &[(String, Type)]) -> Result<Self, LayoutFault> {
        let mut layout = Self { words: 0, roots: Vec::with_capacity(roots.len()) };
        for (name, ty) in roots {
            let state = layout.words;
            layout.words = state.saturating_add(1).saturating_add(Self::words_of(ty));
            if layout.words > FRAME_WORDS_MAX {
                return Err(LayoutFault { root: name.clone() });
            }
            layout.roots.push(Root { name: name.clone(), ty: ty.clone(), state, first: state + 1, required: false });
        }
        Ok(layout)
    }

    /// Marks a root whose absence counts as unknown; does nothing if there is no such root.
    pub fn require(&mut self, root: usize) {
        if let Some(root) = self.roots.get_mut(root) {
            root.required = true;
        }
    }

    /// Words of a value's contents, without the state word of an optional field or a root; saturates.
    pub fn words_of(ty: &Type) -> u32 {
        match ty {
            Type::Group(group) => group.fields.iter().fold(0, |n: u32, f| n.saturating_add(field_words(f))),
            Type::List { element, max } => Self::words_of(element).saturating_mul(*max).saturating_add(1),
            _ => 1,
        }
    }

    /// Where field `index` of group `ty` lies. `None` if `ty` is no group or has no such field.
    pub fn field_offset(ty: &Type, index: usize) -> Option<FieldSlot> {
        let Type::Group(group) = ty else { return None };
        let field = group.fields.get(index)?;
        let start = group.fields[..index].iter().fold(0, |n: u32, f| n.saturating_add(field_words(f)));
        Some(if field.optional {
            FieldSlot { state: Some(start), first: start.saturating_add(1) }
        } else {
            FieldSlot { state: None, first: start }
        })
    }

    /// Index of the root with this name.
    pub fn root(&self, name: &str) -> Option<usize> {
        self.roots.iter().position(|r| r.name == name)
    }
}

fn field_words(field: &Field) -> u32 {
    Layout::words_of(&field.ty).saturating_add(u32::from(field.optional))
}

/// Texts by id. Ids below the number of literals are the program's literals; the rest are given out in order of arrival, so
/// an id means something only beside its interner.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    ids: BTreeMap<String, i64>,
    texts: Vec<String>,
}

impl Interner {
    /// An interner in which the id of literal `i` is `i`.
    pub fn new(literals: &[String]) -> Self {
        let mut interner = Self { ids: BTreeMap::new(), texts: literals.to_vec() };
        for (i, text) in literals.iter().enumerate().rev() {
            interner.ids.insert(text.clone(), i as i64);
        }
        interner
    }

    /// The id of `text`; equal texts have equal ids.
    pub fn intern(&mut self, text: &str) -> i64 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.texts.len() as i64;
        self.ids.insert(text.to_owned(), id);
        self.texts.push(text.to_owned());
        id
    }

    /// The text with this id, if it was given out.
    pub fn text(&self, id: i64) -> Option<&str> {
        self.texts.get(usize::try_from(id).ok()?).map(String::as_str)
    }
}

/// Why a fact could not be put into a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// The layout has no such root. The caller is at fault.
    NoSuchRoot(usize),
    /// The frame was made for another layout. The caller is at fault.
    OtherLayout,
    /// The fact does not fit its type. Whoever supplied it is at fault.
    Misfit {
        /// The root it was meant for.
        root: String,
        /// Where and why.
        misfit: Misfit,
    },
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchRoot(i) => write!(f, "布局没有第 {i} 项 (the layout has no root {i})"),
            Self::OtherLayout => f.write_str("帧属于另一布局 (the frame belongs to another layout)"),
            Self::Misfit { root, misfit } if misfit.path.is_empty() => write!(f, "{root}{misfit}"),
            Self::Misfit { root, misfit } => write!(f, "{root}.{misfit}"),
        }
    }
}

impl std::error::Error for FrameFault {}

/// Evidence as words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    words: Vec<i64>,
}

impl Frame {
    /// A frame in which every root is unknown.
    pub fn new(layout: &Layout) -> Self {
        let mut frame = Self { words: vec![0; layout.words as usize] };
        for root in &layout.roots {
            frame.words[root.state as usize] = i64::from(UNKNOWN);
        }
        frame
    }

    /// A frame of these words, whatever they are: for tests that feed engines what no layout allows, and for benchmarks that
    /// fill rows themselves. Engines are total over any words.
    pub fn from_words(words: Vec<i64>) -> Self {
        Self { words }
    }

    /// Puts `fact` into root `root`, replacing what was there.
    pub fn put(
        &mut self,
        layout: &Layout,
        root: usize,
        fact: &Fact,
        interner: &mut Interner,
    ) -> Result<(), FrameFault> {
        let Some(at) = layout.roots.get(root) else { return Err(FrameFault::NoSuchRoot(root)) };
        if self.words.len() != layout.words as usize {
            return Err(FrameFault::OtherLayout);
        }
        schema::check(&at.ty, fact).map_err(|misfit| FrameFault::Misfit { root: at.name.clone(), misfit })?;
        let state = if at.required && *fact == Fact::Absent { UNKNOWN } else { state_of(fact) };
        self.words[at.state as usize] = i64::from(state);
        let end = at.first as usize + Layout::words_of(&at.ty) as usize;
        let words = &mut self.words[at.first as usize..end];
        words.fill(0);
        if let Fact::Known(value) = fact {
            write(words, &at.ty, value, interner);
        }
        Ok(())
    }

    /// Its words.
    pub fn words(&self) -> &[i64] {
        &self.words
    }
}

/// The state word of a fact.
pub fn state_of(fact: &Fact) -> u8 {
    match fact {
        Fact::Known(_) => KNOWN,
        Fact::Unknown => UNKNOWN,
        Fact::Absent => ABSENT,
    }
}

/// Writes a value that was checked against `ty` into words that are all zero.
fn write(words: &mut [i64], ty: &Type, value: &Value, interner: &mut Interner) {
    match (ty, value) {
        (_, Value::Boolean(b)) => words[0] = i64::from(*b),
        (_, Value::Integer(n)) => words[0] = *n,
        (_, Value::Date(d)) => words[0] = i64::from(d.days()),
        (_, Value::Month(m)) => words[0] = i64::from(m.index()),
        (_, Value::Text(t)) => words[0] = interner.intern(t),
        (_, Value::Enum(e)) => words[0] = i64::from(*e),
        (Type::Group(group), Value::Group(facts)) => {
            let mut at = 0;
            for (field, fact) in group.fields.iter().zip(facts) {
                if field.optional {
                    words[at] = i64::from(state_of(fact));
                    at += 1;
                }
                let end = at + Layout::words_of(&field.ty) as usize;
                if let Fact::Known(value) = fact {
                    write(&mut words[at..end], &field.ty, value, interner);
                }
                at = end;
            }
        }
        (Type::List { element, .. }, Value::List(values)) => {
            words[0] = values.len() as i64;
            let stride = Layout::words_of(element) as usize;
            if stride == 0 {
                return;
            }
            for (slot, value) in words[1..].chunks_exact_mut(stride).zip(values) {
                write(slot, element, value, interner);
            }
        }
        // `schema::check` refuses a group or list whose type is neither.
        (_, Value::Group(_) | Value::List(_)) => {}
    }
}
