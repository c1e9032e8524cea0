//! What a client of a conformance run needs, where its packages come from and how its script is started.

use crate::process;
use crate::tools::{self, Packages};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How long one script may take before it counts as hung.
const SCRIPT_SECONDS_MAX: &str = "900";

/// One client library or tool with a conformance script.
#[derive(Debug)]
pub struct Client {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its folder in `conformance/`.
    pub folder: &'static str,
    /// The programs that must be installed.
    pub programs: &'static [&'static str],
    /// The variable that names what it tests, when that is not part of every run; it is skipped without.
    pub only_with: Option<&'static str>,
    /// The packages that it needs, if any.
    pub packages: Option<Packages>,
    /// The command that runs its script, from the script's folder.
    pub command: fn(&Path) -> Command,
}

impl Client {
    /// Where its script and pins are.
    pub fn folder(&self) -> PathBuf {
        process::repository().join("conformance").join(self.folder)
    }

    /// Why it cannot run with the variables `env`.
    pub(super) fn obstacle(&self, env: &[(&str, String)]) -> Option<String> {
        if let Some(program) = self.missing_program() {
            return Some(format!("`{program}` is not installed"));
        }
        let given =
            |name: &&str| env.iter().any(|(given, _)| given == name) || std::env::var_os(name).is_some();
        self.only_with.filter(|name| !given(name)).map(|name| format!("{name} is not set"))
    }

    /// The first program that it needs and this machine does not have.
    pub fn missing_program(&self) -> Option<&'static str> {
        self.programs.iter().copied().find(|program| !process::installed(program))
    }
}

/// A program with a limit to its time.
pub(super) fn script(program: impl AsRef<Path>, arguments: &[&Path]) -> Command {
    let mut command = Command::new("timeout");
    command.arg(SCRIPT_SECONDS_MAX).arg(program.as_ref()).args(arguments);
    command
}

/// Where the modules are that count checks, one a language, for all scripts of that language.
pub(super) fn checks() -> PathBuf {
    process::repository().join("conformance/checks")
}

/// A Python script with the packages of a room.
pub(super) fn python(folder: &Path, room: &str, file: &str) -> Command {
    let mut command = script(process::tools_dir().join(room).join("bin/python"), &[&folder.join(file)]);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", checks());
    command
}

/// A Node script with the packages of a room.
pub(super) fn node(folder: &Path, room: &str, file: &str) -> Command {
    let mut command = script("node", &[&folder.join(file)]);
    let packages = process::tools_dir().join(room).join("node_modules");
    command.env("NODE_PATH", format!("{}:{}", packages.display(), checks().display()));
    command
}

/// The Go program in a folder.
pub(super) fn go(folder: &Path) -> Command {
    let mut command = script("go", &[Path::new("run"), Path::new(".")]);
    command.envs(tools::go_caches()).current_dir(folder);
    command
}
