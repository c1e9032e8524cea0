//! Seeds of the crash harness over databases, and flaws that it must find.

use bole_soak::sql::system::Simulated;
use bole_soak::sql::{Flaw, options};
use bole_testing::harness::{run_seed, run_seeds};

type Real = Simulated<{ Flaw::NONE }>;

/// A flaw shows within so many seeds.
const FLAW_SEEDS_MAX: u64 = 200;

#[test]
fn twenty_seeds_lose_nothing() {
    let summary = run_seeds::<Real>(0..20, &options());
    summary.assert_ok();
    assert!(summary.acknowledged > 1_000, "the seeds do too little: {summary}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let hash = |seed| run_seed::<Real>(seed, &options()).hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

/// Whether a seed shows a flaw as a violation whose text holds `text`.
fn is_found<const FLAW: u8>(text: &str) -> bool {
    let violation = |seed| run_seed::<Simulated<FLAW>>(seed, &options()).violation;
    (0..FLAW_SEEDS_MAX).filter_map(violation).any(|violation| violation.what.contains(text))
}

#[test]
fn built_in_flaws_are_found() {
    assert!(is_found::<{ Flaw::WAL_UNSYNCED }>(""), "a -wal that is not fsynced");
    assert!(is_found::<{ Flaw::MAIN_UNSYNCED }>(""), "a main.db that is not fsynced");
    assert!(is_found::<{ Flaw::MARKER_UNSYNCED }>(""), "a marker that is not fsynced");
    assert!(is_found::<{ Flaw::REPLY_EARLY }>("acknowledged, but lost"), "replies that leave early");
    assert!(is_found::<{ Flaw::JOURNAL_UNSYNCED }>("the files stand at"), "frames that move before the log");
}
