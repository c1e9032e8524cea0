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
fn the_same_seed_gives_the_same_run() {
    let hash = |seed| run_seed::<Real>(seed, &bole_soak::options()).hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

#[test]
fn built_in_flaws_are_found() {
    let early = run_seeds::<Simulated<{ Flaw::REPLY_EARLY }>>(0..10, &bole_soak::options());
    let lost = |text: &str| text.contains("acknowledged, but lost");
    let found = early.failures.iter().filter_map(|report| report.violation.as_ref());
    assert!(found.filter(|violation| lost(&violation.what)).count() > 0, "{early}");
    let unsynced = run_seeds::<Simulated<{ Flaw::CHECKPOINT_UNSYNCED }>>(0..10, &bole_soak::options());
    assert!(!unsynced.failures.is_empty(), "{unsynced}");
}
