//! Arbitrary bytes as XML documents. `tests/hostile.rs` runs the same function over the corpus and over mutations of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bole_blobs::protocol::bytes::check_documents(bytes);
});
