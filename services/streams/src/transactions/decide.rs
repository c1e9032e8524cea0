//! The rules, without I/O: what a request about a transactional id comes to, given what is known of the id.
//!
//! They are Kafka's (KIP-98, KIP-360, KIP-890), less all that is about transactions between "open" and "ended", which do not exist here. A client of the
//! older protocol keeps its epoch from transaction to transaction; one of the newer (`EndTxn` 5) gets the next epoch with each end.

use std::sync::Arc;

use super::effect::Effect;
use super::state::{Entry, Identity, Place, State, Status};
use crate::Error;
use crate::limits::{
    GROUPS_PER_TRANSACTION_MAX, PARTITIONS_PER_TRANSACTION_MAX, TRANSACTION_TIMEOUT_MS_MAX,
    TRANSACTIONAL_ID_BYTES_MAX, TRANSACTIONAL_IDS_PER_SHARD_MAX,
};
use crate::protocol::ErrorCode;

/// The last epoch that a client gets. One more is left to fence it without a new producer id.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// `InitProducerId` with a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The transactional id.
    pub id: Arc<str>,
    /// A transaction that is open for longer is aborted, in milliseconds.
    pub timeout_ms: i32,
    /// What the producer has and wants to go on with (version 3 and above).
    pub expected: Option<Identity>,
}

/// `EndTxn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The transactional id.
    pub id: Arc<str>,
    /// Who ends it.
    pub by: Identity,
    /// Commit, or abort.
    pub commit: bool,
    /// Whether the client gets the next epoch (version 5 and above).
    pub bump: bool,
}

/// The markers that end a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Commit, or abort.
    pub commit: bool,
    /// Whose transaction it is, with the epoch that the markers carry.
    pub identity: Identity,
}

/// What a request to begin or to end comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing changes; this is the answer.
    Keep(Identity),
    /// The id is settled anew.
    Settle {
        /// How.
        effect: Effect,
        /// The answer.
        answer: Identity,
        /// Set where a transaction was open.
        mark: Option<Mark>,
    },
    /// A producer id is needed that nobody had before; ask again with it.
    NeedsProducerId,
}

fn refuse<T>(code: ErrorCode, text: impl Into<String>) -> Result<T, Error> {
    Err(Error::refused(code, text))
}

/// Whether `id` can be a transactional id. Errors: `InvalidRequest`.
pub fn check_id(id: &str) -> Result<(), Error> {
    if id.is_empty() || id.len() > TRANSACTIONAL_ID_BYTES_MAX {
        let bytes = id.len();
        let text =
            format!("a transactional id of {bytes} bytes; it has 1 to {TRANSACTIONAL_ID_BYTES_MAX} bytes");
        return refuse(ErrorCode::InvalidRequest, text);
    }
    Ok(())
}

fn fenced(id: &str, by: Identity, current: Identity) -> Error {
    let text = format!(
        "transactional id {id:?} belongs to epoch {} of producer {} now; epoch {} of producer {} is fenced",
        current.epoch, current.producer_id, by.epoch, by.producer_id
    );
    Error::refused(ErrorCode::ProducerFenced, text)
}

fn unmapped(id: &str, producer_id: i64) -> Error {
    let text = format!("producer {producer_id} does not hold transactional id {id:?}; initialize it again");
    Error::refused(ErrorCode::InvalidProducerIdMapping, text)
}

/// What is known of the id, if `by` may write. Errors: `InvalidProducerIdMapping`, `ProducerFenced`.
pub fn current<'a>(state: &'a State, id: &str, by: Identity) -> Result<&'a Entry, Error> {
    let entry = state.entry(id).filter(|entry| entry.identity.producer_id == by.producer_id);
    let entry = entry.ok_or_else(|| unmapped(id, by.producer_id))?;
    if entry.identity.epoch != by.epoch {
        return Err(fenced(id, by, entry.identity));
    }
    Ok(entry)
}

/// The identity after `identity`; `None` if that takes a new producer id and there is none.
fn next(identity: Identity, fresh: Option<i64>) -> Option<Identity> {
    if identity.epoch >= EPOCH_MAX {
        return fresh.map(|producer_id| Identity { producer_id, epoch: 0 });
    }
    Some(Identity { epoch: identity.epoch + 1, ..identity })
}

