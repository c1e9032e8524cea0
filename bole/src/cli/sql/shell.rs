//! Runs statements and prints what comes of them.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, pin_mut};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{AsyncMessage, NoTls, SimpleQueryMessage};

use super::connect::Session;
use super::describe;
use super::input::Input;
use super::statements::{Statements, without_comments};
use super::table::{Format, Rows};

/// Rows of a result that are kept until they are printed; an aligned table needs all of them for its widths.
const ROWS_PER_TABLE: usize = 10_000;

/// A connection and how its answers are printed.
pub(super) struct Shell<'a> {
    session: Session,
    format: Format,
    timing: bool,
    failed: bool,
    out: &'a mut dyn Write,
}

/// Which way a COPY goes between server and client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copy {
    /// Rows follow the statement.
    In,
    /// Rows come as its answer.
    Out,
}

/// Whether a statement is a COPY that the client takes part in.
pub(super) fn copies(statement: &str) -> Option<Copy> {
    let mut words = without_comments(statement).split_whitespace().map(str::to_ascii_lowercase);
    if words.next().as_deref() != Some("copy") {
        return None;
    }
    let words: Vec<_> = words.collect();
    let has = |pair: [&str; 2]| words.windows(2).any(|found| found == pair);
    if has(["from", "stdin"]) { Some(Copy::In) } else { has(["to", "stdout"]).then_some(Copy::Out) }
}

impl<'a> Shell<'a> {
    pub(super) fn new(session: Session, format: Format, out: &'a mut dyn Write) -> Self {
        Self { session, format, timing: false, failed: false, out }
    }

