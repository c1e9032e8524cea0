//! Fetch sessions (KIP-227): a client with many partitions says only what changes from one fetch to the next, and hears only what is new.
//!
//! At most [`SESSIONS_MAX`] are remembered. When there are more, the one that was used least recently is forgotten; its client is told so and begins
//! another.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::TopicKey;
use crate::Error;
use crate::protocol::messages::fetch::{FetchableTopicResponse, PartitionData, Request};
use crate::protocol::{ErrorCode, Text, Uuid};

/// Sessions at a time, as Kafka's default.
pub const SESSIONS_MAX: usize = 1_000;
/// Partitions of all sessions together. A session that would go beyond is not made: its client sends everything each time.
pub const SESSION_PARTITIONS_MAX: usize = 1 << 20;

const FULL_WITHOUT_SESSION: i32 = -1;
const FULL_WITH_SESSION: i32 = 0;

/// What is wanted of one partition.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The topic's name; empty if it is named by its id.
    pub topic: Text,
    /// The topic's id; zero if it is named.
    pub topic_id: Uuid,
    /// The partition's number.
    pub partition: i32,
    /// The first offset that is wanted.
    pub offset: i64,
    /// The leader's epoch that the client believes in, or −1.
    pub leader_epoch: i32,
    /// About so many bytes at most.
    pub bytes_max: i32,
}

/// What a client was told of a partition, if it was told.
type Told = Option<(i64, i64)>;

#[derive(Debug)]
struct State {
    epoch: i32,
    used: i64,
    rows: Vec<(Wanted, Told)>,
    places: HashMap<(TopicKey, i32), usize>,
}

/// All sessions of a node.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    by_id: HashMap<i32, State>,
    partitions: usize,
}

/// A fetch with or without a session.
pub struct Opened {
    rows: Vec<(Wanted, Told)>,
    /// The session that goes on, and whether only news are told.
    session: Option<(i32, bool)>,
}

impl State {
    fn new(now: i64) -> Self {
        Self { epoch: 0, used: now, rows: Vec::new(), places: HashMap::new() }
    }

    fn want(&mut self, wanted: Wanted) {
        let key = ((wanted.topic.detached(), wanted.topic_id), wanted.partition);
        if let Some(at) = self.places.get(&key) {
            self.rows[*at].0 = wanted
        } else {
            self.places.insert(key, self.rows.len());
            self.rows.push((wanted, None));
        }
    }

    fn forget(&mut self, topic: &Text, topic_id: Uuid, partition: i32) {
        let key = ((topic.clone(), topic_id), partition);
        let Some(at) = self.places.remove(&key) else { return };
        self.rows.remove(at);
        self.places.values_mut().filter(|place| **place > at).for_each(|place| *place -= 1);
    }
}

fn wanted(request: &Request) -> impl Iterator<Item = Wanted> + '_ {
    request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| Wanted {
            topic: topic.topic.detached(),
            topic_id: topic.topic_id,
            partition: partition.partition,
            offset: partition.fetch_offset,
            leader_epoch: partition.current_leader_epoch,
            bytes_max: partition.partition_max_bytes,
        })
    })
}

impl Sessions {
    /// What a request wants, with what its session remembers. Errors: `FetchSessionIdNotFound`, `InvalidFetchSessionEpoch`.
    pub fn open(&self, request: &Request, now: i64) -> Result<Opened, Error> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let mut all = self.0.lock();
        if epoch == FULL_WITHOUT_SESSION || epoch == FULL_WITH_SESSION {
            all.remove(id);
            let rows: Vec<_> = wanted(request).map(|wanted| (wanted, None)).collect();
            let session = (epoch == FULL_WITH_SESSION).then(|| all.begin(request, now)).flatten();
            return Ok(Opened { rows, session: session.map(|id| (id, false)) });
        }
        let Some(state) = all.by_id.get_mut(&id) else {
            return Err(Error::refused(
                ErrorCode::FetchSessionIdNotFound,
                format!("fetch session {id} is not known"),
            ));
        };
        if state.epoch != epoch {
            let text = format!("fetch session {id} is at step {}, not {epoch}", state.epoch);
            return Err(Error::refused(ErrorCode::InvalidFetchSessionEpoch, text));
        }
        let before = state.rows.len();
        for topic in &request.forgotten_topics_data {
            topic
                .partitions
                .iter()
                .for_each(|partition| state.forget(&topic.topic, topic.topic_id, *partition));
        }
        wanted(request).for_each(|wanted| state.want(wanted));
        state.epoch = next_epoch(epoch);
        state.used = now;
        let rows = state.rows.clone();
        all.partitions = all.partitions + rows.len() - before;
        Ok(Opened { rows, session: Some((id, true)) })
    }
}

/// The step after `epoch`; they go around to 1, because 0 begins a session.
const fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}

impl All {
    /// Begins a session for a request; `None` if there is no room.
    fn begin(&mut self, request: &Request, now: i64) -> Option<i32> {
        let mut state = State::new(now);
        wanted(request).for_each(|wanted| state.want(wanted));
        state.epoch = 1;
        while self.by_id.len() >= SESSIONS_MAX || self.partitions + state.rows.len() > SESSION_PARTITIONS_MAX
        {
            let oldest = self.by_id.iter().min_by_key(|(_, state)| state.used).map(|(id, _)| *id)?;
            self.remove(oldest);
        }
        let id = loop {
            let id = rand::random::<i32>() & i32::MAX;
            if id != 0 && !self.by_id.contains_key(&id) {
                break id;
            }
        };
        self.partitions += state.rows.len();
        self.by_id.insert(id, state);
        Some(id)
    }

