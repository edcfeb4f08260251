//! The log survives torn tails, refuses damage, and forgets finished heights.

use super::*;

fn open(dir: &Path, above: u64) -> Result<(WalFile, Vec<WalEntry>), WalError> {
    WalFile::open(dir, Height(above))
}

fn entry(height: u64, payload: &[u8]) -> WalEntry {
    WalEntry { height: Height(height), payload: payload.to_vec() }
}

fn three_synced(dir: &Path) -> Vec<u8> {
    let (mut wal, entries) = open(dir, 0).expect("opens");
    assert!(entries.is_empty());
    for (h, p) in [(1, &b"first"[..]), (1, b"second"), (2, b"third")] {
        wal.append(Height(h), p).expect("appends");
        wal.sync().expect("syncs");
    }
    fs::read(dir.join("consensus.wal")).expect("reads")
}

#[test]
fn records_come_back_in_order_and_finished_heights_do_not() {
    let dir = tempfile::tempdir().expect("temporary folder");
    three_synced(dir.path());
    let (mut wal, entries) = open(dir.path(), 0).expect("opens");
    assert_eq!(entries, [entry(1, b"first"), entry(1, b"second"), entry(2, b"third")]);
    wal.append(Height(2), b"fourth").expect("appends");
    wal.sync().expect("syncs");
    let (_, entries) = open(dir.path(), 1).expect("opens");
    assert_eq!(entries, [entry(2, b"third"), entry(2, b"fourth")]);
}

#[test]
fn a_torn_tail_is_dropped_at_every_length_and_writing_goes_on() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let good = three_synced(dir.path());
    let second_ends = OVERHEAD_BYTES * 2 + 11;
    for cut in second_ends..good.len() {
        fs::write(dir.path().join("consensus.wal"), &good[..cut]).expect("writes");
        let (mut wal, entries) = open(dir.path(), 0).expect("opens");
        assert_eq!(entries.len(), 2, "cut at {cut}");
        wal.append(Height(3), b"again").expect("appends");
        wal.sync().expect("syncs");
        let (_, entries) = open(dir.path(), 0).expect("opens");
        assert_eq!(entries[2], entry(3, b"again"), "cut at {cut}");
    }
}

#[test]
fn a_flip_in_a_synced_record_before_the_last_is_fatal() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let good = three_synced(dir.path());
    for bit in 0..(OVERHEAD_BYTES * 2 + 11) * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(dir.path().join("consensus.wal"), &bad).expect("writes");
        assert!(matches!(open(dir.path(), 0), Err(WalError::Corrupt { .. })), "bit {bit}");
    }
}

#[test]
fn an_unsynced_group_may_be_torn_in_any_order() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (mut wal, _) = open(dir.path(), 0).expect("opens");
    wal.append(Height(1), b"synced").expect("appends");
    wal.sync().expect("syncs");
    wal.append(Height(1), b"lost").expect("appends");
    wal.append(Height(1), b"written, but after a hole").expect("appends");
    drop(wal);
    let path = dir.path().join("consensus.wal");
    let mut bytes = fs::read(&path).expect("reads");
    let hole = OVERHEAD_BYTES + 6;
    bytes[hole..hole + 20].fill(0);
    fs::write(&path, &bytes).expect("writes");
    let (_, entries) = open(dir.path(), 0).expect("opens");
    assert_eq!(entries, [entry(1, b"synced")]);
}

#[test]
fn rotation_keeps_what_is_above_the_height_and_bounds_the_file() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (mut wal, _) = open(dir.path(), 0).expect("opens");
    for h in 1..=64 {
        wal.append(Height(h), &[7; 100_000]).expect("appends");
        wal.append(Height(h + 1), b"early").expect("appends");
        wal.sync().expect("syncs");
        wal.truncate(Height(h)).expect("truncates");
        assert!(fs::metadata(dir.path().join("consensus.wal")).expect("exists").len() < 2 * ROTATE_BYTES);
    }
    drop(wal);
    let (_, entries) = open(dir.path(), 64).expect("opens");
    assert_eq!(entries, [entry(65, b"early")]);
    assert!(matches!(
        open(dir.path(), 64).expect("opens").0.append(Height(65), &vec![0; WAL_RECORD_BYTES_MAX + 1]),
        Err(WalError::TooLong(_))
    ));
}
