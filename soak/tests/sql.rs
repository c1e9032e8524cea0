//! Seeds of the crash harness over databases, and flaws that it must find.

use bole_soak::sql::system::Simulated;
use bole_soak::sql::{Flaw, options, shifting};
use bole_testing::harness::{run_seed, run_seeds};

type Real = Simulated<{ Flaw::NONE }>;
type RealThatShifts = shifting::Simulated<{ Flaw::NONE }>;

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

#[test]
fn ten_seeds_of_what_shifts_lose_nothing() {
    let summary = run_seeds::<RealThatShifts>(0..10, &shifting::options());
    summary.assert_ok();
    assert!(summary.acknowledged > 500, "the seeds do too little: {summary}");
}

#[test]
fn the_same_seed_of_what_shifts_gives_the_same_run() {
    let hash = |seed| run_seed::<RealThatShifts>(seed, &shifting::options()).hash;
    assert_eq!(hash(1), hash(1));
}

/// The same of what shifts.
fn is_found_shifting<const FLAW: u8>(text: &str) -> bool {
    let violation = |seed| run_seed::<shifting::Simulated<FLAW>>(seed, &shifting::options()).violation;
    (0..FLAW_SEEDS_MAX).filter_map(violation).any(|violation| violation.what.contains(text))
}

#[test]
fn temporary_tables_that_stay_are_found() {
    assert!(is_found_shifting::<{ Flaw::TEMPORARY_KEPT }>("a temporary table is left"));
}

#[test]
fn columns_that_the_log_does_not_know_are_found() {
    assert!(is_found_shifting::<{ Flaw::DDL_UNLOGGED }>("no such column"));
}

#[test]
fn feeds_that_miss_entries_are_found() {
    assert!(is_found_shifting::<{ Flaw::FEED_LOSES }>("the feed of"));
}

#[test]
fn databases_that_are_told_of_early_are_found() {
    assert!(is_found_shifting::<{ Flaw::DATABASE_EARLY }>("Database("));
}
