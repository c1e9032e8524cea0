//! Runs plans on SQLite.

use std::sync::Arc;

use bole_sql_dialect::Catalog;
use bole_sql_dialect::catalog::Rule;
use bole_sql_dialect::catalog::temporary::is_temporary;
use bole_sql_dialect::plan::{Action, Look, Output, Query, SchemaChange, Step, Write, WriteTag};
use bole_sql_functions::Context;
use bole_sql_types::{Error, Result, Style, Value};
use rusqlite::Connection;

use super::cancel::Canceller;
use super::effects::Holds;
use super::plan::Plan;
use super::rows::{Sink, ToClient, ToMemory, ToSpool, Writing};
use super::{Fields, Formats, Halt, Prepared, Session, Spool};
use crate::metrics::count;
use crate::protocol::backend::{self, Severity};
use crate::store::{Stop, Writer};

/// One statement on its way through SQLite.
pub(super) struct Run<'a> {
    pub(super) connection: &'a Connection,
    pub(super) context: &'a Context,
    pub(super) catalog: &'a Catalog,
    canceller: &'a Canceller,
    parameters: &'a [Value],
    /// The table that is written to, and whether rows are taken away.
    about: (u32, bool),
}

impl Run<'_> {
    /// What an error of SQLite's means.
    fn error(&self, error: &rusqlite::Error) -> Error {
        if let Some(error) = self.context.take_error() {
            return error;
        }
        crate::error::of_statement(self.catalog, self.about, error)
    }

    /// Gives a statement its parameters.
    pub(super) fn bind(&self, statement: &mut rusqlite::Statement<'_>) -> Result<()> {
        let known = statement.parameter_count();
        for (index, value) in self.parameters.iter().enumerate().take(known) {
            let bound = statement.raw_bind_parameter(index + 1, Bound(value));
            bound.map_err(|error| self.error(&error))?;
        }
        Ok(())
    }

    /// Runs SQL whose rows go to `sink`. How many there were, and how many rows it changed.
    fn rows(&self, sql: &str, columns: &[Output], sink: &mut dyn Sink) -> Result<(u64, u64)> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|error| self.error(&error))?;
        self.bind(&mut statement)?;
        self.canceller.check()?;
        let before = self.connection.total_changes();
        let mut rows = statement.raw_query();
        let mut given = 0;
        while let Some(row) = rows.next().map_err(|error| self.error(&error))? {
            given += 1;
            sink.row(columns, row)?;
            self.canceller.check()?;
        }
        drop(rows);
        let changed = if self.connection.total_changes() == before { 0 } else { self.connection.changes() };
        if let Some(error) = self.context.take_error() {
            return Err(error);
        }
        Ok((given, changed))
    }
}

/// A value for SQLite.
pub(crate) struct Bound<'a>(pub(crate) &'a Value);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Real(value) => ValueRef::Real(*value),
            Value::Text(value) => ValueRef::Text(value.as_bytes()),
            Value::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// Nobody wants the rows.
struct Nobody;

impl Sink for Nobody {
    fn row(&mut self, _: &[Output], _: &rusqlite::Row<'_>) -> Result<()> {
        Ok(())
    }
}

/// Where the rows of a statement go, once it is known what it sees.
pub(crate) trait Destination {
    /// Runs `with` with the sink for rows that are seen by this catalog.
    fn with(
        &mut self,
        session: &mut Session,
        catalog: &Arc<Catalog>,
        columns: Option<&[Output]>,
        run: &mut dyn FnMut(&mut dyn Sink) -> Result<String>,
    ) -> Result<String>;
}

impl Session {
    /// Runs a statement that has a plan. The answer is its tag.
    pub(crate) fn execute(
        &mut self,
        prepared: &Prepared,
        parameters: &[Value],
        to: &mut dyn Destination,
    ) -> Result<String, Halt> {
        self.begin_implicit();
        self.shared.canceller.statement_began();
        count(&self.service.metrics.statements, 1);
        let plan = self.plan(prepared, &self.catalog())?;
        let reads = matches!(&plan.bound.action, Action::Query(query) if !query.writes);
        let outcome = if reads && self.transaction.writer.is_none() {
            self.read(prepared, parameters, to)
        } else {
            self.write(prepared, &plan, parameters, to)
        };
        let tag = outcome?;
        self.transaction.started = true;
        self.shared.canceller.statement_ended();
        Ok(tag)
    }

