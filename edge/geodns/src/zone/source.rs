//! What a zone's text says, before it is known to be right: every line with its place.

use crate::chain::{Area, Options};
use crate::geo::Point;
use crate::health::Check;
use crate::limits;
use crate::wire::{Name, RecordType};
use crate::zone::set::SoaNumber;
use std::fmt;

/// Something that is wrong in a zone's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the text, from 1; 0 is the text as a whole.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

/// All that is wrong in a zone's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The file, or another name of the text.
    pub file: String,
    /// In the order of their lines; at most [`limits::PROBLEMS_MAX`].
    pub list: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl Problems {
    /// None yet.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), ..Self::default() }
    }

    /// One more.
    pub fn push(&mut self, line: usize, text: impl Into<String>) {
        if self.list.len() < limits::PROBLEMS_MAX {
            self.list.push(Problem { line, text: text.into() });
        } else {
            self.more += 1;
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            let separator = if index > 0 { "\n" } else { "" };
            match problem.line {
                0 => write!(formatter, "{separator}{}: {}", self.file, problem.text)?,
                line => write!(formatter, "{separator}{}:{line}: {}", self.file, problem.text)?,
            }
        }
        if self.more > 0 { write!(formatter, "\n{}: {} more problems", self.file, self.more) } else { Ok(()) }
    }
}

/// A record, or an alias or a pool in the place of one.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands.
    pub line: usize,
    /// Whose it is.
    pub owner: Name,
    /// Seconds for which it holds.
    pub ttl: u32,
    /// What it is.
    pub what: What,
}

/// What a name has.
#[derive(Clone, Debug)]
pub enum What {
    /// A record.
    Record(RecordType, Box<[u8]>),
    /// The addresses of another name.
    Alias(Name),
    /// The answers of a pool.
    Pool(String),
}

/// A pool, as a document says it.
#[derive(Clone, Debug)]
pub struct PoolSource {
    /// Where it stands.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// Seconds for which its answers hold.
    pub ttl: u32,
    /// Filters with their options, and where they stand.
    pub filters: Vec<(usize, String, Options)>,
    /// Its answers.
    pub answers: Vec<AnswerSource>,
}

/// An answer of a pool, as a document says it.
#[derive(Clone, Debug)]
pub struct AnswerSource {
    /// Where it stands.
    pub line: usize,
    /// Its name.
    pub name: String,
    /// Whose health counts.
    pub target: Option<String>,
    /// How it is checked.
    pub check: Option<Check>,
    /// Where it is meant to be used.
    pub area: Area,
    /// Where it stands on earth.
    pub at: Option<Point>,
    /// Its share.
    pub weight: u32,
    /// 0 is used first.
    pub priority: u32,
    /// Loads from and above which it is spared.
    pub load: Option<(f32, f32)>,
    /// Types and data.
    pub records: Vec<(RecordType, Box<[u8]>)>,
}

/// A zone's text, read.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, or another name of the text.
    pub file: String,
    /// The apex.
    pub origin: Name,
    /// Records, aliases and uses of pools.
    pub entries: Vec<Entry>,
    /// Pools.
    pub pools: Vec<PoolSource>,
}

impl Source {
    /// The serial number of its SOA record.
    pub fn serial(&self) -> Option<u32> {
        self.entries.iter().find_map(|entry| match &entry.what {
            What::Record(RecordType::SOA, data) => {
                let at = data.len().checked_sub(SoaNumber::Serial as usize)?;
                data[at..].first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
            }
            _ => None,
        })
    }

    /// Makes the serial number at least this one, in the order of RFC 1982.
    pub fn raise_serial(&mut self, least: u32) {
        if self.serial().is_none_or(|serial| serial.wrapping_sub(least).cast_signed() >= 0) {
            return;
        }
        for entry in &mut self.entries {
            if let What::Record(RecordType::SOA, data) = &mut entry.what
                && let Some(at) = data.len().checked_sub(SoaNumber::Serial as usize)
            {
                data[at..at + 4].copy_from_slice(&least.to_be_bytes());
            }
        }
    }
}
