//! Share sessions: what a member fetches, remembered between its requests. Each request carries the session's epoch, so that a lost or doubled one
//! is noticed. Nothing of this is durable: after a restart a member opens a new session.

use std::sync::Arc;

use super::{Place, live, live_mut, record};
use crate::groups::check_name;
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Code, Error, say};
use crate::groups::limits::SHARE_SESSION_PARTITIONS_MAX;
use crate::groups::state::State;

/// The epoch that opens a session.
const EPOCH_OPEN: i32 = 0;
/// The epoch that closes a session.
const EPOCH_CLOSE: i32 = -1;

/// The session part of `ShareFetch` or `ShareAcknowledge`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member's id.
    pub member_id: Arc<str>,
    /// 0 opens a session, -1 closes it, anything else must be the one that is expected.
    pub epoch: i32,
    /// Partitions that it fetches from now on, too.
    pub add: Vec<Place>,
    /// Partitions that it fetches no more.
    pub forget: Vec<Place>,
    /// Whether the request may open a session: `ShareFetch` may, `ShareAcknowledge` may not.
    pub may_open: bool,
}

/// A session after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What it fetches, in the order in which that was added.
    pub partitions: Vec<Place>,
    /// Whether this was its last request. Then its acknowledgements are still to be taken, and after them what it holds is to be released.
    pub closed: bool,
}

/// A session that is open.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// The epoch that the next request must have.
    next_epoch: i32,
    partitions: Vec<Place>,
}

/// Takes one request in.
pub(crate) fn session(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &SessionRequest,
) -> Result<Session, Error> {
    check_name("member id", &request.member_id)?;
    let (group, id) = (&request.group, &request.member_id);
    record(state, group)?;
    let known = live(state, group).and_then(|live| live.sessions.get(id));
    let mut open = match (request.epoch, known) {
        (EPOCH_OPEN, _) if !request.may_open => return Err(wrong_epoch(request, known)),
        (EPOCH_OPEN, Some(_)) => Open { next_epoch: 1, partitions: Vec::new() },
        (EPOCH_OPEN, None) => {
            check_room(state, cx)?;
            Open { next_epoch: 1, partitions: Vec::new() }
        }
        (_, None) => {
            return Err(Code::ShareSessionNotFound.because(format!(
                "member {id:?} of group {group:?} has no share session; open one with epoch 0"
            )));
        }
        (EPOCH_CLOSE, Some(known)) => known.clone(),
        (epoch, Some(known)) if epoch == known.next_epoch => {
            Open { next_epoch: epoch.checked_add(1).unwrap_or(1), ..known.clone() }
        }
        (_, known) => return Err(wrong_epoch(request, known)),
    };
    open.partitions.retain(|place| !request.forget.contains(place));
    for place in &request.add {
        if !open.partitions.contains(place) {
            open.partitions.push(*place);
        }
    }
    if open.partitions.len() > SHARE_SESSION_PARTITIONS_MAX {
        return Err(say::invalid(format!(
            "a share session may have {SHARE_SESSION_PARTITIONS_MAX} partitions, not {}",
            open.partitions.len()
        )));
    }
    let closed = request.epoch == EPOCH_CLOSE;
    let session = Session { partitions: open.partitions.clone(), closed };
    let (group, id) = (Arc::clone(group), Arc::clone(id));
    out.after(move |state| {
        let live = live_mut(state, &group);
        if closed {
            live.sessions.remove(&id);
        } else {
            live.sessions.insert(id, open);
        }
    });
    Ok(session)
}

fn wrong_epoch(request: &SessionRequest, known: Option<&Open>) -> Error {
    let expected = known.map_or(EPOCH_OPEN, |known| known.next_epoch);
    Code::InvalidShareSessionEpoch.because(format!(
        "the share session of member {:?} expects epoch {expected}, not {}; open a new one with epoch 0",
        request.member_id, request.epoch
    ))
}

fn check_room(state: &State, cx: Context<'_>) -> Result<(), Error> {
    let sessions: usize =
        state.live.groups.values().filter_map(|live| live.share.as_ref()).map(|share| share.sessions()).sum();
    if sessions >= cx.config.share_sessions_max {
        return Err(Code::ShareSessionLimitReached.because(format!(
            "{sessions} share sessions are open, as many as group.share.max.share.sessions allows"
        )));
    }
    Ok(())
}

/// Ends a session without a request: its connection is gone.
pub(crate) fn forget(out: &mut Outcome, group: &Arc<str>, member_id: &Arc<str>) {
    let (group, id) = (Arc::clone(group), Arc::clone(member_id));
    out.after(move |state| {
        let live = state.live.groups.get_mut(&group).and_then(|live| live.share.as_deref_mut());
        if let Some(live) = live {
            live.sessions.remove(&id);
        }
    });
}
