//! The session that rows are computed in: its zone is Europe/Berlin.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_functions::{Effects, Session};

/// Effects that rows do not have.
struct Nothing;

impl Effects for Nothing {
    fn clock(&self) -> i64 {
        0
    }

    fn may(&self, _: &str, _: &str) -> bool {
        true
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// The session.
pub(crate) fn session() -> Arc<Session> {
    Arc::new(Session {
        transaction_time: 0,
        statement_time: 0,
        time_zone: "Europe/Berlin".to_owned(),
        user: "bole".to_owned(),
        settings: Arc::new(BTreeMap::new()),
        search_path: vec![11, 2_200],
        process_id: 1,
        catalog: Arc::new(Catalog::fresh("test")),
        effects: Arc::new(Nothing),
    })
}
