//! The commands that the clients of a simulation send: few keys on many shards, all families, transactions across shards.

use std::fmt;

use bole_base::Durability;
use bole_testing::Rng;

/// A time in milliseconds since the Unix epoch that no run reaches.
const FAR_MS: u64 = 7_000_000_000_000;

/// Bytes of a key, member or value, shown as text.
pub type Bytes = Vec<u8>;

/// One command.
#[derive(Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the Redis command that `words` spells")]
pub enum Command {
    Get(Bytes),
    Set(Bytes, Bytes),
    SetSoon(Bytes, Bytes, u64),
    SetUnlessThere(Bytes, Bytes),
    SetAll(Vec<(Bytes, Bytes)>),
    SetAllUnlessThere(Vec<(Bytes, Bytes)>),
    Append(Bytes, Bytes),
    Add(Bytes, i64),
    Delete(Vec<Bytes>),
    Rename(Bytes, Bytes),
    Copy(Bytes, Bytes),
    Move(Bytes, usize),
    ExpireSoon(Bytes, u64),
    ExpireFar(Bytes, u64),
    Persist(Bytes),
    Flush,
    HashSet(Bytes, Bytes, Bytes),
    HashDelete(Bytes, Bytes),
    Push(Bytes, bool, Vec<Bytes>),
    Pop(Bytes, bool),
    PassOn(Bytes, Bytes),
    SetAdd(Bytes, Bytes),
    SetRemove(Bytes, Bytes),
    SetUnion(Bytes, Vec<Bytes>),
    SortedAdd(Bytes, i64, Bytes),
    SortedRemove(Bytes, Bytes),
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Op {
    /// A command on a database.
    One(usize, Command),
    /// MULTI, these, EXEC.
    Multi(usize, Vec<Command>),
    /// MULTI, SELECT and a command several times, EXEC.
    Across(Vec<(usize, Command)>),
    /// WATCH and GET a key, then set it to its successor in a transaction; happens only if nobody else changed it.
    Watched(usize, Bytes),
    /// SWAPDB.
    Swap(usize, usize),
    /// FLUSHALL.
    FlushAll,
}

/// What [`Op::Watched`] sets a key to.
pub fn next_of(value: Option<&[u8]>) -> Bytes {
    let number = value.and_then(|value| std::str::from_utf8(value).ok()?.parse::<u32>().ok()).unwrap_or(0);
    (u64::from(number) + 1).to_string().into_bytes()
}

/// The class of a database.
pub fn class(database: usize) -> Durability {
    if database < 2 { Durability::Sync } else { Durability::Async }
}

impl Op {
    /// The class in which it is acknowledged, if it changes anything.
    pub fn durability(&self) -> Durability {
        match self {
            Self::One(database, Command::Move(_, to)) => class(*database).max(class(*to)),
            Self::One(database, _) | Self::Multi(database, _) | Self::Watched(database, _) => {
                class(*database)
            }
            Self::Across(parts) => {
                parts.iter().map(|(database, _)| class(*database)).max().unwrap_or(Durability::Async)
            }
            Self::Swap(..) => Durability::Sync,
            // The sync databases may have been empty.
            Self::FlushAll => Durability::Async,
        }
    }

