//! Twenty seeds of the simulator, in every run of the tests. Invariant: a failure names its seed.

use guiju_tests::sim::{Failure, Options, run};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

#[test]
fn no_seed_breaks_a_promise() {
    let (mut crashes, mut late, mut synced) = (0, 0, 0);
    for seed in SEEDS {
        match run(Options::of_seed(seed)) {
            Ok(record) => {
                assert!(record.blocks > 5, "seed {seed} decided only {} blocks", record.blocks);
                crashes += record.crashes;
                late += record.late_blocks;
                synced += record.synced;
            }
            Err(failure) => panic!("seed {seed}: {failure}\nagain: simulate --seed {seed}"),
        }
    }
    // A run without faults would prove little.
    assert!(crashes > 200, "only {crashes} crashes in all");
    assert!(late > 20, "only {late} blocks were decided after round 0");
    assert!(synced > 20, "only {synced} blocks were ever asked of peers");
}

#[test]
fn without_the_write_ahead_log_a_double_signature_is_found() {
    let found = SEEDS.clone().any(|seed| {
        matches!(run(Options { wal: false, ..Options::of_seed(seed) }), Err(Failure::DoubleSign { .. }))
    });
    assert!(found, "the simulator would not notice if the write-ahead log did nothing");
}

#[test]
fn a_seed_gives_one_run() {
    let options = Options { chaos_ms: 5_000, ..Options::of_seed(3) };
    assert_eq!(run(options), run(options));
}
