//! The documents of the guide are right, and this gateway can carry them out.

use async_trait::async_trait;
use bole_cdn::Response;
use bole_edge_core::limits::Local;
use bole_gateway::bucket::{Ask, Objects};
use bole_gateway::{Config, Parts, Service};
use bole_gateway_acme::Keeper;
use bole_gateway_document::Document;
use std::path::Path;
use std::sync::Arc;

struct None;

#[async_trait]
impl Objects for None {
    async fn read(&self, _: Ask<'_>) -> Result<Response, String> {
        Err("nothing is asked here".to_owned())
    }
}

#[async_trait]
impl Keeper for None {
    async fn load(&self, _: &str) -> Result<Option<String>, String> {
        Ok(Option::None)
    }

    async fn keep(&self, _: &str, _: String) -> Result<(), String> {
        Err("nothing is kept here".to_owned())
    }

    async fn forget(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    async fn names(&self) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn documents_of_the_guide_are_right() {
    let config = Config {
        http: vec!["127.0.0.1:0".parse().unwrap()],
        https: vec!["127.0.0.1:0".parse().unwrap()],
        ..Config::default()
    };
    let parts = Parts {
        objects: Some(Arc::new(None)),
        keeper: Some(Arc::new(None)),
        shared_store: Some(Arc::new(Local::new(1, 0))),
        ..Parts::default()
    };
    let gateway = Service::open(config, parts).await.unwrap();
    for (page, least) in [("gateway.md", 3), ("gateway-limits.md", 5), ("gateway-acme.md", 2)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide").join(page);
        let guide = std::fs::read_to_string(path).unwrap();
        let documents: Vec<&str> =
            guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(documents.len() >= least, "{page}");
        for text in documents {
            let document =
                Document::from_toml(text).unwrap_or_else(|error| panic!("{page}: {error}\n{text}"));
            gateway.attempt(document).await.unwrap_or_else(|error| panic!("{page}: {error}\n{text}"));
        }
    }
}
