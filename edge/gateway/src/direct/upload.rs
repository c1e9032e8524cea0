//! A request's body on its way to an instance: framed as the head says, bounded, and kept while it is small, so that another try can send it again.

use super::out::Out;
use crate::connection::head::{Framing, Refused};
use crate::connection::wire::Lost;
use crate::error::Problem;
use bytes::BytesMut;
use std::time::Duration;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind.
    pub problem: Problem,
    /// More, for people.
    pub detail: Option<String>,
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self { problem, detail: None }
    }
}

impl From<Lost> for Trouble {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Gone => Problem::ClientGone.into(),
            Lost::Refused(Refused { problem, detail }) => Self { problem, detail: Some(detail.to_owned()) },
        }
    }
}

/// Who must do something before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Who asks.
    Client,
    /// Who is asked.
    Instance,
}

/// A request's body on its way.
#[derive(Debug)]
pub struct Upload {
    pub(super) out: Out,
    pub(super) piece: BytesMut,
    chunked: bool,
    /// Its bytes so far.
    pub bytes: u64,
    most: u64,
    /// All of it so far, as long as it can be sent once more.
    kept: Option<BytesMut>,
    kept_max: usize,
    /// It has come whole.
    pub(super) over: bool,
    /// When the instance had all of it, or took no more.
    pub(super) ended: Option<Duration>,
    /// The instance took no more.
    pub(super) broken: bool,
    pub(super) since: Duration,
    pub(super) waits: Waits,
}

impl Upload {
    /// A body of which nothing has come, of at most `most` bytes. `kept_max`: so many are kept, to be sent once more.
    pub fn new(framing: Framing, most: u64, kept_max: Option<usize>) -> Self {
        Self {
            out: Out::default(),
            piece: BytesMut::new(),
            chunked: framing == Framing::Chunked,
            bytes: 0,
            most,
            kept: kept_max.map(|_| BytesMut::new()),
            kept_max: kept_max.unwrap_or(0),
            over: framing == Framing::None,
            ended: None,
            broken: false,
            since: Duration::ZERO,
            waits: Waits::Instance,
        }
    }

    /// Whether all that has come could be sent once more.
    pub fn is_whole(&self) -> bool {
        self.bytes == self.kept.as_ref().map_or(0, |kept| kept.len() as u64)
    }

    /// Begins a try: the head, then what came of the body before.
    pub fn begin(&mut self, head: Vec<u8>, now: Duration) {
        self.out = Out::new(head);
        self.piece.clear();
        (self.ended, self.broken, self.since) = (None, false, now);
        let Some(kept) = self.kept.as_ref().filter(|kept| !kept.is_empty()) else {
            if self.chunked && self.over {
                self.out.chunk(0, true);
            }
            return;
        };
        self.piece.extend_from_slice(kept);
        self.frame();
    }

    /// A piece came.
    pub(super) fn took(&mut self, over: bool) -> Result<(), Trouble> {
        self.over = over;
        self.bytes += self.piece.len() as u64;
        if self.bytes > self.most {
            let detail = format!("at most {} bytes are taken", self.most);
            return Err(Trouble { problem: Problem::BodyTooLarge, detail: Some(detail) });
        }
        if let Some(kept) = &mut self.kept {
            if kept.len() + self.piece.len() > self.kept_max {
                self.kept = None;
            } else {
                kept.extend_from_slice(&self.piece);
            }
        }
        self.frame();
        Ok(())
    }

    fn frame(&mut self) {
        if self.chunked {
            self.out.chunk(self.piece.len(), self.over);
        } else {
            self.out.plain(self.piece.len());
        }
    }

    /// Whether the instance has all of it.
    pub fn is_done(&self) -> bool {
        self.ended.is_some() && !self.broken
    }
}