    /// Draws one.
    pub fn draw(rng: &mut Rng) -> Self {
        let database = rng.index(4);
        match rng.below(60) {
            0 => Self::Swap(0, 1),
            1 => Self::Swap(2, 3),
            2 => Self::FlushAll,
            3..=9 => {
                let count = 1 + rng.index(5);
                Self::Multi(database, (0..count).map(|_| Command::draw(rng, database)).collect())
            }
            10..=12 => {
                let count = 2 + rng.index(3);
                Self::Across(
                    (0..count).map(|_| (rng.index(4), Command::Set(plain(rng), value(rng)))).collect(),
                )
            }
            13..=17 => Self::Watched(database, plain_text(rng)),
            _ => Self::One(database, Command::draw(rng, database)),
        }
    }
}

fn numbered(rng: &mut Rng, letter: char, count: u64) -> Bytes {
    format!("{letter}{}", rng.below(count)).into_bytes()
}

fn plain_text(rng: &mut Rng) -> Bytes {
    numbered(rng, 'k', 6)
}

/// A key of any type whose deadline, if it has one, is far.
fn plain(rng: &mut Rng) -> Bytes {
    match rng.below(8) {
        0 => numbered(rng, 'h', 2),
        1 => numbered(rng, 'l', 2),
        2 => numbered(rng, 's', 3),
        3 => numbered(rng, 'z', 2),
        _ => plain_text(rng),
    }
}

/// A key that may have a deadline that passes.
fn passing(rng: &mut Rng) -> Bytes {
    numbered(rng, 't', 4)
}

fn any(rng: &mut Rng) -> Bytes {
    if rng.one_in(4) { passing(rng) } else { plain(rng) }
}

fn member(rng: &mut Rng) -> Bytes {
    if rng.one_in(8) { long(rng, 200) } else { numbered(rng, 'm', 8) }
}

fn long(rng: &mut Rng, len_max: u64) -> Bytes {
    let len = 20 + rng.below(len_max);
    (0..len).map(|_| b'a' + rng.below(26) as u8).collect()
}

/// Numbers, short texts, some long ones.
fn value(rng: &mut Rng) -> Bytes {
    match rng.below(40) {
        0..=2 => long(rng, 600),
        3..=7 => long(rng, 400),
        8..=20 => rng.below(1_000).to_string().into_bytes(),
        _ => long(rng, 20),
    }
}

fn pairs(rng: &mut Rng, key: fn(&mut Rng) -> Bytes) -> Vec<(Bytes, Bytes)> {
    let count = 1 + rng.index(6);
    (0..count).map(|_| (key(rng), value(rng))).collect()
}

fn two(rng: &mut Rng) -> (Bytes, Bytes) {
    let from = plain(rng);
    loop {
        let to = plain(rng);
        if to != from {
            return (from, to);
        }
    }
}

impl Command {
    /// Draws one for a client that has selected `database`.
    pub fn draw(rng: &mut Rng, database: usize) -> Self {
        match rng.below(64) {
            0..=7 => Self::Get(any(rng)),
            8..=15 => Self::Set(any(rng), value(rng)),
            16..=18 => Self::SetSoon(passing(rng), value(rng), 1 + rng.below(10)),
            19 => Self::SetUnlessThere(plain(rng), value(rng)),
            20..=24 => Self::SetAll(pairs(rng, any)),
            25 => Self::SetAllUnlessThere(pairs(rng, plain)),
            26..=27 => Self::Append(plain_text(rng), long(rng, 40)),
            28..=31 => Self::Add(plain_text(rng), rng.below(10) as i64 - 3),
            32..=34 => {
                let count = 1 + rng.index(4);
                let mut keys: Vec<Bytes> = (0..count).map(|_| any(rng)).collect();
                keys.sort();
                keys.dedup();
                Self::Delete(keys)
            }
            35..=36 => {
                let (from, to) = two(rng);
                Self::Rename(from, to)
            }
            37 => {
                let (from, to) = two(rng);
                Self::Copy(from, to)
            }
            38..=39 => Self::ExpireSoon(passing(rng), 1 + rng.below(10)),
            40 => Self::ExpireFar(plain(rng), FAR_MS + rng.below(1_000)),
            41 => Self::Persist(plain(rng)),
            42 if rng.one_in(3) => Self::Flush,
            _ => Self::draw_collection(rng, database),
        }
    }

