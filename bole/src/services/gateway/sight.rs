//! What the gateway says of itself at the admin door.

use std::sync::Arc;

use bole_edge_core::balance::Status;
use bole_edge_core::health::Condition;
use bole_gateway_control::door::{self, Question};
use bole_gateway_document::path::Path;
use bole_gateway_routes::{Request, Table};
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use super::{Carried, certificates};

/// The gateway, asked.
pub(super) struct Sight(pub(super) Arc<Carried>);

impl door::Sight for Sight {
    fn status(&self) -> Value {
        let state = self.0.service.state();
        let mut services = Map::new();
        for (name, upstream) in &state.services {
            let endpoints: Vec<Value> = upstream.set.status().iter().map(endpoint).collect();
            services.insert(name.clone(), json!({ "endpoints": endpoints }));
        }
        let certificates: Map<String, Value> = self
            .0
            .service
            .certificates()
            .iter()
            .map(|(name, one)| (name.clone(), certificates::told(one)))
            .collect();
        json!({
            "routes": state.routes.len(),
            "services": services,
            "certificates": certificates,
            "problems": *self.0.problems.lock(),
        })
    }

    fn merged(&self) -> Value {
        self.0.service.state().merged("All services")
    }

    /// By the document that is carried out.
    fn explain(&self, question: &Question) -> Result<Value, String> {
        let table = Table::new(&self.0.service.state().document);
        let asked = Asked::read(question)?;
        let path = Path::of(asked.uri.path()).map_err(|refused| format!("the path is refused: {refused}"))?;
        let explanation = table.explain(&Request {
            method: &asked.method,
            host: &asked.host,
            port: asked.port,
            path: &path,
            query: asked.uri.query(),
            headers: &asked.headers,
            tls: asked.tls,
        });
        let why: Vec<String> =
            explanation.to_string().lines().skip(1).map(|line| line.trim().to_owned()).collect();
        let route = explanation.taken.as_ref().map(|found| found.route.name.to_string());
        Ok(json!({ "route": route, "why": why }))
    }
}

fn endpoint(status: &Status) -> Value {
    let condition = match status.condition {
        Condition::Well => "well",
        Condition::Unwell => "unwell",
        Condition::Draining => "draining",
    };
    json!({
        "name": &*status.spec.name,
        "condition": condition,
        "weight": (status.weight * 100.0).round() / 100.0,
        "in_flight": status.in_flight,
        "latency_ms": (status.latency.as_secs_f64() * 100_000.0).round() / 100.0,
        "error_rate": (status.error_rate * 1_000.0).round() / 1_000.0,
    })
}

/// A question as a request.
struct Asked {
    method: Method,
    uri: Uri,
    host: String,
    port: Option<u16>,
    headers: HeaderMap,
    tls: bool,
}

impl Asked {
    fn read(question: &Question) -> Result<Self, String> {
        let url = &question.url;
        let uri: Uri = url.parse().map_err(|error| format!("\"{url}\" is not a URL: {error}"))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(format!("\"{url}\" does not begin with http:// or https://")),
        };
        let method = question.method.parse();
        let method: Method = method.map_err(|_| format!("\"{}\" is not a method", question.method))?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let port = uri.port_u16().or(Some(if tls { 443 } else { 80 }));
        let mut headers = HeaderMap::new();
        if let Some(authority) =
            uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
        {
            headers.insert(HOST, authority);
        }
        for (name, value) in &question.headers {
            let wrong = || format!("\"{name}: {value}\" is not a header");
            let name: HeaderName = name.parse().map_err(|_| wrong())?;
            headers.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        Ok(Self { method, uri, host, port, headers, tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_requests() {
        let ask = |url: &str| {
            let question = Question {
                method: "GET".to_owned(),
                url: url.to_owned(),
                headers: std::collections::BTreeMap::new(),
            };
            Asked::read(&question).map(|asked| (asked.host, asked.port, asked.tls))
        };
        assert_eq!(ask("http://A.example/x?y"), Ok(("a.example".to_owned(), Some(80), false)));
        assert_eq!(ask("https://a:8443/"), Ok(("a".to_owned(), Some(8443), true)));
        for wrong in ["a/b", "/a", "ftp://a/", "http://"] {
            assert!(ask(wrong).is_err(), "{wrong}");
        }
    }
}
