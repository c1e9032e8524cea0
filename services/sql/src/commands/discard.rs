//! `DISCARD`.

use std::sync::Arc;

use bole_sql_types::Result;

use super::tokens::Cursor;
use super::{Command, How};
use crate::session::{Done, Halt, Session};

#[derive(Clone, Copy)]
enum Discard {
    All,
    Plans,
    Sequences,
    Temporary,
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["discard"])?;
    let what = match cursor.accept_any(&["all", "plans", "sequences", "temp", "temporary"]) {
        Some("all") => Discard::All,
        Some("plans") => Discard::Plans,
        Some("sequences") => Discard::Sequences,
        Some(_) => Discard::Temporary,
        None => return Err(cursor.unexpected()),
    };
    Ok(Some(Arc::new(what)))
}

impl Command for Discard {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        let tag = match self {
            Self::Plans => {
                session.forget_shapes();
                "DISCARD PLANS"
            }
            Self::Sequences => {
                session.shared.forget_sequences();
                "DISCARD SEQUENCES"
            }
            Self::Temporary => {
                session.discard_temporary()?;
                "DISCARD TEMP"
            }
            Self::All => {
                session.check_no_block("DISCARD ALL")?;
                session.discard_temporary()?;
                session.portals.clear();
                session.shared.statements.lock().clear();
                session.forget_shapes();
                session.shared.settings.lock().reset_all();
                session.shared.forget_sequences();
                session.service.hub.unlisten_all(session.process_id);
                session.service.advisory.release_session(session.process_id);
                "DISCARD ALL"
            }
        };
        Ok(Done::Tag(tag.to_owned()))
    }
}
