//! Arbitrary text as a zone: read and compiled, or its problems, never a panic; a master file that was read is written and read
//! alike. `tests/suite/zones.rs` has the same as a property.
#![no_main]

use bole_geodns::geo::Atlas;
use bole_geodns::health::Vitals;
use bole_geodns::zone::compile::{With, compile};
use bole_geodns::zone::{document, master};
use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let with = With { health: &Vitals::default(), atlas: &Atlas::default(), signer: None };
    if let Ok(source) = document::parse("fuzz", text, Path::new("/nowhere"), 1) {
        let _ = compile(&source, &with);
    }
    if let Ok(source) = master::parse("fuzz", text, None) {
        let _ = compile(&source, &with);
        let shown = master::show(&source);
        let again = master::parse("fuzz", &shown, Some(&source.origin)).expect("what was written is read");
        assert_eq!(master::show(&again), shown);
    }
});
