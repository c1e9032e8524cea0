//! The harness finds what it is there to find: a small system that keeps its promises passes, and each of its broken
//! variants is caught.

mod toy;

use bole_testing::harness::{Dangers, Options, run_seed, run_seeds};
use toy::{Flaw, Toy};

const SEEDS: u64 = 60;

fn options() -> Options {
    Options { clients: 3, operations_per_client: 8, ..Options::default() }
}

/// Runs seeds until one fails; the text of its report.
fn caught<const FLAW: u8, const PLACED: bool>(options: &Options) -> Option<String> {
    let reports = (0..SEEDS).map(|seed| run_seed::<Toy<FLAW, PLACED>>(seed, options));
    reports.into_iter().find(|report| report.violation.is_some()).map(|report| report.to_string())
}

#[test]
fn a_correct_system_passes_with_positions_and_by_search() {
    let placed = run_seeds::<Toy<{ Flaw::NONE }, true>>(0..SEEDS, &options());
    placed.assert_ok();
    let searched = run_seeds::<Toy<{ Flaw::NONE }, false>>(0..SEEDS, &options());
    searched.assert_ok();
    assert!(placed.acknowledged > SEEDS * 20 && placed.operations > placed.acknowledged, "{placed}");
    assert!(placed.crashes.len() == 3 && placed.crashes_in_recovery > 10, "{placed}");
}

#[test]
fn damage_may_be_refused_but_not_served() {
    let dangers = Dangers { silent_damage: true, ..Dangers::default() };
    let summary = run_seeds::<Toy<{ Flaw::NONE }, true>>(0..SEEDS, &Options { dangers, ..options() });
    summary.assert_ok();
    assert!(summary.refused > 0, "{summary}");
}

#[test]
fn every_flaw_is_caught() {
    let options = options();
    let damaged =
        Options { dangers: Dangers { silent_damage: true, ..Dangers::default() }, ..options.clone() };
    let rows = [
        ("acknowledges before fsync", caught::<{ Flaw::ACK_BEFORE_SYNC }, true>(&options)),
        ("acknowledges before fsync, searched", caught::<{ Flaw::ACK_BEFORE_SYNC }, false>(&options)),
        ("applies half a batch", caught::<{ Flaw::HALF_BATCH }, true>(&options)),
        ("applies half a batch, searched", caught::<{ Flaw::HALF_BATCH }, false>(&options)),
        ("goes on after a failed fsync", caught::<{ Flaw::RETRIES_SYNC }, true>(&options)),
        ("serves a tail that is only in the cache", caught::<{ Flaw::UNSYNCED_TAIL }, true>(&options)),
        ("takes a torn tail for damage", caught::<{ Flaw::REFUSES_TAIL }, true>(&options)),
        ("does not sync the name of its file", caught::<{ Flaw::UNSYNCED_NAME }, true>(&options)),
        ("checks no checksum", caught::<{ Flaw::NO_CHECKSUM }, true>(&damaged)),
        ("hangs when the disk is full", caught::<{ Flaw::HANGS_WHEN_FULL }, true>(&options)),
        ("panics when the disk fails", caught::<{ Flaw::PANICS }, true>(&options)),
    ];
    for (flaw, report) in rows {
        let report = report.unwrap_or_else(|| panic!("not caught: {flaw}"));
        assert!(report.contains("cargo xtask soak --seed "), "{report}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| run_seed::<Toy<{ Flaw::NONE }, true>>(seed, &options());
    let (first, second) = (run(11), run(11));
    assert_eq!((first.hash, first.to_string()), (second.hash, second.to_string()));
    assert_ne!(first.hash, run(12).hash);
}
