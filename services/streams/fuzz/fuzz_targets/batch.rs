//! Arbitrary bytes as record batches. `src/protocol/tests.rs` runs the same function over the corpus and over mutations of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _any = bole_streams::protocol::batch::check_bytes(bytes);
});
