//! Seeds of the crash harness over a topic with a write-behind sink.

use std::sync::atomic::Ordering;

use bole_soak::sink::{BATCHES, Simulated, options};
use bole_testing::harness::{run_seed, run_seeds};

fn check<const TABLE: bool>() {
    let before = BATCHES.load(Ordering::Relaxed);
    let summary = run_seeds::<Simulated<false, TABLE>>(0..20, &options());
    summary.assert_ok();
    let batches = BATCHES.load(Ordering::Relaxed) - before;
    assert!(
        summary.acknowledged > 1_000 && batches > 200,
        "the seeds do too little: {batches} batches, {summary}"
    );
}

#[test]
fn after_every_crash_the_database_is_the_topic_up_to_the_position() {
    check::<false>();
    check::<true>();
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let hash = |seed| run_seed::<Simulated<false, true>>(seed, &options()).hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

fn is_found<const TABLE: bool>() -> bool {
    let violation = |seed| run_seed::<Simulated<true, TABLE>>(seed, &options()).violation;
    (0..50)
        .filter_map(violation)
        .any(|violation| violation.what.contains("the topic's records up to the position say"))
}

#[test]
fn a_position_apart_from_the_writes_is_found() {
    assert!(is_found::<false>() && is_found::<true>());
}
