//! Makes databases of the model out of their feeds, as a reader of the topics would: from batches of records, by what their JSON says. Each change counts
//! once: to apply one twice, or none, shows, because most of them do not say what is there afterwards.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base64ct::{Base64, Encoding as _};
use bole_base::Offset;
use bole_shard::changes::{Changes, Cursor};
use bole_streams::feeds::encode;
use serde_json::Value as Json;

use crate::model::{Database, Deadline, Entry, Value};

/// Bytes of changes that are read at a time: a few, so that there are many reads.
const READ_BYTES: usize = 2 << 10;

type Bytes = Vec<u8>;

/// The database that the feed of `dataset` describes, from its first change on. An error is a sentence on what is wrong with the feed.
pub fn database(changes: &dyn Changes, dataset: &str) -> Result<Database, String> {
    let mut whole = Database::new();
    for shard in 0..changes.shards(dataset).map_err(|error| error.to_string())? {
        let described = fold_shard(changes, dataset, shard);
        whole.extend(described.map_err(|reason| format!("the feed of {dataset}, shard {shard}: {reason}"))?);
    }
    Ok(whole)
}

fn fold_shard(changes: &dyn Changes, dataset: &str, shard: u32) -> Result<Database, String> {
    let tail = changes.bounds(dataset, shard).map_err(|error| error.to_string())?.tail;
    let (mut database, mut from) = (Database::new(), Offset::ZERO);
    while from < tail {
        let feed =
            changes.read(dataset, shard, Cursor::at(from), READ_BYTES).map_err(|error| error.to_string())?;
        if let Some(gap) = feed.gap {
            return Err(format!("a gap from {} to {} although all is kept", gap.from, gap.to));
        }
        let batches = encode::batches(&feed, from.0 as i64, &[]);
        let mut next = from.0 as i64;
        for batch in &batches.batches {
            if batch.base_offset < next {
                return Err(format!("offset {} comes again", batch.base_offset));
            }
            next = batch.last_offset() + 1;
            if batch.fields().is_control() {
                continue;
            }
            let (_, records) = bole_streams::records::of(batch).map_err(|error| error.to_string())?;
            for record in records {
                let record = record.map_err(|error| error.to_string())?;
                let value = record.value.unwrap_or_default();
                let told = serde_json::from_slice(&value)
                    .map_err(|error| format!("{} is no JSON: {error}", value.escape_ascii()))?;
                apply(&mut database, &told).ok_or_else(|| format!("offset {} says {told}", record.offset))?;
            }
        }
        if next != feed.next.offset.0 as i64 {
            return Err(format!("a reader at {from} gets to {next}, and should get to {}", feed.next.offset));
        }
        from = feed.next.offset;
    }
    Ok(database)
}

/// `None`: the change does not fit what is there, or is none.
fn apply(database: &mut Database, told: &Json) -> Option<()> {
    match told["operation"].as_str()? {
        "flush" => database.clear(),
        "transaction" => {
            for change in told["changes"].as_array()? {
                apply(database, change)?;
            }
        }
        operation => {
            let key = bytes(&told["key"])?;
            change(database, operation, &key, told)?;
            if database.get(&key).is_some_and(|entry| is_empty(&entry.value)) {
                database.remove(&key);
            }
        }
    }
    Some(())
}

