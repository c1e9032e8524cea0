//! What real programs see of the gateway's cache: npm `http-cache-tests` through a route of a real node, and a page in Chromium through an edge and a shield.
//! What of the suite must pass, and why the rest does not, is in `conformance/cdn/expected.json`.

use super::clients::{Client, node, python};
use crate::server::{self, TemporaryBole};
use crate::tools::{self, Packages};
use crate::{process, server::free_ports};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

/// Options of `cargo xtask conformance cdn`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Run only this: suite, chromium or pillow
    #[arg(long, value_parser = ["suite", "chromium", "pillow"])]
    client: Option<String>,
}

const PACKAGES: Packages = Packages { room: "node-cdn", ..tools::NODE };

/// The browser, and how Debian's package names it.
const CHROMIUM: &str = "chromium";

const BROWSER: Client = Client {
    name: "chromium",
    folder: "cdn/chromium",
    programs: &["node", "npm", CHROMIUM],
    only_with: None,
    packages: Some(Packages { room: "node-chromium", ..tools::NODE }),
    command: |folder| node(folder, "node-chromium", "page.js"),
};

/// Decodes what the node makes of photographs, with Pillow.
const PILLOW: Client = Client {
    name: "pillow",
    folder: "cdn/pillow",
    programs: &["python3"],
    only_with: None,
    packages: Some(Packages { room: "python-pillow", ..tools::PYTHON }),
    command: |folder| python(folder, "python-pillow", "formats.py"),
};

/// Runs all; fails when other tests fail than those that are expected to. Without Chromium its part is passed over with a message, unless it was asked for.
pub fn run(args: &Args) -> Result<()> {
    for program in ["node", "npm"] {
        if !process::installed(program) {
            bail!("`{program}` is not installed");
        }
    }
    let wanted = |name: &str| args.client.as_deref().is_none_or(|client| client == name);
    if wanted("suite") {
        suite()?;
    }
    if wanted("pillow") {
        pictures()?;
    }
    if !wanted("chromium") {
        return Ok(());
    }
    if args.client.is_none() && !process::installed(CHROMIUM) {
        println!("skipped chromium: `{CHROMIUM}` is not installed");
        return Ok(());
    }
    browser()
}

/// A gateway's document with one route that is cached, in a file.
fn document(service: &str, cache: &str) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    let text = format!(
        "[services.origin]\ninstances = [\"{service}\"]\n[routes.all]\nservice = \"origin\"\ncache = {cache}\n"
    );
    std::fs::write(file.path(), text)?;
    Ok(file)
}

fn suite() -> Result<()> {
    let folder = process::repository().join("conformance/cdn");
    tools::fetch_packages(&PACKAGES, &folder)?;
    let [origin] = free_ports()?;
    let document = document(&format!("127.0.0.1:{origin}"), "{}")?;
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

fn pictures() -> Result<()> {
    if let Some(program) = PILLOW.missing_program() {
        bail!("`{program}` is not installed");
    }
    tools::fetch(&PILLOW)?;
    let [origin] = free_ports()?;
    let document = document(&format!("127.0.0.1:{origin}"), "{ images = {} }")?;
    let file = document.path().display().to_string();
    let bole = TemporaryBole::start_with("conformance-cdn-pillow", &[("BOLE_GATEWAY_FILE", &file)])?;
    server::wait_for(bole.gateway())?;
    let env = [
        ("BOLE_GATEWAY_URL", format!("http://{}", bole.gateway())),
        ("BOLE_ORIGIN_PORT", origin.to_string()),
    ];
    let judged = super::run_all("cdn", &[&PILLOW], &super::Plan { all: false, jobs: 1 }, &env);
    bole.still_runs().and(judged)
}

/// A node of a network of caches, whose service is `before`.
fn member(role: &str, before: &str, control: &str, secret: &Path) -> Result<TemporaryBole> {
    let cache = if role == "edge" { "{ shield = true, images = {} }" } else { "{}" };
    let document = document(before, cache)?;
    let bole = TemporaryBole::start_with(
        &format!("conformance-cdn-{role}"),
        &[
            ("BOLE_GATEWAY_FILE", &document.path().display().to_string()),
            ("BOLE_CDN_ROLE", role),
            ("BOLE_CDN_NAME", role),
            ("BOLE_CDN_CONTROL", control),
            ("BOLE_CDN_SECRET_FILE", &secret.display().to_string()),
        ],
    )?;
    server::wait_for(bole.gateway())?;
    server::wait_for(bole.admin())?;
    Ok(bole)
}

fn browser() -> Result<()> {
    if let Some(program) = BROWSER.missing_program() {
        bail!("`{program}` is not installed");
    }
    // Whatever takes minutes comes before there is a node that waits.
    tools::fetch(&BROWSER)?;
    let [origin] = free_ports()?;
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "a secret of a network\n").with_context(|| secret.display().to_string())?;
    let shield = member("shield", &format!("127.0.0.1:{origin}"), "", &secret)?;
    let edge = member("edge", &shield.gateway().to_string(), &shield.admin().to_string(), &secret)?;
    let env = [
        ("BOLE_EDGE_URL", format!("http://{}", edge.gateway())),
        ("BOLE_ORIGIN_PORT", origin.to_string()),
        ("BOLE_CHROMIUM", CHROMIUM.to_owned()),
    ];
    let judged = super::run_all("cdn", &[&BROWSER], &super::Plan { all: false, jobs: 1 }, &env);
    shield.still_runs().and(edge.still_runs()).and(judged)
}
