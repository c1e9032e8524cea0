//! Arbitrary text as a document: taken or refused, and what is taken makes a table.
#![no_main]

use bole_gateway_document::Document;
use bole_gateway_routes::Table;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for document in [Document::from_toml(text), Document::from_json(text.as_bytes())].into_iter().flatten() {
        assert!(document.check().is_empty());
        Table::new(&document);
    }
});
