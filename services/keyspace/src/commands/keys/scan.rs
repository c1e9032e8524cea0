//! KEYS, RANDOMKEY, SCAN: all keys of a database.
//!
//! SCAN goes through the shards one after the other. Its cursor is the table's (the upper 48 bits of a hash) times the number of shards plus the
//! shard: 0 is the start of the first shard and, as a reply, the end of the last. With up to 32 shards it stays below 2^53, which clients
//! that keep numbers as doubles need.

use crate::commands::arguments::{Options, integer};
use crate::commands::keys::kind_name;
use crate::context::Context;
use crate::failure::{Failure, Outcome, SYNTAX};
use crate::glob;
use crate::protocol::Reply;
use crate::state::Entry;

/// Bits of the table's cursor that are always 0.
const CURSOR_BITS: u32 = 16;
/// Attempts to hit a key that has not expired before RANDOMKEY looks at all of them.
const RANDOM_ATTEMPTS: usize = 100;

/// KEYS.
pub(super) fn keys(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let (database, now) = (context.keys.database, context.keys.now);
    context.keys.need_all(database);
    let mut found = Reply::new();
    let mut count = 0;
    for partition in context.keys.partitions(database) {
        partition.data.scan(0, usize::MAX, now, |entry| {
            if glob::matches(args[1], entry.key()) {
                found.bulk(entry.key());
                count += 1;
            }
        });
    }
    context.reply.array(count);
    context.reply.raw(found.bytes());
    Ok(())
}

/// RANDOMKEY.
pub(super) fn randomkey(context: &mut Context<'_, '_>, _args: &[&[u8]]) -> Outcome {
    let (database, now) = (context.keys.database, context.keys.now);
    context.keys.need_all(database);
    let mut random = context.keys.random_source();
    let total: usize = context.keys.partitions(database).map(|partition| partition.data.len()).sum();
    for _ in 0..if total == 0 { 0 } else { RANDOM_ATTEMPTS } {
        let mut at = (random() % total as u64) as usize;
        let partition = context.keys.partitions(database).find(|partition| {
            let here = at < partition.data.len();
            at = at.wrapping_sub(if here { 0 } else { partition.data.len() });
            here
        });
        let entry = partition.and_then(|partition| partition.data.random(&mut random));
        if let Some(entry) = entry.filter(|entry| entry.deadline().is_none_or(|deadline| deadline > now)) {
            context.reply.bulk(entry.key());
            return Ok(());
        }
    }
    let mut any = Reply::new();
    for partition in context.keys.partitions(database) {
        partition.data.scan(0, usize::MAX, now, |entry| {
            if any.is_empty() {
                any.bulk(entry.key());
            }
        });
    }
    if any.is_empty() {
        context.reply.null();
    } else {
        context.reply.raw(any.bytes());
    }
    Ok(())
}

struct Asked<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    kind: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    fn parse(args: &'a [&'a [u8]]) -> Result<Self, Failure> {
        let mut asked = Self { pattern: None, count: 10, kind: None };
        let mut options = Options::new(args, 2);
        while options.left() > 0 {
            if options.accept("match") {
                asked.pattern = Some(options.value()?);
            } else if options.accept("count") {
                let count = integer(options.value()?)?;
                asked.count = usize::try_from(count).ok().filter(|&count| count > 0).ok_or(SYNTAX)?;
            } else if options.accept("type") {
                asked.kind = Some(options.value()?);
            } else {
                return Err(SYNTAX.into());
            }
        }
        Ok(asked)
    }

    fn wants(&self, entry: Entry<'_>) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, entry.key()))
            && self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(kind_name(entry.kind()).as_bytes()))
    }
}

/// SCAN.
pub(super) fn scan(context: &mut Context<'_, '_>, args: &[&[u8]]) -> Outcome {
    let cursor = parse_cursor(args[1]).ok_or(Failure::from("ERR invalid cursor"))?;
    let asked = Asked::parse(args)?;
    let (database, now) = (context.keys.database, context.keys.now);
    context.keys.need_all(database);
    let shards = context.keys.partitions(database).count();
    let (mut at, mut order) = split(cursor, shards);
    let mut found = Reply::new();
    let mut count = 0;
    let mut visited = 0;
    for partition in context.keys.partitions(database).skip(at) {
        let left = asked.count - visited;
        order = partition.data.scan(order, left, now, |entry| {
            visited += 1;
            if asked.wants(entry) {
                found.bulk(entry.key());
                count += 1;
            }
        });
        if order == 0 {
            at += 1;
        }
        if order != 0 || visited >= asked.count {
            break;
        }
    }
    context.reply.array(2);
    context.reply.bulk(join(at, order, shards).to_string().as_bytes());
    context.reply.array(count);
    context.reply.raw(found.bytes());
    Ok(())
}

fn parse_cursor(arg: &[u8]) -> Option<u64> {
    std::str::from_utf8(arg).ok()?.parse().ok()
}

/// The shard and its table's cursor.
fn split(cursor: u64, shards: usize) -> (usize, u64) {
    let shards = shards as u64;
    ((cursor % shards) as usize, (cursor / shards) << CURSOR_BITS)
}

fn join(shard: usize, order: u64, shards: usize) -> u64 {
    if shard == shards { 0 } else { (order >> CURSOR_BITS) * shards as u64 + shard as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors() {
        for (shard, order) in [(0, 0), (15, 0), (3, 1 << 16), (15, u64::MAX << 16)] {
            let cursor = join(shard, order, 16);
            assert_eq!(split(cursor, 16), (shard, order));
            assert!(cursor < 1 << 53, "exact as a double");
        }
        assert_eq!(join(16, 0, 16), 0, "the end");
        for hostile in [u64::MAX, u64::MAX - 1] {
            assert!(split(hostile, 16).0 < 16);
        }
    }
}
