//! Seeds of the crash harness over a topic with a write-behind sink.

use std::sync::atomic::Ordering;

use bole_soak::sink::{BATCHES, Simulated, options};
use bole_testing::harness::{run_seed, run_seeds};

#[test]
fn after_every_crash_the_database_is_the_topic_up_to_the_position() {
    let summary = run_seeds::<Simulated<false>>(0..20, &options());
    summary.assert_ok();
    let batches = BATCHES.load(Ordering::Relaxed);
    assert!(
        summary.acknowledged > 1_000 && batches > 200,
        "the seeds do too little: {batches} batches, {summary}"
    );
}

#[test]
fn a_position_apart_from_the_writes_is_found() {
    let violation = |seed| run_seed::<Simulated<true>>(seed, &options()).violation;
    let is_found = (0..50)
        .filter_map(violation)
        .any(|violation| violation.what.contains("the topic's records up to the position say"));
    assert!(is_found);
}
