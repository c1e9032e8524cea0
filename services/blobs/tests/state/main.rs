//! Operations on the state of a node with one shard: what they do, what they refuse, what they leave.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod bodies;
mod buckets;
mod checks;
mod damage;
mod events;
mod full;
mod homes;
mod lifecycle;
mod lists;
mod locks;
mod model;
mod multipart;
mod threads;
mod versions;
mod world;
