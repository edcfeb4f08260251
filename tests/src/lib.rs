//! What the tests share: the deterministic simulator of a whole network of nodes.
//! Invariant: one seed gives one run, down to the last event. Must not know: real clocks, sockets, disks.
pub mod sim;
