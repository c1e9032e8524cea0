//! The documents of the guide are right.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

mod world;

use bole_gateway_access::{Access, Secrets};
use bole_gateway_document::Document;
use std::path::Path;
use std::sync::Arc;
use world::World;

struct Any;

impl Secrets for Any {
    fn environment(&self, name: &str) -> Option<String> {
        Some(format!("{name}-0123456789abcdef0123456789abcdef"))
    }

    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        Ok(format!("{}\n", path.display()).into_bytes())
    }
}

#[test]
fn documents_of_the_guide_are_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/guide/gateway-login.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let documents: Vec<&str> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(documents.len(), 8);
    for text in documents {
        let mut world = World::new();
        world.parts.secrets = Arc::new(Any);
        let document = Document::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        Access::new(&document, world.parts.clone()).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    }
}
