//! Which transactional ids there are.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::protocol::messages::list_transactions::{Request, Response, TransactionState};
use crate::protocol::{ErrorCode, Text};
use crate::session::{Action, Session};
use crate::transactions::{Entry, Status};

/// States that filters may name: ours, and those that other brokers have between an open transaction and its end.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "PrepareEpochFence",
    "Dead",
];
/// Bytes that a pattern may take when it is compiled. Larger ones are refused.
const PATTERN_COMPILED_BYTES_MAX: usize = 1 << 20;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let unknown = self.state_filters.iter().filter(|state| !STATES.contains(&&***state));
        let unknown_state_filters: Vec<Text> = unknown.cloned().collect();
        match find(&session, &self) {
            Ok(transaction_states) => {
                Response { unknown_state_filters, transaction_states, ..Response::default() }.into()
            }
            Err(error) => {
                super::refused(&session);
                Response { error_code: error.code() as i16, ..Response::default() }.into()
            }
        }
    }
}

fn find(session: &Session, request: &Request) -> Result<Vec<TransactionState>, Error> {
    let pattern = request.transactional_id_pattern.as_deref().filter(|pattern| !pattern.is_empty());
    let pattern = pattern.map(compile).transpose()?;
    let now = session.service.now();
    let wanted = |id: &str, entry: &Entry| {
        let Request { state_filters, producer_id_filters, duration_filter, .. } = request;
        let producer = entry.identity.producer_id;
        let old = entry.status == Status::Ongoing && now - entry.start_ms as i64 > *duration_filter;
        (state_filters.is_empty() || state_filters.iter().any(|state| **state == *entry.status.name()))
            && (producer_id_filters.is_empty() || producer_id_filters.contains(&producer))
            && (*duration_filter < 0 || old)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
    };
    let mut found = Vec::new();
    for shard in session.service.transactions.shards() {
        let locked = shard.lock()?;
        for (id, entry) in locked.state().entries().filter(|(id, entry)| wanted(id, entry)) {
            found.push(TransactionState {
                transactional_id: Text::from(&**id),
                producer_id: entry.identity.producer_id,
                transaction_state: Text::from_static(entry.status.name()),
            });
        }
    }
    found.retain(|found| session.may(Action::Describe, "transactional_id", &found.transactional_id));
    Ok(found)
}

/// A pattern that has to match the whole id.
fn compile(pattern: &str) -> Result<regex::Regex, Error> {
    let whole = format!("^(?:{pattern})$");
    let compiled = regex::RegexBuilder::new(&whole).size_limit(PATTERN_COMPILED_BYTES_MAX).build();
    compiled
        .map_err(|error| Error::refused(ErrorCode::InvalidRegularExpression, format!("{pattern:?}: {error}")))
}
