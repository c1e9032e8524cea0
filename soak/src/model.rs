//! What the keyspace's commands mean, without slots, logs, disk or time: a map per database.
//!
//! Time is kept out by two kinds of keys. Those that begin with `t` may have a deadline that passes during a run; from then on the model only
//! says that they may be there, and every command on them means the same whether they are. All others have deadlines in the far
//! future or none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bole_testing::harness::Model;

use crate::command::{Command, Op};

/// Databases that take part: 0 and 1 are of class `sync`, 2 and 3 of class `async`.
pub const DATABASES: usize = 4;

/// The reply as bytes of RESP2, or `None` where the model cannot know it.
#[derive(Clone, Debug)]
pub struct Answer(pub Option<Vec<u8>>);

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

/// A value of each type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// SET and its family.
    Text(Vec<u8>),
    /// HSET and its family.
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// LPUSH and its family.
    List(VecDeque<Vec<u8>>),
    /// SADD and its family.
    Set(BTreeSet<Vec<u8>>),
    /// ZADD and its family.
    Sorted(BTreeMap<Vec<u8>, i64>),
}

/// When a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// Never.
    None,
    /// At this time, which no run reaches.
    Far(u64),
    /// Soon: it may be gone already.
    Soon,
}

/// What is at a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its value.
    pub value: Value,
    /// Its end.
    pub deadline: Deadline,
}

/// One database.
pub type Database = BTreeMap<Vec<u8>, Entry>;

/// All databases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keyspace {
    /// By number.
    pub databases: [Database; DATABASES],
}

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

/// Why a command answers with an error; or that the model does not know what it answers.
enum Stop {
    Error(&'static str),
    Unknown,
}

type Said = Result<Vec<u8>, Stop>;

#[expect(clippy::unnecessary_wraps, reason = "what a command says, like all others")]
fn ok() -> Said {
    Ok(b"+OK\r\n".to_vec())
}

#[expect(clippy::unnecessary_wraps, reason = "what a command says, like all others")]
fn integer(value: i64) -> Said {
    Ok(format!(":{value}\r\n").into_bytes())
}

fn bulk(value: Option<&[u8]>) -> Vec<u8> {
    let Some(value) = value else { return b"$-1\r\n".to_vec() };
    let mut out = format!("${}\r\n", value.len()).into_bytes();
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    out
}

/// Gives a borrow of the collection at a key, made if there is none.
macro_rules! collection {
    ($name:ident, $variant:ident, $type:ty) => {
        fn $name<'a>(database: &'a mut Database, key: &[u8]) -> Result<&'a mut $type, Stop> {
            let blank = Entry { value: Value::$variant(<$type>::default()), deadline: Deadline::None };
            match &mut database.entry(key.to_vec()).or_insert(blank).value {
                Value::$variant(value) => Ok(value),
                _ => Err(Stop::Error(WRONG_TYPE)),
            }
        }
    };
}

collection!(hash, Hash, BTreeMap<Vec<u8>, Vec<u8>>);
collection!(list, List, VecDeque<Vec<u8>>);
collection!(set, Set, BTreeSet<Vec<u8>>);
collection!(sorted, Sorted, BTreeMap<Vec<u8>, i64>);

impl Value {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Hash(value) => value.is_empty(),
            Self::List(value) => value.is_empty(),
            Self::Set(value) => value.is_empty(),
            Self::Sorted(value) => value.is_empty(),
        }
    }
}

fn text<'a>(database: &'a Database, key: &[u8]) -> Result<Option<&'a [u8]>, Stop> {
    match database.get(key) {
        None => Ok(None),
        Some(Entry { deadline: Deadline::Soon, .. }) => Err(Stop::Unknown),
        Some(Entry { value: Value::Text(value), .. }) => Ok(Some(value)),
        Some(_) => Err(Stop::Error(WRONG_TYPE)),
    }
}

fn put(database: &mut Database, key: &[u8], value: &[u8], deadline: Deadline) {
    database.insert(key.to_vec(), Entry { value: Value::Text(value.to_vec()), deadline });
}

fn change_text(database: &mut Database, key: &[u8], value: Vec<u8>) {
    let blank = Entry { value: Value::Text(Vec::new()), deadline: Deadline::None };
    database.entry(key.to_vec()).or_insert(blank).value = Value::Text(value);
}

