//! The leave that clients of HTTP/2 wait for before they send a body (`100 Continue`, RFC 9110, section 10.1.1). The library cannot send it, and does
//! not say which stream a request is on; so the frames in both directions are followed here, and the frame that gives leave is put between two others:
//!
//! ```text
//! 00 00 05 | 01 | 04 | stream (4 bytes) | 08 03 31 30 30
//! length     HEADERS, END_HEADERS         :status: 100, a literal that leaves the compression as it is (RFC 7541, section 6.2.2)
//! ```
//!
//! A stream's number is known where its head was the only one to come since the library had last given out all that it had. Heads that come together
//! have none, nor has a client whose table for compression is smaller than usual, which is told of its size in the first head only: those do not get
//! leave, and most go on without it.

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What clients begin with, before their first frame.
const PREFACE_BYTES: usize = 24;
const HEADER_BYTES: usize = 9;
/// Types of frames, and the flag that ends a head (RFC 9113, section 6).
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
/// Bytes of settings that are looked at; more are not usual.
const SETTINGS_BYTES_MAX: usize = 240;
/// The size of the table for compression, its number and the usual value.
const TABLE_SIZE: u16 = 1;
const TABLE_SIZE_USUAL: u32 = 4_096;

/// Frames in one direction, as their bytes pass.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes before the first frame.
    before: usize,
    header: [u8; HEADER_BYTES],
    have: usize,
    left: usize,
    /// What of a frame of settings has passed.
    settings: Vec<u8>,
    /// A head goes on in the next frame.
    within_head: bool,
}

/// What passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// The last piece of a head on this stream.
    Head(u32),
    /// The other side has a smaller table for compression than usual, or so many settings that it is not known.
    SmallTable,
}

impl Frames {
    /// Of a client.
    pub(super) fn of_client() -> Self {
        Self { before: PREFACE_BYTES, ..Self::of_server() }
    }

    /// Of a server.
    pub(super) fn of_server() -> Self {
        Self {
            before: 0,
            header: [0; HEADER_BYTES],
            have: 0,
            left: 0,
            settings: Vec::new(),
            within_head: false,
        }
    }

    /// Whether another frame may stand here.
    pub(super) fn is_between(&self) -> bool {
        self.before == 0 && self.have == 0 && !self.within_head
    }

    /// Follows bytes.
    pub(super) fn pass(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Passed)) {
        let skipped = self.before.min(bytes.len());
        self.before -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            if self.have < HEADER_BYTES {
                let taken = (HEADER_BYTES - self.have).min(bytes.len());
                self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
                self.have += taken;
                bytes = &bytes[taken..];
                if self.have < HEADER_BYTES {
                    return;
                }
                let length = [0, self.header[0], self.header[1], self.header[2]];
                self.left = u32::from_be_bytes(length) as usize;
            }
            let taken = self.left.min(bytes.len());
            if self.header[3] == SETTINGS && self.settings.len() <= SETTINGS_BYTES_MAX {
                let room = SETTINGS_BYTES_MAX + 1 - self.settings.len();
                self.settings.extend_from_slice(&bytes[..taken.min(room)]);
            }
            self.left -= taken;
            bytes = &bytes[taken..];
            if self.left == 0 {
                self.end(&mut tell);
            }
        }
    }

    /// A frame has passed.
    fn end(&mut self, tell: &mut impl FnMut(Passed)) {
        self.have = 0;
        let [_, _, _, kind, flags, a, b, c, d] = self.header;
        match kind {
            HEADERS | PUSH_PROMISE | CONTINUATION => {
                self.within_head = flags & END_HEADERS == 0;
                if !self.within_head {
                    tell(Passed::Head(u32::from_be_bytes([a & 0x7F, b, c, d])));
                }
            }
            SETTINGS if flags & ACK == 0 => {
                let settings = std::mem::take(&mut self.settings);
                let small = |setting: &[u8]| {
                    let number = u16::from_be_bytes([setting[0], setting[1]]);
                    let value = u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
                    number == TABLE_SIZE && value < TABLE_SIZE_USUAL
                };
                if settings.len() > SETTINGS_BYTES_MAX || settings.chunks_exact(6).any(small) {
                    tell(Passed::SmallTable);
                }
            }
            _ => {}
        }
    }
}

