//! Gathers what SQLite writes to a `-wal`, so that a transaction's frames reach the system in one call: SQLite writes the head and the page of each frame apart.
//!
//! # Invariants
//! - Writes have their order: what is gathered is written before anything else is.
//! - Nothing is gathered any more once the last frame of a commit is whole. Other handles look only at frames that are committed.
//! - What could not be written stays, and is tried again first.

/// The head of a frame (sqlite.org/fileformat2.html, 4.1).
const HEAD_BYTES: usize = 24;
/// More is written before its transaction ends.
const BYTES_MAX: usize = 256 << 10;
/// The system's file takes so many bytes at most in one call: of 128 KiB it writes none, and takes that for a full disk (`seekAndWriteFd` in SQLite's `os_unix.c`).
const CALL_BYTES_MAX: usize = 64 << 10;

/// What SQLite calls success.
const OK: i32 = rusqlite::ffi::SQLITE_OK;

/// See the module.
#[derive(Default)]
pub(super) struct Gathered {
    bytes: Vec<u8>,
    /// Where they begin.
    start: i64,
    /// Where the last write ended, whether it is in `bytes` or not; 0 where that is not known, which no frame begins at.
    end: i64,
    /// The last write was the head of a frame, and whether that is the last frame of a commit.
    head: Option<bool>,
}

impl Gathered {
    /// Takes a write, and does what is due with `write`, which answers with SQLite's codes.
    pub(super) fn write(
        &mut self,
        data: &[u8],
        offset: i64,
        write: &mut dyn FnMut(&[u8], i64) -> i32,
    ) -> i32 {
        let continues = offset == self.end && offset > 0;
        match self.head {
            None if continues && data.len() == HEAD_BYTES => {
                self.push(data, offset);
                // The size of the database after a commit, in pages; 0 in all other frames.
                self.head = Some(data[4..8] != [0; 4]);
                OK
            }
            Some(commits) if continues => {
                self.push(data, offset);
                self.head = None;
                if commits || self.bytes.len() >= BYTES_MAX { self.flush(write) } else { OK }
            }
            _ => {
                let flushed = self.flush(write);
                let code = if flushed == OK { write(data, offset) } else { flushed };
                if code == OK {
                    self.end = offset + data.len() as i64;
                }
                code
            }
        }
    }

    fn push(&mut self, data: &[u8], offset: i64) {
        if self.bytes.is_empty() {
            self.start = offset;
        }
        self.bytes.extend_from_slice(data);
        self.end = offset + data.len() as i64;
    }

    /// Writes what is gathered.
    pub(super) fn flush(&mut self, write: &mut dyn FnMut(&[u8], i64) -> i32) -> i32 {
        self.head = None;
        if self.bytes.is_empty() {
            return OK;
        }
        for (index, part) in self.bytes.chunks(CALL_BYTES_MAX).enumerate() {
            let code = write(part, self.start + (index * CALL_BYTES_MAX) as i64);
            if code != OK {
                return code;
            }
        }
        self.bytes.clear();
        OK
    }

    /// The file was cut: where writes go on is not known.
    pub(super) fn forget_end(&mut self) {
        self.end = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FULL: i32 = rusqlite::ffi::SQLITE_FULL;

    /// A file, and how often it was written to.
    #[derive(Default)]
    struct File {
        bytes: Vec<u8>,
        writes: usize,
    }

    impl File {
        fn write(&mut self, data: &[u8], offset: i64) -> i32 {
            let (start, end) = (offset as usize, offset as usize + data.len());
            self.bytes.resize(self.bytes.len().max(end), 0);
            self.bytes[start..end].copy_from_slice(data);
            self.writes += 1;
            OK
        }
    }

    fn head(commits: bool, fill: u8) -> Vec<u8> {
        let mut head = vec![fill; HEAD_BYTES];
        head[4..8].copy_from_slice(&u32::from(commits).to_be_bytes());
        head
    }

    #[test]
    fn a_commit_is_one_write() {
        let (mut gathered, mut file) = (Gathered::default(), File::default());
        let mut at = 32;
        assert_eq!(gathered.write(&[1; 32], 0, &mut |data, offset| file.write(data, offset)), OK);
        for commits in [false, false, true, true] {
            for data in [head(commits, 7), vec![9; 512]] {
                assert_eq!(gathered.write(&data, at, &mut |data, offset| file.write(data, offset)), OK);
                at += data.len() as i64;
            }
        }
        assert_eq!((file.writes, file.bytes.len()), (3, at as usize));
    }

    #[test]
    fn a_long_commit_is_written_in_parts() {
        let (mut gathered, mut file) = (Gathered::default(), File::default());
        let mut at = 32;
        assert_eq!(gathered.write(&[1; 32], 0, &mut |data, offset| file.write(data, offset)), OK);
        for number in 0..100 {
            for data in [head(number == 99, 7), vec![number; 4_096]] {
                let mut write = |data: &[u8], offset| {
                    assert!(data.len() <= CALL_BYTES_MAX);
                    file.write(data, offset)
                };
                assert_eq!(gathered.write(&data, at, &mut write), OK);
                at += data.len() as i64;
            }
        }
        assert_eq!((file.writes, file.bytes.len()), (9, at as usize));
        assert_eq!(file.bytes[at as usize - 1], 99);
    }

    #[test]
    fn what_the_disk_refuses_is_tried_again() {
        let (mut gathered, mut file) = (Gathered::default(), File::default());
        assert_eq!(gathered.write(&[1; 32], 0, &mut |data, offset| file.write(data, offset)), OK);
        assert_eq!(gathered.write(&head(true, 2), 32, &mut |_, _| FULL), OK);
        assert_eq!(gathered.write(&[3; 512], 56, &mut |_, _| FULL), FULL);
        assert_eq!(gathered.write(&[4; 8], 0, &mut |_, _| FULL), FULL);
        assert_eq!(gathered.write(&[4; 8], 0, &mut |data, offset| file.write(data, offset)), OK);
        assert_eq!((file.bytes.len(), file.bytes[0], file.bytes[567]), (568, 4, 3));
    }

    proptest! {
        /// Frames that follow each other, and writes anywhere: the file is as without this, after each commit and at the end.
        #[test]
        fn the_file_is_the_same(steps in prop::collection::vec((0..6_u8, 0..4_i64, any::<bool>(), any::<u8>()), 1..60)) {
            let (mut gathered, mut file, mut model) = (Gathered::default(), File::default(), File::default());
            let mut at = 32;
            for (kind, place, commits, fill) in steps {
                let mut put = |data: &[u8], offset: i64, gathered: &mut Gathered, file: &mut File| {
                    model.write(data, offset);
                    assert_eq!(gathered.write(data, offset, &mut |data, offset| file.write(data, offset)), OK);
                };
                match kind {
                    0 => {
                        put(&[fill; 32], 0, &mut gathered, &mut file);
                        at = 32;
                    }
                    1 => put(&head(commits, fill), 32 + place * 536, &mut gathered, &mut file),
                    2 => put(&[fill; 512], 56 + place * 536, &mut gathered, &mut file),
                    3 => at = 32 + place * 536,
                    _ => {
                        put(&head(commits, fill), at, &mut gathered, &mut file);
                        put(&[fill; 512], at + 24, &mut gathered, &mut file);
                        at += 536;
                        if commits {
                            prop_assert_eq!(&file.bytes, &model.bytes);
                        }
                    }
                }
            }
            gathered.flush(&mut |data, offset| file.write(data, offset));
            prop_assert_eq!(&file.bytes, &model.bytes);
        }
    }
}
