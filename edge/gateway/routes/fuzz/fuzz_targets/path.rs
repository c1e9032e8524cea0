//! Arbitrary text as a path: it is in its one spelling or refused.
#![no_main]

use bole_gateway_document::path::Path;

libfuzzer_sys::fuzz_target!(|raw: &str| {
    if let Ok(path) = Path::of(raw) {
        assert_eq!(Path::of(path.as_str()), Ok(path.clone()));
        let decoded = path.as_str().replace("%2F", "/").replace("%5C", "/");
        assert!(decoded.split('/').all(|segment| segment != "." && segment != ".."));
    }
});
