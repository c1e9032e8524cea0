//! What happened in a run, in two forms: a hash over every event, to compare two runs, and the text of the last events,
//! to read. The hash is FNV-1a (64 bits), which is fixed for ever and needs no dependency.

use std::collections::VecDeque;
use std::fmt;

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// Continues an FNV-1a hash with `bytes`.
pub fn hash_with(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// The FNV-1a hash of `bytes`.
pub fn hash(bytes: &[u8]) -> u64 {
    hash_with(FNV_OFFSET, bytes)
}

/// Events in order: a rolling hash of all, the text of the last ones. Memory is bounded by `lines_max` lines.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    count: u64,
    lines: VecDeque<String>,
    lines_max: usize,
}

impl Trace {
    /// An empty trace that keeps the text of the last `lines_max` events.
    pub fn new(lines_max: usize) -> Self {
        Self { hash: FNV_OFFSET, count: 0, lines: VecDeque::new(), lines_max }
    }

    /// Adds an event.
    pub fn push(&mut self, event: String) {
        self.count += 1;
        self.hash = hash_with(hash_with(self.hash, event.as_bytes()), b"\n");
        if self.lines_max == 0 {
            return;
        }
        if self.lines.len() == self.lines_max {
            self.lines.pop_front();
        }
        self.lines.push_back(event);
    }

    /// The hash over all events so far: equal for equal runs.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The text of the last events, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.count - self.lines.len() as u64;
        writeln!(f, "{} events, hash {:016x}, {skipped} not shown", self.count, self.hash)?;
        for (line, at) in self.lines.iter().zip(skipped..) {
            writeln!(f, "{at:>8}  {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_what_the_text_forgot() {
        let run = |first: &str| {
            let mut trace = Trace::new(2);
            for event in [first, "b", "c"] {
                trace.push(event.to_owned());
            }
            trace
        };
        assert_eq!(run("a").hash(), run("a").hash());
        assert_ne!(run("a").hash(), run("x").hash());
        assert_eq!(run("a").lines().collect::<Vec<_>>(), ["b", "c"]);
        assert!(run("a").to_string().contains("1 not shown"));
        assert_eq!(hash(b"foobar"), 0x8594_4171_F739_67E8, "the published FNV-1a value");
    }
}
