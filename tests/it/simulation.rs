//! Twenty seeds of the simulator, in every run of the tests. Invariant: a failure names its seed.

use guiju_tests::sim::{Failure, Options, height_opened_for_nothing, latencies_with_one_dead, run};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

#[test]
fn no_seed_breaks_a_promise() {
    let (mut blocks, mut crashes, mut late, mut synced, mut lies) = (0, 0, 0, 0, 0);
    for seed in SEEDS {
        match run(Options::of_seed(seed)) {
            Ok(record) => {
                blocks += record.blocks;
                crashes += record.crashes;
                late += record.late_blocks;
                synced += record.synced;
                lies += record.lies;
            }
            Err(failure) => panic!("seed {seed}: {failure}\nagain: simulate --seed {seed}"),
        }
    }
    // Runs without faults, or without blocks, would prove little.
    assert!(blocks > 250, "only {blocks} blocks in all");
    assert!(crashes > 200, "only {crashes} crashes in all");
    assert!(late > 20, "only {late} blocks were decided after round 0");
    assert!(synced > 20, "only {synced} blocks were ever asked of peers");
    assert!(lies > 0, "no node ever lied");
}

#[test]
fn without_the_write_ahead_log_a_double_signature_is_found() {
    let found = SEEDS
        .clone()
        .any(|seed| matches!(run(Options { wal: false, ..Options::of_seed(seed) }), Err(Failure::DoubleSign { .. })));
    assert!(found, "the simulator would not notice if the write-ahead log did nothing");
}

#[test]
fn a_seed_gives_one_run() {
    let options = Options { chaos_ms: 5_000, ..Options::of_seed(3) };
    assert_eq!(run(options), run(options));
}

#[test]
fn a_dead_proposer_costs_no_more_than_two_seconds() {
    let mut times = latencies_with_one_dead(1, 40).unwrap_or_else(|failure| panic!("seed 1: {failure}"));
    times.sort_unstable();
    // One height in four begins with the dead node's turn; the others must not notice.
    assert!(times[20] < 200, "half of the transactions took over {} ms", times[20]);
    assert!(times[39] < 2_000, "a transaction took {} ms", times[39]);
}

#[test]
fn a_height_opened_for_nothing_is_closed() {
    height_opened_for_nothing(1).unwrap_or_else(|failure| panic!("seed 1: {failure}"));
}
