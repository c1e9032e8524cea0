//! Arbitrary bytes as what is kept of a limit's key in a cell that nodes share: read or passed over, never a panic, and what
//! was read is written alike. `src/limits/rule/tests.rs` has the same as a property.
#![no_main]

use bole_edge_core::limits::rule::{Rule, State};
use std::time::Duration;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for rule in [Rule::bucket(7, Duration::from_secs(1), 9), Rule::window(50, Duration::from_millis(30))] {
        let Ok(rule) = rule else { continue };
        let mut whole = vec![1];
        whole.extend(rule.fingerprint().to_be_bytes());
        whole.extend(bytes);
        if let Some(state) = State::from_bytes(&whole, &rule) {
            assert_eq!(state.to_bytes(&rule), whole);
            for now in [Duration::ZERO, Duration::from_secs(1_767_225_600), Duration::MAX] {
                rule.decide(Some(&state), 1, now);
            }
        }
    }
});
