//! `node.meta`: what a data directory is. Written once, when the directory is made its own, before anything else;
//! every start reads it first and refuses to go on when it is damaged.
//!
//! *Persisted*, format version 1; integers are little-endian:
//!
//! ```text
//!  0  8  magic "BOLENODE"
//!  8  4  format version = 1
//! 12  4  zero
//! 16 16  node id: random
//! 32 16  journal id: random; equal in all segments of the journal
//! 48  8  creation time: milliseconds since the Unix epoch
//! 56 16  key seed: random; keys of all hash tables whose keys come from clients derive from it
//! 72  4  CRC32C of bytes 0..72
//! ```

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bole_base::disk::{Disk, read_all, replace_file};
use bole_base::{Clock, Timestamp};
use rand::RngCore;

/// The file's name in the data directory.
pub const FILE_NAME: &str = "node.meta";

const MAGIC: &[u8; 8] = b"BOLENODE";
const VERSION: u32 = 1;
const BYTES: usize = 76;
const CHECKED_BYTES: usize = 72;

/// Folders and files that only a directory with a `node.meta` has.
const BELONGINGS: [&str; 2] = ["journal", "checkpoints"];

/// The identity of a data directory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NodeMeta {
    /// Names the node.
    pub node_id: [u8; 16],
    /// Names its journal.
    pub journal_id: [u8; 16],
    /// When the directory was made.
    pub created: Timestamp,
    /// Seeds the keyed hashes, so that nobody can choose keys that collide.
    pub key_seed: [u8; 16],
}

impl fmt::Debug for NodeMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key seed is a secret: who knows it can make keys that collide.
        f.debug_struct("NodeMeta")
            .field("node_id", &self.node_name())
            .field("journal_id", &format_args!("{}", self.journal_name()))
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, but things that belong to it are.
    #[error(
        "{} is missing, but the directory holds \"{found}\"; restore the file from a copy of this data directory, \
         or choose an empty directory with --data", path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is there without it.
        found: String,
    },
    /// It does not hold what was written.
    #[error("{} is damaged: {reason}; restore it from a copy of this data directory", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another version of Bole wrote it.
    #[error("{} has format version {version}; this program knows version {VERSION} only", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        version: u32,
    },
    /// The disk failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
}

impl NodeMeta {
    /// A new identity.
    pub fn new(clock: &dyn Clock, random: &mut dyn RngCore) -> Self {
        let mut meta =
            Self { node_id: [0; 16], journal_id: [0; 16], created: clock.now(), key_seed: [0; 16] };
        random.fill_bytes(&mut meta.node_id);
        random.fill_bytes(&mut meta.key_seed);
        random.fill_bytes(&mut meta.journal_id);
        meta
    }

    /// The node's id as people and other nodes see it.
    pub fn node_name(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.node_id))
    }

    /// The journal's id as people see it.
    pub fn journal_name(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.journal_id))
    }

    /// Reads the identity of the directory `dir`, or gives a new directory one. The flag says whether it is new.
    pub fn open_or_create(
        disk: &dyn Disk,
        dir: &Path,
        clock: &dyn Clock,
        random: &mut dyn RngCore,
    ) -> Result<(Self, bool), Error> {
        if let Some(meta) = Self::read(disk, dir)? {
            return Ok((meta, false));
        }
        let path = dir.join(FILE_NAME);
        let failed = |source| Error::Io { path: path.clone(), source };
        let meta = Self::new(clock, random);
        replace_file(disk, &path, &meta.encode()).map_err(failed)?;
        Ok((meta, true))
    }

    /// Reads the identity of the directory `dir`; `None` if it is a new directory.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE_NAME);
        match disk.open(&path).and_then(|file| read_all(&*file)) {
            Ok(bytes) => Self::decode(&path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let names = disk.list(dir).map_err(|source| Error::Io { path: dir.to_path_buf(), source })?;
                match names.into_iter().find(|name| BELONGINGS.contains(&name.as_str())) {
                    Some(found) => Err(Error::Missing { path, found }),
                    None => Ok(None),
                }
            }
            Err(source) => Err(Error::Io { path, source }),
        }
    }

    fn encode(&self) -> [u8; BYTES] {
        let mut out = [0; BYTES];
        out[0..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..32].copy_from_slice(&self.node_id);
        out[32..48].copy_from_slice(&self.journal_id);
        out[48..56].copy_from_slice(&self.created.0.to_le_bytes());
        out[56..72].copy_from_slice(&self.key_seed);
        let crc = crc32c::crc32c(&out[..CHECKED_BYTES]);
        out[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Damaged { path: path.to_path_buf(), reason };
        if !bytes.starts_with(MAGIC) {
            return Err(damaged("it does not start with \"BOLENODE\"".to_owned()));
        }
        let bytes: &[u8; BYTES] = bytes
            .try_into()
            .map_err(|_| damaged(format!("it has {} bytes instead of {BYTES}", bytes.len())))?;
        let stored = u32::from_le_bytes(part(bytes, CHECKED_BYTES));
        let crc = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        if crc != stored {
            return Err(damaged(format!("its checksum is {crc:08x} where {stored:08x} was written")));
        }
        let version = u32::from_le_bytes(part(bytes, 8));
        if version != VERSION {
            return Err(Error::Version { path: path.to_path_buf(), version });
        }
        Ok(Self {
            node_id: part(bytes, 16),
            journal_id: part(bytes, 32),
            created: Timestamp(u64::from_le_bytes(part(bytes, 48))),
            key_seed: part(bytes, 56),
        })
    }
}

