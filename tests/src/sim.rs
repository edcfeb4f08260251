//! A network of real replicas in simulated time, with simulated links and disks. Owns the run: chaos, healing, verdict.
//! Invariant: all chance comes from the seed; every promise is checked at the step that could break it.
//! Must not know: how the replica works inside; it sees events and actions only, as the server does.
//!
//! The simulated server does a replica's actions one at a time, and can lose the node **between any two of them**:
//! what was appended and not synced is then gone, in whole or but for a prefix; what was committed is there.

mod check;
mod dice;
mod ledger;
mod world;

pub use self::check::{Failure, Record};
pub use self::ledger::{CLIENT, SimLedger, Store, genesis};

use self::dice::Dice;
use self::world::World;

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Decides everything else.
    pub seed: u64,
    /// Whether the write-ahead log works. Without it a run must fail sooner or later: that tests the simulator.
    pub wal: bool,
    /// Simulated milliseconds of faults, before the network heals.
    pub chaos_ms: u64,
}

impl Options {
    /// The usual run of `seed`.
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, wal: true, chaos_ms: 30_000 }
    }
}

/// Fault rates of one run, in parts of ten thousand. Each seed draws its own: all faults at once hide bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Messages lost.
    pub drop: u32,
    /// Messages delivered twice.
    pub duplicate: u32,
    /// Messages delayed far beyond the usual.
    pub reorder: u32,
    /// Messages with a changed byte.
    pub corrupt: u32,
    /// Crashes after an action.
    pub crash: u32,
    /// Longest usual delay of a message, in milliseconds.
    pub delay_ms: u64,
    /// How far clocks are apart, in milliseconds.
    pub skew_ms: u64,
    /// Longest a disk sync takes, in milliseconds.
    pub sync_ms: u64,
    /// Milliseconds between cuts of one node from all others; 0 for none.
    pub cut_every_ms: u64,
    /// Milliseconds between two transactions by clients, on average.
    pub submit_every_ms: u64,
    /// One node that forgets its write-ahead log at every crash and so lies by signing twice: less than a third.
    pub amnesiac: Option<usize>,
    /// One node that proposes blocks with a wrong state root. Never another than the amnesiac: one liar of four.
    pub crook: Option<usize>,
}

impl Faults {
    fn draw(dice: &mut Dice) -> Self {
        let liar = dice.below(10) as usize;
        let some = |dice: &mut Dice, max: u32| if dice.chance(5_000) { dice.below(u64::from(max)) as u32 } else { 0 };
        Self {
            drop: some(dice, 2_000),
            duplicate: some(dice, 1_000),
            reorder: some(dice, 1_000),
            corrupt: some(dice, 200),
            // Crashes are what this simulator is for: never none.
            crash: 10 + dice.below(110) as u32,
            delay_ms: 1 + dice.below(60),
            skew_ms: dice.below(800),
            sync_ms: dice.below(12),
            cut_every_ms: if dice.chance(5_000) { 1_500 + dice.below(6_000) } else { 0 },
            submit_every_ms: 20 + dice.below(400),
            amnesiac: (liar < 4).then_some(liar),
            crook: (4..8).contains(&liar).then(|| liar - 4),
        }
    }

    /// No faults: the network after healing.
    fn none(self) -> Self {
        Self { drop: 0, duplicate: 0, reorder: 0, corrupt: 0, crash: 0, cut_every_ms: 0, delay_ms: 5, ..self }
    }
}

/// Runs one seed to its verdict. Errors: the promise that was broken, and where.
pub fn run(options: Options) -> Result<Record, Failure> {
    let mut dice = Dice::new(options.seed);
    let faults = Faults::draw(&mut dice);
    let mut world = World::new(dice, faults, options.wal);
    world.run_until(options.chaos_ms)?;
    world.heal(faults.none())?;
    world.expect_progress()?;
    Ok(world.record())
}

/// One node is dead from the start and nothing else is wrong. Gives how long each of `count` transactions, sent one
/// after another to the others, took from its submission to its commitment anywhere, in simulated milliseconds.
pub fn latencies_with_one_dead(seed: u64, count: usize) -> Result<Vec<u64>, Failure> {
    let mut world = calm(seed);
    world.bury(3);
    world.run_until(1_000)?;
    (0..count).map(|i| world.time_one(i % 3)).collect()
}

/// All nodes are woken for a height whose only transaction dies with the node that had it.
pub fn height_opened_for_nothing(seed: u64) -> Result<(), Failure> {
    let mut world = calm(seed);
    world.run_until(1_000)?;
    world.open_and_die()
}

fn calm(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let faults = Faults::draw(&mut dice).none();
    World::new(dice, Faults { submit_every_ms: 0, skew_ms: 0, sync_ms: 4, amnesiac: None, crook: None, ..faults }, true)
}
