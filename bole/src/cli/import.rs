//! `bole import postgres`: a PostgreSQL database, or that of another Bole, becomes one of this Bole.
//!
//! The source is read in one snapshot. What the target cannot have is found out before anything is written: each statement of the
//! schema is tried in a transaction that is rolled back. Then come the schema, the rows, the keys and indexes, and last where
//! sequences stand; how far it came is kept at the target in the same transactions, so that the same command goes on after
//! whatever ended it. In the end all rows are read again and compared by count and checksum.

mod compare;
mod meter;
mod plan;
mod rows;
mod state;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use tokio_postgres::error::SqlState;

use super::postgres::blueprint::Blueprint;
use super::postgres::snapshot::{self, Snapshot};
use super::postgres::source::Source;
use super::sql::connect::{Session, SqlDoor};
use meter::Meter;
use plan::Plan;

/// The database that is there to create others from.
const FIRST_DATABASE: &str = "bole";

/// What can be imported.
#[derive(Debug, Subcommand)]
pub(super) enum ImportCommand {
    /// Move a PostgreSQL database here: schema and rows, verified. The same command goes on after an interruption
    Postgres(PostgresArgs),
}

/// What `bole import postgres` is told.
#[derive(Debug, Args)]
pub(super) struct PostgresArgs {
    /// The source: `postgres://user@host/database?sslmode=verify-full`; the password may be in `PGPASSWORD`
    #[arg(long, env = "BOLE_IMPORT_FROM", hide_env_values = true, value_name = "URL")]
    from: String,
    /// The database to import into, which is created if there is none; without it the one of the source's name
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Show what would be moved and what not, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Leave out what cannot be had here, instead of refusing
    #[arg(long)]
    skip_unsupported: bool,
    #[command(flatten)]
    door: SqlDoor,
}

/// Runs the command. The code is 1 if what came differs from the source, or if something is not supported.
pub(super) async fn run(command: ImportCommand, out: &mut dyn Write) -> Result<ExitCode> {
    let ImportCommand::Postgres(args) = command;
    let source = Source::parse(&args.from)?;
    let snapshot = Snapshot::open(source.connect().await?).await?;
    let blueprint = Blueprint::read(&snapshot).await.context("the schema of the source cannot be read")?;
    let database = match &args.database {
        Some(database) => database.clone(),
        None => source.database()?.to_owned(),
    };
    writeln!(out, "source: {} ({})\ntarget: {database}", source.label()?, snapshot.version)?;
    let (session, created) = provide(&args.door, &database).await?;
    snapshot::prepare(&session.client).await?;
    let label = source.label()?;
    let plan = match state::load(&session.client, &label, &blueprint).await? {
        Some(plan) => plan,
        None => Plan::rehearse(&session.client, blueprint).await?,
    };
    plan.write(out)?;
    let refuses = !plan.resumed && !plan.left_out().is_empty() && !args.skip_unsupported;
    if args.dry_run || refuses {
        drop(session);
        if created {
            abandon(&args.door, &database).await?;
        }
        if args.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        bail!(
            "nothing was written: what is listed as left out is not supported; --skip-unsupported moves the rest"
        );
    }
    let done = carry_out(&snapshot, &session, &plan, &label, out).await;
    done.map_err(|error| error.context("the import stopped; the same command goes on from there"))
}

async fn carry_out(
    snapshot: &Snapshot,
    session: &Session,
    plan: &Plan,
    label: &str,
    out: &mut dyn Write,
) -> Result<ExitCode> {
    let target = &session.client;
    if !plan.resumed {
        state::begin(target, plan, label).await.context("the schema cannot be made")?;
    }
    let mut meter = Meter::new();
    let copied = match rows::copy_all(snapshot, target, plan, &mut meter).await {
        Ok(copied) => copied,
        Err(error) => {
            // Where it was the target that went, nobody can say.
            let _ = rows::tell(target, plan, out).await;
            return Err(error);
        }
    };
    if !copied.unread.is_empty() {
        rows::tell(target, plan, out).await?;
        let unread: Vec<String> =
            copied.unread.iter().map(|(table, why)| format!("{table}: {why}")).collect();
        bail!("the source does not let some tables be read: {}", unread.join("; "));
    }
    let sums = copied.sums;
    state::finish_schema(target, plan, &mut meter).await?;
    let good = compare::compare(snapshot, target, plan, &sums, &mut meter, out).await?;
    if !good {
        writeln!(
            out,
            "Rows differ. Either the source changed while the import was interrupted, or something is wrong:\n\
             drop the database here and import again."
        )?;
        return Ok(ExitCode::FAILURE);
    }
    state::end(target).await?;
    writeln!(out, "Everything that is listed was moved and is the same on both sides.")?;
    Ok(ExitCode::SUCCESS)
}

/// A connection to a database, which is created if it is missing; and whether it was.
async fn provide(door: &SqlDoor, database: &str) -> Result<(Session, bool)> {
    let error = match door.connect(database).await {
        Ok(session) => return Ok((session, false)),
        Err(error) => error,
    };
    let code = error.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    if code != Some(&SqlState::INVALID_CATALOG_NAME) {
        return Err(error);
    }
    let first = door.connect(FIRST_DATABASE).await?;
    first.client.batch_execute(&format!("create database {}", quoted(database))).await?;
    Ok((door.connect(database).await?, true))
}

/// Drops a database that was created for nothing, when the server has noticed that nobody is in it any more.
async fn abandon(door: &SqlDoor, database: &str) -> Result<()> {
    const TRIES: u32 = 50;
    let first = door.connect(FIRST_DATABASE).await?;
    for _ in 0..TRIES {
        match first.client.batch_execute(&format!("drop database {}", quoted(database))).await {
            Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            done => return Ok(done?),
        }
    }
    bail!("the database {database} was created for a trial and is still in use: drop it")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