    /// 1 if a statement failed.
    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.failed))
    }

    /// Reads statements from a person until `\q` or the end of the input.
    pub(super) async fn talk(&mut self, database: &str) -> Result<ExitCode> {
        let mut editor = DefaultEditor::new().context("the terminal cannot be used")?;
        writeln!(self.out, "bole sql {}; \\? shows what there is besides SQL", env!("CARGO_PKG_VERSION"))?;
        let mut statements = Statements::default();
        loop {
            let prompt = format!("{database}{}> ", if statements.is_empty() { '=' } else { '-' });
            // The terminal blocks; meanwhile nothing else has to run.
            let line = match editor.readline(&prompt) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => {
                    statements.clear();
                    continue;
                }
                Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
                Err(error) => return Err(error).context("the terminal cannot be read"),
            };
            let _ = editor.add_history_entry(&line);
            if statements.is_empty() && line.trim_start().starts_with('\\') {
                if describe::ends(&line) {
                    return Ok(ExitCode::SUCCESS);
                }
                self.describe(line.trim()).await?;
                continue;
            }
            statements.push(&line);
            statements.push("\n");
            while let Some(statement) = statements.next() {
                self.run(&statement).await?;
            }
        }
    }

    /// Runs a command that begins with a backslash. Whether it was good.
    pub(super) async fn describe(&mut self, command: &str) -> Result<bool> {
        match describe::command(command) {
            describe::Command::Nothing => {}
            describe::Command::Help => self.out.write_all(describe::HELP.as_bytes())?,
            describe::Command::Timing => {
                self.timing = !self.timing;
                writeln!(self.out, "Timing is {}.", if self.timing { "on" } else { "off" })?;
            }
            describe::Command::Queries(queries) => {
                for query in queries {
                    if !self.run(&query).await? {
                        return Ok(false);
                    }
                }
            }
            describe::Command::Unknown => {
                self.failed = true;
                writeln!(std::io::stderr(), "{command} is not known; \\? shows what is")?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs one statement and prints its answer. Whether it was good. Errors: those of the connection and of printing.
    pub(super) async fn run(&mut self, statement: &str) -> Result<bool> {
        match copies(statement) {
            None => {}
            Some(Copy::Out) => return self.copy_out(statement).await,
            Some(Copy::In) => {
                self.failed = true;
                writeln!(
                    std::io::stderr(),
                    "the rows of a COPY FROM STDIN follow it in a file or in standard input"
                )?;
                return Ok(false);
            }
        }
        let begun = Instant::now();
        let outcome = {
            let answer = answer(&self.session, statement, self.format, self.out);
            pin_mut!(answer);
            tokio::select! {
                outcome = &mut answer => outcome,
                _ = tokio::signal::ctrl_c(), if self.session.cancels => {
                    let cancel = self.session.client.cancel_token();
                    cancel.cancel_query(NoTls).await.context("the statement cannot be cancelled")?;
                    answer.await
                }
            }
        };
        let good = self.settle(outcome, statement)?;
        if self.timing {
            writeln!(self.out, "Time: {:.3} ms", begun.elapsed().as_secs_f64() * 1_000.0)?;
        }
        Ok(good)
    }

    /// Runs a COPY whose rows follow in the input, up to a line that is `\.`. Whether it was good. Errors: those of the connection, of reading and of printing.
    pub(super) async fn copy_in(&mut self, statement: &str, input: &mut Input<'_>) -> Result<bool> {
        let mut rows = input.rows();
        let copied = async {
            let sink = self.session.client.copy_in::<_, Bytes>(statement).await?;
            pin_mut!(sink);
            loop {
                match rows.next() {
                    Ok(Some(piece)) => sink.send(Bytes::from(piece)).await?,
                    Ok(None) => break sink.finish().await.map(Ok),
                    // Without its end the server takes nothing of it.
                    Err(error) => break Ok(Err(error)),
                }
            }
        };
        let outcome = match copied.await {
            Ok(taken) => {
                writeln!(self.out, "COPY {}", taken.context("the rows cannot be read")?)?;
                Ok(Ok(()))
            }
            Err(error) => Err(error),
        };
        rows.skip().context("the rows cannot be read")?;
        self.settle(outcome, statement)
    }

    /// Runs a COPY whose rows are the answer. Whether it was good.
    async fn copy_out(&mut self, statement: &str) -> Result<bool> {
        let copied = async {
            let rows = self.session.client.copy_out(statement).await?;
            pin_mut!(rows);
            while let Some(piece) = rows.next().await.transpose()? {
                if let Err(error) = self.out.write_all(&piece) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        };
        let outcome = copied.await;
        self.settle(outcome, statement)
    }

    /// Prints what the server said besides, and the error if there is one.
    fn settle(
        &mut self,
        outcome: Result<std::io::Result<()>, tokio_postgres::Error>,
        statement: &str,
    ) -> Result<bool> {
        while let Ok(message) = self.session.said.try_recv() {
            match message {
                AsyncMessage::Notice(notice) => {
                    writeln!(std::io::stderr(), "{}:  {}", notice.severity(), notice.message())?;
                }
                AsyncMessage::Notification(told) => {
                    let (channel, payload, process) = (told.channel(), told.payload(), told.process_id());
                    writeln!(
                        self.out,
                        "Notification \"{channel}\" with \"{payload}\" from process {process}."
                    )?;
                }
                _ => {}
            }
        }
        match outcome {
            Ok(printed) => {
                printed?;
                Ok(true)
            }
            Err(error) if error.as_db_error().is_some() => {
                self.failed = true;
                std::io::stderr().write_all(explain(&error, statement).as_bytes())?;
                Ok(false)
            }
            Err(error) => Err(error).context("the connection to the SQL service failed"),
        }
    }
}

/// Runs a statement and prints its rows.
async fn answer(
    session: &Session,
    statement: &str,
    format: Format,
    out: &mut dyn Write,
) -> Result<std::io::Result<()>, tokio_postgres::Error> {
    let messages = session.client.simple_query_raw(statement).await?;
    pin_mut!(messages);
    let mut rows: Option<Rows> = None;
    while let Some(message) = messages.next().await.transpose()? {
        let printed = match message {
            SimpleQueryMessage::RowDescription(columns) => {
                let names = columns.iter().map(|column| column.name().to_owned()).collect();
                rows = Some(Rows::new(names));
                Ok(())
            }
            SimpleQueryMessage::Row(row) => {
                let rows = rows.get_or_insert_default();
                rows.ready.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
                if rows.ready.len() < ROWS_PER_TABLE {
                    continue;
                }
                rows.write_some(format, out)
            }
            SimpleQueryMessage::CommandComplete(count) => match rows.take() {
                Some(rows) => rows.write(format, out),
                None if format == Format::Aligned => writeln!(out, "ok ({count})"),
                None => Ok(()),
            },
            _ => Ok(()),
        };
        if printed.is_err() {
            return Ok(printed);
        }
    }
    Ok(Ok(()))
}

/// An error as psql shows it.
fn explain(error: &tokio_postgres::Error, statement: &str) -> String {
    let Some(error) = error.as_db_error() else { return format!("{error}\n") };
    let mut text = format!("{}:  {}  ({})\n", error.severity(), error.message(), error.code().code());
    if let Some(ErrorPosition::Original(position)) = error.position() {
        let before: String = statement.chars().take((*position as usize).saturating_sub(1)).collect();
        let number = before.matches('\n').count();
        let line = statement.lines().nth(number).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let head = format!("LINE {}: ", number + 1);
        text.extend([&*head, line, "\n", &" ".repeat(head.len() + column), "^\n"]);
    }
    for (name, more) in [("DETAIL", error.detail()), ("HINT", error.hint()), ("CONTEXT", error.where_())] {
        if let Some(more) = more {
            text.extend([name, ":  ", more, "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_statements_exchange_rows() {
        for (statement, expected) in [
            ("COPY t FROM stdin", Some(Copy::In)),
            ("--\n-- Data for t\n--\n\n/* x */ copy t (a, b)\nfrom STDIN with (format csv)", Some(Copy::In)),
            ("copy (select 1) to stdout", Some(Copy::Out)),
            ("copy t from '/file'", None),
            ("select 'copy from stdin'", None),
        ] {
            assert_eq!(copies(statement), expected, "{statement}");
        }
    }
}
