//! Arbitrary bytes as a segment file. `tests/format.rs` runs the same function over the corpus.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = bole_wal::check::check_segment(bytes);
});
