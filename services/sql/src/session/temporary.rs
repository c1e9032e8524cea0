//! What becomes of a session's temporary objects at COMMIT and at `DISCARD`.

use bole_sql_dialect::plan::SchemaChange;
use bole_sql_dialect::schema;
use bole_sql_types::Result;

use super::{Halt, Session};

impl Session {
    /// Does what `ON COMMIT` says, if the transaction has changed temporary tables. Errors: 0A000, the files.
    pub(super) fn change_temporary_at_commit(&mut self) -> Result<()> {
        let changed =
            self.transaction.writer.as_ref().is_some_and(crate::store::Writer::has_temporary_changes);
        if !changed {
            return Ok(());
        }
        let change = schema::at_commit(&self.scope(&self.catalog()))?;
        self.apply_change(&change)
    }

    /// Drops all temporary objects, in the transaction that is open.
    pub(crate) fn discard_temporary(&mut self) -> Result<(), Halt> {
        if !self.catalog().has_temporary() {
            return Ok(());
        }
        self.take_ticket(false)?;
        let change = schema::discard(&self.scope(&self.catalog()))?;
        Ok(self.apply_change(&change)?)
    }

    fn apply_change(&mut self, change: &SchemaChange) -> Result<()> {
        if change.steps.is_empty() {
            return Ok(());
        }
        self.transaction.schema_changed = true;
        let session = self.function_session(&self.catalog());
        let Some(writer) = &mut self.transaction.writer else { return Ok(()) };
        writer.context().enter(session);
        change.steps.iter().try_for_each(|step| writer.apply(step).map(drop))
    }
}
