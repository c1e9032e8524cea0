//! The input in blocks of whole lines. A thread reads it, because reading a terminal or a pipe blocks.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Blocks that wait to be sent. The reader stops while there are so many.
const BLOCKS_MAX: usize = 4;
const BLOCK_BYTES: usize = 256 << 10;
/// A longer line is an error: no server takes a record of that size.
const LINE_BYTES_MAX: usize = 128 << 20;

/// Reads `file`, or standard input. The thread ends with the input, or when nobody takes its blocks any more.
pub(super) fn read(file: Option<&Path>) -> Result<Receiver<io::Result<Bytes>>> {
    let (to, blocks) = channel(BLOCKS_MAX);
    let read: Box<dyn FnOnce() + Send> = match file {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
            Box::new(move || feed(BufReader::with_capacity(BLOCK_BYTES, file), &to))
        }
        None => Box::new(move || feed(BufReader::with_capacity(BLOCK_BYTES, io::stdin()), &to)),
    };
    std::thread::Builder::new().name("input".to_owned()).spawn(read).context("no thread for the input")?;
    Ok(blocks)
}

fn feed(mut input: impl BufRead, to: &Sender<io::Result<Bytes>>) {
    let mut rest = Vec::new();
    loop {
        let block = block(&mut input, &mut rest);
        let (last, block) = match block {
            Ok(None) => return,
            Ok(Some(block)) => (false, Ok(block)),
            Err(error) => (true, Err(error)),
        };
        if to.blocking_send(block).is_err() || last {
            return;
        }
    }
}

/// The next whole lines, as soon as some are there; `None` at the end. `rest` holds the line that has no end yet.
fn block(input: &mut impl BufRead, rest: &mut Vec<u8>) -> io::Result<Option<Bytes>> {
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            return Ok(if rest.is_empty() { None } else { Some(std::mem::take(rest).into()) });
        }
        let length = chunk.len();
        let end = chunk.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        let whole = end.map(|end| {
            rest.extend_from_slice(&chunk[..end]);
            Bytes::from(std::mem::take(rest))
        });
        rest.extend_from_slice(&chunk[end.unwrap_or(0)..]);
        input.consume(length);
        if rest.len() > LINE_BYTES_MAX {
            return Err(io::Error::other(format!("a line has more than {LINE_BYTES_MAX} bytes")));
        }
        if whole.is_some() {
            return Ok(whole);
        }
    }
}

/// The lines of a block, without their ends.
pub(super) fn of(block: &Bytes) -> impl Iterator<Item = Bytes> {
    let mut left = block.clone();
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let end = left.iter().position(|byte| *byte == b'\n');
        let line = left.split_to(end.unwrap_or(left.len()));
        if end.is_some() {
            left = left.slice(1..);
        }
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_whatever_the_reads_are() {
        for (input, expected) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("a\n\nb", &["a", "", "b"]),
            ("first\nsecond line\nx\n", &["first", "second line", "x"]),
        ] {
            for capacity in [1, 2, 3, 7, 100] {
                let mut reader = BufReader::with_capacity(capacity, input.as_bytes());
                let (mut rest, mut lines) = (Vec::new(), Vec::new());
                while let Some(block) = block(&mut reader, &mut rest).unwrap() {
                    lines.extend(of(&block));
                }
                assert_eq!(lines, expected, "{input:?} by {capacity}");
            }
        }
    }
}
