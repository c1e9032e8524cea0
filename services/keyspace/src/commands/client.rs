//! To come.
use crate::command::Command;

/// The family's rows.
pub const COMMANDS: &[Command] = &[];

/// Whether a client may call itself so: printable ASCII without spaces.
pub fn is_valid_name(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
