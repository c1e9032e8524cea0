//! `CREATE DATABASE` and `DROP DATABASE`.

use std::sync::Arc;

use bole_sql_types::{Error, Result, SqlState};

use super::tokens::{Cursor, Token};
use super::{Command, How};
use crate::session::{Done, Halt, Session};
use crate::store::Databases;

struct Create(String);

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let _create = cursor.take();
    for name in ["role", "user", "group", "tablespace"] {
        if cursor.peek_word() == Some(name) {
            return Err(Error::unsupported(format!("CREATE {}", name.to_uppercase()))
                .with_hint("Users are those of the node: bole user add NAME."));
        }
    }
    if !cursor.accept(&["database"]) {
        return Ok(None);
    }
    let name = cursor.name()?;
    cursor.accept(&["with"]);
    while !cursor.is_end() {
        option(cursor)?;
    }
    Ok(Some(Arc::new(Create(name))))
}

/// An option of `CREATE DATABASE`: only what says how databases are anyway.
fn option(cursor: &mut Cursor<'_>) -> Result<()> {
    let name = cursor.name()?;
    cursor.accept_symbol('=');
    let value = match cursor.take() {
        Some(Token::Word(value) | Token::Quoted(value) | Token::Text(value) | Token::Number(value)) => {
            value.clone()
        }
        _ => return Err(cursor.unexpected()),
    };
    let fits: &[&str] = match name.as_str() {
        "encoding" => &["utf8", "utf-8", "unicode", "default"],
        "template" => &["template0", "template1", "default"],
        "locale" | "lc_collate" | "lc_ctype" => &["c", "c.utf-8", "c.utf8", "posix", "default"],
        "locale_provider" => &["libc"],
        "tablespace" => &["pg_default", "default"],
        "allow_connections" => &["true"],
        "is_template" => &["false"],
        _ => &[],
    };
    if fits.contains(&value.to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Error::unsupported(format!("{} {value} of a database", name.to_uppercase())))
}

impl Command for Create {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        session.check_no_block("CREATE DATABASE")?;
        session.allow_database("create", &self.0, || "permission denied to create database".to_owned())?;
        let service = Arc::clone(&session.service);
        service.handle.block_on(service.databases.create(&self.0))?;
        Ok(Done::Tag("CREATE DATABASE".to_owned()))
    }
}

struct Drop {
    name: String,
    if_exists: bool,
    force: bool,
}

pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let _drop = cursor.take();
    for name in ["role", "user", "group", "tablespace"] {
        if cursor.peek_word() == Some(name) {
            return Err(Error::unsupported(format!("DROP {}", name.to_uppercase())));
        }
    }
    if !cursor.accept(&["database"]) {
        return Ok(None);
    }
    let if_exists = cursor.accept(&["if", "exists"]);
    let name = cursor.name()?;
    cursor.accept(&["with"]);
    let mut force = false;
    if cursor.accept_symbol('(') {
        cursor.expect(&["force"])?;
        cursor.expect_symbol(')')?;
        force = true;
    }
    Ok(Some(Arc::new(Drop { name, if_exists, force })))
}

impl Command for Drop {
    fn run(&self, session: &mut Session, _: &How) -> Result<Done, Halt> {
        session.check_no_block("DROP DATABASE")?;
        let tag = || Done::Tag("DROP DATABASE".to_owned());
        if session.service.databases.get(&self.name).is_none() && self.if_exists {
            let message = format!("database \"{}\" does not exist, skipping", self.name);
            session.notice(&message);
            return Ok(tag());
        }
        if session.database.name() == self.name {
            let message = "cannot drop the currently open database";
            return Err(Error::new(SqlState::OBJECT_IN_USE, message).into());
        }
        session.allow_database("drop", &self.name, || format!("must be owner of database {}", self.name))?;
        let service = Arc::clone(&session.service);
        let others = service.sessions.of_database(&self.name);
        if others > 0 && !self.force {
            let message = format!("database \"{}\" is being accessed by other users", self.name);
            let plural = if others == 1 { "is 1 other session" } else { "are other sessions" };
            return Err(Error::new(SqlState::OBJECT_IN_USE, message)
                .with_detail(format!("There {plural} using the database."))
                .into());
        }
        service.sessions.end_database(&self.name);
        service.handle.block_on(Databases::drop(&service.databases, &self.name))?;
        Ok(tag())
    }
}

pub(super) fn alter(cursor: &mut Cursor<'_>) -> Result<Option<Arc<dyn Command>>> {
    let _alter = cursor.take();
    for name in ["database", "role", "user", "group", "system", "default", "tablespace"] {
        if cursor.peek_word() == Some(name) {
            return Err(Error::unsupported(format!("ALTER {}", name.to_uppercase())));
        }
    }
    Ok(None)
}
