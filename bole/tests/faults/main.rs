//! What the program does with damaged files, a full disk and a disk that fails; the real binary on real files.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod broken_disk;
mod damage;
mod full_disk;
mod node;
