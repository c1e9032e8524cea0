//! A bound for aws-chunked bodies. The protocol's library verifies a chunk before it lets go of any of it, so that what a client calls one
//! chunk is in memory; this reads the framing that passes by, says where a chunk begins and ends, and refuses one that is longer than may be.
//!
//! ```text
//! chunk   = 1*HEXDIG [ ";chunk-signature=" 64HEXDIG ] CRLF, so many bytes, CRLF
//! body    = *chunk, a chunk of 0 bytes, *( trailer CRLF ), CRLF
//! ```
//!
//! It decides nothing else: what is not framed like that is the library's to refuse.

use crate::error::{Code, Error, Result};
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_HEAD_BYTES_MAX};

/// Follows the framing of one body.
#[derive(Debug, Default)]
pub struct Watch {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Within the line that begins a chunk: its size so far, whether that is complete, bytes of the line.
    #[default]
    Begin,
    Head {
        size: u64,
        is_size: bool,
        bytes: usize,
    },
    /// Bytes of a chunk and its end of line that are still to come.
    Data(u64),
    /// After the last chunk: trailers, whose length the library bounds.
    Trailers,
}

/// What passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The line that begins a chunk of so many bytes.
    Begin(u64),
    /// The last bytes of a chunk.
    End,
    /// Others: all that there were.
    More,
}

impl Watch {
    /// Looks at the next bytes of the body, up to where a chunk begins or ends: how many these are, and what passed with them.
    /// Errors: a chunk, or the line that begins it, is too long.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<(usize, Passed)> {
        let mut at = 0;
        while let Some(next) = bytes.get(at) {
            match &mut self.state {
                State::Trailers => return Ok((bytes.len(), Passed::More)),
                State::Begin => self.state = State::Head { size: 0, is_size: true, bytes: 0 },
                State::Data(left) => {
                    let now = (*left).min((bytes.len() - at) as u64);
                    *left -= now;
                    at += now as usize;
                    if *left == 0 {
                        self.state = State::Begin;
                        return Ok((at, Passed::End));
                    }
                }
                State::Head { size, .. } if *next == b'\n' => {
                    let size = *size;
                    self.state = if size == 0 { State::Trailers } else { State::Data(size + 2) };
                    if size > 0 {
                        return Ok((at + 1, Passed::Begin(size)));
                    }
                    at += 1;
                }
                State::Head { size, is_size, bytes: length } => {
                    *length += 1;
                    match char::from(*next).to_digit(16).filter(|_| *is_size) {
                        Some(digit) => *size = size.saturating_mul(16).saturating_add(u64::from(digit)),
                        None => *is_size = false,
                    }
                    check(*size, *length)?;
                    at += 1;
                }
            }
        }
        Ok((at, Passed::More))
    }

    /// Whether the last chunk has passed.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Trailers)
    }
}

fn check(size: u64, head_bytes: usize) -> Result<()> {
    if size > CHUNK_BYTES_MAX {
        let text = format!(
            "A chunk of the body has more than {CHUNK_BYTES_MAX} bytes, which is the most that is taken at once; use smaller chunks"
        );
        return Err(Error::new(Code::InvalidRequest, text));
    }
    if head_bytes > CHUNK_HEAD_BYTES_MAX {
        let text =
            format!("The line that begins a chunk of the body has more than {CHUNK_HEAD_BYTES_MAX} bytes");
        return Err(Error::new(Code::InvalidRequest, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(chunks: &[usize]) -> Vec<u8> {
        let mut out = Vec::new();
        for bytes in chunks {
            out.extend_from_slice(format!("{bytes:X};chunk-signature={}\r\n", "a".repeat(64)).as_bytes());
            // Content that looks like framing must not be read as such.
            out.extend((0..*bytes).map(|at| b"FFFFFFFFF\r\n"[at % 11]));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"0\r\nx-amz-checksum-crc32:FFFFFFFFFFFFFFFF\r\n\r\n");
        out
    }

    /// All of `bytes`; the chunks that began.
    fn pass_all(watch: &mut Watch, mut bytes: &[u8]) -> Result<Vec<u64>> {
        let mut begun = Vec::new();
        while !bytes.is_empty() {
            let (passed, what) = watch.pass(bytes)?;
            assert!(passed > 0, "it gets on");
            bytes = &bytes[passed..];
            if let Passed::Begin(size) = what {
                begun.push(size);
            }
        }
        Ok(begun)
    }

    #[test]
    fn long_chunks_are_refused() {
        let pass = |bytes: &[u8]| pass_all(&mut Watch::default(), bytes).map(drop);
        assert_eq!(pass(format!("{CHUNK_BYTES_MAX:x}\r\nabc").as_bytes()), Ok(()));
        for wrong in [
            format!("{:x}\r\n", CHUNK_BYTES_MAX + 1),
            "f".repeat(100),
            "3\r\nabc\r\nffffffffff\r\n".to_owned(),
            format!("1;{}", "x".repeat(CHUNK_HEAD_BYTES_MAX)),
        ] {
            assert_eq!(
                pass(wrong.as_bytes()).map_err(|error| error.code),
                Err(Code::InvalidRequest),
                "{wrong}"
            );
        }
    }

    proptest! {
        #[test]
        fn framing_is_followed_wherever_it_is_cut(chunks in prop::collection::vec(1_usize..500, 0..6), step in 1_usize..70) {
            let mut watch = Watch::default();
            let mut begun = Vec::new();
            for piece in framed(&chunks).chunks(step) {
                begun.extend(pass_all(&mut watch, piece).unwrap());
            }
            prop_assert!(watch.is_done());
            prop_assert_eq!(begun, chunks.iter().map(|bytes| *bytes as u64).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = pass_all(&mut Watch::default(), &bytes);
        }
    }
}
