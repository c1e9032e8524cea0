//! A member of a group whose partitions the server divides (KIP-848). All that it says is one kind of heartbeat: the first one
//! joins, the answers name the partitions that it is to have, the next one tells which it has, and a last one leaves.
//!
//! A partition goes to somebody else only after its owner has told that it does not have it any more, which it does in
//! [`Consumer::join`]: by then what it has read there is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use bole_streams::protocol::messages::consumer_group_heartbeat::{Request, Response, TopicPartitions};
use bole_streams::protocol::{ErrorCode, Text};

use super::{Beat, PAUSE, REBALANCE_TIMEOUT_MS, committed, owned_offsets, what};
use crate::streams_client::error::check;
use crate::streams_client::groups::{self, Committer};
use crate::streams_client::topics::Topic;
use crate::streams_client::{Connection, Error};

/// The epoch of somebody who joins.
const JOINING: i32 = 0;
/// The epoch of somebody who leaves.
const LEAVING: i32 = -1;

/// A member.
#[derive(Debug)]
pub struct Consumer {
    connection: Connection,
    group: String,
    topic: Topic,
    assignor: Option<&'static str>,
    /// Chosen by the member itself; the same for all of its life.
    id: Text,
    epoch: i32,
    heartbeat_interval: Duration,
    /// The partitions of the topic that it has.
    owned: BTreeSet<i32>,
    /// Those that it is to have, if they are others.
    target: Option<BTreeSet<i32>>,
}

impl Consumer {
    /// Somebody who has not joined yet.
    pub(super) fn new(
        connection: Connection,
        group: String,
        topic: Topic,
        assignor: Option<&'static str>,
    ) -> Self {
        let id = Base64UrlUnpadded::encode_string(&rand::random::<[u8; 16]>());
        Self {
            connection,
            group,
            topic,
            assignor,
            id: Text::from(id.as_str()),
            epoch: JOINING,
            heartbeat_interval: Duration::ZERO,
            owned: BTreeSet::new(),
            target: None,
        }
    }

    pub(super) const fn owned(&self) -> &BTreeSet<i32> {
        &self.owned
    }

    pub(super) const fn heartbeat_interval(&self) -> Duration {
        self.heartbeat_interval
    }

    pub(super) fn move_to(&mut self, connection: Connection) {
        self.connection = connection;
    }

    /// Joins if it is out, takes the partitions that it is to have, and tells the server so until both agree.
    pub(super) async fn join(&mut self) -> Result<(), Error> {
        if let Some(target) = self.target.take() {
            self.owned = target;
        }
        loop {
            let request = if self.epoch == JOINING { self.joining() } else { self.owning() };
            let Some(answer) = self.beat(&request).await? else { continue };
            match self.assigned(&answer) {
                Some(target) => self.owned = target,
                None => return Ok(()),
            }
        }
    }

    pub(super) async fn heartbeat(&mut self) -> Result<Beat, Error> {
        if self.epoch == JOINING {
            return Ok(Beat::Rejoin);
        }
        let Some(answer) = self.beat(&self.unchanged()).await? else { return Ok(Beat::Rejoin) };
        let target = self.assigned(&answer);
        if target.is_some() {
            self.target = target;
        } else if answer.assignment.is_some() {
            // What was to change is taken back.
            self.target = None;
        }
        Ok(if self.target.is_some() { Beat::Rejoin } else { Beat::Stay })
    }

    pub(super) async fn committed(&mut self) -> Result<BTreeMap<i32, i64>, Error> {
        committed(&mut self.connection, &self.group, &self.topic.name).await
    }

    pub(super) async fn commit(&mut self, positions: &BTreeMap<i32, i64>) -> Result<bool, Error> {
        let offsets = owned_offsets(&self.topic.name, &self.owned, positions);
        let by = Committer { member_id: &self.id, generation: self.epoch };
        match groups::commit(&mut self.connection, &self.group, by, &offsets).await {
            Err(error) if error.code().is_some_and(is_out) => {
                self.forget();
                Ok(false)
            }
            outcome => outcome.map(|()| true),
        }
    }

    pub(super) async fn leave(&mut self) -> Result<(), Error> {
        let request = Request { member_epoch: LEAVING, ..self.unchanged() };
        let answer = self.connection.request(&request).await?;
        match ErrorCode::from_number(answer.error_code) {
            // It has not joined, or is out already.
            Some(ErrorCode::UnknownMemberId | ErrorCode::GroupIdNotFound) => Ok(()),
            _ => check(what(&self.group), answer.error_code, answer.error_message.as_ref()),
        }
    }

    /// Sends a heartbeat. `None` when the member has to join, or to try again.
    async fn beat(&mut self, request: &Request) -> Result<Option<Response>, Error> {
        let answer = self.connection.request(request).await?;
        match ErrorCode::from_number(answer.error_code) {
            Some(ErrorCode::CoordinatorLoadInProgress) => tokio::time::sleep(PAUSE).await,
            // Who joins is not out: it would go on for ever.
            Some(code) if is_out(code) && request.member_epoch != JOINING => self.forget(),
            _ => {
                check(what(&self.group), answer.error_code, answer.error_message.as_ref())?;
                self.epoch = answer.member_epoch;
                let interval_ms = u64::try_from(answer.heartbeat_interval_ms).unwrap_or(0).max(1);
                self.heartbeat_interval = Duration::from_millis(interval_ms);
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// The partitions of an answer, if they are not those that the member has.
    fn assigned(&self, answer: &Response) -> Option<BTreeSet<i32>> {
        let parts = &answer.assignment.as_ref()?.topic_partitions;
        let own = parts.iter().filter(|part| part.topic_id == self.topic.id);
        let target: BTreeSet<i32> = own.flat_map(|part| part.partitions.iter().copied()).collect();
        (target != self.owned).then_some(target)
    }

    /// The group has gone on without this member: what it had may be somebody else's.
    fn forget(&mut self) {
        self.epoch = JOINING;
        self.owned.clear();
        self.target = None;
    }

    fn unchanged(&self) -> Request {
        Request {
            group_id: Text::from(self.group.as_str()),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            ..Request::default()
        }
    }

    fn owning(&self) -> Request {
        let part =
            TopicPartitions { topic_id: self.topic.id, partitions: self.owned.iter().copied().collect() };
        let parts = if self.owned.is_empty() { Vec::new() } else { vec![part] };
        Request { topic_partitions: Some(parts), ..self.unchanged() }
    }

    fn joining(&self) -> Request {
        Request {
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            subscribed_topic_names: Some(vec![self.topic.name.clone()]),
            server_assignor: self.assignor.map(Text::from_static),
            topic_partitions: Some(Vec::new()),
            ..self.unchanged()
        }
    }
}

/// Whether the group has gone on without the member, or the member has not heard of its epoch.
const fn is_out(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::UnknownMemberId | ErrorCode::FencedMemberEpoch | ErrorCode::StaleMemberEpoch)
}
