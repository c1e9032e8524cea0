//! One document of all services, for people and programs outside.
//!
//! What is named in the documents (schemas, parameters, …) gets the service's name before its own, so that nothing is taken for
//! another's. Of two services that describe the same path and method the first by name is told, and the other one is listed under
//! `x-not-shown`: what a request gets is the routes' to say.

use crate::api::Api;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Puts documents together, by the names of their services.
pub fn merged<'a>(title: &str, apis: impl IntoIterator<Item = (&'a str, &'a Api)>) -> Value {
    let (mut paths, mut components) = (Map::new(), BTreeMap::<String, Map<String, Value>>::new());
    let (mut tags, mut hidden) = (Vec::new(), Vec::new());
    for (service, api) in apis {
        let mut document = api.document().clone();
        rename(&mut document, service);
        let info = document.get("info").cloned().unwrap_or(Value::Null);
        tags.push(json!({ "name": service, "description": info.get("title") }));
        let base = api.bases().first().cloned().unwrap_or_default();
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            let Some(item) = item.as_object().filter(|_| path.starts_with('/')) else { continue };
            let place = paths.entry(format!("{base}{path}")).or_insert_with(|| json!({}));
            for (name, value) in item {
                if place.get(name).is_some() {
                    hidden
                        .push(json!({ "service": service, "path": format!("{base}{path}"), "member": name }));
                } else {
                    place[name] = tagged(value, service);
                }
            }
        }
        for (kind, named) in document.get("components").and_then(Value::as_object).into_iter().flatten() {
            for (name, value) in named.as_object().into_iter().flatten() {
                components
                    .entry(kind.clone())
                    .or_default()
                    .insert(format!("{service}.{name}"), value.clone());
            }
        }
    }
    json!({
        "openapi": "3.1.0", "info": { "title": title, "version": "1" }, "tags": tags, "paths": paths, "components": components,
        "x-not-shown": hidden,
    })
}

/// An operation with its service as a tag, before its own.
fn tagged(value: &Value, service: &str) -> Value {
    let mut value = value.clone();
    if let Some(operation) = value.as_object_mut().filter(|operation| operation.contains_key("responses")) {
        let own = operation.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        let tags = std::iter::once(Value::from(service)).chain(own).collect();
        operation.insert("tags".to_owned(), Value::Array(tags));
        if let Some(Value::String(id)) = operation.get("operationId").cloned() {
            operation.insert("operationId".to_owned(), format!("{service}.{id}").into());
        }
    }
    value
}

/// References to what is named lead to its new name.
fn rename(value: &mut Value, service: &str) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some((kind, name)) =
                    reference.strip_prefix("#/components/").and_then(|rest| rest.split_once('/'))
            {
                *reference = format!("#/components/{kind}/{service}.{name}");
            }
            members.values_mut().for_each(|member| rename(member, service));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, service)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_apart_and_nothing_is_lost_unsaid() {
        let read = |paths: Value, a: Value| {
            let document = json!({ "openapi": "3.1.0", "info": { "title": "T" }, "servers": [{ "url": "/v1" }], "paths": paths, "components": { "schemas": { "A": a } } });
            Api::read(document.to_string().as_bytes()).expect("it is right")
        };
        let answer = json!({ "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/A" } } } } }, "operationId": "x" });
        let one =
            read(json!({ "/a": { "get": answer }, "/b": { "get": answer } }), json!({ "type": "string" }));
        let two = read(json!({ "/a": { "get": answer, "put": answer } }), json!({ "type": "integer" }));
        let merged = merged("All", [("one", &one), ("two", &two)]);
        assert_eq!(merged["components"]["schemas"]["one.A"]["type"], "string");
        assert_eq!(merged["components"]["schemas"]["two.A"]["type"], "integer");
        let schema = |method: &str| {
            merged["paths"]["/v1/a"][method]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].clone()
        };
        assert_eq!(
            (schema("get"), schema("put")),
            (json!("#/components/schemas/one.A"), json!("#/components/schemas/two.A"))
        );
        assert_eq!(merged["paths"]["/v1/a"]["put"]["tags"], json!(["two"]));
        assert_eq!(merged["paths"]["/v1/b"]["get"]["operationId"], "one.x");
        assert_eq!(merged["x-not-shown"], json!([{ "service": "two", "path": "/v1/a", "member": "get" }]));
        Api::read(merged.to_string().as_bytes()).expect("it is a document again");
    }
}