fn is_soon(database: &Database, key: &[u8]) -> bool {
    database.get(key).is_some_and(|entry| entry.deadline == Deadline::Soon)
}

impl Keyspace {
    /// Does one command and gives its reply.
    pub fn command(&mut self, database: usize, command: &Command) -> Option<Vec<u8>> {
        let said = match command {
            Command::Move(key, to) => self.move_key(database, *to, key),
            _ => one(&mut self.databases[database], command),
        };
        // Nothing empty stays: neither what lost its last member nor what a refused command has looked at.
        self.databases[database].retain(|_, entry| !entry.value.is_empty());
        match said {
            Ok(reply) => Some(reply),
            Err(Stop::Error(text)) => Some(text.as_bytes().to_vec()),
            Err(Stop::Unknown) => None,
        }
    }

    fn move_key(&mut self, from: usize, to: usize, key: &[u8]) -> Said {
        if !self.databases[from].contains_key(key) || self.databases[to].contains_key(key) {
            return integer(0);
        }
        let entry = self.databases[from].remove(key);
        self.databases[to].extend(entry.map(|entry| (key.to_vec(), entry)));
        integer(1)
    }
}

/// A command on one database.
fn one(database: &mut Database, command: &Command) -> Said {
    match command {
        Command::Get(key) => text(database, key).map(bulk),
        Command::Set(key, value) => {
            put(database, key, value, Deadline::None);
            ok()
        }
        Command::SetSoon(key, value, _) => {
            put(database, key, value, Deadline::Soon);
            ok()
        }
        Command::SetUnlessThere(key, value) => {
            if text(database, key).is_ok_and(|found| found.is_none()) {
                put(database, key, value, Deadline::None);
                return ok();
            }
            Ok(bulk(None))
        }
        Command::SetAll(pairs) => {
            for (key, value) in pairs {
                put(database, key, value, Deadline::None);
            }
            ok()
        }
        Command::SetAllUnlessThere(pairs) => {
            if pairs.iter().any(|(key, _)| database.contains_key(key)) {
                return integer(0);
            }
            for (key, value) in pairs {
                put(database, key, value, Deadline::None);
            }
            integer(1)
        }
        Command::Append(key, tail) => {
            let mut value = text(database, key)?.unwrap_or_default().to_vec();
            value.extend_from_slice(tail);
            let len = value.len();
            change_text(database, key, value);
            integer(len as i64)
        }
        Command::Add(key, by) => add(database, key, *by),
        _ => on_keys(database, command),
    }
}

fn add(database: &mut Database, key: &[u8], by: i64) -> Said {
    let number = match text(database, key)? {
        None => Some(0),
        Some(value) => std::str::from_utf8(value).ok().and_then(|value| value.parse::<i64>().ok()),
    };
    let Some(number) = number else {
        return Err(Stop::Error("-ERR value is not an integer or out of range\r\n"));
    };
    change_text(database, key, (number + by).to_string().into_bytes());
    integer(number + by)
}

/// Commands on keys of any type.
fn on_keys(database: &mut Database, command: &Command) -> Said {
    match command {
        Command::Delete(keys) => {
            let unknown = keys.iter().any(|key| is_soon(database, key));
            let count = keys.iter().filter(|key| database.remove(*key).is_some()).count();
            if unknown { Err(Stop::Unknown) } else { integer(count as i64) }
        }
        Command::Rename(from, to) => {
            let Some(entry) = database.remove(from) else { return Err(Stop::Error("-ERR no such key\r\n")) };
            database.insert(to.clone(), entry);
            ok()
        }
        Command::Copy(from, to) => {
            let Some(entry) = database.get(from).cloned() else { return integer(0) };
            if from == to || database.contains_key(to) {
                return integer(0);
            }
            database.insert(to.clone(), entry);
            integer(1)
        }
        Command::ExpireSoon(key, _) => match database.get_mut(key) {
            None => integer(0),
            Some(entry) => {
                let known = entry.deadline != Deadline::Soon;
                entry.deadline = Deadline::Soon;
                if known { integer(1) } else { Err(Stop::Unknown) }
            }
        },
        Command::ExpireFar(key, deadline) => match database.get_mut(key) {
            None => integer(0),
            Some(entry) => {
                entry.deadline = Deadline::Far(*deadline);
                integer(1)
            }
        },
        Command::Persist(key) => match database.get_mut(key) {
            Some(entry) if entry.deadline != Deadline::None => {
                entry.deadline = Deadline::None;
                integer(1)
            }
            _ => integer(0),
        },
        Command::Flush => {
            database.clear();
            ok()
        }
        _ => on_collections(database, command),
    }
}

