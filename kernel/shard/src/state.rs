//! What a service supplies: a state that effects advance, and its pieces for checkpoints.

use bole_base::Offset;
use bole_log::PayloadKind;

/// A state kept in memory, advanced by one effect at a time, the same way on a leader, on a follower and in recovery.
///
/// # Checkpoints
/// A state is checkpointed in *sections*: ranges of a `u64` space of the state's own (for a hash table, the order of its hashes). Together
/// the sections tile the space `0..=u64::MAX`. Each is taken at its own offset, a few at a time under the shard's lock, so
/// no pause grows with the state. Recovery restores every section and replays the log from the oldest; so `apply` must ignore an
/// effect whose offset is below the offset of the section that it falls into. An effect that spans sections does this for each
/// part by itself.
pub trait State: Send + 'static {
    /// One change, borrowing its bytes from the request or from the log.
    type Effect<'a>;

    /// The number and version of the effect's layout in the log.
    fn kind(effect: &Self::Effect<'_>) -> (PayloadKind, u8);

    /// Whether the effect's payload names bytes in a file of the service (`bole_log::Extents`).
    fn names_extent(_effect: &Self::Effect<'_>) -> bool {
        false
    }

    /// Appends the effect's payload to `out`.
    fn encode(effect: &Self::Effect<'_>, out: &mut Vec<u8>);

    /// Reads a payload back. Must survive any bytes; bounded memory.
    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self::Effect<'_>, ApplyError>;

    /// Advances the state by one effect: deterministic, no clock, no randomness, nothing outside the state.
    fn apply(&mut self, offset: Offset, effect: &Self::Effect<'_>);

    /// Looks for the next section at or after `cursor` that an effect with an offset of `since` or above has touched,
    /// and appends its bytes to `out`. Bounded work: it may stop early with `section: None` and a cursor to go on from.
    fn next_section(&mut self, cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step;

    /// Puts a section back. Called on an empty state, once for each section, in order of `start`.
    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError>;

    /// About how many bytes of memory the state takes.
    fn memory_bytes(&self) -> u64;
}

/// The outcome of one look for a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The inclusive range of the section whose bytes were appended, if one was found.
    pub section: Option<(u64, u64)>,
    /// Where to go on; `None` at the end of the space.
    pub next: Option<u64>,
}

/// A section as it comes back from a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// The first value of its range.
    pub start: u64,
    /// The last value of its range.
    pub end: u64,
    /// Every effect with a lower offset is inside; none with this or a higher one.
    pub offset: Offset,
}

/// Bytes from the log or a checkpoint that a state cannot take. Quarantines the shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// A layout that this version of Bole does not know.
    #[error(
        "payload kind {kind} version {version} is not known to this version; start the version that wrote it"
    )]
    Unknown {
        /// The payload's kind.
        kind: u16,
        /// The layout's version.
        version: u8,
    },
    /// Bytes that do not fit their layout.
    #[error("payload is malformed: {0}")]
    Malformed(String),
}