    fn draw_collection(rng: &mut Rng, database: usize) -> Self {
        let key =
            |rng: &mut Rng, letter: char| if rng.one_in(16) { plain(rng) } else { numbered(rng, letter, 2) };
        match rng.below(20) {
            0..=2 => Self::HashSet(key(rng, 'h'), member(rng), value(rng)),
            3 => Self::HashDelete(key(rng, 'h'), member(rng)),
            4..=6 => {
                let count = 1 + rng.index(4);
                Self::Push(key(rng, 'l'), rng.one_in(2), (0..count).map(|_| member(rng)).collect())
            }
            7..=8 => Self::Pop(key(rng, 'l'), rng.one_in(2)),
            9 => Self::PassOn(key(rng, 'l'), key(rng, 'l')),
            10..=12 => Self::SetAdd(key(rng, 's'), member(rng)),
            13 => Self::SetRemove(key(rng, 's'), member(rng)),
            14 => Self::SetUnion(numbered(rng, 's', 3), vec![key(rng, 's'), key(rng, 's')]),
            15..=17 => Self::SortedAdd(key(rng, 'z'), rng.below(100) as i64, member(rng)),
            18 => Self::SortedRemove(key(rng, 'z'), member(rng)),
            // Between databases of one class.
            _ => Self::Move(plain(rng), database ^ 1),
        }
    }

    /// The command as a client sends it.
    pub fn words(&self) -> Vec<Bytes> {
        let words = |name: &str, rest: &[&[u8]]| {
            let mut words: Vec<Bytes> = name.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            words.extend(rest.iter().map(|word| word.to_vec()));
            words
        };
        let number = |number: &dyn fmt::Display| number.to_string().into_bytes();
        let side = |name: &str, left: bool| format!("{}{name}", if left { 'L' } else { 'R' });
        match self {
            Self::Get(key) => words("GET", &[key]),
            Self::Set(key, value) => words("SET", &[key, value]),
            Self::SetSoon(key, value, ms) => words("SET", &[key, value, b"PX", &number(ms)]),
            Self::SetUnlessThere(key, value) => words("SET", &[key, value, b"NX"]),
            Self::SetAll(pairs) => words("MSET", &flat(pairs)),
            Self::SetAllUnlessThere(pairs) => words("MSETNX", &flat(pairs)),
            Self::Append(key, tail) => words("APPEND", &[key, tail]),
            Self::Add(key, by) => words("INCRBY", &[key, &number(by)]),
            Self::Delete(keys) => words("DEL", &refs(keys)),
            Self::Rename(from, to) => words("RENAME", &[from, to]),
            Self::Copy(from, to) => words("COPY", &[from, to]),
            Self::Move(key, to) => words("MOVE", &[key, &number(to)]),
            Self::ExpireSoon(key, ms) => words("PEXPIRE", &[key, &number(ms)]),
            Self::ExpireFar(key, at) => words("PEXPIREAT", &[key, &number(at)]),
            Self::Persist(key) => words("PERSIST", &[key]),
            Self::Flush => words("FLUSHDB", &[]),
            Self::HashSet(key, field, value) => words("HSET", &[key, field, value]),
            Self::HashDelete(key, field) => words("HDEL", &[key, field]),
            Self::Push(key, left, values) => {
                let mut rest: Vec<&[u8]> = vec![key];
                rest.extend(refs(values));
                words(&side("PUSH", *left), &rest)
            }
            Self::Pop(key, left) => words(&side("POP", *left), &[key]),
            Self::PassOn(from, to) => words("RPOPLPUSH", &[from, to]),
            Self::SetAdd(key, member) => words("SADD", &[key, member]),
            Self::SetRemove(key, member) => words("SREM", &[key, member]),
            Self::SetUnion(to, from) => {
                let mut rest: Vec<&[u8]> = vec![to];
                rest.extend(refs(from));
                words("SUNIONSTORE", &rest)
            }
            Self::SortedAdd(key, score, member) => words("ZADD", &[key, &number(score), member]),
            Self::SortedRemove(key, member) => words("ZREM", &[key, member]),
        }
    }
}

fn refs(items: &[Bytes]) -> Vec<&[u8]> {
    items.iter().map(Vec::as_slice).collect()
}

fn flat(pairs: &[(Bytes, Bytes)]) -> Vec<&[u8]> {
    pairs.iter().flat_map(|(key, value)| [key.as_slice(), value.as_slice()]).collect()
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words().iter().enumerate() {
            let short = &word[..word.len().min(24)];
            write!(f, "{}{}", if index == 0 { "" } else { " " }, short.escape_ascii())?;
            if short.len() < word.len() {
                write!(f, "…({})", word.len())?;
            }
        }
        Ok(())
    }
}
