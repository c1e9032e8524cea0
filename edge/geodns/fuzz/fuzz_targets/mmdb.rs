//! Arbitrary bytes as a geographic file: ranges of facts or an error, never a panic.
#![no_main]

use bole_geodns::geo::mmdb;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(atlas) = mmdb::read(bytes.to_vec()) {
        let _ = atlas.facts([192, 0, 2, 1].into());
    }
});
