//! Seeds of the crash harness over buckets of objects, and flaws that it must find.

use bole_soak::blobs::system::Simulated;
use bole_soak::blobs::{Flaw, options};
use bole_testing::harness::{run_seed, run_seeds};

type Real = Simulated<{ Flaw::NONE }>;

/// A flaw shows within so many seeds, most within one or two.
const FLAW_SEEDS_MAX: u64 = 100;

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
    assert!(is_found::<{ Flaw::REPLY_EARLY }>("acknowledged, but lost"), "replies that leave early");
    assert!(is_found::<{ Flaw::CHUNK_UNSYNCED }>("chunk"), "chunks that are not fsynced");
    assert!(is_found::<{ Flaw::RECLAIM_EARLY }>("chunk"), "chunks that go too early");
    assert!(is_found::<{ Flaw::EVENTS_APART }>("not the replay"), "events that follow their entries");
    assert!(is_found::<{ Flaw::KEYS_FORGOTTEN }>("which is not in the key file"), "keys that are forgotten");
}
