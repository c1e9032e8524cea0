//! The extended protocol: statements are kept, bound and run by messages of their own.

use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState, Value};

use super::execute::{ToPortal, ToSession};
use super::portal::{Portal, Progress};
use super::statement::Kind;
use super::{Done, Fields, Halt, Prepared, Session, values};
use crate::commands::How;
use crate::limits::{PARAMETERS_BYTES_MAX, PREPARED_BYTES_MAX, PREPARED_MAX};
use crate::protocol::Target;
use crate::protocol::backend::{self, Plain};
use crate::protocol::frontend::{Bind, Format};

impl Session {
    /// `Parse`.
    pub(crate) fn parse(&mut self, name: &str, text: &str, types: &[u32]) -> Result<(), Halt> {
        if name.is_empty() {
            self.shared.statements.lock().remove("");
        }
        self.check_room(name, text)?;
        let prepared = self.prepare(text, types)?;
        self.shared.statements.lock().insert(name.to_owned(), prepared);
        backend::plain(&mut self.out.buffer, Plain::ParseComplete);
        Ok(())
    }

    /// Errors: there is a statement of this name, or no room for another.
    pub(crate) fn check_room(&self, name: &str, text: &str) -> Result<()> {
        let statements = self.shared.statements.lock();
        if statements.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(SqlState::DUPLICATE_PREPARED_STATEMENT, message));
        }
        let bytes: usize = statements.values().map(|prepared| prepared.text.len()).sum();
        if statements.len() >= PREPARED_MAX || bytes + text.len() > PREPARED_BYTES_MAX {
            return Err(Error::new(SqlState::OUT_OF_MEMORY, "too many prepared statements")
                .with_hint("Close statements that are not needed any more."));
        }
        Ok(())
    }

    /// A statement by its name.
    pub(crate) fn prepared(&self, name: &str) -> Result<Arc<Prepared>> {
        let found = self.shared.statements.lock().get(name).cloned();
        found.ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_owned(),
                _ => format!("prepared statement \"{name}\" does not exist"),
            };
            Error::new(SqlState::INVALID_SQL_STATEMENT_NAME, message)
        })
    }

    /// `Bind`.
    pub(crate) fn bind(&mut self, bind: &Bind) -> Result<(), Halt> {
        let prepared = self.prepared(&bind.statement)?;
        let ends_block = match &prepared.statement {
            None => true,
            Some(statement) => matches!(&statement.kind, Kind::Command(command) if command.ends_block()),
        };
        if !ends_block {
            self.check_not_failed()?;
        }
        self.begin_implicit();
        let (given, needed) = (bind.parameters.len(), prepared.parameters.len());
        if given != needed {
            let message = format!(
                "bind message supplies {given} parameters, but prepared statement \"{}\" requires {needed}",
                bind.statement
            );
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message).into());
        }
        if let Some(columns) = &prepared.columns
            && bind.results.len() > 1
            && bind.results.len() != columns.len()
        {
            let (formats, columns) = (bind.results.len(), columns.len());
            let message =
                format!("bind message has {formats} result formats but query has {columns} columns");
            return Err(Error::new(SqlState::PROTOCOL_VIOLATION, message).into());
        }
        if bind.portal.is_empty() {
            self.portals.remove("");
        } else if self.portals.contains_key(&bind.portal) {
            let message = format!("cursor \"{}\" already exists", bind.portal);
            return Err(Error::new(SqlState::DUPLICATE_CURSOR, message).into());
        }
        self.check_portals()?;
        let (catalog, style) = (self.catalog(), self.style());
        let parameters = bind.parameters.iter().zip(&prepared.parameters).enumerate();
        let parameters = parameters
            .map(|(index, (bytes, ty))| {
                let format = Format::of(&bind.formats, index);
                if let (true, Format::Text, Some(Ok(text))) =
                    (values::is_named(*ty), format, bytes.as_deref().map(std::str::from_utf8))
                    && !text.bytes().all(|byte| byte.is_ascii_digit())
                    && let Some(oid) =
                        bole_sql_functions::object_number(*ty, text, &self.function_session(&catalog))
                {
                    return oid.map(|oid| Value::Integer(oid.into()));
                }
                values::input(&catalog, *ty, bytes.as_deref(), format, &style)
            })
            .collect::<Result<Vec<_>>>()?;
        self.check_parameters(&parameters)?;
        let portal = Portal {
            prepared,
            parameters,
            formats: bind.results.clone(),
            progress: Progress::Fresh,
            cursor: None,
        };
        self.portals.insert(bind.portal.clone(), portal);
        backend::plain(&mut self.out.buffer, Plain::BindComplete);
        Ok(())
    }

    /// Errors: there is no room for another portal.
    pub(crate) fn check_portals(&self) -> Result<()> {
        if self.portals.len() >= PREPARED_MAX {
            return Err(Error::new(SqlState::OUT_OF_MEMORY, "too many portals"));
        }
        Ok(())
    }

    /// Errors: the portals that there are keep too much to take these, too.
    fn check_parameters(&self, parameters: &[Value]) -> Result<()> {
        let bytes = |values: &[Value]| values.iter().map(bytes_of).sum::<usize>();
        let kept: usize = self.portals.values().map(|portal| bytes(&portal.parameters)).sum();
        let new = bytes(parameters);
        if kept > 0 && kept + new > PARAMETERS_BYTES_MAX {
            let message = format!(
                "the parameters of this session's portals take {kept} bytes and {new} more; {PARAMETERS_BYTES_MAX} are allowed"
            );
            return Err(Error::new(SqlState::OUT_OF_MEMORY, message)
                .with_hint("Close portals that are not needed any more."));
        }
        Ok(())
    }

    fn no_portal(name: &str) -> Error {
        Error::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
    }

    /// `Describe`.
    pub(crate) fn describe(&mut self, target: &Target) -> Result<(), Halt> {
        let (prepared, formats) = match target {
            Target::Statement(name) => {
                let prepared = self.prepared(name)?;
                let types = prepared.parameters.iter().map(|ty| ty.0);
                backend::parameter_description(&mut self.out.buffer, types);
                (prepared, Vec::new())
            }
            Target::Portal(name) => {
                let portal = self.portals.get(name).ok_or_else(|| Self::no_portal(name))?;
                (Arc::clone(&portal.prepared), portal.formats.clone())
            }
        };
        match &prepared.columns {
            Some(columns) => Fields { columns, formats: &formats }.write(&mut self.out.buffer),
            None => backend::plain(&mut self.out.buffer, Plain::NoData),
        }
        Ok(())
    }

    /// `Execute`.
    pub(crate) fn execute_portal(&mut self, name: &str, rows_max: u32) -> Result<(), Halt> {
        let mut portal = self.portals.remove(name).ok_or_else(|| Self::no_portal(name))?;
        let outcome = self.run_portal(&mut portal, rows_max);
        // Transaction commands end portals: they do not come back then.
        if self.transaction.state != super::State::Idle {
            self.portals.insert(name.to_owned(), portal);
        }
        outcome
    }

    fn run_portal(&mut self, portal: &mut Portal, rows_max: u32) -> Result<(), Halt> {
        let prepared = Arc::clone(&portal.prepared);
        let Some(statement) = &prepared.statement else {
            backend::plain(&mut self.out.buffer, Plain::EmptyQuery);
            return Ok(());
        };
        self.account(match (&portal.progress, &statement.kind) {
            (Progress::Fresh, Kind::Command(command)) => command.accounts(),
            (progress, Kind::Sql(_)) => matches!(progress, Progress::Fresh),
            (_, Kind::Command(_)) => false,
        });
        match (&mut portal.progress, &statement.kind) {
            (Progress::Waiting(_), _) => return Ok(self.send_rows(portal, rows_max)?),
            (Progress::Scroll(_), _) => {
                return Err(Error::unsupported("Execute of a cursor that was declared SCROLL").into());
            }
            (Progress::Over, _) if prepared.columns.is_some() => {
                backend::complete(&mut self.out.buffer, "SELECT 0");
                return Ok(());
            }
            (Progress::Over, _) => {
                let message = "portal cannot be run";
                return Err(Error::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).into());
            }
            (Progress::Fresh, Kind::Command(command)) => {
                if !command.ends_block() {
                    self.check_not_failed()?;
                }
                self.begin_implicit();
                self.shared.canceller.statement_began();
                let how = How {
                    describe: false,
                    formats: portal.formats.clone(),
                    types: prepared.parameters.clone(),
                    parameters: portal.parameters.clone(),
                };
                match command.run(self, &how)? {
                    Done::Tag(tag) => backend::complete(&mut self.out.buffer, &tag),
                    Done::Copy(copy) => self.copy = Some(copy),
                }
            }
            (Progress::Fresh, Kind::Sql(_)) if rows_max > 0 && prepared.columns.is_some() => {
                self.check_not_failed()?;
                let mut to = ToPortal::new(self, portal.formats.clone());
                self.execute(&prepared, &portal.parameters, &mut to)?;
                portal.progress = Progress::Waiting(Box::new(to.into_spool()));
                return Ok(self.send_rows(portal, rows_max)?);
            }
            (Progress::Fresh, Kind::Sql(_)) => {
                self.check_not_failed()?;
                let mut to = ToSession { describe: false, formats: portal.formats.clone() };
                let tag = self.execute(&prepared, &portal.parameters, &mut to)?;
                backend::complete(&mut self.out.buffer, &tag);
            }
        }
        portal.progress = Progress::Over;
        Ok(())
    }

    /// Sends rows that wait; 0 sends all.
    fn send_rows(&mut self, portal: &mut Portal, rows_max: u32) -> Result<()> {
        let Progress::Waiting(spool) = &mut portal.progress else { return Ok(()) };
        let mut sent = 0;
        while (rows_max == 0 || sent < rows_max) && spool.take(Some(&mut self.out.buffer))? {
            sent += 1;
            self.out.relieve()?;
        }
        if rows_max > 0 && sent == rows_max {
            // As in PostgreSQL, that there are no more is only seen by the next Execute.
            backend::plain(&mut self.out.buffer, Plain::PortalSuspended);
        } else {
            backend::complete(&mut self.out.buffer, &format!("SELECT {sent}"));
            portal.progress = Progress::Over;
        }
        Ok(())
    }

    /// `Close`.
    pub(crate) fn close(&mut self, target: &Target) {
        match target {
            Target::Statement(name) => drop(self.shared.statements.lock().remove(name)),
            Target::Portal(name) => drop(self.portals.remove(name)),
        }
        backend::plain(&mut self.out.buffer, Plain::CloseComplete);
    }
}

/// What a parameter takes besides its place.
fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
    }
}