/// The `N` bytes at `at`; the caller's layout keeps them inside.
fn part<const N: usize>(bytes: &[u8; BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use bole_base::RealDisk;
    use bole_base::clock::ManualClock;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn open(dir: &Path, seed: u64) -> Result<(NodeMeta, bool), Error> {
        NodeMeta::open_or_create(&RealDisk, dir, &ManualClock::new(), &mut StdRng::seed_from_u64(seed))
    }

    #[test]
    fn a_directory_keeps_its_identity() {
        let dir = tempfile::tempdir().unwrap();
        let (first, new) = open(dir.path(), 1).unwrap();
        assert!(new && first.key_seed != [0; 16] && first.node_name().len() == 32);
        assert_eq!(open(dir.path(), 2).unwrap(), (first, false));
        assert!(!format!("{first:?}").contains("key_seed"));
    }

    /// Version 1 as it was first written: directories with it must stay readable.
    #[test]
    fn format_version_1_is_readable() {
        let mut bytes = b"BOLENODE\x01\0\0\0\0\0\0\0".to_vec();
        bytes.extend(0_u8..56);
        bytes.extend(0x4818_d37a_u32.to_le_bytes());
        let meta = NodeMeta::decode(Path::new("node.meta"), &bytes).unwrap();
        assert_eq!(meta.node_name(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(meta.journal_name(), "101112131415161718191a1b1c1d1e1f");
        assert_eq!(meta.created, Timestamp(0x2726_2524_2322_2120));
        assert_eq!(meta.encode(), bytes[..]);
    }

    #[test]
    fn every_damaged_bit_and_every_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), 1).unwrap();
        let path = dir.path().join(FILE_NAME);
        let sound = std::fs::read(&path).unwrap();
        for bit in 0..sound.len() * 8 {
            let mut damaged = sound.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = NodeMeta::decode(&path, &damaged).expect_err("a flipped bit");
            assert!(error.to_string().contains("is damaged"), "{error}");
        }
        for cut in 0..sound.len() {
            NodeMeta::decode(&path, &sound[..cut]).expect_err("a cut file");
        }
        std::fs::write(&path, &sound[..40]).unwrap();
        let message = open(dir.path(), 1).unwrap_err().to_string();
        assert!(message.contains("40 bytes instead of 76") && message.contains("node.meta"), "{message}");
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = NodeMeta::new(&ManualClock::new(), &mut StdRng::seed_from_u64(1)).encode();
        bytes[8] = 9;
        let crc = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
        let message = NodeMeta::decode(Path::new("node.meta"), &bytes).unwrap_err().to_string();
        assert!(message.contains("format version 9"), "{message}");
    }

    #[test]
    fn a_journal_without_the_file_is_not_taken_for_a_new_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("journal")).unwrap();
        let message = open(dir.path(), 1).unwrap_err().to_string();
        assert!(message.contains("holds \"journal\""), "{message}");
        assert!(!dir.path().join(FILE_NAME).exists());
    }
}
