//! Arbitrary bytes as choices of which a policy and what it means are made. `tests/hostile.rs` runs the same function over the corpus and over mutations of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bole_blobs::rules::policy::model::check(bytes);
});
