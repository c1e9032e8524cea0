//! What is compared: each algorithm of the table, and round robin with weights that adapt.

use bole_edge_core::balance::weights::Reports;
use bole_edge_core::balance::{ALGORITHMS, Kind, Settings, Weighting};
use std::time::Duration;

/// One way to balance.
#[derive(Clone, Debug)]
pub struct Contender {
    /// As the tables call it.
    pub name: String,
    /// What it goes by; scenarios add to it.
    pub settings: Settings,
}

/// All contenders.
pub fn contenders() -> Vec<Contender> {
    let plain = ALGORITHMS.iter().map(|row| Contender {
        name: row.name.to_owned(),
        settings: Settings { algorithm: row.kind, ..Settings::default() },
    });
    let reports = Weighting::Reports(Reports { blackout: Duration::from_secs(2), ..Reports::default() });
    let adaptive = [("latency", Weighting::Latency), ("reports", reports)].map(|(by, weighting)| Contender {
        name: format!("round-robin by {by}"),
        settings: Settings { algorithm: Kind::RoundRobin, weighting, ..Settings::default() },
    });
    plain.chain(adaptive).collect()
}
