//! `bole export`: a database as plain SQL that psql loads into a PostgreSQL, and `bole sql` into a Bole; or as a folder with the
//! schema and a CSV file for each table. One snapshot, and no more in memory than a piece of a table.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use futures_util::TryStreamExt as _;

use super::postgres::blueprint::{Blueprint, Step, Table};
use super::postgres::lines::Lines;
use super::postgres::snapshot::Snapshot;
use super::sql::connect::SqlDoor;

/// Bytes of rows after which a table goes on with another COPY, so that no transaction of who loads it is large.
const COPY_BYTES: usize = 16 << 20;
/// What is said at the start, so that what follows means the same wherever it is loaded.
const HEAD: &str = "set client_encoding = 'UTF8';\nset standard_conforming_strings = on;\n\
                    set search_path = pg_catalog;\nset intervalstyle = 'postgres';\n";
/// The last line of a dump that is whole.
const END: &str = "-- The export is complete.";

/// What an export looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One text of statements, rows by COPY
    Sql,
    /// A folder: before.sql, a CSV file for each table, after.sql, and load.sql, which psql runs to load it all
    Csv,
}

/// What `bole export` is told.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The database
    #[arg(long, default_value = "bole", value_name = "NAME")]
    database: String,
    /// What it is written as
    #[arg(long, value_enum, default_value_t = Format::Sql)]
    format: Format,
    /// The file, or for csv the folder, which must not exist; without it standard output
    #[arg(long, value_name = "FILE", required_if_eq("format", "csv"))]
    out: Option<PathBuf>,
    #[command(flatten)]
    door: SqlDoor,
}

/// Runs the command.
pub(super) async fn run(args: ExportArgs, out: &mut dyn Write) -> Result<ExitCode> {
    let snapshot = Snapshot::open(args.door.connect(&args.database).await?).await?;
    let blueprint = Blueprint::read(&snapshot).await?;
    if let Some(it) = blueprint.left_out.first() {
        bail!("{} {} cannot be exported: {}", it.kind, it.name, it.why);
    }
    match (args.format, &args.out) {
        (Format::Csv, Some(folder)) => write_folder(&snapshot, &blueprint, folder).await?,
        (_, None) => write_sql(&snapshot, &blueprint, out).await?,
        (_, Some(path)) => {
            let part = part_of(path);
            let mut file = create(&part)?;
            write_sql(&snapshot, &blueprint, &mut file).await?;
            finish(file, &part)?;
            std::fs::rename(&part, path).with_context(|| format!("{} cannot be named", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of a file that is not whole yet.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create_new(path).with_context(|| format!("{} cannot be created", path.display()))?;
    Ok(BufWriter::new(file))
}

/// Everything on disk.
fn finish(file: BufWriter<File>, path: &Path) -> Result<()> {
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error);
    file.and_then(|file| file.sync_all()).with_context(|| format!("{} cannot be written", path.display()))
}

fn write_steps(steps: &[Step], out: &mut dyn Write) -> Result<()> {
    for step in steps {
        writeln!(out, "\n{};", step.sql)?;
    }
    Ok(())
}

/// What comes when the rows are there: keys, indexes, views, and where sequences stand.
fn write_after(blueprint: &Blueprint, out: &mut dyn Write) -> Result<()> {
    write_steps(&blueprint.after, out)?;
    for standing in &blueprint.standings {
        writeln!(out, "\n{};", standing.sql)?;
    }
    writeln!(out, "\n{END}")?;
    Ok(out.flush()?)
}

async fn write_sql(snapshot: &Snapshot, blueprint: &Blueprint, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "-- A database of {}.\n\n{HEAD}", snapshot.version)?;
    write_steps(&blueprint.before, out)?;
    for table in &blueprint.tables {
        write_rows(snapshot, table, out).await.with_context(|| table.name.clone())?;
    }
    write_after(blueprint, out)
}

/// A table's rows, in pieces.
async fn write_rows(snapshot: &Snapshot, table: &Table, out: &mut dyn Write) -> Result<()> {
    let names = table.copied_names();
    let mut pieces = std::pin::pin!(snapshot.copy(&table.copy(names.as_str())).await?);
    let (mut lines, mut written) = (Lines::default(), 0);
    while let Some(piece) = pieces.try_next().await? {
        lines.push(&piece);
        if lines.len() == 0 {
            continue;
        }
        if written == 0 {
            writeln!(out, "\ncopy {} ({names}) from stdin;", table.name)?;
        }
        written += lines.len();
        out.write_all(&lines.take())?;
        if written >= COPY_BYTES {
            writeln!(out, "\\.")?;
            written = 0;
        }
    }
    lines.end()?;
    if written > 0 {
        writeln!(out, "\\.")?;
    }
    Ok(())
}

/// A folder that has its name when it is complete.
async fn write_folder(snapshot: &Snapshot, blueprint: &Blueprint, folder: &Path) -> Result<()> {
    if folder.exists() {
        bail!("{} exists: an export goes into a new folder", folder.display());
    }
    let part = part_of(folder);
    std::fs::create_dir(&part).with_context(|| format!("{} cannot be created", part.display()))?;
    let path = part.join("before.sql");
    let mut before = create(&path)?;
    write!(before, "{HEAD}")?;
    write_steps(&blueprint.before, &mut before)?;
    finish(before, &path)?;
    let load_path = part.join("load.sql");
    let mut load = create(&load_path)?;
    writeln!(load, "\\set ON_ERROR_STOP on\n\\i before.sql")?;
    for (number, table) in (1_u32..).zip(&blueprint.tables) {
        let name = file_name(number, &table.name);
        write_csv(snapshot, table, &part.join(&name)).await.with_context(|| table.name.clone())?;
        let names = table.copied_names();
        writeln!(load, "\\copy {} ({names}) from '{name}' with (format csv, header)", table.name)?;
    }
    writeln!(load, "\\i after.sql")?;
    finish(load, &load_path)?;
    let path = part.join("after.sql");
    let mut after = create(&path)?;
    write_after(blueprint, &mut after)?;
    finish(after, &path)?;
    std::fs::rename(&part, folder).with_context(|| format!("{} cannot be named", folder.display()))
}

/// A name that every file system takes: names of tables may have any characters.
fn file_name(number: u32, table: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' };
    let name: String = table.chars().map(plain).take(100).collect();
    format!("{number:04}-{name}.csv")
}

async fn write_csv(snapshot: &Snapshot, table: &Table, path: &Path) -> Result<()> {
    let mut file = create(path)?;
    let statement = format!("{} with (format csv, header)", table.copy(&table.copied_names()));
    let mut pieces = std::pin::pin!(snapshot.copy(&statement).await?);
    while let Some(piece) = pieces.try_next().await? {
        file.write_all(&piece)?;
    }
    finish(file, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for (table, expected) in
            [("app.t", "0007-app.t.csv"), ("\"a/b\".\"Ü x\"", "0007-_a_b_.___x_.csv"), ("..", "0007-...csv")]
        {
            assert_eq!(file_name(7, table), expected);
        }
    }
}
