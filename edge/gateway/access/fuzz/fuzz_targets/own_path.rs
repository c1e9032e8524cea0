//! The way back of a login: always a path of the own host.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    bole_gateway_access::fuzzing::own_path(text);
});
