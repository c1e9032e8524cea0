//! The console in a real browser: Chromium walks every page of a real node's console, and makes each change.

use super::clients::{Client, node};
use crate::process;
use crate::server::{self, Profile, TemporaryBole};
use crate::tools::{self, Packages};
use anyhow::{Result, bail};
use std::process::Command;

/// Options of `cargo xtask conformance console`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {}

/// The browser, as Debian's package names it.
const CHROMIUM: &str = "chromium";

const BROWSER: Client = Client {
    name: "chromium",
    folder: "console",
    programs: &["node", "npm", CHROMIUM],
    only_with: None,
    packages: Some(Packages { room: "node-chromium", ..tools::NODE }),
    command: |folder| node(folder, "node-chromium", "walk.js"),
};

/// What there is to be seen: a table, records, and a group that has read some of them.
const TABLE: &str = "create table purchases (id int primary key, item text, price numeric); \
    insert into purchases values (1, 'lantern', 24.50), (2, 'rope', 9.90), (3, 'kettle', 31.00)";

/// Runs it; fails when any check does.
pub fn run(_: &Args) -> Result<()> {
    if let Some(program) = BROWSER.missing_program() {
        bail!("`{program}` is not installed");
    }
    // Whatever takes minutes comes before there is a node that waits.
    tools::fetch(&BROWSER)?;
    let bole = TemporaryBole::start("conformance-console")?;
    server::wait_for(bole.admin())?;
    fill(&bole)?;
    let env = [
        ("BOLE_ADMIN_URL", format!("http://{}", bole.admin())),
        ("BOLE_GATEWAY_URL", format!("http://{}", bole.gateway())),
        ("BOLE_CHROMIUM", CHROMIUM.to_owned()),
    ];
    let judged = super::run_all("console", &[&BROWSER], &super::Plan { all: false, jobs: 1 }, &env);
    bole.still_runs().and(judged)
}

fn fill(bole: &TemporaryBole) -> Result<()> {
    let commands: [&[&str]; 4] = [
        &["sql", "--command", TABLE],
        &["topic", "create", "orders", "--partitions", "3"],
        &["produce", "orders", "--partition", "0"],
        &["consume", "orders", "--group", "workers", "--count", "2"],
    ];
    for arguments in commands {
        let mut command = Command::new(process::target_dir().join(Profile::Debug.folder()).join("bole"));
        command.args(arguments).env("BOLE_STREAMS_LISTEN", bole.streams().to_string());
        command.env("BOLE_SQL_LISTEN", bole.sql().to_string());
        if arguments[0] == "produce" {
            let lines = process::repository().join("conformance/console/records.txt");
            command.stdin(std::fs::File::open(lines)?);
        }
        process::run(&mut command)?;
    }
    Ok(())
}
