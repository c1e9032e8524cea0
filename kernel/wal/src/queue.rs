//! Encoded frames that wait to be written, and the positions that they have. The caller locks it.

use std::collections::VecDeque;

use crate::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};

/// What has to happen before a frame is written: storing the attachment that its batch names.
pub type Before = Box<dyn FnOnce() -> std::io::Result<()> + Send>;

/// Buffers keep this much when they were emptied.
const BUFFER_KEEP_BYTES: usize = 8 << 20;

/// The queue. Frames of `buffer` start at position `start` and end at `end`.
pub(crate) struct Queue {
    buffer: Vec<u8>,
    start: u64,
    pub(crate) end: u64,
    generation: u64,
    next_generation: u64,
    /// At this position the next frame starts another segment.
    roll_at: u64,
    capacity: u64,
    /// The positions in the buffer at which segments start.
    rolls: VecDeque<u64>,
    /// What has to happen before the frames at these positions are written.
    before: VecDeque<(u64, Before)>,
    seed: u32,
    pub(crate) sealed: bool,
    /// The synced position in the newest frame or segment header.
    pub(crate) stamped: u64,
    /// Where the newest frame that is not a mark ends.
    pub(crate) content_end: u64,
}

/// What the writer took.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: u64,
    pub(crate) rolls: VecDeque<u64>,
    pub(crate) before: VecDeque<(u64, Before)>,
}

impl Taken {
    /// Empties it for the next round, keeping a bounded buffer.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(BUFFER_KEEP_BYTES);
        self.rolls.clear();
        self.before.clear();
    }
}

impl Queue {
    /// An empty queue behind `end`, in the first segment of `generations`, which is left at `roll_at` for the second.
    pub(crate) fn new(seed: u32, capacity: u64, generations: (u64, u64), end: u64, roll_at: u64) -> Self {
        Self {
            buffer: Vec::new(),
            start: end,
            end,
            generation: generations.0,
            next_generation: generations.1,
            roll_at,
            capacity,
            rolls: VecDeque::new(),
            before: VecDeque::new(),
            seed,
            sealed: false,
            stamped: 0,
            content_end: end,
        }
    }

    /// Queues a frame. Returns its end and the bytes by which the segment that it leaves was overdrawn.
    pub(crate) fn push(
        &mut self,
        kind: FrameKind,
        body: &[u8],
        body_crc: u32,
        entries: u16,
        synced: u64,
    ) -> (u64, u64) {
        let mut overdrawn = 0;
        if self.end >= self.roll_at && kind != FrameKind::Seal {
            overdrawn = self.end - self.roll_at;
            self.generation = self.next_generation;
            self.next_generation += 1;
            self.roll_at = self.end + self.capacity;
            self.rolls.push_back(self.end);
        }
        let header = FrameHeader {
            body_crc,
            body_len: body.len() as u32,
            entries,
            kind,
            generation: self.generation,
            position: self.end,
            synced,
        };
        self.buffer.extend_from_slice(&header.encode(self.seed));
        self.buffer.extend_from_slice(body);
        const { assert!(FRAME_HEADER_BYTES.is_multiple_of(8), "padding is that of the body") };
        let padding = body.len().next_multiple_of(8) - body.len();
        self.buffer.extend_from_slice(&[0; 8][..padding]);
        self.end = header.end();
        self.stamped = synced;
        if kind != FrameKind::Mark {
            self.content_end = self.end;
        }
        (self.end, overdrawn)
    }

    /// Has `before` run before the frame that is queued next is written.
    pub(crate) fn before_next(&mut self, before: Before) {
        self.before.push_back((self.end, before));
    }

    /// Moves everything to `taken`, whose old buffer is filled next. Says whether there was anything.
    pub(crate) fn take(&mut self, taken: &mut Taken) -> bool {
        if self.buffer.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.buffer, &mut taken.bytes);
        std::mem::swap(&mut self.rolls, &mut taken.rolls);
        std::mem::swap(&mut self.before, &mut taken.before);
        taken.start = self.start;
        self.start = self.end;
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len()
    }
}
