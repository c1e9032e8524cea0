//! The manifest of a shard's checkpoint. *Persisted*, format version 1, little-endian:
//!
//! ```text
//! 0  8  magic "BOLECKPT"
//! 8  4  version = 1
//! 12 4  CRC32C of all that follows
//! 16 8  log id
//! 24 8  from: recovery replays the log from this offset
//! 32 8  end: the highest offset that any section has reached
//! 40 4  epoch in which the pass ran
//! 44 4  number of sections N
//! 48    N times: start u64, end u64, offset u64, file u64, at u64, length u64, CRC32C u32, zero u32 (56 bytes)
//! ```

use bole_base::{Epoch, LogId, Offset};

const MAGIC: &[u8; 8] = b"BOLECKPT";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 48;
const SECTION_BYTES: usize = 56;

/// Where the newest bytes of each section of a shard are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The shard's log.
    pub log: LogId,
    /// Recovery replays from this offset.
    pub from: Offset,
    /// The highest offset that a section has reached; the log must reach it too.
    pub end: Offset,
    /// The epoch in which the pass ran.
    pub epoch: Epoch,
    /// In order of `start`, tiling the whole space.
    pub sections: Vec<SectionPlace>,
}

/// One section's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionPlace {
    /// The first value of the range.
    pub start: u64,
    /// The last value of the range.
    pub end: u64,
    /// Every effect below this offset is inside.
    pub offset: Offset,
    /// The file's number.
    pub file: u64,
    /// Where the bytes start in the file.
    pub at: u64,
    /// Bytes.
    pub length: u64,
    /// CRC32C of the bytes.
    pub crc: u32,
}

impl Manifest {
    /// The bytes to write.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.sections.len() * SECTION_BYTES);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for word in [self.log.0, self.from.0, self.end.0] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&self.epoch.0.to_le_bytes());
        out.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        for section in &self.sections {
            for word in
                [section.start, section.end, section.offset.0, section.file, section.at, section.length]
            {
                out.extend_from_slice(&word.to_le_bytes());
            }
            out.extend_from_slice(&u64::from(section.crc).to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[16..]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the bytes back. The error says what is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let Some((head, rows)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
            return Err(format!("{} bytes are too few for a manifest", bytes.len()));
        };
        if &head[0..8] != MAGIC {
            return Err("it does not start as a manifest does".to_owned());
        }
        let version = u32_at(head, 8);
        if version != VERSION {
            return Err(format!("its format version is {version}; this version of Bole reads {VERSION}"));
        }
        if u32_at(head, 12) != crc32c::crc32c(&bytes[16..]) {
            return Err("its checksum does not match".to_owned());
        }
        let count = u32_at(head, 44) as usize;
        if rows.len() != count * SECTION_BYTES {
            return Err(format!("it names {count} sections and has {} bytes for them", rows.len()));
        }
        let manifest = Self {
            log: LogId(u64_at(head, 16)),
            from: Offset(u64_at(head, 24)),
            end: Offset(u64_at(head, 32)),
            epoch: Epoch(u32_at(head, 40)),
            sections: rows.chunks_exact(SECTION_BYTES).map(SectionPlace::decode).collect(),
        };
        manifest.check_tiling()?;
        Ok(manifest)
    }

    /// Whether the sections cover the whole space once, in order.
    fn check_tiling(&self) -> Result<(), String> {
        let mut expected = Some(0);
        for section in &self.sections {
            if expected != Some(section.start) || section.end < section.start {
                return Err(format!("section {}..={} does not follow", section.start, section.end));
            }
            expected = section.end.checked_add(1);
        }
        match expected {
            None => Ok(()),
            Some(missing) => Err(format!("no section covers {missing}")),
        }
    }

    /// The manifest after a pass: `written` replaces what it covers; the rest is kept.
    ///
    /// Errors if the result does not tile the space, which would be a defect of the state.
    pub fn merged(previous: Option<&Self>, written: &[SectionPlace]) -> Result<Vec<SectionPlace>, String> {
        let old = previous.map_or(&[][..], |manifest| &manifest.sections);
        let covered = |section: &SectionPlace| {
            let after = written.partition_point(|new| new.start <= section.start);
            let inside = after.checked_sub(1).is_some_and(|at| written[at].end >= section.start);
            inside || written.get(after).is_some_and(|new| new.start <= section.end)
        };
        let mut sections: Vec<_> = old.iter().filter(|section| !covered(section)).copied().collect();
        sections.extend(written.iter().copied());
        sections.sort_by_key(|section| section.start);
        let merged = Self { log: LogId(0), from: Offset(0), end: Offset(0), epoch: Epoch(0), sections };
        merged.check_tiling()?;
        Ok(merged.sections)
    }

    /// Bytes of the sections that are named.
    pub fn live_bytes(&self) -> u64 {
        self.sections.iter().map(|section| section.length).sum()
    }
}

impl SectionPlace {
    fn decode(row: &[u8]) -> Self {
        Self {
            start: u64_at(row, 0),
            end: u64_at(row, 8),
            offset: Offset(u64_at(row, 16)),
            file: u64_at(row, 24),
            at: u64_at(row, 32),
            length: u64_at(row, 40),
            crc: u32_at(row, 48),
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(start: u64, end: u64, file: u64) -> SectionPlace {
        SectionPlace { start, end, offset: Offset(file * 10), file, at: 16, length: 5, crc: 9 }
    }

    fn manifest(sections: Vec<SectionPlace>) -> Manifest {
        Manifest { log: LogId(20), from: Offset(3), end: Offset(9), epoch: Epoch(2), sections }
    }

    #[test]
    fn bytes_come_back_and_every_flip_is_noticed() {
        let manifest = manifest(vec![place(0, 99, 1), place(100, u64::MAX, 2)]);
        let bytes = manifest.encode();
        assert_eq!(Manifest::decode(&bytes), Ok(manifest));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert!(Manifest::decode(&damaged).is_err(), "flip at {at}");
            assert!(Manifest::decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn new_sections_replace_what_they_cover() {
        let old = manifest(vec![place(0, 99, 1), place(100, 199, 1), place(200, u64::MAX, 1)]);
        let split = vec![place(100, 149, 2), place(150, 199, 2)];
        let merged = Manifest::merged(Some(&old), &split).unwrap();
        assert_eq!(
            merged.iter().map(|s| (s.start, s.file)).collect::<Vec<_>>(),
            [(0, 1), (100, 2), (150, 2), (200, 1)]
        );
        let flushed = Manifest::merged(Some(&old), &[place(0, u64::MAX, 3)]).unwrap();
        assert_eq!(flushed, [place(0, u64::MAX, 3)]);
        assert!(Manifest::merged(Some(&old), &[place(100, 149, 2)]).is_err(), "half of a section is lost");
        assert!(Manifest::merged(None, &[place(0, 10, 2)]).is_err());
    }
}
