//! What clients are told besides results.

use bole_sql_types::{Error, SqlState};

use super::Session;
use crate::protocol::backend::{self, Severity};

impl Session {
    /// Tells the client, unless it wants to hear less.
    pub(crate) fn report(&mut self, severity: Severity, error: &Error) {
        let least = match severity {
            Severity::Error | Severity::Fatal => u8::MAX,
            Severity::Warning => 1,
            Severity::Notice => 0,
        };
        if least >= self.shared.settings.lock().derived().client_min_messages {
            backend::report(&mut self.out.buffer, severity, error);
        }
    }

    /// A notice.
    pub(crate) fn notice(&mut self, message: &str) {
        self.report(Severity::Notice, &Error::new(SqlState::SUCCESSFUL_COMPLETION, message));
    }

    /// A warning.
    pub(crate) fn warn(&mut self, state: SqlState, message: impl Into<String>) {
        self.report(Severity::Warning, &Error::new(state, message));
    }
}