/// The frame that gives leave on a stream.
fn frame(stream: u32) -> [u8; 14] {
    let [a, b, c, d] = stream.to_be_bytes();
    [0, 0, 5, HEADERS, END_HEADERS, a, b, c, d, 0x08, 3, b'1', b'0', b'0']
}

#[derive(Debug, Default)]
struct State {
    /// No leave can be given.
    off: bool,
    /// The last stream that a head opened.
    last: u32,
    /// Heads that have come since the library gave out all that it had; more than two are as good as two.
    opened: Vec<u32>,
    /// Streams that leave is to be given on.
    given: Vec<u32>,
}

/// What a connection and its streams share.
#[derive(Debug, Default)]
pub struct Leaves {
    state: Mutex<State>,
    writer: AtomicWaker,
}

/// Leave that can be given to one request.
#[derive(Debug)]
pub struct Leave {
    leaves: Arc<Leaves>,
    stream: u32,
}

impl Leave {
    /// Gives it.
    pub(super) fn give(self) {
        self.leaves.state.lock().given.push(self.stream);
        self.leaves.writer.wake();
    }
}

impl Leaves {
    pub(super) fn passed(&self, passed: &Passed) {
        let mut state = self.state.lock();
        match passed {
            Passed::Head(stream) if *stream > state.last => {
                state.last = *stream;
                if state.opened.len() < 2 {
                    state.opened.push(*stream);
                }
            }
            // Trailers.
            Passed::Head(_) => {}
            Passed::SmallTable => state.off = true,
        }
    }

    /// Waits for the library's next stream. Where it has none, all heads that have come were given out, or refused.
    pub(super) async fn next<T>(&self, accept: impl Future<Output = T>) -> T {
        let mut accept = pin!(accept);
        std::future::poll_fn(|context| {
            let polled = accept.as_mut().poll(context);
            if polled.is_pending() {
                self.state.lock().opened.clear();
            }
            polled
        })
        .await
    }

    /// Leave for the stream that the library has just given out, if its number is known.
    pub(super) fn of_last(self: &Arc<Self>) -> Option<Leave> {
        let mut state = self.state.lock();
        let known = state.opened.len() == 1 && !state.off;
        // Of several nobody knows which one it was, until all are given out.
        let stream = if known { state.opened.pop() } else { None };
        stream.map(|stream| Leave { leaves: Arc::clone(self), stream })
    }

    /// The frames that are to be written next.
    fn take(&self) -> Vec<u8> {
        let mut state = self.state.lock();
        if state.given.is_empty() {
            return Vec::new();
        }
        std::mem::take(&mut state.given).into_iter().flat_map(frame).collect()
    }
}

/// Both directions of a connection.
#[derive(Debug)]
pub(super) struct Follower {
    leaves: Arc<Leaves>,
    comes: Frames,
    goes: Frames,
    /// Frames of ours, of which so many bytes were written.
    own: Vec<u8>,
    written: usize,
}

impl Follower {
    pub(super) fn new(leaves: Arc<Leaves>) -> Self {
        Self { leaves, comes: Frames::of_client(), goes: Frames::of_server(), own: Vec::new(), written: 0 }
    }

    /// Bytes of the client.
    pub(super) fn came(&mut self, bytes: &[u8]) {
        let leaves = &self.leaves;
        self.comes.pass(bytes, |passed| leaves.passed(&passed));
    }

    /// Bytes of the library's that were written.
    pub(super) fn went(&mut self, bytes: &[u8]) {
        self.goes.pass(bytes, |_| {});
    }

