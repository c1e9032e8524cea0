//! What a document can say and this gateway does not do yet. It is refused by name, never passed over.

use bole_gateway_document::Document;
use bole_gateway_document::limit::Store;
use bole_gateway_document::service::Service;

/// Bytes of a request's body that can be kept for a retry: what the library keeps.
pub const RETRY_BODY_BYTES_MAX: u64 = 64 << 10;

type InService = fn(&Service) -> bool;

const SERVICES: &[(&str, InService)] =
    &[("retries.body_max (above 64KiB)", |service| service.retries.body_max.0 > RETRY_BODY_BYTES_MAX)];

/// Everything in the document that is not done yet, by its place. `shared` is whether there is a store that gateways share.
pub fn found(document: &Document, shared: bool) -> Vec<String> {
    let mut places = Vec::new();
    for (name, service) in &document.services {
        let found = SERVICES.iter().filter(|(_, is_used)| is_used(service));
        places.extend(found.map(|(field, _)| format!("services.{name}.{field}")));
    }
    for (name, limit) in &document.limits {
        if limit.store == Store::Keyspace && !shared {
            places.push(format!("limits.{name}.store (keyspace)"));
        }
    }
    places.into_iter().map(|place| format!("{place}: this gateway cannot do that yet; take it out")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unbuilt_part_is_named() {
        let text = r#"
            [services.a]
            instances = ["127.0.0.1:1"]
            retries = { body_max = "1MiB" }
            [limits.a]
            bucket = { limit = 1, period = "1s" }
            store = "keyspace"
        "#;
        let document = Document::from_toml(text).expect("it has the shape");
        let found = found(&document, false);
        for place in ["services.a.retries.body_max", "limits.a.store"] {
            assert!(found.iter().any(|told| told.starts_with(place)), "{place} in {found:?}");
        }
        assert_eq!(found.len(), 2);
    }
}