    fn read(
        &mut self,
        prepared: &Prepared,
        parameters: &[Value],
        to: &mut dyn Destination,
    ) -> Result<String, Halt> {
        self.allow("read", || format!("permission denied for database {}", self.database.name()))?;
        let reader = self.take_reader()?;
        let catalog = reader.catalog();
        reader.set_stop(Some(Arc::clone(&self.shared.canceller) as Arc<dyn Stop>));
        let plan = reader.check().and_then(|()| self.plan(prepared, &catalog));
        // Rows may leave before the statement ends.
        self.out.saw(match &plan {
            Ok(plan) => self.database.shown(reader.seen(), look_of(&plan.bound.action), parameters),
            Err(_) => reader.seen(),
        });
        let outcome = plan.and_then(|plan| match &plan.bound.action {
            Action::Query(query) => {
                *self.shared.holds.lock() = if reader.is_own() { Holds::Nothing } else { Holds::Reader };
                self.query(query, parameters, (reader.connection(), reader.context(), &catalog), to)
            }
            Action::Write(_) | Action::Schema(_) => {
                Err(Error::unsupported("").with_message(backend::CACHED_PLAN))
            }
        });
        self.shared.canceller.off();
        *self.shared.holds.lock() = Holds::Nothing;
        reader.set_stop(None);
        if outcome.is_err() {
            self.out.saw(reader.seen());
        }
        self.keep_reader(reader);
        Ok(outcome?)
    }

    fn query(
        &mut self,
        query: &Query,
        parameters: &[Value],
        (connection, context, catalog): (&Connection, &Context, &Arc<Catalog>),
        to: &mut dyn Destination,
    ) -> Result<String> {
        context.enter(self.function_session(catalog));
        let shared = Arc::clone(&self.shared);
        shared.canceller.on(connection);
        let run =
            Run { connection, context, catalog, canceller: &shared.canceller, parameters, about: (0, false) };
        let mut rows = 0;
        to.with(self, catalog, Some(&query.columns), &mut |sink| {
            (rows, _) = run.rows(&query.sql, &query.columns, sink)?;
            Ok(format!("SELECT {rows}"))
        })
        .inspect(|_| count(&self.service.metrics.rows_out, rows))
    }

    fn write(
        &mut self,
        prepared: &Prepared,
        plan: &Plan,
        parameters: &[Value],
        to: &mut dyn Destination,
    ) -> Result<String, Halt> {
        let (action, what, nowait) = match &plan.bound.action {
            Action::Query(query) if !query.writes => ("read", "SELECT", false),
            Action::Query(query) => ("write", "SELECT FOR UPDATE", query.nowait),
            Action::Write(write) => ("write", tag_name(write.tag), false),
            Action::Schema(change) => (right_of(change), change.tag.as_str(), false),
        };
        self.allow(action, || format!("permission denied for database {}", self.database.name()))?;
        let is_own = matches!(&plan.bound.action, Action::Write(write) if is_temporary(write.table));
        if action != "read" && !is_own {
            self.check_writes(what)?;
        }
        self.take_ticket(nowait)?;
        let Some(mut writer) = self.transaction.writer.take() else {
            return Err(Error::unsupported("a write without the ticket").into());
        };
        let catalog = writer.catalog();
        *self.shared.holds.lock() = Holds::Ticket;
        let plan = self.plan(prepared, &catalog);
        self.show(plan.as_ref().map_or(&Look::Everything, |plan| look_of(&plan.bound.action)), parameters);
        let outcome = plan.and_then(|plan| match &plan.bound.action {
            Action::Query(query) => {
                let guard = writer.statement();
                let tag =
                    self.query(query, parameters, (writer.connection(), writer.context(), &catalog), to)?;
                guard.keep()?;
                Ok(tag)
            }
            Action::Write(write) => self.change(&writer, &catalog, write, parameters, to),
            Action::Schema(change) => self.change_schema(&mut writer, &catalog, change),
        });
        self.shared.canceller.off();
        let outcome = outcome.map_err(|error| writer.full(error));
        *self.shared.holds.lock() = Holds::Nothing;
        self.transaction.writer = Some(writer);
        Ok(outcome?)
    }

