//! A few kills of the real binary under load; `cargo xtask soak` makes many.

use std::time::Duration;

use bole_base::Durability;
use bole_soak::kills::{Plan, run};

#[test]
fn a_killed_node_has_every_acknowledged_write() {
    for durability in [Durability::Sync, Durability::Async] {
        let plan = Plan {
            bole: env!("CARGO_BIN_EXE_bole").into(),
            durability,
            kills: 2,
            clients: 4,
            after: Duration::from_millis(100)..Duration::from_millis(400),
            seed: 1,
        };
        let outcome = run(&plan).unwrap();
        assert!(outcome.acknowledged > 0, "{outcome:?}");
    }
}
