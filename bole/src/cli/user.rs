//! `bole user`: the users of a running node, through its admin door.

use std::io::Write;

use anyhow::{Context as _, Result};
use clap::Subcommand;

use super::{Need, NodeArgs, password};
use crate::admin::{NewUser, User};
use crate::http::escape;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user; the password comes from `BOLE_NEW_PASSWORD`, a prompt, or the first line of standard input
    Add {
        /// The user's name
        name: String,
        /// A role; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// The password, which other users of this machine can see here while the command runs
        #[arg(long)]
        password: Option<String>,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// List the users and their roles
    List {
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Remove a user
    Remove {
        /// The user's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
}

pub(super) fn run(command: UserCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        UserCommand::Add { name, roles, password, node } => {
            let client = node.client(Need::Always)?;
            let password = match password {
                Some(password) => password,
                None => password::new_password("BOLE_NEW_PASSWORD", &name)?,
            };
            let body = serde_json::to_vec(&NewUser { name: name.clone(), password, roles })?;
            client.request("POST", "/api/users", &body)?;
            writeln!(out, "user \"{name}\" added")?;
        }
        UserCommand::List { node } => {
            let body = node.client(Need::Always)?.request("GET", "/api/users", b"")?;
            let users: Vec<User> =
                serde_json::from_slice(&body).context("the list is not in a known form")?;
            for User { name, roles } in users {
                writeln!(out, "{name:<24} {}", roles.join(", "))?;
            }
        }
        UserCommand::Remove { name, node } => {
            node.client(Need::Always)?.request("DELETE", &format!("/api/users/{}", escape(&name)), b"")?;
            writeln!(out, "user \"{name}\" removed")?;
        }
    }
    Ok(())
}
