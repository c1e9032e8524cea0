//! A token (JWT): read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    bole_gateway_access::fuzzing::token(text);
});
