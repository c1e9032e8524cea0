//! `bole user`: the users of a running node, through its admin door.

use std::io::Write;

use anyhow::{Context as _, Result, ensure};
use clap::Subcommand;

use super::{Need, NodeArgs, password};
use crate::admin::access::{MadeAccessKey, NewAccessKey, UserChange};
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
    /// Change a user: its roles, whether it may do anything, its password
    Set {
        /// The user's name
        name: String,
        /// A role, in place of those that it has; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Let it do nothing for now
        #[arg(long)]
        disable: bool,
        /// Let it do what its roles allow again
        #[arg(long, conflicts_with = "disable")]
        enable: bool,
        /// Give it another password, from `BOLE_NEW_PASSWORD`, a prompt, or the first line of standard input
        #[arg(long)]
        password: bool,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Manage a user's access keys, with which S3's clients sign
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// List the users, their roles and access keys
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

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make an access key. Its secret is printed once, and can never be asked for again
    Add {
        /// The user's name
        name: String,
        /// The key's id; made up without
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Take an access key away
    Remove {
        /// The user's name
        name: String,
        /// The key's id
        id: String,
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
            for User { name, roles, enabled, access_keys } in users {
                let disabled = if enabled { "" } else { " (disabled)" };
                let keys = if access_keys.is_empty() {
                    String::new()
                } else {
                    format!("  access keys {}", access_keys.join(", "))
                };
                writeln!(out, "{name:<24} {}{disabled}{keys}", roles.join(", "))?;
            }
        }
        UserCommand::Set { name, roles, disable, enable, password, node } => {
            let client = node.client(Need::Always)?;
            let password =
                if password { Some(password::new_password("BOLE_NEW_PASSWORD", &name)?) } else { None };
            let change = UserChange {
                roles: (!roles.is_empty()).then_some(roles),
                enabled: (enable || disable).then_some(enable),
                password,
            };
            ensure!(change != UserChange::default(), "nothing to change; see bole user set --help");
            client.request("PATCH", &path(&name), &serde_json::to_vec(&change)?)?;
            writeln!(out, "user \"{name}\" changed")?;
        }
        UserCommand::Key { command: KeyCommand::Add { name, id, node } } => {
            let body = serde_json::to_vec(&NewAccessKey { id, secret: None })?;
            let answer =
                node.client(Need::Always)?.request("POST", &format!("{}/keys", path(&name)), &body)?;
            let MadeAccessKey { id, secret } =
                serde_json::from_slice(&answer).context("the answer is not in a known form")?;
            writeln!(out, "aws_access_key_id = {id}\naws_secret_access_key = {secret}")?;
        }
        UserCommand::Key { command: KeyCommand::Remove { name, id, node } } => {
            let path = format!("{}/keys/{}", path(&name), escape(&id));
            node.client(Need::Always)?.request("DELETE", &path, b"")?;
            writeln!(out, "access key \"{id}\" of user \"{name}\" removed")?;
        }
        UserCommand::Remove { name, node } => {
            node.client(Need::Always)?.request("DELETE", &path(&name), b"")?;
            writeln!(out, "user \"{name}\" removed")?;
        }
    }
    Ok(())
}

fn path(user: &str) -> String {
    format!("/api/users/{}", escape(user))
}
