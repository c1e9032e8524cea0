//! Name and password: read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    bole_gateway_access::fuzzing::basic(text);
});
