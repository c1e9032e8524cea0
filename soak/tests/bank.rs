//! Contention on real threads and a real disk.

use std::time::Duration;

use bole_soak::bank::{Plan, run};

#[test]
fn overlapping_transactions_neither_block_nor_lose() {
    let dir = bole_testing::process::temp_dir("bank").unwrap();
    let plan = Plan { threads: 8, operations: 150, timeout: Duration::from_mins(1) };
    let outcome = run(dir.path(), &plan).unwrap();
    assert!(outcome.transfers > 100 && outcome.groups > 50 && outcome.swaps > 10, "{outcome:?}");
}
