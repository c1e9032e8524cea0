//! The keyspace, asked as any Redis client asks it.

use super::{Asked, By};

/// A command: its name and arguments.
pub type Command = Vec<Vec<u8>>;

/// The reply to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A word, such as `OK`.
    Word(String),
    /// The command is refused.
    Error(String),
    /// A number.
    Number(i64),
    /// A string.
    Bytes(Vec<u8>),
    /// No value.
    Nothing,
    /// Several.
    List(Vec<Reply>),
}

/// A client of the keyspace.
pub trait Keyspace: Send + Sync + 'static {
    /// Runs commands one after the other in a database; a reply for each. Errors: the user may not come in, the database does not exist, or the
    /// replies are too large. What a single command is refused for is its [`Reply::Error`].
    fn run<'a>(&'a self, by: By<'a>, database: u32, commands: Vec<Command>) -> Asked<'a, Vec<Reply>>;
}