    fn change(
        &mut self,
        writer: &Writer,
        catalog: &Arc<Catalog>,
        write: &Write,
        parameters: &[Value],
        to: &mut dyn Destination,
    ) -> Result<String> {
        let (connection, context) = (writer.connection(), writer.context());
        context.enter(self.function_session(catalog));
        let shared = Arc::clone(&self.shared);
        shared.canceller.on(connection);
        let about = (write.table, removes(catalog, write));
        let run = Run { connection, context, catalog, canceller: &shared.canceller, parameters, about };
        let guard = writer.statement();
        let columns = Some(write.columns.as_slice()).filter(|columns| !columns.is_empty());
        let done = to.with(self, catalog, columns, &mut |sink| {
            for sql in &write.before {
                run.rows(sql, &[], &mut Nobody)?;
            }
            shared.note_sequences();
            let (given, changed) = run.rows(&write.sql, &write.columns, sink)?;
            for sql in &write.after {
                run.rows(sql, &[], &mut Nobody)?;
            }
            let rows = if write.columns.is_empty() { changed } else { given };
            Ok(match write.tag {
                WriteTag::Insert => format!("INSERT 0 {rows}"),
                WriteTag::Update => format!("UPDATE {rows}"),
                WriteTag::Delete => format!("DELETE {rows}"),
            })
        });
        match done {
            Ok(tag) => {
                writer.check_immediate(&self.transaction.deferral, about)?;
                guard.keep().map(|()| tag)
            }
            Err(error) => Err(guard
                .failure()
                .unwrap_or_else(|| super::detail::explain(error, &run, write, &self.style(), &shared))),
        }
    }

    fn change_schema(
        &mut self,
        writer: &mut Writer,
        catalog: &Arc<Catalog>,
        change: &SchemaChange,
    ) -> Result<String> {
        for notice in &change.notices {
            self.report(Severity::Notice, notice);
        }
        writer.context().enter(self.function_session(catalog));
        self.shared.canceller.on(writer.connection());
        let mut rows = 0;
        for step in &change.steps {
            self.shared.canceller.check()?;
            rows = writer.apply(step).map_err(|error| writer.context().take_error().unwrap_or(error))?;
        }
        self.transaction.schema_changed |= !change.steps.is_empty();
        // CREATE TABLE … AS says how many rows its last step put in.
        Ok(if change.tag == "SELECT" { format!("SELECT {rows}") } else { change.tag.clone() })
    }
}

/// Whether a broken foreign key is more likely one of others to the table than one of its own.
fn removes(catalog: &Catalog, write: &Write) -> bool {
    let refers = |table: &bole_sql_dialect::catalog::Table| {
        table.constraints.iter().any(|constraint| matches!(constraint.rule, Rule::ForeignKey { .. }))
    };
    match write.tag {
        WriteTag::Insert => false,
        WriteTag::Update => !catalog.table(write.table).is_some_and(refers),
        WriteTag::Delete => true,
    }
}

/// What a statement's answer shows.
const fn look_of(action: &Action) -> &Look {
    match action {
        Action::Query(query) => &query.look,
        Action::Write(write) => &write.look,
        Action::Schema(_) => &Look::Everything,
    }
}

/// What a client must be allowed to do: who may change rows may have temporary tables.
fn right_of(change: &SchemaChange) -> &'static str {
    let is_own = |step: &Step| match step {
        Step::Put(object) => is_temporary(object.oid()),
        Step::Remove(oid) | Step::Sequence(oid, ..) => is_temporary(*oid),
        Step::Temporary(_) | Step::Nothing(..) => true,
        // What fills or empties a table comes with a step that says which.
        Step::Rows(_) => change.steps.iter().any(|step| matches!(step, Step::Temporary(_))),
        Step::Ddl(_) | Step::Empty(_) => false,
    };
    let tells = change.steps.iter().any(|step| !matches!(step, Step::Nothing(..)));
    if tells && change.steps.iter().all(is_own) { "write" } else { "schema" }
}

const fn tag_name(tag: WriteTag) -> &'static str {
    match tag {
        WriteTag::Insert => "INSERT",
        WriteTag::Update => "UPDATE",
        WriteTag::Delete => "DELETE",
    }
}

