//! Records to consumers: what is there at once, or what comes while the client is willing to wait.
//!
//! A fetch looks at its partitions in order until it has enough bytes. If there is too little, it registers with all of them, looks again, and sleeps until one
//! has more or the time is over.

pub mod sessions;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Handle, Outcome};
use crate::Error;
use crate::limits::{FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX};
use crate::metrics::count;
use crate::partition::read::{Batches, Bounds, Isolation};
use crate::partition::watch::Watching;
use crate::protocol::messages::fetch::{
    AbortedTransaction, FetchableTopicResponse, PartitionData, Request, Response,
};
use crate::protocol::{ErrorCode, Text, Uuid};
use crate::quotas::Kind;
use crate::readable::{Look, Source};
use crate::records::to_send;
use crate::session::{Action, Session};
pub use sessions::Sessions;
use sessions::{Opened, Wanted};

/// Which records a level of isolation shows.
pub fn isolation(level: i8) -> Isolation {
    if level == 1 { Isolation::Committed } else { Isolation::Uncommitted }
}

/// Errors: `FencedLeaderEpoch`, `UnknownLeaderEpoch` where the client believes in another epoch than the partition has.
pub fn check_epoch(believed: i32, current: i32) -> Result<(), Error> {
    let code = match believed {
        -1 => return Ok(()),
        believed if believed < current => ErrorCode::FencedLeaderEpoch,
        believed if believed > current => ErrorCode::UnknownLeaderEpoch,
        _ => return Ok(()),
    };
    Err(Error::refused(code, format!("the leader's epoch is {current}, not {believed}")))
}

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let opened = match session.service.sessions.open(&self, session.service.now()) {
            Ok(opened) => opened,
            Err(error) => {
                super::refused(&session);
                return Response { error_code: error.code() as i16, ..Response::default() }.into();
            }
        };
        let mut fetch = Fetch::new(&session, &self, opened.wanted());
        fetch.run().await;
        fetch.into_response(opened).into()
    }
}

/// One fetch under way.
struct Fetch<'a> {
    session: &'a Session,
    isolation: Isolation,
    bytes_min: usize,
    bytes_max: usize,
    deadline: Instant,
    rows: Vec<Row>,
}

/// One partition of a fetch.
struct Row {
    wanted: Wanted,
    source: Result<Source, Error>,
    found: Option<(Bounds, Batches)>,
    error: Option<Error>,
}

impl<'a> Fetch<'a> {
    fn new(session: &'a Session, request: &Request, wanted: Vec<Wanted>) -> Self {
        let wait = request.max_wait_ms.clamp(0, FETCH_WAIT_MS_MAX);
        let find = |wanted: Wanted| {
            let source = find(session, &wanted);
            Row { wanted, source, found: None, error: None }
        };
        Self {
            session,
            isolation: isolation(request.isolation_level),
            bytes_min: request.min_bytes.max(0) as usize,
            bytes_max: (request.max_bytes.max(0) as usize).min(FETCH_BYTES_MAX),
            deadline: Instant::now() + Duration::from_millis(wait as u64),
            rows: wanted.into_iter().map(find).collect(),
        }
    }

    async fn run(&mut self) {
        if self.look().await {
            return;
        }
        let sources = self.rows.iter().filter_map(|row| row.source.as_ref().ok().cloned());
        let watching = Watching::new(sources.collect());
        loop {
            watching.register();
            let enough = self.look().await;
            let late = !enough && tokio::time::timeout_at(self.deadline, watching.woken()).await.is_err();
            if enough || late {
                return;
            }
        }
    }

    /// Looks at every partition once. Whether the reply may leave.
    async fn look(&mut self) -> bool {
        let (mut bytes, mut refused) = (0, false);
        for at in 0..self.rows.len() {
            let left = self.bytes_max.saturating_sub(bytes);
            let row = &self.rows[at];
            let limit = left.min(row.wanted.bytes_max.max(0) as usize);
            // A batch that is larger than allowed is sent all the same if it is the first of the reply.
            let outcome = if bytes > 0 && limit == 0 {
                bounds_only(row)
            } else {
                self.read(row, limit, bytes == 0).await
            };
            let row = &mut self.rows[at];
            match outcome {
                Ok(found) => {
                    bytes += found.1.bytes;
                    row.found = Some(found);
                }
                Err(error) => {
                    row.error = Some(error);
                    refused = true;
                }
            }
        }
        refused || bytes >= self.bytes_min || Instant::now() >= self.deadline
    }

