//! How long it takes to find a route: `cargo bench -p bole-gateway-routes --bench find`. Each figure is that of the fastest of seven
//! rounds (what else runs on the machine only adds).
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use bole_gateway_document::path::Path;
use bole_gateway_document::{Document, route, service};
use bole_gateway_routes::{Request, Table};
use http::{HeaderMap, HeaderValue, Method};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 7;
const FINDS: usize = 100_000;

/// A shape of routes: its name, the route of a number, and the host and path of a request for it.
struct Shape {
    name: &'static str,
    route: fn(usize) -> route::Route,
    request: fn(usize) -> (String, String),
}

fn route(host: Option<String>, path: String) -> route::Route {
    route::Route {
        hosts: host.into_iter().collect(),
        path: Some(path),
        service: Some("s".to_owned()),
        ..route::Route::default()
    }
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "one host, prefixes",
        route: |n| route(Some("api.example.com".into()), format!("/v1/team{}/service{n}/*", n % 100)),
        request: |n| ("api.example.com".into(), format!("/v1/team{}/service{n}/orders/17", n % 100)),
    },
    Shape {
        name: "a host each",
        route: |n| route(Some(format!("t{n}.example.com")), "/api/*".into()),
        request: |n| (format!("t{n}.example.com"), "/api/orders/17".into()),
    },
    Shape {
        name: "wildcard hosts",
        route: |n| route(Some(format!("*.t{n}.example.com")), "/api/*".into()),
        request: |n| (format!("eu.t{n}.example.com"), "/api/orders/17".into()),
    },
    Shape {
        name: "one path, a header decides",
        route: |n| route::Route {
            headers: [("x-tenant".to_owned(), route::Pattern(format!("t{}", n % 8)))].into(),
            ..route(None, format!("/service{}", n / 8))
        },
        request: |n| ("any.example.com".into(), format!("/service{}", n / 8)),
    },
    Shape {
        name: "a pattern each",
        route: |n| route(None, format!("~/service{n}/([0-9]+)")),
        request: |n| ("any.example.com".into(), format!("/service{n}/17")),
    },
];

fn document(shape: &Shape, routes: usize) -> Document {
    let mut document = Document::default();
    let registry = service::Service { registry: true, ..service::Service::default() };
    document.services.insert("s".to_owned(), registry);
    document.routes = (0..routes).map(|n| (format!("r{n}"), (shape.route)(n))).collect();
    document
}

/// Nanoseconds to settle a path and find its route.
fn finds(table: &Table, requests: &[(String, String, HeaderMap)]) -> f64 {
    let begun = Instant::now();
    for n in 0..FINDS {
        let (host, path, headers) = &requests[n.wrapping_mul(7_919) % requests.len()];
        let path = Path::of(black_box(path)).expect("it is a path");
        let request = Request {
            method: &Method::GET,
            host,
            port: Some(443),
            path: &path,
            query: None,
            headers,
            tls: true,
        };
        assert!(black_box(table.find(&request)).is_some());
    }
    begun.elapsed().as_nanos() as f64 / FINDS as f64
}

fn main() {
    println!("| routes | number | find | build the table | check the document |");
    println!("|---|---|---|---|---|");
    for shape in SHAPES {
        for routes in [10, 1_000, 10_000] {
            let document = document(shape, routes);
            let begun = Instant::now();
            let problems = document.check();
            let checked = begun.elapsed().as_secs_f64() * 1e3;
            let too_many = problems.iter().all(|problem| problem.wrong.contains("patterns"));
            assert!(problems.is_empty() || too_many, "{problems:?}");
            let begun = Instant::now();
            let table = Table::new(&document);
            let built = begun.elapsed().as_secs_f64() * 1e3;
            let of = |n| {
                let (host, path) = (shape.request)(n);
                let mut headers = HeaderMap::new();
                let tenant = HeaderValue::from_str(&format!("t{}", n % 8)).expect("it is a value");
                headers.insert("x-tenant", tenant);
                (host, path, headers)
            };
            let requests: Vec<_> = (0..routes).map(of).collect();
            let find = (0..ROUNDS).map(|_| finds(&table, &requests)).fold(f64::INFINITY, f64::min);
            println!("| {} | {routes} | {find:.0} ns | {built:.0} ms | {checked:.0} ms |", shape.name);
        }
    }
}
