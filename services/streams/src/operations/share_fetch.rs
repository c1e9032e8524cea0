//! Records for a member of a share group: acquired, so that nobody else gets them until it has said what became of them.

mod delays;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::share_acknowledge::{Refused, names, take};
use super::{Handle, Outcome};
use crate::Error;
use crate::groups::share::{AcquireRequest, Acquired, Place, Session as ShareSession, SessionRequest};
use crate::groups::{Coordinator, TopicId, Topics as _};
use crate::limits::{FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX};
use crate::metrics::count;
use crate::partition::batch::Batch;
use crate::partition::read::{Bounds, Isolation};
use crate::partition::watch::Watching;
use crate::protocol::messages::share_fetch::{
    AcquiredRecords, PartitionData, Request, Response, ShareFetchableTopicResponse,
};
use crate::protocol::{ErrorCode, Uuid};
use crate::readable::Source;
use crate::records::to_send;
use crate::session::{Action, Session, message};

/// Bytes that are read of one partition at a time.
const PARTITION_BYTES_MAX: usize = 1 << 20;
/// Acquires no more records than asked for, rather than the rest of a batch.
const ACQUIRE_MODE_STRICT: i8 = 1;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        match fetch(&session, self).await {
            Ok(response) => response.into(),
            Err(error) => {
                super::refused(&session);
                let (error_code, error_message) = (error.code() as i16, message(&error));
                Response { error_code, error_message, ..Response::default() }.into()
            }
        }
    }
}

async fn fetch(session: &Session, request: Request) -> Result<Response, Error> {
    let (group, member_id) = names(session, request.group_id.as_ref(), request.member_id.as_ref())?;
    let opened = open(session, &group, &member_id, &request).await?;
    let refused = acknowledge(session, &group, &member_id, &request).await;
    let acquisition_lock_timeout_ms = session.service.groups.config().share_lock_duration_ms as i32;
    if opened.closed {
        session.service.groups.release_share_member(&group, &member_id).await?;
        let responses =
            by_topic(refused.into_iter().map(|(place, error)| (place, with_refusal(place, Some(&error)))));
        return Ok(Response { acquisition_lock_timeout_ms, responses, ..Response::default() });
    }
    let mut sharing = Sharing { session, group, member_id, request: &request, rows: Vec::new() };
    sharing.run(&opened.partitions).await;
    let responses = sharing.responses(refused);
    Ok(Response { acquisition_lock_timeout_ms, responses, ..Response::default() })
}

async fn open(
    session: &Session,
    group: &Arc<str>,
    member_id: &Arc<str>,
    request: &Request,
) -> Result<ShareSession, Error> {
    let places = |id: Uuid, partitions: Vec<i32>| {
        partitions.into_iter().map(move |partition| (TopicId(id.0), partition))
    };
    let add = request.topics.iter().flat_map(|topic| {
        places(topic.topic_id, topic.partitions.iter().map(|partition| partition.partition_index).collect())
    });
    let forget = request
        .forgotten_topics_data
        .iter()
        .flat_map(|topic| places(topic.topic_id, topic.partitions.clone()));
    let request = SessionRequest {
        group: Arc::clone(group),
        member_id: Arc::clone(member_id),
        epoch: request.share_session_epoch,
        add: add.collect(),
        forget: forget.collect(),
        may_open: true,
    };
    Ok(session.service.groups.share_session(&request).await?)
}

/// Takes the acknowledgements that the request brings along.
async fn acknowledge(
    session: &Session,
    group: &Arc<str>,
    member_id: &Arc<str>,
    request: &Request,
) -> Refused {
    let mut refused = Refused::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let place = (TopicId(topic.topic_id.0), partition.partition_index);
            let ranges = partition.acknowledgement_batches.iter();
            let ranges = ranges
                .map(|batch| (batch.first_offset, batch.last_offset, batch.acknowledge_types.as_slice()));
            if let Err(error) = take(session, group, member_id, place, ranges).await {
                refused.insert(place, error);
            }
        }
    }
    refused
}

