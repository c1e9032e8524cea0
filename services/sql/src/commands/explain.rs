//! `EXPLAIN`: SQLite's plan, a line a step, indented as its tree.

use std::collections::HashMap;
use std::sync::Arc;

use bole_sql_dialect::plan::{Action, Output};
use bole_sql_types::{Error, Result, Value};

use super::tokens::Cursor;
use super::{Command, How, text_column};
use crate::session::{Done, Halt, Session, Statement};

struct Explain {
    statement: Statement,
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["explain"])?;
    if cursor.accept_symbol('(') {
        loop {
            let name = cursor.name()?;
            let value = cursor.accept_any(&["false", "off", "true", "on", "text"]).unwrap_or("true");
            match (name.as_str(), value) {
                (
                    "analyze" | "verbose" | "settings" | "buffers" | "wal" | "timing" | "summary" | "costs",
                    "false" | "off",
                )
                | ("format", "text") => {}
                (name, value) => {
                    return Err(Error::unsupported(format!(
                        "EXPLAIN ({} {})",
                        name.to_uppercase(),
                        value.to_uppercase()
                    )));
                }
            }
            if cursor.accept_symbol(')') {
                break;
            }
            cursor.expect_symbol(',')?;
        }
    }
    if let Some(word) = cursor.accept_any(&["analyze", "analyse", "verbose"]) {
        return Err(Error::unsupported(format!("EXPLAIN {}", word.to_uppercase())));
    }
    let (text, start) = cursor.rest();
    let statement = Statement::part(cursor.text(), text, start)?;
    while cursor.take().is_some() {}
    Ok(Some(Arc::new(Explain { statement })))
}

impl Command for Explain {
    fn columns(&self, _: &mut Session) -> Result<Option<Vec<Output>>> {
        Ok(Some(vec![text_column("QUERY PLAN")]))
    }

    fn run(&self, session: &mut Session, how: &How) -> Result<Done, Halt> {
        let denied = || format!("permission denied for database {}", session.database.name());
        session.allow("read", denied)?;
        let bound = session.bind_statement(&self.statement, &session.catalog(), &[])?;
        let sql = match &bound.action {
            Action::Query(query) => &query.sql,
            Action::Write(write) => &write.sql,
            Action::Schema(change) => {
                return Err(Error::unsupported(format!("EXPLAIN {}", change.tag)).into());
            }
        };
        let steps = session.raw_rows(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let mut depths: HashMap<i64, usize> = HashMap::new();
        let mut rows = Vec::new();
        for step in steps {
            let [Value::Integer(id), Value::Integer(parent), _, Value::Text(detail)] = &step[..] else {
                continue;
            };
            let depth = depths.get(parent).map_or(0, |depth| depth + 1);
            depths.insert(*id, depth);
            let (indent, arrow) =
                ("      ".repeat(depth.saturating_sub(1)), if depth > 0 { "  ->  " } else { "" });
            rows.push(vec![Some(format!("{indent}{arrow}{detail}"))]);
        }
        if rows.is_empty() {
            rows.push(vec![Some("Result".to_owned())]);
        }
        session.reply(how, &[text_column("QUERY PLAN")], &rows)?;
        Ok(Done::Tag("EXPLAIN".to_owned()))
    }
}
