//! Seeds of the crash harness over partitions of the stream service, and flaws that it must find.

use bole_soak::streams::system::Simulated;
use bole_soak::streams::{Flaw, options};
use bole_testing::harness::{run_seed, run_seeds};

type Real = Simulated<{ Flaw::NONE }>;

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

/// The violations of ten seeds.
fn violations<const FLAW: u8>() -> Vec<String> {
    let summary = run_seeds::<Simulated<FLAW>>(0..10, &options());
    let found = summary.failures.into_iter().filter_map(|report| report.violation);
    found.map(|violation| violation.what).collect()
}

#[test]
fn built_in_flaws_are_found() {
    // The flaw; what is said of it.
    let rows = [
        (violations::<{ Flaw::EXTENTS_UNSYNCED }>(), ""),
        (violations::<{ Flaw::FLUSH_UNSYNCED }>(), ""),
        (violations::<{ Flaw::REMOVED_UNSETTLED }>(), ""),
        (violations::<{ Flaw::SHOWN_EARLY }>(), "is shown, which is durable at"),
        (violations::<{ Flaw::COMPACTED_UNSYNCED }>(), ""),
    ];
    for (at, (found, text)) in rows.into_iter().enumerate() {
        assert!(found.iter().any(|what| what.contains(text)), "flaw {}: {found:?}", at + 1);
    }
}