/// A fetch that waits for partitions and for its group, until it ends.
struct Shares<'a> {
    groups: &'a Coordinator,
    group: Arc<str>,
    watching: Watching,
}

impl Shares<'_> {
    fn register(&self) {
        self.watching.register();
        self.groups.watch_shares(&self.group, self.watching.watcher());
    }
}

impl Drop for Shares<'_> {
    fn drop(&mut self) {
        self.groups.unwatch_shares(&self.group, self.watching.watcher());
    }
}

/// A fetch of a share group under way.
struct Sharing<'a> {
    session: &'a Session,
    group: Arc<str>,
    member_id: Arc<str>,
    request: &'a Request,
    rows: Vec<(Place, PartitionData)>,
}

impl Sharing<'_> {
    async fn run(&mut self, places: &[Place]) {
        let wait = self.request.max_wait_ms.clamp(0, FETCH_WAIT_MS_MAX);
        let deadline = Instant::now() + Duration::from_millis(wait as u64);
        let partitions: Vec<_> = places.iter().map(|place| (*place, self.find(*place))).collect();
        let found = partitions.iter().filter_map(|(_, partition)| partition.as_ref().ok().cloned());
        let watching = Watching::new(found.collect());
        // Records also become free when a lock runs out, one comes back, or one that waits is due.
        let groups = &self.session.service.groups;
        let shares = Shares { groups, group: Arc::clone(&self.group), watching };
        loop {
            shares.register();
            let done = self.look(&partitions).await;
            if done || Instant::now() >= deadline {
                return;
            }
            let _late = tokio::time::timeout_at(deadline, shares.watching.woken()).await;
        }
    }

    fn find(&self, (topic, partition): Place) -> Result<Source, Error> {
        let topic = self.session.service.topics.readable("", Uuid(topic.0))?;
        self.session.check_topic(Action::Read, topic.name())?;
        topic.source(partition)
    }

    /// Looks at every partition once. Whether the reply may leave.
    async fn look(&mut self, partitions: &[(Place, Result<Source, Error>)]) -> bool {
        let mut left =
            u64::try_from(self.request.max_records).ok().filter(|max| *max > 0).unwrap_or(u64::MAX);
        let mut bytes = (self.request.max_bytes.max(0) as usize).min(FETCH_BYTES_MAX);
        self.rows.clear();
        for (place, partition) in partitions {
            if left == 0 || bytes == 0 {
                break;
            }
            let outcome = match partition {
                Ok(partition) => self.acquire(*place, partition, left, bytes).await,
                Err(error) => Err(error.clone()),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some((batches, acquired))) => {
                    let records = to_send(&batches);
                    bytes = bytes.saturating_sub(records.len());
                    count(&self.session.service.metrics.bytes_out, records.len() as u64);
                    left = left.saturating_sub(
                        acquired.iter().map(|range| (range.last - range.first + 1) as u64).sum(),
                    );
                    let acquired_records = acquired.iter().map(|range| AcquiredRecords {
                        first_offset: range.first,
                        last_offset: range.last,
                        delivery_count: range.deliveries as i16,
                    });
                    let data = PartitionData {
                        partition_index: place.1,
                        records,
                        acquired_records: acquired_records.collect(),
                        ..PartitionData::default()
                    };
                    self.rows.push((*place, data));
                }
                Err(error) => {
                    super::refused(self.session);
                    let (error_code, error_message) = (error.code() as i16, message(&error));
                    let data = PartitionData {
                        partition_index: place.1,
                        error_code,
                        error_message,
                        ..PartitionData::default()
                    };
                    self.rows.push((*place, data));
                }
            }
        }
        !self.rows.is_empty()
    }

    /// Acquires records of one partition, passing over those that are not due.
    async fn acquire(
        &self,
        place: Place,
        source: &Source,
        max_records: u64,
        bytes: usize,
    ) -> Result<Option<(Vec<Batch>, Vec<Acquired>)>, Error> {
        let groups = &self.session.service.groups;
        loop {
            let bounds = source.bounds()?;
            let log = (bounds.log_start, bounds.below(Isolation::Uncommitted));
            let Some(from) = groups.share_position(&self.group, place, log).await? else { return Ok(None) };
            let (bounds, batches, delayed) =
                self.read(place, source, from.max(bounds.log_start), bytes).await?;
            let to = batches.last().map_or(bounds.high_watermark, |last| last.last_offset() + 1);
            let records = batches.iter().filter(|batch| !batch.fields().is_control());
            let request = AcquireRequest {
                group: Arc::clone(&self.group),
                member_id: Arc::clone(&self.member_id),
                place,
                from,
                to,
                batches: records.map(|batch| (batch.base_offset, batch.last_offset())).collect(),
                max_records,
                strict: self.request.share_acquire_mode == ACQUIRE_MODE_STRICT,
                delayed,
            };
            let acquired = groups.acquire(&request).await?;
            if acquired.is_empty() && !request.delayed.is_empty() {
                // They are known to wait now; what follows them may be due.
                continue;
            }
            let holds = |batch: &Batch| {
                let held =
                    |range: &Acquired| range.first <= batch.last_offset() && range.last >= batch.base_offset;
                acquired.iter().any(held)
            };
            let batches: Vec<_> = batches.into_iter().filter(holds).collect();
            return Ok((!acquired.is_empty()).then_some((batches, acquired)));
        }
    }

    /// Batches from `from` on, and what of them is not due.
    async fn read(
        &self,
        place: Place,
        source: &Source,
        from: i64,
        bytes: usize,
    ) -> Result<(Bounds, Vec<Batch>, Vec<(i64, i64, u64)>), Error> {
        let service = &self.session.service;
        let sharing = service.topics.sharing(place.0);
        let (source, now_ms) = (source.clone(), service.now().max(0) as u64);
        let read = tokio::task::spawn_blocking(move || {
            let (bounds, read) = source.read(from, Isolation::Uncommitted, bytes.min(PARTITION_BYTES_MAX))?;
            let delayed = delays::of(&read.batches, &sharing, now_ms);
            Ok::<_, Error>((bounds, read.batches, delayed))
        });
        read.await.map_err(|error| Error::Storage(format!("a read failed: {error}")))?
    }

    fn responses(self, mut refused: Refused) -> Vec<ShareFetchableTopicResponse> {
        let mut rows = self.rows;
        for (place, data) in &mut rows {
            if let Some(error) = refused.remove(place) {
                data.acknowledge_error_code = error.code() as i16;
                data.acknowledge_error_message = message(&error);
            }
        }
        // A client waits for the outcome of each of its acknowledgements, also where there is nothing to read.
        for topic in &self.request.topics {
            for partition in
                topic.partitions.iter().filter(|partition| !partition.acknowledgement_batches.is_empty())
            {
                let place = (TopicId(topic.topic_id.0), partition.partition_index);
                if !rows.iter().any(|(known, _)| *known == place) {
                    rows.push((place, with_refusal(place, refused.remove(&place).as_ref())));
                }
            }
        }
        by_topic(rows.into_iter())
    }
}

fn with_refusal(place: Place, error: Option<&Error>) -> PartitionData {
    PartitionData {
        partition_index: place.1,
        acknowledge_error_code: error.map_or(ErrorCode::None, Error::code) as i16,
        acknowledge_error_message: error.and_then(message),
        ..PartitionData::default()
    }
}

fn by_topic(rows: impl Iterator<Item = (Place, PartitionData)>) -> Vec<ShareFetchableTopicResponse> {
    let mut topics: Vec<ShareFetchableTopicResponse> = Vec::new();
    for ((topic, _), data) in rows {
        let topic_id = Uuid(topic.0);
        match topics.iter_mut().find(|known| known.topic_id == topic_id) {
            Some(known) => known.partitions.push(data),
            None => topics.push(ShareFetchableTopicResponse { topic_id, partitions: vec![data] }),
        }
    }
    topics
}