impl Session {
    /// The rows of SQL for SQLite that reads, without parameters.
    pub(crate) fn raw_rows(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, Halt> {
        let shared = Arc::clone(&self.shared);
        let gather = |connection: &Connection, context: &Context| {
            let catalog = Catalog::default();
            let run = Run {
                connection,
                context,
                catalog: &catalog,
                canceller: &shared.canceller,
                parameters: &[],
                about: (0, false),
            };
            let mut memory = ToMemory::default();
            let count = connection.prepare(sql).map_err(|error| run.error(&error))?.column_count();
            run.rows(sql, &vec![crate::commands::text_column(""); count], &mut memory)?;
            Ok(memory.rows)
        };
        if let Some(writer) = &self.transaction.writer {
            return gather(writer.connection(), writer.context()).map_err(Halt::Error);
        }
        let reader = self.take_reader()?;
        let rows = gather(reader.connection(), reader.context());
        self.put_reader(reader);
        rows.map_err(Halt::Error)
    }
}

/// Rows for the client.
pub(crate) struct ToSession {
    /// Whether the client is told of the columns first.
    pub(crate) describe: bool,
    pub(crate) formats: Formats,
}

impl Destination for ToSession {
    fn with(
        &mut self,
        session: &mut Session,
        catalog: &Arc<Catalog>,
        columns: Option<&[Output]>,
        run: &mut dyn FnMut(&mut dyn Sink) -> Result<String>,
    ) -> Result<String> {
        if let Some(columns) = columns.filter(|_| self.describe) {
            Fields { columns, formats: &self.formats }.write(&mut session.out.buffer);
        }
        let writing = session.writing(catalog, self.formats.clone(), columns);
        run(&mut ToClient { writing, out: &mut session.out })
    }
}

/// Rows for later.
pub(crate) struct ToPortal {
    formats: Formats,
    spool: Spool,
}

impl ToPortal {
    pub(crate) fn new(session: &Session, formats: Formats) -> Self {
        Self { formats, spool: Spool::new(&session.account) }
    }

    /// The rows, once the statement has run.
    pub(crate) fn into_spool(self) -> Spool {
        self.spool
    }
}

impl Destination for ToPortal {
    fn with(
        &mut self,
        session: &mut Session,
        catalog: &Arc<Catalog>,
        columns: Option<&[Output]>,
        run: &mut dyn FnMut(&mut dyn Sink) -> Result<String>,
    ) -> Result<String> {
        self.spool = Spool::new(&session.account);
        let writing = session.writing(catalog, self.formats.clone(), columns);
        let tag = run(&mut ToSpool { writing, spool: &mut self.spool, scratch: Vec::new() })?;
        self.spool.finish()?;
        Ok(tag)
    }
}

/// Rows for the session itself.
#[derive(Default)]
pub(crate) struct ToValues(pub(crate) ToMemory);

impl Destination for ToValues {
    fn with(
        &mut self,
        _: &mut Session,
        _: &Arc<Catalog>,
        _: Option<&[Output]>,
        run: &mut dyn FnMut(&mut dyn Sink) -> Result<String>,
    ) -> Result<String> {
        self.0 = ToMemory::default();
        run(&mut self.0)
    }
}

impl Session {
    /// How values are written now.
    pub(crate) fn writing(
        &self,
        catalog: &Arc<Catalog>,
        formats: Formats,
        columns: Option<&[Output]>,
    ) -> Writing {
        let names = self.names(catalog, columns);
        Writing { catalog: Arc::clone(catalog), style: self.style(), formats, names }
    }

    /// What names of objects depend on, if a column needs it.
    pub(super) fn names(
        &self,
        catalog: &Arc<Catalog>,
        columns: Option<&[Output]>,
    ) -> Option<Arc<bole_sql_functions::Session>> {
        let needed = columns.unwrap_or_default().iter().any(|column| super::values::is_named(column.ty));
        needed.then(|| self.function_session(catalog))
    }

    /// How values are written and read now.
    pub(crate) fn style(&self) -> Style {
        let mut style = self.shared.settings.lock().derived().style.clone();
        style.now = Some(if self.transaction.began == 0 { super::now() } else { self.transaction.began });
        style
    }
}
