//! The simple protocol: one message, any number of statements, one transaction unless they say otherwise.

use std::collections::VecDeque;

use bole_sql_dialect::shape::{self, Shape};
use bole_sql_types::{Error, Result, SqlState};

use super::execute::ToSession;
use super::statement::{Kind, Statement};
use super::{Done, Formats, Halt, Session, State};
use crate::commands::How;
use crate::protocol::backend::{self, Plain};

/// Statements of a query that are not done.
#[derive(Default)]
pub(crate) struct Simple {
    statements: VecDeque<Statement>,
    /// The one statement's shape, if it has one.
    shape: Option<Shape>,
    /// The text of a query that is not parsed, since there is a plan for its shape.
    unparsed: Option<String>,
}

impl Session {
    /// Begins the statements of a `Query`.
    pub(crate) fn begin_simple(&mut self, text: &str) -> Result<(), Halt> {
        self.simple = Some(Simple::default());
        // The unnamed statement and portal do not outlive a simple query.
        self.shared.statements.lock().remove("");
        self.portals.remove("");
        let shape = shape::scan(text.trim_ascii_start());
        if shape.as_ref().is_some_and(|shape| self.shapes.knows(shape)) {
            self.simple = Some(Simple { shape, unparsed: Some(text.to_owned()), ..Simple::default() });
            return Ok(());
        }
        let statements: VecDeque<Statement> = Statement::all(text)?.into();
        if statements.is_empty() {
            backend::plain(&mut self.out.buffer, Plain::EmptyQuery);
            self.end_simple();
            return Ok(());
        }
        self.simple = Some(Simple { statements, shape, unparsed: None });
        Ok(())
    }

    /// Runs a query whose plan is kept for its shape. `false` if the plan does not hold: then the query is parsed now.
    fn run_unparsed(&mut self) -> Result<bool, Halt> {
        let Some(simple) = self.simple.as_mut().filter(|simple| simple.unparsed.is_some()) else {
            return Ok(false);
        };
        let (Some(shape), Some(text)) = (simple.shape.take(), simple.unparsed.take()) else {
            return Ok(false);
        };
        let outcome = self.run_shape(&shape, None);
        if let (Err(Halt::Wait(_)), Some(simple)) = (&outcome, &mut self.simple) {
            // It begins again.
            (simple.shape, simple.unparsed) = (Some(shape), Some(text));
            return outcome.map(|_| false);
        }
        if let Some(tag) = outcome? {
            self.complete(&tag)?;
            return Ok(true);
        }
        let statements = Statement::all(&text)?.into();
        self.simple = Some(Simple { statements, shape: Some(shape), unparsed: None });
        Ok(false)
    }

    /// Runs the next statement of the query.
    pub(crate) fn go_on(&mut self) -> Result<(), Halt> {
        if self.run_unparsed()? {
            return Ok(());
        }
        let next = self.simple.as_ref().and_then(|simple| simple.statements.front().cloned());
        let Some(statement) = next else {
            self.account(true);
            if self.transaction.state == State::Implicit {
                self.commit()?;
            }
            self.end_simple();
            return Ok(());
        };
        let done = self.run_statement(&statement)?;
        if let Some(simple) = &mut self.simple {
            simple.statements.pop_front();
        }
        match done {
            Done::Tag(tag) => self.complete(&tag)?,
            Done::Copy(copy) => self.copy = Some(copy),
        }
        Ok(())
    }

    /// Tells the client that a statement is done; the last of a query after its commit.
    pub(crate) fn complete(&mut self, tag: &str) -> Result<()> {
        let last = self.simple.as_ref().is_some_and(|simple| simple.statements.is_empty());
        if last && self.transaction.state == State::Implicit {
            self.commit()?;
        }
        backend::complete(&mut self.out.buffer, tag);
        if last {
            self.end_simple();
        }
        Ok(())
    }

    fn end_simple(&mut self) {
        self.simple = None;
        self.set_ready();
    }

    fn run_statement(&mut self, statement: &Statement) -> Result<Done, Halt> {
        match &statement.kind {
            Kind::Command(command) => {
                if !command.ends_block() {
                    self.check_not_failed()?;
                }
                self.account(command.accounts());
                self.begin_implicit();
                self.shared.canceller.statement_began();
                let how = How {
                    describe: true,
                    formats: Formats::new(),
                    types: Vec::new(),
                    parameters: Vec::new(),
                };
                command.run(self, &how)
            }
            Kind::Sql(_) => {
                self.account(true);
                self.check_not_failed()?;
                let shape = self.simple.as_ref().and_then(|simple| simple.shape.clone());
                if let Some(shape) = shape
                    && let Some(tag) = self.run_shape(&shape, Some(statement))?
                {
                    return Ok(Done::Tag(tag));
                }
                let prepared = self.prepare_statement("", Some(statement.clone()), &[])?;
                if !prepared.parameters.is_empty() {
                    return Err(Error::new(SqlState::UNDEFINED_PARAMETER, "there is no parameter $1").into());
                }
                let mut to = ToSession { describe: true, formats: Formats::new() };
                self.execute(&prepared, &[], &mut to).map(Done::Tag)
            }
        }
    }
}