    async fn read(&self, row: &Row, limit: usize, first: bool) -> Result<(Bounds, Batches), Error> {
        let source = row.source.as_ref().map_err(Clone::clone)?;
        let (bounds, found) = source.look(row.wanted.offset, self.isolation, limit)?;
        check_epoch(row.wanted.leader_epoch, bounds.leader_epoch)?;
        let batches = match found {
            Look::Nothing => Batches::default(),
            Look::Memory(batches) => batches,
            Look::Blocks => self.read_blocking(source, row.wanted.offset, limit).await?,
        };
        let fits = first || batches.bytes <= limit;
        Ok((bounds, if fits { batches } else { Batches::default() }))
    }

    async fn read_blocking(&self, source: &Source, from: i64, limit: usize) -> Result<Batches, Error> {
        let service = &self.session.service;
        count(service.metrics.reads_of(source), 1);
        let permit = Arc::clone(&service.cold_reads).acquire_owned().await;
        let permit = permit.map_err(|_| Error::Storage("the service is closed".to_owned()))?;
        let (source, isolation) = (source.clone(), self.isolation);
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            source.read(from, isolation, limit)
        });
        let (_, batches) =
            read.await.map_err(|error| Error::Storage(format!("a read failed: {error}")))??;
        Ok(batches)
    }

    fn into_response(self, opened: Opened) -> Response {
        let (session, isolation) = (self.session, self.isolation);
        let mut responses: Vec<FetchableTopicResponse> = Vec::new();
        let mut sent = 0;
        for row in self.rows {
            let (topic, topic_id) = (row.wanted.topic.clone(), row.wanted.topic_id);
            let (wanted, data) = row.into_data(session, isolation);
            sent += data.records.len();
            if !opened.is_news(&wanted, &data) {
                continue;
            }
            match responses.last_mut().filter(|last| last.topic == topic && last.topic_id == topic_id) {
                Some(last) => last.partitions.push(data),
                None => responses.push(FetchableTopicResponse { topic, topic_id, partitions: vec![data] }),
            }
        }
        count(&session.service.metrics.bytes_out, sent as u64);
        session.charge(Kind::ConsumerByteRate, sent);
        let session_id = opened.close(&session.service.sessions, &responses);
        Response { session_id, responses, ..Response::default() }
    }
}

fn bounds_only(row: &Row) -> Result<(Bounds, Batches), Error> {
    let source = row.source.as_ref().map_err(Clone::clone)?;
    Ok((source.bounds()?, Batches::default()))
}

impl Row {
    fn into_data(self, session: &Session, isolation: Isolation) -> (Wanted, PartitionData) {
        let Row { wanted, found, error, .. } = self;
        let partition_index = wanted.partition;
        let data = match (error, found) {
            (None, Some((bounds, batches))) => {
                let aborted = (isolation == Isolation::Committed).then(|| aborted(&batches));
                PartitionData {
                    partition_index,
                    high_watermark: bounds.high_watermark,
                    last_stable_offset: bounds.last_stable,
                    log_start_offset: bounds.log_start,
                    aborted_transactions: aborted,
                    records: to_send(&batches.batches),
                    ..PartitionData::default()
                }
            }
            (error, _) => {
                super::refused(session);
                let code = error.map_or(ErrorCode::UnknownServerError, |error| error.code());
                PartitionData {
                    partition_index,
                    error_code: code as i16,
                    high_watermark: -1,
                    ..PartitionData::default()
                }
            }
        };
        (wanted, data)
    }
}

/// Aborted transactions among the batches.
fn aborted(batches: &Batches) -> Vec<AbortedTransaction> {
    let Some(last) = batches.batches.last() else { return Vec::new() };
    let among = batches.aborted.iter().filter(|aborted| aborted.first <= last.last_offset());
    among
        .map(|aborted| AbortedTransaction { producer_id: aborted.producer_id, first_offset: aborted.first })
        .collect()
}

fn find(session: &Session, wanted: &Wanted) -> Result<Source, Error> {
    if !wanted.topic.is_empty() {
        // Who may not read a topic does not learn whether it exists.
        session.check_topic(Action::Read, &wanted.topic)?;
    }
    let topic = session.service.topics.readable(&wanted.topic, wanted.topic_id)?;
    if wanted.topic.is_empty() {
        session.check_topic(Action::Read, topic.name())?;
    }
    topic.source(wanted.partition)
}

/// A topic as a fetch names it: by name, or by id.
pub type TopicKey = (Text, Uuid);
