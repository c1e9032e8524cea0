//! The session that rows are computed in: its zone is Europe/Berlin.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_functions::context::Advisory;
use bole_sql_functions::{Effects, Session};
use bole_sql_types::{Error, Result};

/// Effects that rows do not have.
struct Nothing;

fn none<T>() -> Result<T> {
    Err(Error::unsupported("an effect in this test"))
}

impl Effects for Nothing {
    fn nextval(&self, _: u32) -> Result<i64> {
        none()
    }

    fn currval(&self, _: u32) -> Result<i64> {
        none()
    }

    fn lastval(&self) -> Result<i64> {
        none()
    }

    fn setval(&self, _: u32, _: i64, _: bool) -> Result<()> {
        none()
    }

    fn notify(&self, _: &str, _: &str) -> Result<()> {
        none()
    }

    fn publish(&self, _: &str, _: Option<&[u8]>, _: Option<&[u8]>) -> Result<()> {
        none()
    }

    fn cache_delete(&self, _: i64, _: &[u8]) -> Result<()> {
        none()
    }

    fn clock(&self) -> i64 {
        0
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn set_config(&self, _: &str, _: Option<&str>, _: bool) -> Result<String> {
        none()
    }

    fn relation_size(&self, _: u32) -> i64 {
        0
    }

    fn sleep(&self, _: f64) -> Result<()> {
        none()
    }

    fn advisory(&self, _: Advisory, _: i64) -> Result<bool> {
        none()
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
