//! How a command runs other programs: it prints the line first, so that a developer can repeat it by hand, and
//! reports a failure with that line. Also where the repository and its tools are, and whether a program is installed.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// The root of the repository, known from where this crate was built.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where fetched clients live: ignored by git, safe to delete.
pub fn tools_dir() -> PathBuf {
    repository().join(".tools")
}

/// Where cargo puts what it builds, `CARGO_TARGET_DIR` respected.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// Whether `program` can be found: a path that exists, or a name in `PATH`.
pub fn installed(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The cargo that runs this command, so that a pinned toolchain stays the same all the way down.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository());
    command
}

/// The command as a line that a shell would take, the variables that it sets included.
pub fn line(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(name, value)| {
            Some(format!("{}={}", name.to_string_lossy(), quote(&value?.to_string_lossy())))
        })
        .collect();
    words.push(quote(&command.get_program().to_string_lossy()));
    words.extend(command.get_args().map(|argument| quote(&argument.to_string_lossy())));
    words.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%*".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Runs the command to its end with the terminal's own output, after printing it.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    println!("$ {}", line(command));
    command.status().with_context(|| format!("cannot start: {}", line(command)))
}

/// Runs the command to its end and prints its line and all that it wrote at once, so that several can run at a time.
pub fn status_at_once(command: &mut Command) -> Result<ExitStatus> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start: {line}"))?;
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    println!("$ {line}\n{said}{complained}");
    Ok(output.status)
}

/// Runs the command and fails unless it ends with success.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{status}: {}", line(command));
    }
    Ok(())
}

/// Runs the command without printing it and returns what it wrote on stdout; its stderr goes into the error.
pub fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start: {}", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}\n{}", output.status, line(command), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Says why a command failed, causes included, and turns its result into the exit code.
pub fn exit(result: &Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("redis-cli");
        command.env("A", "1 2").args(["set", "k", "it's", ""]);
        assert_eq!(line(&command), r"A='1 2' redis-cli set k 'it'\''s' ''");
    }

    #[test]
    fn installed_knows_names_and_paths() {
        assert!(installed("sh"));
        assert!(installed("/bin/sh"));
        assert!(!installed("/bin/no-such-program"));
        assert!(!installed("no-such-program-anywhere"));
    }
}
