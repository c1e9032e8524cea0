//! One partition: a shard whose effects are record batches.
