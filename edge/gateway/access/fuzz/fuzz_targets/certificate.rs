//! A certificate's names: read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bole_gateway_access::fuzzing::certificate(bytes);
});
