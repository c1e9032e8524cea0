//! Channels: who subscribes to what, and the delivery of messages. At most once, in memory, as in Redis.
//!
//! Each message is encoded once per protocol version and shared by its receivers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::client::{Client, OutputLimit};
use crate::glob;
use crate::protocol::Reply;

/// What a subscription is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

type Subscribers = HashMap<Bytes, HashMap<u64, Arc<Client>>>;

/// All subscriptions of the service.
#[derive(Debug, Default)]
pub struct PubSub {
    tables: [RwLock<Subscribers>; 3],
}

impl PubSub {
    fn table(&self, kind: Kind) -> &RwLock<Subscribers> {
        &self.tables[kind as usize]
    }

    /// Subscribes a client. `false` if it was subscribed.
    pub fn subscribe(&self, kind: Kind, name: &[u8], client: &Arc<Client>) -> bool {
        let mut table = self.table(kind).write();
        let subscribers = match table.get_mut(name) {
            Some(subscribers) => subscribers,
            None => table.entry(Bytes::copy_from_slice(name)).or_default(),
        };
        let new = subscribers.insert(client.id, Arc::clone(client)).is_none();
        if new {
            client.subscriptions.fetch_add(1, Ordering::Relaxed);
            client.subscribed[kind as usize].fetch_add(1, Ordering::Relaxed);
        }
        new
    }

    /// Ends a subscription. `false` if there was none.
    pub fn unsubscribe(&self, kind: Kind, name: &[u8], client: &Client) -> bool {
        let mut table = self.table(kind).write();
        let Some(subscribers) = table.get_mut(name) else { return false };
        let had = subscribers.remove(&client.id).is_some();
        if subscribers.is_empty() {
            table.remove(name);
        }
        if had {
            client.subscriptions.fetch_sub(1, Ordering::Relaxed);
            client.subscribed[kind as usize].fetch_sub(1, Ordering::Relaxed);
        }
        had
    }

    /// Delivers a message to a channel and to the patterns that match it, or to a shard channel. Returns the number of receivers.
    pub fn publish(
        &self,
        shard: bool,
        channel: &[u8],
        message: &[u8],
        limit: OutputLimit,
        now_ms: u64,
    ) -> usize {
        let kind = if shard { Kind::Shard } else { Kind::Channel };
        let mut receivers = 0;
        if let Some(subscribers) = self.table(kind).read().get(channel) {
            let word: &[u8] = if shard { b"smessage" } else { b"message" };
            receivers += deliver(subscribers, &[word, channel, message], limit, now_ms);
        }
        if shard {
            return receivers;
        }
        for (pattern, subscribers) in self.table(Kind::Pattern).read().iter() {
            if glob::matches(pattern, channel) {
                receivers += deliver(subscribers, &[b"pmessage", pattern, channel, message], limit, now_ms);
            }
        }
        receivers
    }

    /// The channels that have subscribers and match `pattern`.
    pub fn channels(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let table = self.table(kind).read();
        let wanted = |name: &&Bytes| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        table.keys().filter(wanted).cloned().collect()
    }

    /// The number of subscribers of `name`.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> usize {
        self.table(kind).read().get(name).map_or(0, HashMap::len)
    }

    /// The number of different names that are subscribed to.
    pub fn names(&self, kind: Kind) -> usize {
        self.table(kind).read().len()
    }
}

fn deliver(
    subscribers: &HashMap<u64, Arc<Client>>,
    words: &[&[u8]],
    limit: OutputLimit,
    now_ms: u64,
) -> usize {
    let mut encoded: [Option<Bytes>; 2] = [None, None];
    for client in subscribers.values() {
        let resp3 = client.protocol.load(Ordering::Relaxed) == 3;
        let message = encoded[usize::from(resp3)].get_or_insert_with(|| encode(words, resp3));
        client.send(message.clone(), limit, now_ms);
    }
    subscribers.len()
}

fn encode(words: &[&[u8]], resp3: bool) -> Bytes {
    let mut reply = Reply::in_version(resp3);
    reply.push(words.len());
    words.iter().for_each(|word| reply.bulk(word));
    Bytes::copy_from_slice(reply.bytes())
}
