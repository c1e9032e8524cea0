//! Which routes and services go the direct way. A field of a document that is new must be decided on here.

use crate::cached;
use bole_gateway_document::{route, service};

/// Whether all that a route says of requests to a service is done on the direct way.
pub fn route(route: &route::Route) -> bool {
    let route::Route {
        // Which requests it takes: the table has found it.
        hosts: _,
        path: _,
        paths: _,
        methods: _,
        headers: _,
        query: _,
        protocol: _,
        priority: _,
        encoded_slashes: _,
        enabled: _,
        // Done there.
        rewrite: _,
        request_headers: _,
        response_headers: _,
        query_changes: _,
        request_body_max: _,
        response_body_max: _,
        timeout: _,
        allow_networks: _,
        deny_networks: _,
        split_key: _,
        // Requests to upgrade go the usual way by themselves.
        upgrade: _,
        limits: _,
        // Without a login there is nobody to be let in.
        login_optional: _,
        allow: _,
        service,
        split,
        redirect,
        reply,
        files,
        openapi,
        bucket,
        mirror,
        cors,
        compression,
        login,
        shed_priority,
        cache: _,
        collapse,
        grpc_web,
    } = route;
    let elsewhere =
        redirect.is_some() || reply.is_some() || files.is_some() || openapi.is_some() || bucket.is_some();
    let forwards = (service.is_some() || !split.is_empty()) && !elsewhere;
    let asks = !login.is_empty() || shed_priority.is_some();
    let more = mirror.is_some() || cors.is_some() || compression.is_some() || *collapse || *grpc_web;
    forwards && !asks && !more && !cached::is_on(route)
}

/// Whether all that a service says is done on the direct way.
pub fn service(service: &service::Service) -> bool {
    let service::Service {
        // Who there is, who is well, and who is asked: the balancer and the board know.
        instances: _,
        dns: _,
        registry: _,
        health: _,
        ejection: _,
        // Done there.
        host: _,
        timeouts: _,
        retries: _,
        breaker: _,
        concurrency: _,
        connections: _,
        balance,
        protocol,
        tls,
        proxy_protocol,
        hedge_after,
        openapi,
    } = service;
    // Its cookie is set by the usual way.
    let sticky = balance.algorithm == "sticky";
    let plain = *protocol == service::Protocol::Http1 && tls.is_none() && proxy_protocol.is_none();
    plain && !sticky && hedge_after.is_none() && openapi.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bole_gateway_document::route::{Cache, Compression, Cors, Headers, Route, Share};
    use bole_gateway_document::service::{
        Balance, HedgeAfter, OpenApi, Protocol, ProxyProtocol, Service, Tls,
    };
    use bole_gateway_document::units::{Size, Span};

    fn list() -> Vec<String> {
        vec!["x".to_owned()]
    }

    #[test]
    fn routes_that_only_forward_are_direct() {
        let plain = Route { service: Some("a".to_owned()), ..Route::default() };
        let share = || Share { service: "a".to_owned(), weight: 1.0 };
        for direct in [
            plain.clone(),
            Route { split: vec![share()], ..Route::default() },
            Route { response_headers: Headers { remove: list(), ..Headers::default() }, ..plain.clone() },
            Route { request_body_max: Some(Size(1)), timeout: Some(Span::secs(1)), ..plain.clone() },
            Route { deny_networks: list(), limits: list(), ..plain.clone() },
            Route { cache: Some(Cache { enabled: false, ..Cache::default() }), ..plain.clone() },
        ] {
            assert!(route(&direct), "{direct:?}");
        }
        for other in [
            Route::default(),
            Route { mirror: Some(share()), ..plain.clone() },
            Route { cors: Some(Cors::default()), ..plain.clone() },
            Route { compression: Some(Compression::default()), ..plain.clone() },
            Route { login: list(), ..plain.clone() },
            Route { shed_priority: Some(1), ..plain.clone() },
            Route { cache: Some(Cache::default()), ..plain.clone() },
            Route { collapse: true, ..plain.clone() },
            Route { grpc_web: true, ..plain.clone() },
        ] {
            assert!(!route(&other), "{other:?}");
        }
    }

    #[test]
    fn services_of_plain_http_are_direct() {
        let balance = |algorithm: &str| Balance { algorithm: algorithm.to_owned(), ..Balance::default() };
        assert!(service(&Service::default()));
        assert!(service(&Service { balance: balance("maglev"), ..Service::default() }));
        for other in [
            Service { balance: balance("sticky"), ..Service::default() },
            Service { protocol: Protocol::Http2, ..Service::default() },
            Service { tls: Some(Tls::default()), ..Service::default() },
            Service { proxy_protocol: Some(ProxyProtocol::V1), ..Service::default() },
            Service { hedge_after: Some(HedgeAfter::Time(Span::secs(1))), ..Service::default() },
            Service {
                openapi: Some(OpenApi { file: "x".into(), shadow: true, responses: false }),
                ..Service::default()
            },
        ] {
            assert!(!service(&other), "{other:?}");
        }
    }
}
