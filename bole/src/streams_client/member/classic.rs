//! A member of a classic group: divides the partitions if it leads. An answer to a join comes only when the others have joined, too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bole_streams::protocol::messages::consumer_protocol::{Assignment, Subscription, TopicPartition};
use bole_streams::protocol::messages::{heartbeat, join_group, leave_group, sync_group};
use bole_streams::protocol::{ErrorCode, Text};
use bytes::Bytes;

use super::{Beat, PAUSE, REBALANCE_TIMEOUT_MS, committed, owned_offsets, what};
use crate::streams_client::assignor::{Assignor, Place, Wishes};
use crate::streams_client::error::check;
use crate::streams_client::groups::{self, Committer};
use crate::streams_client::{Connection, Error, topics};

/// Without a heartbeat for so long a member is out: the Java client's default.
const SESSION_TIMEOUT_MS: i32 = 45_000;
/// How often a member says that it is there.
pub(super) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);
/// The form of subscriptions and assignments: the first that names the generation of what a member owns.
const SUBSCRIPTION_VERSION: i16 = 2;
const ASSIGNMENT_VERSION: i16 = 1;
/// A member.
#[derive(Debug)]
pub struct Classic {
    connection: Connection,
    group: String,
    topic: Text,
    assignor: Assignor,
    id: Text,
    generation: i32,
    /// The partitions of the topic that it has.
    owned: BTreeSet<i32>,
}

impl Classic {
    /// Somebody who has not joined yet.
    pub(super) const fn new(connection: Connection, group: String, topic: Text, assignor: Assignor) -> Self {
        Self { connection, group, topic, assignor, id: Text::new(), generation: -1, owned: BTreeSet::new() }
    }

    pub(super) const fn owned(&self) -> &BTreeSet<i32> {
        &self.owned
    }

    pub(super) fn move_to(&mut self, connection: Connection) {
        self.connection = connection;
    }

    /// Joins, or joins again, until the group is stable; the partitions that it has then are [`Classic::owned`].
    ///
    /// With the cooperative assignor it may lose partitions and join once more, so that others get them.
    pub(super) async fn join(&mut self) -> Result<(), Error> {
        if self.assignor == Assignor::Range {
            self.owned.clear();
        }
        loop {
            let Some(joined) = self.try_join().await? else { continue };
            let assignments = self.divide(&joined).await?;
            let Some(given) = self.sync(assignments).await? else { continue };
            let lost = self.owned.difference(&given).next().is_some();
            self.owned = given;
            if !(lost && self.assignor == Assignor::CooperativeSticky) {
                return Ok(());
            }
        }
    }

    /// `None` when it has to be tried again.
    async fn try_join(&mut self) -> Result<Option<join_group::Response>, Error> {
        let owned =
            TopicPartition { topic: self.topic.clone(), partitions: self.owned.iter().copied().collect() };
        let subscription = Subscription {
            topics: vec![self.topic.clone()],
            owned_partitions: if self.owned.is_empty() { Vec::new() } else { vec![owned] },
            generation_id: self.generation,
            ..Subscription::default()
        };
        let request = join_group::Request {
            group_id: Text::from(self.group.as_str()),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            member_id: self.id.clone(),
            protocol_type: Text::from_static("consumer"),
            protocols: vec![join_group::JoinGroupRequestProtocol {
                name: Text::from_static(self.assignor.name()),
                metadata: subscription.encode(SUBSCRIPTION_VERSION)?,
            }],
            ..join_group::Request::default()
        };
        let wait = Duration::from_millis(REBALANCE_TIMEOUT_MS as u64);
        let answer = self.connection.request_within(&request, wait).await?;
        match ErrorCode::from_number(answer.error_code) {
            Some(ErrorCode::None) => {
                self.id = answer.member_id.clone();
                self.generation = answer.generation_id;
                Ok(Some(answer))
            }
            Some(ErrorCode::MemberIdRequired) => {
                self.id = answer.member_id;
                Ok(None)
            }
            other => self.again(other, answer.error_code).await,
        }
    }

    /// `None` when joining again can help with this error.
    async fn again<T>(&mut self, code: Option<ErrorCode>, number: i16) -> Result<Option<T>, Error> {
        match code {
            Some(ErrorCode::UnknownMemberId) => {
                self.id = Text::new();
                self.forget();
            }
            Some(ErrorCode::IllegalGeneration) => self.forget(),
            Some(ErrorCode::RebalanceInProgress) => {}
            Some(ErrorCode::CoordinatorLoadInProgress) => tokio::time::sleep(PAUSE).await,
            _ => check(what(&self.group), number, None)?,
        }
        Ok(None)
    }

    /// The group has gone on without this member: what it had may be somebody else's.
    fn forget(&mut self) {
        self.generation = -1;
        self.owned.clear();
    }

