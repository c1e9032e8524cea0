//! One fetch of an object's bytes, which many readers follow while it runs.
//!
//! The newest bytes stay here for readers who are behind, at most a window of them. An object with a strong validator goes on
//! without slow readers: they find the bytes in the tiers, or fetch them again. Of any other object the slowest reader sets the pace.

use crate::limits::WINDOW_BYTES;
use crate::message::BodyError;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// What a reader finds at its place.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Bytes from there on.
    Bytes(Bytes),
    /// Nothing follows.
    End,
    /// They were here and are not any more, or never will be.
    Elsewhere,
    /// The fetch failed before it came there.
    Failed(BodyError),
    /// Not yet.
    Wait,
}

/// One fetch.
#[derive(Debug)]
pub struct Fill {
    start: u64,
    /// The byte after the last that is expected.
    end: Option<u64>,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Chunks with their places, oldest first.
    chunks: VecDeque<(u64, Bytes)>,
    /// The byte after the last that came.
    at: u64,
    outcome: Option<Result<(), BodyError>>,
    /// The places of readers by their numbers.
    readers: Vec<(u64, u64)>,
    next_reader: u64,
}

impl Fill {
    /// A fetch of the bytes from `start` to `end`, or to wherever it ends.
    pub fn new(start: u64, end: Option<u64>) -> Self {
        Self {
            start,
            end,
            state: Mutex::new(State { at: start, ..State::default() }),
            changed: watch::Sender::new(()),
        }
    }

    /// The first byte.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Whether the byte is, or will be, in the window.
    pub fn covers(&self, at: u64) -> bool {
        let state = self.state.lock();
        let first = state.chunks.front().map_or(state.at, |(first, _)| *first);
        let failed = matches!(state.outcome, Some(Err(_)));
        first <= at && self.end.is_none_or(|end| at < end) && !(failed && at >= state.at)
    }

    /// What is at a place.
    pub fn look(&self, at: u64) -> Found {
        let state = self.state.lock();
        let first = state.chunks.front().map_or(state.at, |(first, _)| *first);
        if at < first || self.end.is_some_and(|end| at > end) {
            return Found::Elsewhere;
        }
        if at < state.at {
            let index = state.chunks.partition_point(|(start, _)| *start <= at) - 1;
            let (start, chunk) = &state.chunks[index];
            return Found::Bytes(chunk.slice((at - start) as usize..));
        }
        match &state.outcome {
            None => Found::Wait,
            Some(Ok(())) => Found::End,
            Some(Err(error)) => Found::Failed(error.clone()),
        }
    }

    /// What is at a place, once something is known about it. Cancel safe.
    pub async fn read(&self, at: u64) -> Found {
        let mut changes = self.changed.subscribe();
        loop {
            match self.look(at) {
                Found::Wait => {}
                found => return found,
            }
            if changes.changed().await.is_err() {
                return Found::Elsewhere;
            }
        }
    }

    /// Registers a reader at a place.
    pub fn reader(self: &Arc<Self>, at: u64) -> Reader {
        let mut state = self.state.lock();
        let number = state.next_reader;
        state.next_reader += 1;
        state.readers.push((number, at));
        Reader { fill: self.clone(), number }
    }

    /// How many readers follow.
    pub fn readers(&self) -> usize {
        self.state.lock().readers.len()
    }

    /// The byte after the last that came.
    pub fn at(&self) -> u64 {
        self.state.lock().at
    }

    /// Adds a chunk, and drops what is out of the window.
    pub fn append(&self, chunk: Bytes) {
        let mut state = self.state.lock();
        let at = state.at;
        state.at += chunk.len() as u64;
        state.chunks.push_back((at, chunk));
        while let Some((first, _)) = state.chunks.front()
            && state.at - first > WINDOW_BYTES
        {
            state.chunks.pop_front();
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Whether a further chunk would leave a reader behind.
    pub fn would_lose_a_reader(&self, chunk: usize) -> bool {
        let state = self.state.lock();
        let end = state.at + chunk as u64;
        state.readers.iter().any(|(_, at)| end - at.min(&end) > WINDOW_BYTES)
    }

    /// Tells when something changes, for the fetch itself.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Nothing more comes.
    pub fn finish(&self, outcome: Result<(), BodyError>) {
        self.state.lock().outcome = Some(outcome);
        self.changed.send_replace(());
    }
}

/// A reader's place in a fill; leaves when dropped.
#[derive(Debug)]
pub struct Reader {
    /// What it follows.
    pub fill: Arc<Fill>,
    number: u64,
}

impl Reader {
    /// Notes how far it came.
    pub fn move_to(&self, place: u64) {
        let mut state = self.fill.state.lock();
        if let Some((_, at)) = state.readers.iter_mut().find(|(number, _)| *number == self.number) {
            *at = place;
        }
        drop(state);
        self.fill.changed.send_replace(());
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.fill.state.lock().readers.retain(|(number, _)| *number != self.number);
        self.fill.changed.send_replace(());
    }
}
