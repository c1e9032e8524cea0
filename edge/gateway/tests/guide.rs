//! The documents of the guide are right, and this gateway can carry them out.

use async_trait::async_trait;
use bole_cdn::Response;
use bole_edge_core::limits::{Local, Store};
use bole_gateway::bucket::{Ask, Objects};
use bole_gateway::{Config, Parts, Service};
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

#[tokio::test]
async fn documents_of_the_guide_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let pages = ["gateway.md", "gateway-limits.md"].map(|page| std::fs::read_to_string(folder.join(page)));
    let mut documents = Vec::new();
    for page in &pages {
        let page = page.as_ref().unwrap().split("```toml\n").skip(1);
        documents.push(page.map(|rest| rest.split("```").next().unwrap()).collect::<Vec<_>>());
        assert!(documents.last().unwrap().len() >= 3);
    }
    let documents = documents.concat();
    let config = Config { http: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
    let shared_store = Some(Arc::new(Local::new(1, 0)) as Arc<dyn Store>);
    let parts = Parts { objects: Some(Arc::new(None)), shared_store, ..Parts::default() };
    let gateway = Service::open(config, parts).await.unwrap();
    for text in documents {
        let document = Document::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        gateway.attempt(document).await.unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}
