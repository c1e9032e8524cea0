//! How many bytes are written for each byte of batches, and by whom: the table of `docs/internals/streams.md`.

use bole_base::Durability;
use bytes::Bytes;

use crate::node::Node;

/// A batch of `bytes` bytes in all.
fn batch(bytes: usize) -> Bytes {
    let mut body = vec![2, 0, 0, 0, 0, 0, 0];
    body.extend(0_i32.to_be_bytes());
    body.extend(1_000_i64.to_be_bytes());
    body.extend(1_000_i64.to_be_bytes());
    body.extend((-1_i64).to_be_bytes());
    body.extend((-1_i16).to_be_bytes());
    body.extend((-1_i32).to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    body.resize(bytes - 16, 7);
    body.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_written_twice_or_once_by_their_size() {
    use Durability::{Async, Sync};
    // Class, bytes of a batch, batches; hundredths of bytes per byte of batches: journal, extents, flushes.
    let rows = [
        (Sync, 161, 400, (164, 0, 100)),
        (Sync, 16_445, 100, (101, 0, 100)),
        (Sync, 65_597, 60, (101, 0, 100)),
        (Sync, 1_048_637, 8, (1, 100, 0)),
        (Async, 161, 4_000, (164, 0, 100)),
        (Async, 16_445, 400, (2, 100, 0)),
        (Async, 65_597, 100, (1, 100, 0)),
        (Async, 1_048_637, 8, (1, 100, 0)),
    ];
    let mut measured = Vec::new();
    for (class, bytes, count, _) in rows {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::open(dir.path(), class).await;
        let before = node.journal.wal().metrics().snapshot().write_bytes;
        let body = batch(bytes);
        for _ in 0..count {
            node.append(&body, 1 << 30).await;
        }
        let journal = node.journal.wal().metrics().snapshot().write_bytes - before;
        node.runtime.checkpoint_all().await.unwrap();
        let (extents, flushes) = node.files.written();
        let share = |written: u64| (written * 100).div_ceil((bytes * count) as u64);
        measured.push((class, bytes, count, (share(journal), share(extents), share(flushes))));
    }
    let near = |one: u64, other: u64| one.abs_diff(other) <= 2 + other / 20;
    for (found, expected) in measured.iter().zip(rows) {
        let ((journal, extents, flushes), wanted) = (found.3, expected.3);
        let right = near(journal, wanted.0) && near(extents, wanted.1) && near(flushes, wanted.2);
        assert!(right, "expected {expected:?}, measured {measured:?}");
    }
}
