//! Arbitrary bytes as the framing of aws-chunked bodies. `tests/hostile.rs` runs the same function over the corpus and over mutations of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bole_blobs::protocol::bytes::check_chunked(bytes);
});
