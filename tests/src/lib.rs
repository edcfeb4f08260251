//! Fixtures, differential tests and the simulator of Guiju. Knows all three packages; none of them knows it.
pub mod differential;
pub mod hostile;
pub mod promises;
pub mod random;
pub mod second_evaluator;
pub mod sim;
