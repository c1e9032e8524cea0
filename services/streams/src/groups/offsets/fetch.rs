//! `OffsetFetch`.

use std::sync::Arc;

use super::{FetchRequest, Fetched, check_epoch};
use crate::groups::check_group_id;
use crate::groups::error::{Code, Error, say};
use crate::groups::state::modern::Kind;
use crate::groups::state::{Group, State};

/// Reads the committed offsets of one group. A group that does not exist has none.
pub(crate) fn fetch(state: &State, request: &FetchRequest) -> Result<Vec<Fetched>, Error> {
    check_group_id(&request.group)?;
    let group = state.group(&request.group);
    check_reader(group, request)?;
    let found = |topic: &Arc<str>, partition: i32| {
        let committed = match group {
            Some(group) if request.require_stable && is_pending(group, topic, partition) => {
                Err(Code::UnstableOffsetCommit.because(format!(
                    "a transaction is about to commit an offset of {topic:?}, partition {partition}; ask again"
                )))
            }
            _ => Ok(group.and_then(|group| group.offsets.get(topic, partition)).cloned()),
        };
        Fetched { topic: Arc::clone(topic), partition, committed }
    };
    Ok(match (&request.places, group) {
        (Some(places), _) => places.iter().map(|(topic, partition)| found(topic, *partition)).collect(),
        (None, Some(group)) => {
            group.offsets.iter().map(|(topic, partition, _)| found(topic, partition)).collect()
        }
        (None, None) => Vec::new(),
    })
}

fn check_reader(group: Option<&Group>, request: &FetchRequest) -> Result<(), Error> {
    let Some(record) = group.and_then(Group::modern) else { return Ok(()) };
    if record.kind == Kind::Share {
        return Err(say::wrong_kind(&request.group, "share", "consumer"));
    }
    match &request.member {
        Some((member_id, epoch)) => check_epoch(record, &request.group, member_id, *epoch),
        None => Ok(()),
    }
}

pub(super) fn is_pending(group: &Group, topic: &Arc<str>, partition: i32) -> bool {
    if group.pending.is_empty() {
        return false;
    }
    let place = (Arc::clone(topic), partition);
    group.pending.values().any(|pending| pending.offsets.contains_key(&place))
}
