//! Seeds of the crash harness over partitions of the stream service, and flaws that it must find.

use bole_soak::streams::system::Simulated;
use bole_soak::streams::{Flaw, options};
use bole_testing::harness::{run_seed, run_seeds};

type Real = Simulated<{ Flaw::NONE }>;

/// A flaw shows within so many seeds, most within one or two.
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
    assert!(is_found::<{ Flaw::EXTENTS_UNSYNCED }>(""), "extents that are not fsynced");
    assert!(is_found::<{ Flaw::FLUSH_UNSYNCED }>(""), "flushes that are not fsynced");
    assert!(is_found::<{ Flaw::REMOVED_UNSETTLED }>(""), "files that are removed too early");
    assert!(
        is_found::<{ Flaw::SHOWN_EARLY }>("is shown, which is durable at"),
        "records that are shown early"
    );
    assert!(is_found::<{ Flaw::COMPACTED_UNSYNCED }>(""), "compacted segments that are not fsynced");
}