/// The markers of a producer that loses its epoch with them.
const fn mark_above(identity: Identity, commit: bool) -> Mark {
    Mark { commit, identity: Identity { epoch: identity.epoch.saturating_add(1), ..identity } }
}

/// A producer comes: it gets an epoch that nobody has, and what its predecessor left open is aborted. `fresh` is a producer id that nobody had before, if one
/// was taken. Errors: `InvalidRequest`, `InvalidTransactionTimeout`, `ProducerFenced`, `PolicyViolation` (too many ids).
pub fn init(state: &State, request: &Init, fresh: Option<i64>, now_ms: u64) -> Result<Verdict, Error> {
    let Init { id, timeout_ms, expected } = request;
    check_id(id)?;
    if !(1..=TRANSACTION_TIMEOUT_MS_MAX).contains(timeout_ms) {
        let text =
            format!("transaction.timeout.ms is {timeout_ms}; use 1 to {TRANSACTION_TIMEOUT_MS_MAX} ms");
        return refuse(ErrorCode::InvalidTransactionTimeout, text);
    }
    let settle = |answer, previous, mark| {
        let (id, timeout_ms) = (Arc::clone(id), timeout_ms.unsigned_abs().into());
        let (identity, status) = (answer, Status::Empty);
        let effect = Effect::Settled { id, identity, previous, timeout_ms, status, at_ms: now_ms };
        Verdict::Settle { effect, answer, mark }
    };
    let Some(entry) = state.entry(id) else {
        if state.len() >= TRANSACTIONAL_IDS_PER_SHARD_MAX {
            let text = format!("{} transactional ids are known already; use fewer", state.len());
            return refuse(ErrorCode::PolicyViolation, text);
        }
        let new = fresh.map(|producer_id| settle(Identity { producer_id, epoch: 0 }, None, None));
        return Ok(new.unwrap_or(Verdict::NeedsProducerId));
    };
    let ongoing = entry.status == Status::Ongoing;
    if let Some(expected) = expected.filter(|expected| *expected != entry.identity) {
        // A second request of the producer whose first one was answered into the void gets the same answer.
        if !ongoing && entry.previous == Some(expected) {
            return Ok(Verdict::Keep(entry.identity));
        }
        return Err(fenced(id, expected, entry.identity));
    }
    let mark = ongoing.then(|| mark_above(entry.identity, false));
    let next = next(entry.identity, fresh);
    Ok(next.map_or(Verdict::NeedsProducerId, |next| settle(next, *expected, mark)))
}

/// A producer ends its transaction. `fresh` as in [`init`]. Errors: `InvalidRequest`, `InvalidProducerIdMapping`, `ProducerFenced`, `InvalidTxnState`.
pub fn end(state: &State, request: &End, fresh: Option<i64>, now_ms: u64) -> Result<Verdict, Error> {
    let End { id, by, commit, bump } = request;
    check_id(id)?;
    let found = state.entry(id).ok_or_else(|| unmapped(id, by.producer_id))?;
    let wanted = if *commit { Status::Committed } else { Status::Aborted };
    // A request that was answered into the void comes again with the epoch that it had.
    let again = *bump && found.previous == Some(*by) && found.status == wanted;
    if again {
        return Ok(Verdict::Keep(found.identity));
    }
    let entry = current(state, id, *by)?;
    let ongoing = entry.status == Status::Ongoing;
    if !bump && entry.status == wanted {
        return Ok(Verdict::Keep(entry.identity));
    }
    if !ongoing && (*commit || !bump) {
        let (verb, state) = (if *commit { "commit" } else { "abort" }, entry.status.name());
        let text = format!("transactional id {id:?} is {state}: no transaction is open to {verb}");
        return refuse(ErrorCode::InvalidTxnState, text);
    }
    let (answer, previous, identity) = if *bump {
        let Some(next) = next(entry.identity, fresh) else { return Ok(Verdict::NeedsProducerId) };
        (next, Some(entry.identity), mark_above(entry.identity, *commit).identity)
    } else {
        (entry.identity, entry.previous, entry.identity)
    };
    let mark = ongoing.then_some(Mark { commit: *commit, identity });
    Ok(Verdict::Settle { effect: settled(id, entry, answer, previous, wanted, now_ms), answer, mark })
}

