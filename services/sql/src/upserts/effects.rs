//! What functions may do in writes of others, which are nobody's session: sequences, the time and chance. Everything else is refused with 0A000.

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_functions::context::Effects;
use bole_sql_types::{Error, Result, SqlState};
use rand::RngCore as _;

use crate::store::Database;

/// See the module.
pub(super) struct Nobody {
    pub(super) database: Arc<Database>,
    pub(super) catalog: Arc<Catalog>,
}

impl Effects for Nobody {
    fn nextval(&self, sequence: u32) -> Result<i64> {
        let definition = self.catalog.sequence(sequence).ok_or_else(|| {
            let message = format!("could not open relation with OID {sequence}");
            Error::new(SqlState::UNDEFINED_TABLE, message)
        })?;
        self.database.sequences().next(definition)
    }

    fn clock(&self) -> i64 {
        crate::session::now()
    }

    fn random(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
