//! A page of a key's value, by its type.

use maud::{Markup, html};

use super::{command, one, strange};
use crate::limits::{ELEMENTS_MAX, VALUE_BYTES_MAX};
use crate::node::Fault;
use crate::node::keyspace::{Command, Reply};
use crate::page::{block, table};
use crate::request::Visitor;
use crate::show::{self, count, hex, link};

/// What is behind a key.
pub(super) async fn shown(visitor: &Visitor, database: u32, key: &[u8], kind: &str) -> Result<Markup, Fault> {
    let view = View { visitor, database, key };
    match kind {
        "string" => view.string().await,
        "list" => view.indexed(b"LLEN", b"LRANGE", false).await,
        "zset" => view.indexed(b"ZCARD", b"ZRANGE", true).await,
        "hash" => view.scanned(b"HLEN", b"HSCAN", true).await,
        "set" => view.scanned(b"SCARD", b"SSCAN", false).await,
        other => Ok(html! { p .soft { "Values of the type " (other) " are not shown here." } }),
    }
}

struct View<'a> {
    visitor: &'a Visitor,
    database: u32,
    key: &'a [u8],
}

fn cell(reply: &Reply) -> Markup {
    let text = match reply {
        Reply::Bytes(bytes) => show::cell(bytes),
        Reply::Word(text) | Reply::Error(text) => text.clone(),
        Reply::Number(number) => number.to_string(),
        Reply::Nothing => "nothing".to_owned(),
        Reply::List(_) => "a list".to_owned(),
    };
    html! { span .mono { (text) } }
}

impl View<'_> {
    async fn one(&self, command: Command) -> Result<Reply, Fault> {
        one(self.visitor, self.database, command).await
    }

    async fn length(&self, name: &[u8]) -> Result<u64, Fault> {
        match self.one(command([name, self.key])).await? {
            Reply::Number(length) => Ok(length.max(0).cast_unsigned()),
            _ => Err(strange("a length that is no number")),
        }
    }

    fn here(&self, name: &str, place: &str) -> String {
        let database = self.database.to_string();
        link("/keyspace/key", &[("db", &database), ("hex", &hex(self.key)), (name, place)])
    }

    async fn string(&self) -> Result<Markup, Fault> {
        let length = self.length(b"STRLEN").await?;
        let last = (VALUE_BYTES_MAX - 1).to_string();
        let value = self.one(command([b"GETRANGE", self.key, b"0", last.as_bytes()])).await?;
        let Reply::Bytes(value) = value else { return Err(strange("a value that is no string")) };
        let (text, _) = show::text(&value, VALUE_BYTES_MAX);
        Ok(html! {
            h2 { "Value" }
            p .soft { (show::bytes(length)) @if length > VALUE_BYTES_MAX as u64 { ", of which the first " (show::bytes(VALUE_BYTES_MAX as u64)) " are shown" } }
            (block(&text))
        })
    }

    /// A list or a sorted set: its elements have an order, so a page begins at a number.
    async fn indexed(&self, length: &[u8], range: &[u8], has_scores: bool) -> Result<Markup, Fault> {
        let length = self.length(length).await?;
        let from: u64 = self.visitor.query.number("from", 0)?;
        let (first, last) = (from.to_string(), from.saturating_add(ELEMENTS_MAX as u64 - 1).to_string());
        let mut asked = command([range, self.key, first.as_bytes(), last.as_bytes()]);
        if has_scores {
            asked.push(b"WITHSCORES".to_vec());
        }
        let Reply::List(found) = self.one(asked).await? else { return Err(strange("no list")) };
        let width = if has_scores { 2 } else { 1 };
        let row = |(place, element): (usize, &[Reply])| {
            let number = html! { (from + place as u64) };
            std::iter::once(number).chain(element.iter().map(cell)).collect()
        };
        let rows: Vec<Vec<Markup>> = found.chunks(width).enumerate().map(row).collect();
        let head: &[&str] = if has_scores { &["place", "member", "score"] } else { &["place", "element"] };
        let end = from + rows.len() as u64;
        Ok(html! {
            (table(&format!("{} elements", count(length)), head, &rows))
            nav .pages aria-label="Pages" {
                @if from > 0 { a rel="prev" href=(self.here("from", &from.saturating_sub(ELEMENTS_MAX as u64).to_string())) { "Before" } }
                @if end < length { a rel="next" href=(self.here("from", &end.to_string())) { "Next" } }
            }
        })
    }

    /// A hash or a set: a page begins at a cursor.
    async fn scanned(&self, length: &[u8], scan: &[u8], has_values: bool) -> Result<Markup, Fault> {
        let length = self.length(length).await?;
        let cursor = self.visitor.query.number::<u64>("from", 0)?.to_string();
        let wanted = ELEMENTS_MAX.to_string();
        let asked = command([scan, self.key, cursor.as_bytes(), b"COUNT", wanted.as_bytes()]);
        let Reply::List(parts) = self.one(asked).await? else { return Err(strange("no list")) };
        let [Reply::Bytes(next), Reply::List(found)] = &parts[..] else {
            return Err(strange("another list"));
        };
        let next = String::from_utf8_lossy(next).into_owned();
        let width = if has_values { 2 } else { 1 };
        // A small value is told as a whole, whatever was asked for.
        let rows: Vec<Vec<Markup>> =
            found.chunks(width).take(10 * ELEMENTS_MAX).map(|one| one.iter().map(cell).collect()).collect();
        let head: &[&str] = if has_values { &["field", "value"] } else { &["member"] };
        Ok(html! {
            (table(&format!("{} elements", count(length)), head, &rows))
            @if next != "0" { nav .pages aria-label="Pages" { a rel="next" href=(self.here("from", &next)) { "Next" } } }
        })
    }
}
