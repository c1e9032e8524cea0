//! What answers show of commits that others have made, and so wait for (promise P2).
//!
//! A transaction that has the write ticket sees all commits before it, durable or not. Its statements note one by one what they show of
//! these. Whatever does not do so counts as showing all, and so does every error.

use bole_sql_dialect::plan::Look;
use bole_sql_types::Value;

use super::Session;
use crate::store::Seen;

/// The commits that a writing transaction sees, and who notes what is shown of them.
#[derive(Default)]
pub(super) struct Showing {
    /// All of them, from the ticket on until the answer that ends the transaction.
    all: Option<Seen>,
    /// What runs notes itself what it shows.
    is_exact: bool,
}

impl Session {
    /// Nobody has said anything of what comes.
    pub(super) const fn forget_account(&mut self) {
        self.showing.is_exact = false;
    }

    /// To be called before a statement or message: whether it notes itself what it shows.
    pub(super) fn account(&mut self, is_exact: bool) {
        self.showing.is_exact = is_exact;
        if !is_exact {
            self.show_all();
        }
    }

    /// The transaction has the ticket.
    pub(super) fn begin_showing(&mut self, all: Seen) {
        self.showing.all = Some(all);
        self.account(self.showing.is_exact);
    }

    /// An answer may show all that the transaction sees.
    pub(super) fn show_all(&mut self) {
        if let Some(all) = self.showing.all {
            self.out.saw(all);
        }
    }

    /// The answer of a statement of the transaction that has the ticket shows this, as long as it does not fail.
    pub(super) fn show(&mut self, look: &Look, parameters: &[Value]) {
        if let Some(all) = self.showing.all {
            self.out.saw(self.database.shown(all, look, parameters));
        }
    }

    /// What is answered from the catalog, an error included, tells of commits as rows do.
    pub(super) fn consult(&self) {
        *self.consulted.lock() = Some(self.database.seen_in_catalog());
    }

    /// The message is done.
    pub(super) fn end_account(&mut self) {
        self.account(self.showing.is_exact);
        if self.transaction.writer.is_none() {
            self.showing.all = None;
        }
    }
}
