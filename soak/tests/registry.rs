//! Seeds of the crash harness over the schema registry.

use bole_soak::registry::{Simulated, options};
use bole_testing::harness::{run_seed, run_seeds};

#[test]
fn twenty_seeds_lose_nothing() {
    let summary = run_seeds::<Simulated>(0..20, &options());
    summary.assert_ok();
    assert!(summary.acknowledged > 500, "the seeds do too little: {summary}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let hash = |seed| run_seed::<Simulated>(seed, &options()).hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}