fn change(database: &mut Database, operation: &str, key: &Bytes, told: &Json) -> Option<()> {
    match operation {
        "del" | "expired" | "evicted" => drop(database.remove(key)?),
        "persist" => database.get_mut(key)?.deadline = Deadline::None,
        "pexpireat" => database.get_mut(key)?.deadline = deadline(key, told)?,
        "set" => {
            let value = Value::Text(bytes(&told["value"])?);
            database.insert(key.clone(), Entry { value, deadline: deadline(key, told)? });
        }
        "restore" => {
            let value = whole(told)?;
            database.insert(key.clone(), Entry { value, deadline: deadline(key, told)? });
        }
        "append" => {
            let tail = bytes(&told["value"])?;
            text(database, key)?.extend(tail);
        }
        "hset" | "hdel" => {
            let Value::Hash(hash) = at(database, key, Value::Hash(BTreeMap::new())) else { return None };
            for field in told["fields"].as_array()? {
                match operation {
                    "hset" => drop(hash.insert(bytes(&field[0])?, bytes(&field[1])?)),
                    _ => drop(hash.remove(&bytes(field)?)?),
                }
            }
        }
        "sadd" | "srem" => {
            let Value::Set(set) = at(database, key, Value::Set(BTreeSet::new())) else { return None };
            for member in list(&told["members"])? {
                // Only what changes the set is a change.
                let changed = if operation == "sadd" { set.insert(member) } else { set.remove(&member) };
                changed.then_some(())?;
            }
        }
        "zadd" | "zrem" => {
            let Value::Sorted(sorted) = at(database, key, Value::Sorted(BTreeMap::new())) else {
                return None;
            };
            for member in told["members"].as_array()? {
                match operation {
                    "zadd" => drop(sorted.insert(bytes(&member[0])?, member[1].as_f64()? as i64)),
                    _ => drop(sorted.remove(&bytes(member)?)?),
                }
            }
        }
        _ => {
            let Value::List(values) = at(database, key, Value::List(VecDeque::new())) else { return None };
            change_list(values, operation, told)?;
        }
    }
    Some(())
}

fn change_list(values: &mut VecDeque<Bytes>, operation: &str, told: &Json) -> Option<()> {
    let number = |name: &str| told[name].as_u64().map(|number| number as usize);
    match operation {
        "lpush" => list(&told["values"])?.into_iter().for_each(|value| values.push_front(value)),
        "rpush" => values.extend(list(&told["values"])?),
        "lpop" => drop(values.drain(..number("count")?)),
        "rpop" => values.truncate(values.len().checked_sub(number("count")?)?),
        "lset" => *values.get_mut(number("index")?)? = bytes(&told["value"])?,
        "linsert" => values.insert(number("index")?, bytes(&told["value"])?),
        "lremove" => {
            for index in told["indices"].as_array()?.iter().rev() {
                values.remove(index.as_u64()? as usize)?;
            }
        }
        "ltrim" => {
            values.drain(..number("start")?);
            values.truncate(number("count")?);
        }
        _ => return None,
    }
    Some(())
}

fn at<'a>(database: &'a mut Database, key: &Bytes, new: Value) -> &'a mut Value {
    &mut database.entry(key.clone()).or_insert(Entry { value: new, deadline: Deadline::None }).value
}

fn text<'a>(database: &'a mut Database, key: &Bytes) -> Option<&'a mut Bytes> {
    match at(database, key, Value::Text(Vec::new())) {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// A value that is told as a whole.
fn whole(told: &Json) -> Option<Value> {
    let mut database = Database::new();
    let (key, operation) = match told["type"].as_str()? {
        "hash" => (Bytes::new(), "hset"),
        "set" => (Bytes::new(), "sadd"),
        "zset" => (Bytes::new(), "zadd"),
        "list" => (Bytes::new(), "rpush"),
        _ => return None,
    };
    change(&mut database, operation, &key, told)?;
    database.remove(&key).map(|entry| entry.value)
}

/// Where the model keeps deadlines: see its description.
fn deadline(key: &Bytes, told: &Json) -> Option<Deadline> {
    match &told["expires_at"] {
        Json::Null => Some(Deadline::None),
        _ if key.starts_with(b"t") => Some(Deadline::Soon),
        at => at.as_u64().map(Deadline::Far),
    }
}

fn bytes(told: &Json) -> Option<Bytes> {
    match told {
        Json::String(text) => Some(text.clone().into_bytes()),
        other => Base64::decode_vec(other["base64"].as_str()?).ok(),
    }
}

fn list(told: &Json) -> Option<Vec<Bytes>> {
    told.as_array()?.iter().map(bytes).collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Text(_) => false,
        Value::Hash(hash) => hash.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Set(set) => set.is_empty(),
        Value::Sorted(sorted) => sorted.is_empty(),
    }
}
