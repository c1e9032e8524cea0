//! Arbitrary bytes as entries of the log. `tests/hostile.rs` runs the same function over the corpus and over mutations of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(bole_schemas::entry::Change::decode(bytes));
});
