//! `SET` and `RESET`.

use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState};

use super::tokens::{Cursor, Token, quote};
use super::transactions::{Modes, modes};
use super::{Command, How};
use crate::session::{Done, Halt, Session, State};

/// `SET [SESSION | LOCAL] name TO value`, or to the default.
struct Set {
    name: String,
    value: Option<String>,
    local: bool,
    tag: &'static str,
}

/// `SET TRANSACTION`, or `SET SESSION CHARACTERISTICS AS TRANSACTION`.
struct SetModes {
    modes: Modes,
    session: bool,
}

struct ResetAll;

pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["set"])?;
    if cursor.accept(&["transaction"]) {
        if cursor.accept(&["snapshot"]) {
            return Err(Error::unsupported("SET TRANSACTION SNAPSHOT"));
        }
        return Ok(Some(Arc::new(SetModes { modes: modes(cursor)?, session: false })));
    }
    if cursor.accept(&["session", "characteristics", "as", "transaction"]) {
        return Ok(Some(Arc::new(SetModes { modes: modes(cursor)?, session: true })));
    }
    if cursor.accept(&["constraints"]) {
        return super::constraints::parse(cursor);
    }
    let local = cursor.accept(&["local"]);
    if !local {
        cursor.accept(&["session"]);
    }
    let (name, value) = assignment(cursor)?;
    Ok(Some(Arc::new(Set { name, value, local, tag: "SET" })))
}

/// A name, and the value that follows; `None` for the default.
fn assignment(cursor: &mut Cursor<'_>) -> Result<(String, Option<String>)> {
    if cursor.accept(&["time", "zone"]) {
        let value =
            if cursor.accept_any(&["default", "local"]).is_some() { None } else { Some(zone(cursor)?) };
        return Ok(("timezone".to_owned(), value));
    }
    if cursor.accept(&["names"]) {
        let value = if cursor.is_end() || cursor.accept(&["default"]) { None } else { Some(list(cursor)?) };
        return Ok(("client_encoding".to_owned(), value));
    }
    if cursor.accept(&["schema"]) {
        return Ok(("search_path".to_owned(), Some(list(cursor)?)));
    }
    if cursor.accept(&["session", "authorization"]) || cursor.accept(&["authorization"]) {
        let default = cursor.accept(&["default"]);
        if default {
            return Ok(("role".to_owned(), None));
        }
        return Err(Error::unsupported("SET SESSION AUTHORIZATION"));
    }
    let name = setting_name(cursor)?;
    if name == "role" && !cursor.accept_symbol('=') {
        cursor.accept(&["to"]);
        let value = list(cursor)?;
        return Ok((name, Some(value)));
    }
    if name != "role" && !cursor.accept_symbol('=') {
        cursor.expect(&["to"])?;
    }
    if cursor.accept(&["default"]) {
        return Ok((name, None));
    }
    let value = list(cursor)?;
    Ok((name, Some(value)))
}

/// A setting's name, in two parts for those of applications.
pub(super) fn setting_name(cursor: &mut Cursor<'_>) -> Result<String> {
    let mut name = cursor.name()?;
    while cursor.accept_symbol('.') {
        name = format!("{name}.{}", cursor.name()?);
    }
    Ok(name)
}

/// Values with commas between. Names that need them keep their quotes, as the lists of names are read again.
fn list(cursor: &mut Cursor<'_>) -> Result<String> {
    let mut values = Vec::new();
    let alone = |cursor: &Cursor<'_>| cursor.is_end();
    loop {
        let negative = cursor.accept_symbol('-');
        if !negative {
            cursor.accept_symbol('+');
        }
        let value = match cursor.take() {
            Some(Token::Number(number)) if negative => format!("-{number}"),
            Some(Token::Number(number)) => number.clone(),
            Some(Token::Word(word)) if !negative => word.clone(),
            Some(Token::Text(text)) if !negative && alone(cursor) && values.is_empty() => text.clone(),
            Some(Token::Text(text) | Token::Quoted(text)) if !negative => element(text),
            _ => return Err(cursor.unexpected()),
        };
        values.push(value);
        if !cursor.accept_symbol(',') {
            return Ok(values.join(", "));
        }
    }
}

fn element(text: &str) -> String {
    let plain = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain { text.to_owned() } else { quote(text) }
}

/// A time zone: a name, a number of hours, or an interval.
fn zone(cursor: &mut Cursor<'_>) -> Result<String> {
    if cursor.accept(&["interval"]) {
        return Err(Error::unsupported("a time zone that is an interval"));
    }
    list(cursor)
}

pub(super) fn reset(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    cursor.expect(&["reset"])?;
    if cursor.accept(&["all"]) {
        return Ok(Some(Arc::new(ResetAll)));
    }
    let name = if cursor.accept(&["time", "zone"]) {
        "timezone".to_owned()
    } else if cursor.accept(&["transaction", "isolation", "level"]) {
        "transaction_isolation".to_owned()
    } else if cursor.accept(&["session", "authorization"]) {
        "role".to_owned()
    } else {
        setting_name(cursor)?
    };
    Ok(Some(Arc::new(Set { name, value: None, local: false, tag: "RESET" })))
}

impl Command for Set {
    fn accounts(&self) -> bool {
        true
    }

    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        if self.local && session.transaction.state != State::Block {
            session.warn(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                "SET LOCAL can only be used in transaction blocks",
            );
        }
        let modes = match (self.name.to_lowercase().as_str(), &self.value) {
            ("transaction_isolation", Some(value)) => {
                let level = ["serializable", "repeatable read", "read committed", "read uncommitted"];
                let level = level.into_iter().find(|level| level.eq_ignore_ascii_case(value));
                level.map(|level| Modes { isolation: Some(level), read_only: None })
            }
            ("transaction_read_only", Some(value)) => match value.as_str() {
                "on" | "true" | "1" | "yes" => Some(Modes { isolation: None, read_only: Some(true) }),
                "off" | "false" | "0" | "no" => Some(Modes { isolation: None, read_only: Some(false) }),
                _ => None,
            },
            _ => None,
        };
        match modes {
            Some(modes) => modes.apply(session)?,
            None => session.shared.settings.lock().change(&self.name, self.value.as_deref(), self.local)?,
        }
        Ok(Done::Tag(self.tag.to_owned()))
    }
}

impl Command for SetModes {
    fn accounts(&self) -> bool {
        true
    }

    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        if self.session {
            let mut settings = session.shared.settings.lock();
            if let Some(level) = self.modes.isolation {
                settings.set("default_transaction_isolation", Some(level), false)?;
            }
            if let Some(read_only) = self.modes.read_only {
                let value = if read_only { "on" } else { "off" };
                settings.set("default_transaction_read_only", Some(value), false)?;
            }
            return Ok(Done::Tag("SET".to_owned()));
        }
        if session.transaction.state == State::Block {
            self.modes.apply(session)?;
        } else {
            session.warn(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                "SET TRANSACTION can only be used in transaction blocks",
            );
        }
        Ok(Done::Tag("SET".to_owned()))
    }
}

impl Command for ResetAll {
    fn accounts(&self) -> bool {
        true
    }

    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        session.shared.settings.lock().reset_all();
        Ok(Done::Tag("RESET".to_owned()))
    }
}
