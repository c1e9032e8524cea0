//! EXPLAIN. What SQLite would do is all that can be said; nothing is measured.

use bole_sql_types::{Error, Result, SqlState};
use sqlparser::ast::{self, AnalyzeFormat, AnalyzeFormatKind, Statement};

use super::Binder;
use super::names::name_of;
use crate::plan::{Action, Explain};

impl Binder<'_> {
    pub(super) fn explain(&mut self, statement: &Statement) -> Result<Explain> {
        let Statement::Explain {
            describe_alias: _,
            analyze,
            verbose: _,
            query_plan,
            estimate,
            statement,
            format,
            options,
        } = statement
        else {
            return Err(Error::unsupported("EXPLAIN"));
        };
        if *analyze {
            return Err(Error::unsupported("EXPLAIN ANALYZE"));
        }
        if *query_plan || *estimate {
            return Err(Error::unsupported("EXPLAIN of another dialect"));
        }
        let mut json = match format {
            None => false,
            Some(AnalyzeFormatKind::Keyword(format) | AnalyzeFormatKind::Assignment(format)) => {
                match format {
                    AnalyzeFormat::TEXT => false,
                    AnalyzeFormat::JSON => true,
                    other => return Err(Error::unsupported(format!("EXPLAIN in the format {other}"))),
                }
            }
        };
        for ast::UtilityOption { name, arg } in options.iter().flatten() {
            let value = arg.as_ref().map(|arg| arg.to_string().trim_matches('\'').to_ascii_lowercase());
            let off = matches!(value.as_deref(), Some("false" | "off" | "0"));
            match (name_of(name).as_str(), value.as_deref()) {
                // There are no costs and no further details to show or to leave out.
                ("costs" | "verbose" | "settings" | "summary", _) => {}
                ("analyze" | "buffers" | "wal" | "timing", _) if off => {}
                ("format", Some("text")) => json = false,
                ("format", Some("json")) => json = true,
                (name @ ("analyze" | "buffers" | "wal" | "timing" | "format"), _) => {
                    return Err(Error::unsupported(format!("this {} of EXPLAIN", name.to_ascii_uppercase())));
                }
                (name, _) => {
                    let message = format!("unrecognized EXPLAIN option \"{name}\"");
                    return Err(Error::new(SqlState::SYNTAX_ERROR, message));
                }
            }
        }
        match self.action(statement)? {
            Action::Query(query) => Ok(Explain { sql: query.sql, json }),
            Action::Write(write) => Ok(Explain { sql: write.sql, json }),
            Action::Schema(_) | Action::Explain(_) => Err(Error::unsupported("EXPLAIN of this statement")),
        }
    }
}
