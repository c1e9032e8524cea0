//! `bole sql`: a small psql, for one statement, a file, or a conversation.

pub(super) mod connect;
mod describe;
mod input;
mod shell;
mod statements;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use connect::SqlDoor;
use input::Input;
use shell::Shell;
use statements::Statements;
use table::Format;

/// What `bole sql` is told.
#[derive(Debug, Args)]
pub(super) struct SqlArgs {
    /// The database
    #[arg(default_value = "bole")]
    database: String,
    /// Run this and end; may be given several times
    #[arg(long, short, value_name = "SQL")]
    command: Vec<String>,
    /// Run the statements of this file and end; - is standard input
    #[arg(long, short, value_name = "FILE", conflicts_with = "command")]
    file: Option<PathBuf>,
    /// Go on after a statement that failed; the exit code says so all the same
    #[arg(long)]
    keep_going: bool,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t = Format::Aligned)]
    format: Format,
    #[command(flatten)]
    door: SqlDoor,
}

/// Runs the command. The code is 1 if a statement failed.
pub(super) async fn run(args: SqlArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let connection = args.door.connect(&args.database).await?;
    let mut shell = Shell::new(connection, args.format, out);
    if !args.command.is_empty() {
        for text in &args.command {
            let good = run_all(&mut shell, Input::of(text), args.keep_going).await?;
            if !good && !args.keep_going {
                break;
            }
        }
        return Ok(shell.code());
    }
    if let Some(input) = Input::open(args.file.as_ref())? {
        run_all(&mut shell, input, args.keep_going).await?;
        return Ok(shell.code());
    }
    shell.talk(&args.database).await
}

/// Runs statements as they are read, each by itself. Whether all were good; the first that is not ends it unless `keep_going`.
async fn run_all(shell: &mut Shell<'_>, mut input: Input<'_>, keep_going: bool) -> Result<bool> {
    let (mut statements, mut good) = (Statements::default(), true);
    while let Some(line) = input.line(statements.is_empty())? {
        if statements.is_empty() && line.trim_start().starts_with('\\') {
            if describe::ends(line) {
                return Ok(good);
            }
            good &= shell.describe(line.trim()).await?;
            if !good && !keep_going {
                return Ok(false);
            }
            continue;
        }
        if statements.is_empty() {
            statements.clear();
        }
        statements.push(line);
        while let Some(statement) = statements.next() {
            good &= if shell::copies(&statement) == Some(shell::Copy::In) {
                shell.copy_in(&statement, &mut input).await?
            } else {
                shell.run(&statement).await?
            };
            if !good && !keep_going {
                return Ok(false);
            }
        }
    }
    if let Some(rest) = statements.rest() {
        good &= shell.run(&rest).await?;
    }
    Ok(good)
}
