//! Databases of the keyspace, keys, and what is behind a key.

mod value;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use maud::{Markup, html};

use crate::Console;
use crate::limits::ROWS_MAX;
use crate::node::Fault;
use crate::node::keyspace::{Command, Reply};
use crate::page::{Section, change, empty, facts, field, hidden, removal, table};
use crate::request::{Fields, Sent, Visitor};
use crate::show::{self, count, hex, link, unhex};

const SECTION: Section = Section::Keyspace;

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/keyspace", get(list))
        .route("/keyspace/key", get(key))
        .route("/keyspace/set", post(set))
        .route("/keyspace/expire", post(expire))
        .route("/keyspace/delete", post(delete))
}

/// A command of words and keys.
fn command<const PARTS: usize>(parts: [&[u8]; PARTS]) -> Command {
    parts.iter().map(|part| part.to_vec()).collect()
}

async fn run(visitor: &Visitor, database: u32, commands: Vec<Command>) -> Result<Vec<Reply>, Fault> {
    visitor.console.node.run(visitor.by(), database, commands).await
}

/// The one reply to one command, which was not refused.
async fn one(visitor: &Visitor, database: u32, command: Command) -> Result<Reply, Fault> {
    match run(visitor, database, vec![command]).await?.pop() {
        Some(Reply::Error(text)) => Err(refused(&text)),
        Some(reply) => Ok(reply),
        None => Err(strange("no reply at all")),
    }
}

fn refused(text: &str) -> Fault {
    let status = if text.starts_with("NOPERM") { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
    Fault::new(status, text)
}

fn strange(what: &str) -> Fault {
    Fault::new(StatusCode::BAD_GATEWAY, format!("the keyspace answered with {what}"))
}

/// The key that a query or form names: by its bytes in hexadecimal, or by its text.
fn named(fields: &Fields) -> Result<Vec<u8>, Fault> {
    match fields.get("hex") {
        "" => Ok(fields.needed("key")?.as_bytes().to_vec()),
        digits => unhex(digits).ok_or_else(|| Fault::wrong(format!("\"{digits}\" is not hexadecimal"))),
    }
}

fn key_link(database: u32, key: &[u8]) -> String {
    link("/keyspace/key", &[("db", &database.to_string()), ("hex", &hex(key))])
}

fn database_link(database: u32) -> String {
    link("/keyspace", &[("db", &database.to_string())])
}

/// `GET /console/keyspace`
async fn list(visitor: Visitor) -> Response {
    let body = list_body(&visitor).await;
    visitor.show(SECTION, "Keyspace", body)
}

async fn list_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let query = &visitor.query;
    let database = query.number("db", 0)?;
    let pattern = if query.get("match").is_empty() { "*" } else { query.get("match") };
    let cursor: u64 = query.number("cursor", 0)?;
    let info = one(visitor, database, command([b"INFO", b"keyspace"])).await?;
    let (next, keys) = scan(visitor, database, cursor, pattern).await?;
    let rows = described(visitor, database, &keys).await?;
    let here = |cursor: &str| {
        link("/keyspace", &[("db", &database.to_string()), ("match", pattern), ("cursor", cursor)])
    };
    Ok(html! {
        (databases(&info, database))
        form method="get" {
            (hidden("db", &database.to_string()))
            (field("Pattern", "match", pattern, "user:*"))
            button { "Find" }
        }
        form method="get" action=(link("/keyspace/key", &[])) {
            (hidden("db", &database.to_string()))
            (field("Key", "key", "", "user:7"))
            button { "Open" }
        }
        @if rows.is_empty() && next == 0 && cursor == 0 {
            (empty("No key of this database matches.", "redis-cli SET greeting hello"))
        } @else {
            (table(&format!("Keys of database {database}"), &["key", "type", "expires"], &rows))
        }
        @if next != 0 { nav .pages aria-label="Pages" { a rel="next" href=(here(&next.to_string())) { "Next" } } }
        h2 { "Set a string" }
        (change(visitor, "/keyspace/set", &html! {
            (hidden("db", &database.to_string()))
            (field("Key", "key", "", "greeting")) (field("Value", "value", "", "hello"))
        }, "Set"))
    })
}

