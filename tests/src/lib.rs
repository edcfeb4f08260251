//! Fixtures, differential tests and the simulator of Guiju. Knows all three packages; none of them knows it.
//! Invariant: one seed gives one run, down to the last event. Must not know: real clocks, sockets, disks.
//! What the tests share: the deterministic simulator of a whole network of nodes.
pub mod differential;
pub mod second_evaluator;
pub mod sim;
