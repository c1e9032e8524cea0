//! Seeds of the crash harness over the keyspace, and flaws that it must find.

use bole_soak::system::{Flaw, Simulated};
use bole_testing::harness::{run_seed, run_seeds};

type Real = Simulated<{ Flaw::NONE }>;

#[test]
fn twenty_seeds_lose_nothing() {
    let summary = run_seeds::<Real>(0..20, &bole_soak::options());
    summary.assert_ok();
    assert!(summary.acknowledged > 1_000, "the seeds do too little: {summary}");
}

#[test]
fn feeds_tell_what_databases_hold_after_every_crash_of_twenty_seeds() {
    let summary = run_seeds::<Simulated<{ Flaw::NONE }, true>>(0..20, &bole_soak::options());
    summary.assert_ok();
    assert!(summary.acknowledged > 1_000, "the seeds do too little: {summary}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let hash = |seed| run_seed::<Real>(seed, &bole_soak::options()).hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

/// The violations of ten seeds.
fn violations<const FLAW: u8>() -> Vec<String> {
    let summary = run_seeds::<Simulated<FLAW>>(0..10, &bole_soak::options());
    summary
        .failures
        .into_iter()
        .filter_map(|report| report.violation)
        .map(|violation| violation.what)
        .collect()
}

#[test]
fn built_in_flaws_are_found() {
    let early = violations::<{ Flaw::REPLY_EARLY }>();
    assert!(early.iter().any(|what| what.contains("acknowledged, but lost")), "{early:?}");
    let unsynced = violations::<{ Flaw::CHECKPOINT_UNSYNCED }>();
    assert!(unsynced.iter().any(|what| what.contains(".sections")), "{unsynced:?}");
}