/// Commands on hashes, lists, sets and sorted sets.
fn on_collections(database: &mut Database, command: &Command) -> Said {
    match command {
        Command::HashSet(key, field, value) => {
            let new = hash(database, key)?.insert(field.clone(), value.clone()).is_none();
            integer(i64::from(new))
        }
        Command::HashDelete(key, field) => {
            let gone = hash(database, key)?.remove(field).is_some();
            integer(i64::from(gone))
        }
        Command::Push(key, left, values) => {
            let list = list(database, key)?;
            for value in values {
                if *left {
                    list.push_front(value.clone());
                } else {
                    list.push_back(value.clone());
                }
            }
            integer(list.len() as i64)
        }
        Command::Pop(key, left) => {
            let list = list(database, key)?;
            let value = if *left { list.pop_front() } else { list.pop_back() };
            Ok(bulk(value.as_deref()))
        }
        Command::PassOn(from, to) => {
            if !database.contains_key(from) {
                return Ok(bulk(None));
            }
            list(database, from)?;
            list(database, to)?;
            let value = list(database, from)?.pop_back();
            let to = list(database, to)?;
            if let Some(value) = &value {
                to.push_front(value.clone());
            }
            Ok(bulk(value.as_deref()))
        }
        Command::SetAdd(key, member) => integer(i64::from(set(database, key)?.insert(member.clone()))),
        Command::SetRemove(key, member) => integer(i64::from(set(database, key)?.remove(member))),
        Command::SetUnion(to, from) => {
            let mut union = BTreeSet::new();
            for key in from {
                union.extend(set(database, key)?.iter().cloned());
            }
            let len = union.len();
            database.insert(to.clone(), Entry { value: Value::Set(union), deadline: Deadline::None });
            integer(len as i64)
        }
        Command::SortedAdd(key, score, member) => {
            let new = sorted(database, key)?.insert(member.clone(), *score).is_none();
            integer(i64::from(new))
        }
        Command::SortedRemove(key, member) => {
            let gone = sorted(database, key)?.remove(member).is_some();
            integer(i64::from(gone))
        }
        _ => Err(Stop::Unknown),
    }
}

/// What clients can be sure to see: everything without a deadline that passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(pub [Database; DATABASES]);

impl Model for Keyspace {
    type Op = Op;
    type Reply = Answer;
    type State = Shown;

    fn apply(&mut self, op: &Op) -> Answer {
        match op {
            Op::One(database, command) => Answer(self.command(*database, command)),
            Op::Multi(database, commands) => {
                let replies: Vec<_> =
                    commands.iter().map(|command| self.command(*database, command)).collect();
                Answer(array(replies))
            }
            Op::Across(parts) => {
                let mut replies = Vec::new();
                for (database, command) in parts {
                    replies.push(Some(b"+OK\r\n".to_vec()));
                    replies.push(self.command(*database, command));
                }
                Answer(array(replies))
            }
            Op::Watched(database, key) => {
                let value = text(&self.databases[*database], key).ok().flatten().map(<[u8]>::to_vec);
                change_text(&mut self.databases[*database], key, crate::command::next_of(value.as_deref()));
                Answer(None)
            }
            Op::Swap(first, second) => {
                self.databases.swap(*first, *second);
                Answer(Some(b"+OK\r\n".to_vec()))
            }
            Op::FlushAll => {
                self.databases.iter_mut().for_each(Database::clear);
                Answer(Some(b"+OK\r\n".to_vec()))
            }
        }
    }

    fn state(&self) -> Shown {
        let mut databases = self.databases.clone();
        for database in &mut databases {
            database.retain(|_, entry| entry.deadline != Deadline::Soon);
        }
        Shown(databases)
    }
}

fn array(replies: Vec<Option<Vec<u8>>>) -> Option<Vec<u8>> {
    let mut out = format!("*{}\r\n", replies.len()).into_bytes();
    for reply in replies {
        out.extend(reply?);
    }
    Some(out)
}