/// A transaction that is open for too long is aborted, and its producer is fenced. Kept where it is not due.
pub fn expire(entry: &Entry, id: &Arc<str>, now_ms: u64) -> Verdict {
    if entry.status != Status::Ongoing || entry.due_ms() > now_ms {
        return Verdict::Keep(entry.identity);
    }
    aborted(entry, id, now_ms)
}

/// An operator aborts the open transaction of `by`, which is fenced. Kept where none that `hangs` is open any more.
///
/// Errors: `InvalidProducerEpoch` where the transaction is of another epoch.
pub fn abort(
    entry: &Entry,
    id: &Arc<str>,
    by: Identity,
    hangs: impl Fn(&Entry) -> bool,
    now_ms: u64,
) -> Result<Verdict, Error> {
    if entry.status != Status::Ongoing || !hangs(entry) {
        return Ok(Verdict::Keep(entry.identity));
    }
    let Identity { producer_id, epoch } = entry.identity;
    if by.epoch != epoch {
        let asked = by.epoch;
        let text = format!("the transaction of producer {producer_id} is of epoch {epoch}, not {asked}");
        return refuse(ErrorCode::InvalidProducerEpoch, text);
    }
    Ok(aborted(entry, id, now_ms))
}

fn aborted(entry: &Entry, id: &Arc<str>, now_ms: u64) -> Verdict {
    let mark = mark_above(entry.identity, false);
    let answer = mark.identity;
    let effect = settled(id, entry, answer, None, Status::Aborted, now_ms);
    Verdict::Settle { effect, answer, mark: Some(mark) }
}

fn settled(
    id: &Arc<str>,
    entry: &Entry,
    identity: Identity,
    previous: Option<Identity>,
    status: Status,
    at_ms: u64,
) -> Effect {
    Effect::Settled { id: Arc::clone(id), identity, previous, timeout_ms: entry.timeout_ms, status, at_ms }
}

/// Partitions and groups become part of the producer's transaction, which is begun if none is open. `None`: they are already.
///
/// Errors: as [`current`]; `PolicyViolation` where a transaction would grow beyond its limits.
pub fn add(
    state: &State,
    id: &Arc<str>,
    by: Identity,
    partitions: &[Place],
    groups: &[Arc<str>],
    now_ms: u64,
) -> Result<Option<Effect>, Error> {
    let entry = current(state, id, by)?;
    let ongoing = entry.status == Status::Ongoing;
    let mut partitions: Vec<Place> =
        partitions.iter().filter(|place| !entry.partitions.contains(place)).copied().collect();
    partitions.sort_unstable();
    partitions.dedup();
    let groups: Vec<Arc<str>> =
        groups.iter().filter(|group| !entry.groups.contains(*group)).cloned().collect();
    if ongoing && partitions.is_empty() && groups.is_empty() {
        return Ok(None);
    }
    let counts = [
        ("partitions", entry.partitions.len() + partitions.len(), PARTITIONS_PER_TRANSACTION_MAX),
        ("groups", entry.groups.len() + groups.len(), GROUPS_PER_TRANSACTION_MAX),
    ];
    if let Some((what, count, max)) = counts.into_iter().find(|(_, count, max)| count > max) {
        let text = format!("a transaction of {id:?} would have {count} {what}; it may have {max}");
        return refuse(ErrorCode::PolicyViolation, text);
    }
    Ok(Some(Effect::Added { id: Arc::clone(id), at_ms: now_ms, partitions, groups }))
}

/// Whether a partition or a group is part of the producer's open transaction. Errors: as [`current`]; `InvalidTxnState`.
pub fn check_member(
    state: &State,
    id: &str,
    by: Identity,
    what: &str,
    is_in: impl Fn(&Entry) -> bool,
) -> Result<(), Error> {
    let entry = current(state, id, by)?;
    if entry.status == Status::Ongoing && is_in(entry) {
        return Ok(());
    }
    let status = entry.status.name();
    let text =
        format!("{what} is not in a transaction of {id:?} (state {status}); add it to the transaction first");
    refuse(ErrorCode::InvalidTxnState, text)
}
