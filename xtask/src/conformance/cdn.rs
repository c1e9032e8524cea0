//! npm `http-cache-tests` through a route with a cache of a real node. What must pass, and why the rest does not, is in `conformance/cdn/expected.json`.

use crate::server::{self, TemporaryBole};
use crate::tools::{self, Packages};
use crate::{process, server::free_ports};
use anyhow::{Result, bail};
use std::process::Command;

/// Options of `cargo xtask conformance cdn`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {}

const PACKAGES: Packages = Packages { room: "node-cdn", ..tools::NODE };

/// Runs the suite; fails when other tests fail than those that are expected to.
pub fn run(_: &Args) -> Result<()> {
    for program in ["node", "npm"] {
        if !process::installed(program) {
            bail!("`{program}` is not installed");
        }
    }
    let folder = process::repository().join("conformance/cdn");
    tools::fetch_packages(&PACKAGES, &folder)?;
    let [origin] = free_ports()?;
    let document = tempfile::Builder::new().suffix(".toml").tempfile()?;
    std::fs::write(
        document.path(),
        format!(
            "[services.origin]\ninstances = [\"127.0.0.1:{origin}\"]\n[routes.all]\nservice = \"origin\"\ncache = {{}}\n"
        ),
    )?;
    let file = document.path().display().to_string();
    let bole = TemporaryBole::start_with("conformance-cdn", &[("BOLE_GATEWAY_FILE", &file)])?;
    server::wait_for(bole.gateway())?;
    let package = process::tools_dir().join(PACKAGES.room).join("node_modules/http-cache-tests");
    let mut suite = Command::new("sh");
    suite.arg(folder.join("run.sh")).arg(package).arg(format!("http://{}", bole.gateway()));
    suite.arg(origin.to_string());
    let judged = process::run(&mut suite);
    bole.still_runs().and(judged)
}
