//! Arbitrary bytes as rows and as entries. `tests/hostile.rs` runs the same function over the corpus and over mutations of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bole_blobs::rows::bytes::check(bytes);
});
