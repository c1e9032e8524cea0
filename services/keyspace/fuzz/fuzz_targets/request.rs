//! Arbitrary bytes as requests. `tests/hostile/fuzz.rs` runs the same function over the corpus and over mutations of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bole_keyspace::protocol::request::check_bytes(bytes);
});