    /// What everybody gets, if this member leads.
    async fn divide(
        &mut self,
        joined: &join_group::Response,
    ) -> Result<Vec<sync_group::SyncGroupRequestAssignment>, Error> {
        if joined.leader != joined.member_id || joined.skip_assignment {
            return Ok(Vec::new());
        }
        let mut members = BTreeMap::new();
        for member in &joined.members {
            let wishes = wishes(member.metadata.clone());
            members.insert(
                member.member_id.clone(),
                wishes.map_err(|error| Error::decode(self.connection.addr(), &error))?,
            );
        }
        let names: BTreeSet<Text> =
            members.values().flat_map(|wishes| wishes.topics.iter().cloned()).collect();
        let names: Vec<Text> = names.into_iter().collect();
        let counts = topics::counts(&mut self.connection, &names).await?;
        let mut assignments = Vec::new();
        for (member_id, places) in self.assignor.assign(&members, &counts) {
            let assignment = encode(&places)?;
            assignments.push(sync_group::SyncGroupRequestAssignment { member_id, assignment });
        }
        Ok(assignments)
    }

    /// The partitions that this member gets; `None` when it has to join again.
    async fn sync(
        &mut self,
        assignments: Vec<sync_group::SyncGroupRequestAssignment>,
    ) -> Result<Option<BTreeSet<i32>>, Error> {
        let request = sync_group::Request {
            group_id: Text::from(self.group.as_str()),
            generation_id: self.generation,
            member_id: self.id.clone(),
            protocol_type: Some(Text::from_static("consumer")),
            protocol_name: Some(Text::from_static(self.assignor.name())),
            assignments,
            ..sync_group::Request::default()
        };
        let wait = Duration::from_millis(REBALANCE_TIMEOUT_MS as u64);
        let answer = self.connection.request_within(&request, wait).await?;
        let code = ErrorCode::from_number(answer.error_code);
        if code != Some(ErrorCode::None) {
            return self.again(code, answer.error_code).await;
        }
        if answer.assignment.is_empty() {
            return Ok(Some(BTreeSet::new()));
        }
        let read = Assignment::decode(answer.assignment);
        let (assignment, _) = read.map_err(|error| Error::decode(self.connection.addr(), &error))?;
        let own = assignment.assigned_partitions.into_iter().filter(|part| part.topic == self.topic);
        Ok(Some(own.flat_map(|part| part.partitions).collect()))
    }

    pub(super) async fn heartbeat(&mut self) -> Result<Beat, Error> {
        let request = heartbeat::Request {
            group_id: Text::from(self.group.as_str()),
            generation_id: self.generation,
            member_id: self.id.clone(),
            ..heartbeat::Request::default()
        };
        let answer = self.connection.request(&request).await?;
        match ErrorCode::from_number(answer.error_code) {
            Some(ErrorCode::None) => Ok(Beat::Stay),
            code => self.again::<()>(code, answer.error_code).await.map(|_| Beat::Rejoin),
        }
    }

    pub(super) async fn committed(&mut self) -> Result<BTreeMap<i32, i64>, Error> {
        committed(&mut self.connection, &self.group, &self.topic).await
    }

    pub(super) async fn commit(&mut self, positions: &BTreeMap<i32, i64>) -> Result<bool, Error> {
        let offsets = owned_offsets(&self.topic, &self.owned, positions);
        let by = Committer { member_id: &self.id, generation: self.generation };
        match groups::commit(&mut self.connection, &self.group, by, &offsets).await {
            Ok(()) => Ok(true),
            Err(error) => {
                let Error::Refused { refusal, .. } = &error else { return Err(error) };
                let (code, number) = (refusal.code(), refusal.number);
                match code {
                    Some(
                        ErrorCode::UnknownMemberId
                        | ErrorCode::IllegalGeneration
                        | ErrorCode::RebalanceInProgress,
                    ) => self.again::<()>(code, number).await.map(|_| false),
                    _ => Err(error),
                }
            }
        }
    }

    pub(super) async fn leave(&mut self) -> Result<(), Error> {
        if self.id.is_empty() {
            return Ok(());
        }
        // Versions to 2 name one member, later ones several.
        let several = self.connection.version_of::<leave_group::Request>()? >= 3;
        let identity = leave_group::MemberIdentity { member_id: self.id.clone(), ..Default::default() };
        let request = leave_group::Request {
            group_id: Text::from(self.group.as_str()),
            member_id: if several { Text::new() } else { self.id.clone() },
            members: if several { vec![identity] } else { Vec::new() },
        };
        let answer = self.connection.request(&request).await?;
        check(what(&self.group), answer.error_code, None)
    }
}

fn wishes(metadata: Bytes) -> Result<Wishes, bole_streams::protocol::DecodeError> {
    let (subscription, _) = Subscription::decode(metadata)?;
    let places =
        |part: TopicPartition| part.partitions.into_iter().map(move |index| (part.topic.clone(), index));
    Ok(Wishes {
        topics: subscription.topics.into_iter().collect(),
        owned: subscription.owned_partitions.into_iter().flat_map(places).collect(),
        generation: subscription.generation_id,
    })
}

fn encode(places: &BTreeSet<Place>) -> Result<Bytes, Error> {
    let mut topics = BTreeMap::<&Text, Vec<i32>>::new();
    for (topic, partition) in places {
        topics.entry(topic).or_default().push(*partition);
    }
    let part = |(topic, partitions): (&Text, Vec<i32>)| TopicPartition { topic: topic.clone(), partitions };
    let assignment =
        Assignment { assigned_partitions: topics.into_iter().map(part).collect(), ..Assignment::default() };
    Ok(assignment.encode(ASSIGNMENT_VERSION)?)
}
