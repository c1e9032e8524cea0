//! Why a command did not do what was asked, and the one table from there to Redis's error texts.

use std::borrow::Cow;

use bole_base::Kind;
use bole_log as log;

use crate::blocking::Wish;
use crate::limits::{NAMES_BYTES_MAX, NAMES_MAX};

/// Why a command has no ordinary reply.
#[derive(Debug)]
pub enum Failure {
    /// The client made a mistake, or a condition does not hold: `CODE text`.
    Reply(Cow<'static, str>),
    /// The shard or the journal did not take the write.
    Shard(bole_shard::Error),
    /// There is nothing yet; the client may wait for it until the deadline (milliseconds since the Unix epoch).
    Block {
        /// What it waits for.
        wish: Wish,
        /// On which of its arguments.
        keys: Vec<Vec<u8>>,
        /// `None`: for ever.
        deadline: Option<u64>,
        /// Inside MULTI, where nobody waits, the reply is a null array rather than a null.
        array: bool,
    },
}

/// What a command's handler returns; the reply is written as it goes.
pub type Outcome = Result<(), Failure>;

impl From<&'static str> for Failure {
    fn from(text: &'static str) -> Self {
        Self::Reply(Cow::Borrowed(text))
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Reply(Cow::Owned(text))
    }
}

impl From<bole_shard::Error> for Failure {
    fn from(error: bole_shard::Error) -> Self {
        Self::Shard(error)
    }
}

/// The command is for another type of value.
pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
/// Words in the wrong place.
pub const SYNTAX: &str = "ERR syntax error";
/// A number was expected.
pub const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
/// A number was expected.
pub const NOT_FLOAT: &str = "ERR value is not a valid float";
/// The key was expected to exist.
pub const NO_SUCH_KEY: &str = "ERR no such key";
/// An index was expected to exist.
pub const OUT_OF_RANGE: &str = "ERR index out of range";
/// A string would grow too long.
pub const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

/// A connection names more channels or keys than it may.
pub fn too_many_names(what: &str) -> String {
    format!(
        "ERR a connection may {what} {NAMES_MAX} names of {NAMES_BYTES_MAX} bytes together; use another connection"
    )
}

/// The text for a client of what the kernel could not do.
pub fn kernel_text(error: &bole_shard::Error) -> String {
    match error.kind() {
        Kind::Full => format!(
            "MISCONF Bole is configured to log every write and cannot: {error}. Reads go on, and writes resume by themselves \
             when there is space again."
        ),
        Kind::Io => format!("MISCONF The journal failed and the node is stopping: {error}"),
        Kind::Limit => format!("BUSY {error}; try again"),
        Kind::Unavailable => format!("LOADING {error}"),
        Kind::Denied => format!("NOPERM {error}"),
        Kind::Corrupt | Kind::Internal | Kind::InvalidInput | Kind::NotFound | Kind::Conflict => {
            format!("ERR {error}")
        }
    }
}

/// The text for a client of what the journal could not do.
pub fn journal_text(error: &log::Error) -> String {
    kernel_text(&bole_shard::Error::Journal(error.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_code() {
        let quarantined = bole_shard::Error::Quarantined { shard: "s".into(), reason: "r".into() };
        for (error, code) in [
            (bole_shard::Error::Journal(log::Error::Full("disk".into())), "MISCONF "),
            (bole_shard::Error::Journal(log::Error::Failed("EIO".into())), "MISCONF "),
            (bole_shard::Error::Journal(log::Error::Sealed), "LOADING "),
            (bole_shard::Error::Wait { bytes: 7 }, "BUSY "),
            (quarantined, "LOADING "),
            (bole_shard::Error::Refused("no".into()), "ERR "),
        ] {
            let text = kernel_text(&error);
            assert!(text.starts_with(code), "{text}");
        }
    }
}
