//! `LISTEN`, `UNLISTEN` and `NOTIFY`. All of it happens when the transaction commits.

use std::sync::Arc;

use bole_sql_functions::context::Effects as _;
use bole_sql_types::{Error, Result, SqlState};

use super::tokens::{Cursor, Token};
use super::{Command, How};
use crate::session::notify::CHANNELS_MAX;
use crate::session::{Done, Halt, Listening, Session};

struct Listen(Listening, &'static str);

struct Notify {
    channel: String,
    payload: String,
}

pub(super) fn listen(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["listen"])?;
    Ok(Some(Arc::new(Listen(Listening::Start(cursor.name()?), "LISTEN"))))
}

pub(super) fn unlisten(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["unlisten"])?;
    let change = if cursor.accept_symbol('*') { Listening::StopAll } else { Listening::Stop(cursor.name()?) };
    Ok(Some(Arc::new(Listen(change, "UNLISTEN"))))
}

pub(super) fn notify(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["notify"])?;
    let channel = cursor.name()?;
    let payload = if cursor.accept_symbol(',') {
        match cursor.take() {
            Some(Token::Text(text)) => text.clone(),
            _ => return Err(cursor.unexpected()),
        }
    } else {
        String::new()
    };
    Ok(Some(Arc::new(Notify { channel, payload })))
}

impl Command for Listen {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        let waiting = session.transaction.listening.len();
        let starts = matches!(self.0, Listening::Start(_));
        if waiting >= CHANNELS_MAX || starts && session.channels() + waiting >= CHANNELS_MAX {
            let message = format!("a session may listen to {CHANNELS_MAX} channels");
            return Err(Error::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message).into());
        }
        session.transaction.listening.push(self.0.clone());
        Ok(Done::Tag(self.1.to_owned()))
    }
}

impl Command for Notify {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        session.shared.notify(&self.channel, &self.payload)?;
        Ok(Done::Tag("NOTIFY".to_owned()))
    }
}