    fn remove(&mut self, id: i32) {
        if let Some(state) = self.by_id.remove(&id) {
            self.partitions -= state.rows.len();
        }
    }
}

impl Opened {
    /// What is wanted, in the order in which it was asked for.
    pub fn wanted(&self) -> Vec<Wanted> {
        self.rows.iter().map(|(wanted, _)| wanted.clone()).collect()
    }

    /// Whether the client has to hear of a partition.
    pub fn is_news(&self, wanted: &Wanted, data: &PartitionData) -> bool {
        if !self.session.is_some_and(|(_, incremental)| incremental)
            || data.error_code != 0
            || !data.records.is_empty()
        {
            return true;
        }
        let same = |row: &&(Wanted, Told)| {
            row.0.partition == wanted.partition
                && row.0.topic_id == wanted.topic_id
                && row.0.topic == wanted.topic
        };
        let told = self.rows.iter().find(same).and_then(|(_, told)| *told);
        told != Some((data.high_watermark, data.log_start_offset))
    }

    /// Notes what the client is told. The session's id, or 0.
    pub fn close(self, sessions: &Sessions, responses: &[FetchableTopicResponse]) -> i32 {
        let Some((id, _)) = self.session else { return 0 };
        let mut all = sessions.0.lock();
        let Some(state) = all.by_id.get_mut(&id) else { return id };
        for topic in responses {
            for data in &topic.partitions {
                let key = ((topic.topic.clone(), topic.topic_id), data.partition_index);
                if let Some(at) = state.places.get(&key).copied() {
                    let told = (data.high_watermark, data.log_start_offset);
                    state.rows[at].1 = (data.error_code == 0).then_some(told);
                }
            }
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};

    fn request(id: i32, epoch: i32, partitions: &[(i32, i64)], forgotten: &[i32]) -> Request {
        let topic = Text::from("t");
        let partitions = partitions.iter().map(|(partition, offset)| FetchPartition {
            partition: *partition,
            fetch_offset: *offset,
            partition_max_bytes: 100,
            ..FetchPartition::default()
        });
        Request {
            session_id: id,
            session_epoch: epoch,
            topics: vec![FetchTopic {
                topic: topic.clone(),
                partitions: partitions.collect(),
                ..FetchTopic::default()
            }],
            forgotten_topics_data: vec![ForgottenTopic {
                topic,
                partitions: forgotten.to_vec(),
                ..ForgottenTopic::default()
            }],
            ..Request::default()
        }
    }

    fn offsets(opened: &Opened) -> Vec<(i32, i64)> {
        opened.wanted().iter().map(|wanted| (wanted.partition, wanted.offset)).collect()
    }

    fn data(partition: i32, high_watermark: i64) -> FetchableTopicResponse {
        let data = PartitionData {
            partition_index: partition,
            high_watermark,
            log_start_offset: 0,
            ..PartitionData::default()
        };
        FetchableTopicResponse {
            topic: Text::from("t"),
            partitions: vec![data],
            ..FetchableTopicResponse::default()
        }
    }

    #[test]
    fn a_session_remembers_and_tells_only_news() {
        let sessions = Sessions::default();
        let opened = sessions.open(&request(0, -1, &[(0, 5)], &[]), 1).unwrap();
        assert_eq!((offsets(&opened), opened.close(&sessions, &[])), (vec![(0, 5)], 0));
        let opened = sessions.open(&request(0, 0, &[(0, 5), (1, 6)], &[]), 1).unwrap();
        let told = data(0, 9);
        assert!(opened.is_news(&opened.wanted()[0], &told.partitions[0]), "the first time everything is");
        let id = opened.close(&sessions, std::slice::from_ref(&told));
        assert!(id > 0);
        let opened = sessions.open(&request(id, 1, &[(1, 7)], &[]), 2).unwrap();
        assert_eq!(offsets(&opened), [(0, 5), (1, 7)]);
        let news =
            |at: usize, high| opened.is_news(&opened.wanted()[at], &data(at as i32, high).partitions[0]);
        assert!(!news(0, 9) && news(0, 10) && news(1, 0));
        assert_eq!(opened.close(&sessions, &[]), id);
        let opened = sessions.open(&request(id, 2, &[(2, 0)], &[0]), 3).unwrap();
        assert_eq!(offsets(&opened), [(1, 7), (2, 0)]);
        for (id, epoch, code) in [
            (id, 2, ErrorCode::InvalidFetchSessionEpoch),
            (id, 9, ErrorCode::InvalidFetchSessionEpoch),
            (id ^ 1, 1, ErrorCode::FetchSessionIdNotFound),
        ] {
            assert_eq!(
                sessions.open(&request(id, epoch, &[], &[]), 4).err().map(|error| error.code()),
                Some(code)
            );
        }
        sessions.open(&request(id, -1, &[], &[]), 5).unwrap();
        let all = sessions.0.lock();
        assert_eq!((all.by_id.len(), all.partitions), (0, 0), "a full fetch ends the session");
    }

    #[test]
    fn the_oldest_session_goes_when_there_are_too_many() {
        let sessions = Sessions::default();
        let begin = |now| sessions.open(&request(0, 0, &[(0, 0)], &[]), now).unwrap().close(&sessions, &[]);
        let first = begin(0);
        let rest: Vec<_> = (1..=SESSIONS_MAX as i64).map(begin).collect();
        assert!(sessions.open(&request(first, 1, &[], &[]), 9_999).is_err());
        assert!(sessions.open(&request(rest[0], 1, &[], &[]), 9_999).is_ok());
        assert_eq!(sessions.0.lock().by_id.len(), SESSIONS_MAX);
    }
}
