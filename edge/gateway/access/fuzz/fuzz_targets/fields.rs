//! Structured fields: read, written and read alike, or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bole_gateway_access::fuzzing::fields(bytes);
});
