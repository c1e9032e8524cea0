//! What a shard keeps in memory, and how effects change it.
