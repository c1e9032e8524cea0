//! To come.
use crate::command::Command;

/// The family's rows.
pub const COMMANDS: &[Command] = &[];