/// The databases that have keys, and the one that is shown.
fn databases(info: &Reply, shown: u32) -> Markup {
    let text = match info {
        Reply::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let lines = text.lines().filter_map(|line| line.strip_prefix("db")?.split_once(':'));
    let mut known: Vec<(u32, String)> = lines
        .filter_map(|(number, said)| {
            let keys = said.split(',').find_map(|one| one.strip_prefix("keys="))?;
            Some((number.parse().ok()?, count(keys.parse().ok()?)))
        })
        .collect();
    if !known.iter().any(|(number, _)| *number == shown) {
        known.push((shown, "0".to_owned()));
        known.sort_unstable();
    }
    html! {
        nav .tabs aria-label="Databases" {
            @for (number, keys) in known {
                a href=(database_link(number)) aria-current=[(number == shown).then_some("true")] {
                    "Database " (number) ": " (keys) " keys"
                }
            }
        }
        form method="get" { (field("Another database", "db", "", "0 to 15")) button { "Show" } }
    }
}

async fn scan(
    visitor: &Visitor,
    database: u32,
    cursor: u64,
    pattern: &str,
) -> Result<(u64, Vec<Vec<u8>>), Fault> {
    let (cursor, count) = (cursor.to_string(), ROWS_MAX.to_string());
    let parts: [&[u8]; 6] =
        [b"SCAN", cursor.as_bytes(), b"MATCH", pattern.as_bytes(), b"COUNT", count.as_bytes()];
    let Reply::List(parts) = one(visitor, database, command(parts)).await? else {
        return Err(strange("no list"));
    };
    let [Reply::Bytes(next), Reply::List(keys)] = &parts[..] else { return Err(strange("another list")) };
    let next = String::from_utf8_lossy(next).parse().map_err(|_| strange("a cursor that is no number"))?;
    let keys = keys.iter().filter_map(|key| match key {
        Reply::Bytes(key) => Some(key.clone()),
        _ => None,
    });
    Ok((next, keys.collect()))
}

/// A row for each key; those that are gone meanwhile are left out.
async fn described(visitor: &Visitor, database: u32, keys: &[Vec<u8>]) -> Result<Vec<Vec<Markup>>, Fault> {
    let asked = keys.iter().flat_map(|key| [command([b"TYPE", key]), command([b"PTTL", key])]);
    let replies = run(visitor, database, asked.collect()).await?;
    let mut rows = Vec::new();
    for (key, replies) in keys.iter().zip(replies.chunks(2)) {
        let [kind, expires] = replies else { break };
        let Reply::Word(kind) = kind else { continue };
        if kind != "none" {
            rows.push(vec![
                html! { a .mono href=(key_link(database, key)) { (show::cell(key)) } },
                html! { (kind) },
                html! { (time_left(expires)) },
            ]);
        }
    }
    Ok(rows)
}

fn time_left(reply: &Reply) -> String {
    match reply {
        Reply::Number(-1) => "never".to_owned(),
        Reply::Number(millis) if *millis >= 0 => {
            format!("in {}", show::seconds(millis.cast_unsigned() / 1_000))
        }
        _ => String::new(),
    }
}

/// `GET /console/keyspace/key`
async fn key(visitor: Visitor) -> Response {
    let title = named(&visitor.query).map(|key| format!("Key {}", show::cell(&key)));
    let body = key_body(&visitor).await;
    visitor.show(SECTION, title.as_deref().unwrap_or("Key"), body)
}

async fn key_body(visitor: &Visitor) -> Result<Markup, Fault> {
    let (database, key) = (visitor.query.number("db", 0)?, named(&visitor.query)?);
    let asked = vec![
        command([b"TYPE", &key]),
        command([b"PTTL", &key]),
        command([b"MEMORY", b"USAGE", &key]),
        command([b"OBJECT", b"ENCODING", &key]),
    ];
    let replies = run(visitor, database, asked).await?;
    let [kind, expires, memory, encoding] = &replies[..] else { return Err(strange("too few replies")) };
    let kind = match kind {
        Reply::Word(kind) if kind != "none" => kind,
        Reply::Error(text) => return Err(refused(text)),
        _ => return Err(Fault::missing(format!("database {database} has no such key"))),
    };
    let value = value::shown(visitor, database, &key, kind).await?;
    let (digits, number) = (hex(&key), database.to_string());
    let named = html! { (hidden("db", &number)) (hidden("hex", &digits)) };
    Ok(html! {
        p { a href=(database_link(database)) { "Database " (database) } }
        (facts(&[
            ("Type", html! { (kind) }),
            ("Expires", html! { (time_left(expires)) }),
            ("Memory", html! { @if let Reply::Number(bytes) = memory { (show::bytes(bytes.cast_unsigned())) } }),
            ("Encoding", html! { @if let Reply::Bytes(name) = encoding { (show::cell(name)) } }),
        ]))
        (value)
        h2 { "Change" }
        (change(visitor, "/keyspace/expire", &html! {
            (named) (field("Expires in seconds; empty for never", "seconds", "", "3600"))
        }, "Set expiry"))
        (removal(visitor, "/keyspace/delete", &[("db", &number), ("hex", &digits)], "Delete the key"))
    })
}

/// `POST /console/keyspace/set`
async fn set(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let (database, key) = (form.number("db", 0)?, named(&form)?);
        one(&visitor, database, command([b"SET", &key, form.get("value").as_bytes()])).await?;
        Ok((format!("key {} of database {database} set", show::cell(&key)), key_link(database, &key)))
    };
    finish(&visitor, outcome.await)
}

/// `POST /console/keyspace/expire`
async fn expire(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        let (database, key) = (form.number("db", 0)?, named(&form)?);
        let asked = match form.get("seconds").trim() {
            "" => command([b"PERSIST", &key]),
            seconds => command([b"EXPIRE", &key, seconds.as_bytes()]),
        };
        one(&visitor, database, asked).await?;
        Ok((
            format!("expiry of key {} of database {database} set", show::cell(&key)),
            key_link(database, &key),
        ))
    };
    finish(&visitor, outcome.await)
}

/// `POST /console/keyspace/delete`
async fn delete(Sent { visitor, form }: Sent) -> Response {
    let outcome = async {
        form.sure()?;
        let (database, key) = (form.number("db", 0)?, named(&form)?);
        one(&visitor, database, command([b"DEL", &key])).await?;
        Ok((format!("key {} of database {database} deleted", show::cell(&key)), database_link(database)))
    };
    finish(&visitor, outcome.await)
}

fn finish(visitor: &Visitor, outcome: Result<(String, String), Fault>) -> Response {
    match outcome {
        Ok((note, to)) => visitor.done(note, &to),
        Err(fault) => visitor.after(SECTION, "Keyspace", Err(fault), &link("/keyspace", &[])),
    }
}
