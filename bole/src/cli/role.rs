//! `bole role`: what users may do, as roles made of policies.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bole_identity::{Policy, Role};
use clap::Subcommand;

use super::{Need, NodeArgs};
use crate::http::{Client, escape};

#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// List the roles and their policies
    List {
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Print the policies of a role as JSON
    Show {
        /// The role's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Add a role, or replace its policies
    Put {
        /// The role's name
        name: String,
        /// File with its policies as JSON, as `bole role show` prints them; - for standard input
        policies: PathBuf,
        #[command(flatten)]
        node: NodeArgs,
    },
    /// Remove a role that nobody has
    Remove {
        /// The role's name
        name: String,
        #[command(flatten)]
        node: NodeArgs,
    },
}

pub(super) fn run(command: RoleCommand, out: &mut dyn Write) -> Result<()> {
    match command {
        RoleCommand::List { node } => {
            for Role { name, policies } in roles(&node.client(Need::Always)?)? {
                let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
                writeln!(out, "{name:<24} {}", names.join(", "))?;
            }
        }
        RoleCommand::Show { name, node } => {
            let all = roles(&node.client(Need::Always)?)?;
            let role = all.into_iter().find(|role| role.name == name);
            let role = role.with_context(|| format!("role \"{name}\" does not exist"))?;
            writeln!(out, "{}", serde_json::to_string_pretty(&role.policies)?)?;
        }
        RoleCommand::Put { name, policies, node } => {
            let text = if policies.as_os_str() == "-" {
                std::io::read_to_string(std::io::stdin()).context("standard input is not text")?
            } else {
                std::fs::read_to_string(&policies)
                    .with_context(|| format!("{} cannot be read", policies.display()))?
            };
            let policies: Vec<Policy> =
                serde_json::from_str(&text).context("these are no policies; see bole role show")?;
            let body = serde_json::to_vec(&policies)?;
            node.client(Need::Always)?.request("PUT", &path(&name), &body)?;
            writeln!(out, "role \"{name}\" put")?;
        }
        RoleCommand::Remove { name, node } => {
            node.client(Need::Always)?.request("DELETE", &path(&name), b"")?;
            writeln!(out, "role \"{name}\" removed")?;
        }
    }
    Ok(())
}

fn roles(client: &Client) -> Result<Vec<Role>> {
    let body = client.request("GET", "/api/roles", b"")?;
    serde_json::from_slice(&body).context("the list is not in a known form")
}

fn path(role: &str) -> String {
    format!("/api/roles/{}", escape(role))
}
