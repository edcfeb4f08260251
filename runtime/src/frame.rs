//! Placeholder shape of the frame layout until the engine's file lands.
use crate::value::Type;

/// Where every root of a frame lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Words of a frame.
    pub words: u32,
    /// Roots in order.
    pub roots: Vec<Root>,
}

/// One root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Word index of its state.
    pub state: u32,
    /// First word of its contents.
    pub first: u32,
}