    /// Writes frames of ours, where they may stand. Nothing else may be written before it is ready.
    pub(super) fn poll_own(
        &mut self,
        context: &mut Context<'_>,
        mut write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<std::io::Result<usize>>,
    ) -> Poll<std::io::Result<bool>> {
        self.leaves.writer.register(context.waker());
        if self.own.is_empty() && self.goes.is_between() {
            (self.own, self.written) = (self.leaves.take(), 0);
        }
        let any = !self.own.is_empty();
        while self.written < self.own.len() {
            match write(context, &self.own[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.own = Vec::new();
        Poll::Ready(Ok(any))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn frame_of(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream][..], payload].concat()
    }

    /// What is told of the bytes of a client, however they are cut.
    fn told(frames: &[Vec<u8>]) -> Vec<Passed> {
        let bytes = [&[b'x'; PREFACE_BYTES][..], &frames.concat()].concat();
        let of = |cut: usize| {
            let (mut follower, mut all) = (Frames::of_client(), Vec::new());
            bytes.chunks(cut).for_each(|piece| follower.pass(piece, |passed| all.push(passed)));
            assert!(follower.is_between(), "{frames:?}");
            all
        };
        let whole = of(bytes.len());
        for cut in [1, 2, 7, 13] {
            assert_eq!(of(cut), whole, "cut into {cut}");
        }
        whole
    }

    #[test]
    fn heads_and_small_tables_are_seen() {
        let settings = |number: u8, value: u32| {
            let [a, b, c, d] = value.to_be_bytes();
            frame_of(SETTINGS, 0, 0, &[0, number, a, b, c, d])
        };
        for (frames, expected) in [
            (vec![frame_of(HEADERS, END_HEADERS, 1, b"abc")], vec![Passed::Head(1)]),
            (
                vec![
                    frame_of(HEADERS, 0, 3, b"abc"),
                    frame_of(CONTINUATION, 0, 3, b""),
                    frame_of(CONTINUATION, END_HEADERS, 3, b"d"),
                ],
                vec![Passed::Head(3)],
            ),
            (
                vec![frame_of(0, 1, 1, &[b'd'; 100]), frame_of(HEADERS, END_HEADERS, 5, b"")],
                vec![Passed::Head(5)],
            ),
            (vec![settings(TABLE_SIZE as u8, 4_096), settings(3, 0)], vec![]),
            (vec![settings(TABLE_SIZE as u8, 4_095)], vec![Passed::SmallTable]),
            (vec![frame_of(SETTINGS, 0, 0, &[0; 246])], vec![Passed::SmallTable]),
            (vec![frame_of(SETTINGS, ACK, 0, b"")], vec![]),
        ] {
            assert_eq!(told(&frames), expected, "{frames:?}");
        }
    }

    #[test]
    fn frames_of_ours_stand_between_others() {
        let leaves = Arc::<Leaves>::default();
        let mut follower = Follower::new(leaves.clone());
        let mut context = Context::from_waker(Waker::noop());
        let mut written = |follower: &mut Follower| {
            let mut all = Vec::new();
            let polled = follower.poll_own(&mut context, |_, bytes| {
                all.extend_from_slice(&bytes[..1]);
                Poll::Ready(Ok(1))
            });
            assert!(matches!(polled, Poll::Ready(Ok(_))));
            all
        };
        follower.came(&[b'x'; PREFACE_BYTES]);
        follower.came(&frame_of(HEADERS, END_HEADERS, 7, b"abc"));
        leaves.of_last().expect("its number is known").give();
        let head = frame_of(HEADERS, 0, 5, b"ab");
        follower.went(&head[..4]);
        assert!(written(&mut follower).is_empty(), "within a frame");
        follower.went(&head[4..]);
        assert!(written(&mut follower).is_empty(), "within a head");
        follower.went(&frame_of(CONTINUATION, END_HEADERS, 5, b"c"));
        assert_eq!(written(&mut follower), frame(7));
        assert!(written(&mut follower).is_empty(), "once");
    }

    #[tokio::test]
    async fn a_number_is_known_or_is_none() {
        let leaves = Arc::<Leaves>::default();
        let opens = |stream| leaves.passed(&Passed::Head(stream));
        let number = || leaves.of_last().map(|leave| leave.stream);
        opens(1);
        assert_eq!(number(), Some(1));
        opens(1);
        assert_eq!(number(), None, "trailers open nothing");
        opens(3);
        opens(5);
        assert_eq!((number(), number()), (None, None), "they came together");
        // Then the library has nothing more.
        let nothing = leaves.next(std::future::pending::<()>());
        assert!(tokio::time::timeout(std::time::Duration::ZERO, nothing).await.is_err());
        opens(7);
        assert_eq!(number(), Some(7));
        leaves.passed(&Passed::SmallTable);
        opens(9);
        assert_eq!(number(), None);
    }
}
