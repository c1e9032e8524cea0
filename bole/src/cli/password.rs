//! Passwords for commands: from a variable, from a prompt that does not show them, or from standard input.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use bole_streams::limits::SASL_BYTES_MAX;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Bytes that are read of a file with a secret: as many as a server takes.
const LINE_BYTES_MAX: u64 = SASL_BYTES_MAX as u64;

/// The password in the variable `variable`, or else what a person types at `prompt`.
pub(super) fn from_variable_or_prompt(variable: &str, prompt: &str) -> Result<String> {
    if let Ok(password) = std::env::var(variable) {
        return Ok(password);
    }
    ensure!(std::io::stdin().is_terminal(), "no password: set {variable}");
    ask(prompt)
}

/// The first line of a file, which holds a password or a token.
pub(super) fn from_file(path: &Path) -> Result<String> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("the file {shown} cannot be opened"))?;
    let mut input = BufReader::new(file.take(LINE_BYTES_MAX));
    read_line(&mut input).with_context(|| format!("the file {shown} cannot be used"))
}

/// A new password for the user `name`: asked twice on a terminal, else the first line of standard input.
pub(super) fn new_password(variable: &str, name: &str) -> Result<String> {
    if let Ok(password) = std::env::var(variable) {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        return read_line(&mut std::io::stdin().lock());
    }
    let password = ask(&format!("New password of {name}: "))?;
    if ask("Once more: ")? != password {
        bail!("the two passwords differ");
    }
    Ok(password)
}

/// Asks on the terminal, which shows nothing of the answer.
fn ask(prompt: &str) -> Result<String> {
    let mut terminal = std::io::stderr();
    write!(terminal, "{prompt}").and_then(|()| terminal.flush())?;
    let hidden = Hidden::start()?;
    let line = read_line(&mut std::io::stdin().lock());
    drop(hidden);
    writeln!(terminal)?;
    line
}

fn read_line(input: &mut dyn BufRead) -> Result<String> {
    let mut line = String::new();
    input.read_line(&mut line).context("the password cannot be read")?;
    let password = line.trim_end_matches(['\r', '\n']);
    ensure!(!password.is_empty(), "the password is empty");
    Ok(password.to_owned())
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn start() -> Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("the terminal cannot hide what is typed")?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)
            .context("the terminal cannot hide what is typed")?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Nothing can be done when the terminal is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_password() {
        for (input, password) in [
            ("secret\nrest", Some("secret")),
            ("a b \r\n", Some("a b ")),
            ("x", Some("x")),
            ("\n", None),
            ("", None),
        ] {
            assert_eq!(read_line(&mut input.as_bytes()).ok().as_deref(), password, "{input:?}");
        }
    }
}
