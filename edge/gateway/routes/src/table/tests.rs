//! Tables: rows of who takes what, and random tables and requests against the plain scan.

use super::*;
use bole_gateway_document::path::Path;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

/// A request in one text: `GET http://host:port/path?query name=value…`.
struct Sent {
    method: Method,
    host: String,
    port: Option<u16>,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    tls: bool,
}

impl Sent {
    fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let method =
            words.next().and_then(|word| Method::from_bytes(word.as_bytes()).ok()).expect("a method");
        let (scheme, rest) = words.next().and_then(|url| url.split_once("://")).expect("a URL");
        let (authority, target) = rest.split_at(rest.find('/').expect("a path"));
        let (host, port) = bole_gateway_document::host::split(authority).expect("an authority");
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let mut headers = HeaderMap::new();
        for header in words {
            let (name, value) = header.split_once('=').expect("a header");
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        let tls = scheme == "https";
        let port = Some(port.unwrap_or(if tls { 443 } else { 80 }));
        let query = query.map(str::to_owned);
        Self { method, host: host.to_owned(), port, path: path.to_owned(), query, headers, tls }
    }

    fn with<T>(&self, work: impl FnOnce(&Request<'_>) -> T) -> T {
        let path = Path::of(&self.path).expect("a path");
        work(&Request {
            method: &self.method,
            host: &self.host,
            port: self.port,
            path: &path,
            query: self.query.as_deref(),
            headers: &self.headers,
            tls: self.tls,
        })
    }
}

fn table(routes: &str) -> Table {
    let text = format!("services.s.registry = true\n{routes}");
    Table::new(&Document::from_toml(&text).expect("it is right"))
}

fn check(routes: &str, rows: &[(&str, &str)]) {
    let table = table(routes);
    for (text, expected) in rows {
        Sent::parse(text).with(|request| {
            let found = table.find(request).map_or("", |found| &*found.route.name);
            let explanation = table.explain(request);
            assert_eq!(found, *expected, "{text}\n{explanation}");
            assert_eq!(explanation.taken.map_or("", |found| &*found.route.name), *expected, "{text}");
        });
    }
}

#[test]
fn hosts_in_their_order() {
    check(
        r"
        routes.any = { service = 's' }
        routes.exact = { service = 's', hosts = ['api.example.com'] }
        routes.port = { service = 's', hosts = ['api.example.com:8080'] }
        routes.wide = { service = 's', hosts = ['*.com'] }
        routes.wild = { service = 's', hosts = ['*.example.com', 'x.org'] }
        routes.wildport = { service = 's', hosts = ['*.example.com:8080'] }
        routes.v6 = { service = 's', hosts = ['[::1]'] }
        ",
        &[
            ("GET http://api.example.com/", "exact"),
            ("GET http://api.example.com:8080/", "port"),
            ("GET http://b.example.com/", "wild"),
            ("GET http://c.b.example.com/", "wild"),
            ("GET http://b.example.com:8080/", "wildport"),
            ("GET http://example.com/", "wide"),
            ("GET http://com/", "any"),
            ("GET http://x.org/", "wild"),
            ("GET http://y.x.org/", "any"),
            ("GET http://[::1]:80/", "v6"),
            ("GET http://127.0.0.1/", "any"),
        ],
    );
}

#[test]
fn paths_in_their_order() {
    check(
        r"
        routes.any = { service = 's' }
        routes.all = { service = 's', path = '/a/*' }
        routes.deep = { service = 's', path = '/a/b/*' }
        routes.exact = { service = 's', paths = ['/a/b/c', '/x'] }
        routes.slash = { service = 's', path = '/a/' }
        routes.pattern = { service = 's', path = '~/p/([0-9]+)/.*' }
        routes.below = { service = 's', path = '/p/7/*' }
        routes.loose = { service = 's', path = '~.*z' }
        routes.encoded = { service = 's', path = '/e/*', encoded_slashes = true }
        routes.plain = { service = 's', path = '/e/f/*' }
        ",
        &[
            ("GET http://h/", "any"),
            ("GET http://h/a", "all"),
            ("GET http://h/a/", "slash"),
            ("GET http://h/a/x", "all"),
            ("GET http://h/ab", "any"),
            ("GET http://h/a/b", "deep"),
            ("GET http://h/a/b/c", "exact"),
            ("GET http://h/a/b/c/", "deep"),
            ("GET http://h/a/../x", "exact"),
            ("GET http://h/p/8/x", "pattern"),
            ("GET http://h/p/7/x", "below"),
            ("GET http://h/p/x/x", "any"),
            ("GET http://h/p/8/z", "loose"),
            ("GET http://h/e/f/x", "plain"),
            ("GET http://h/e/f/x%2Fy", "encoded"),
            ("GET http://h/a/x%2Fy", ""),
        ],
    );
}

#[test]
fn conditions_priorities_and_names() {
    check(
        r"
        routes.b = { service = 's', path = '/a' }
        routes.a = { service = 's', path = '/a' }
        routes.get = { service = 's', path = '/a', methods = ['GET'] }
        routes.beta = { service = 's', path = '/a', headers = { x-v = '~v[12]' } }
        routes.both = { service = 's', path = '/a', headers = { x-v = 'v2', x-w = '*' } }
        routes.query = { service = 's', path = '/a', query = { q = 'a b' } }
        routes.grpc = { service = 's', path = '/g', protocol = 'https' }
        routes.plain = { service = 's', path = '/g', protocol = 'http' }
        routes.first = { service = 's', path = '/first/*', priority = 1 }
        routes.second = { service = 's', hosts = ['h'], path = '/first/x' }
        routes.last = { service = 's', hosts = ['low'], path = '/', priority = -1 }
        routes.off = { service = 's', hosts = ['low'], path = '/', enabled = false }
        routes.zany = { service = 's', path = '/' }
        ",
        &[
            ("POST http://h/a", "a"),
            ("GET http://h/a", "get"),
            ("HEAD http://h/a", "get"),
            ("POST http://h/a x-v=v1", "beta"),
            ("POST http://h/a x-v=v0 x-v=v2", "beta"),
            ("POST http://h/a x-v=v3", "a"),
            ("POST http://h/a x-v=v2 x-w=", "both"),
            ("POST http://h/a?q=a+b", "query"),
            ("POST http://h/a?q=x&q=a%20b", "query"),
            ("POST http://h/a?Q=a+b", "a"),
            ("GET https://h/g", "grpc"),
            ("GET http://h/g", "plain"),
            ("GET http://h/first/x", "first"),
            ("GET http://low/", "zany"),
        ],
    );
}

#[test]
fn parts_are_those_of_the_route() {
    let table = table(
        r"
        routes.prefix = { service = 's', path = '/a/*' }
        routes.pattern = { service = 's', path = '~/p/([0-9]+)(x)?/(.*)' }
        routes.root = { service = 's', path = '/*' }
        ",
    );
    for (path, rest, groups) in [
        ("/a/b/c", "b/c", &[][..]),
        ("/a", "", &[]),
        ("/a/", "", &[]),
        ("/x/y", "x/y", &[]),
        ("/p/12/b/c", "p/12/b/c", &[]),
    ] {
        Sent::parse(&format!("GET http://h{path}")).with(|request| {
            let found = table.find(request).expect("there is one");
            assert_eq!(found.parts(path), Parts { rest, groups: groups.to_vec() }, "{path}");
        });
    }
    let alone = self::table("routes.pattern = { service = 's', path = '~/p/([0-9]+)(x)?/(.*)' }");
    Sent::parse("GET http://h/p/12/b/c").with(|request| {
        let found = alone.find(request).expect("there is one");
        assert_eq!(found.parts("/p/12/b/c").groups, ["12", "", "b/c"]);
    });
}

#[test]
fn an_explanation_says_why() {
    let table = table(
        r"
        routes.api = { service = 's', hosts = ['a.com'], path = '/x/*', methods = ['PUT'] }
        routes.beta = { service = 's', path = '/x/*', headers = { x-v = '2' }, priority = 5 }
        routes.here = { service = 's', path = '/x/*' }
        routes.later = { service = 's' }
        routes.other = { service = 's', hosts = ['b.com'] }
        routes.path = { service = 's', path = '/y' }
        ",
    );
    let told = Sent::parse("GET http://a.com/x/1").with(|request| table.explain(request).to_string());
    let expected = "\
route here takes it
  beta (any host, /x/*, priority 5): the header x-v is missing or has another value
  api (a.com, /x/*): it is for PUT only
  here (any host, /x/*): takes it
  later (any host, any path): fits as well, and comes later
  1 are for other hosts, 1 for other paths";
    assert_eq!(told, expected);
}

fn one_of(items: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(items).prop_map(str::to_owned)
}

const HOSTS: &[&str] =
    &["a.com", "b.a.com", "*.a.com", "*.com", "a.com:81", "*.a.com:81", "b.a.com:81", "*.b.a.com"];
const PATHS: &[&str] = &[
    "/",
    "/*",
    "/a",
    "/a/",
    "/a/*",
    "/a/b",
    "/a/b/*",
    "/b/*",
    "~/a/.*",
    "~/(a|b)/?b",
    "~/a/b/c",
    "~.*c",
    "~/a/b",
    "/a/b/c/*",
];

fn routes() -> impl Strategy<Value = String> {
    let some = |items, most| proptest::collection::vec(one_of(items), 0..most);
    let list = |items: Vec<String>| {
        let unique: std::collections::BTreeSet<_> =
            items.into_iter().map(|item| format!("'{item}'")).collect();
        unique.into_iter().collect::<Vec<_>>().join(",")
    };
    let route = (
        some(HOSTS, 3),
        some(PATHS, 3),
        some(&["GET", "POST"], 2),
        proptest::option::weighted(0.3, one_of(&["*", "1", "~[12]"])),
        proptest::option::weighted(0.3, one_of(&["*", "1"])),
        proptest::option::weighted(0.2, one_of(&["http", "https"])),
        prop_oneof![4 => Just(0), 1 => -2..3],
        proptest::bool::weighted(0.3),
    );
    let written = move |(hosts, paths, methods, header, query, protocol, priority, slashes)| {
        let mut text = format!(
            "{{ service = 's', hosts = [{}], paths = [{}], methods = [{}], priority = {priority}, encoded_slashes = {slashes}",
            list(hosts),
            list(paths),
            list(methods),
        );
        let pairs = [("headers.x", header), ("query.q", query), ("protocol", protocol)];
        for (name, value) in
            pairs.into_iter().filter_map(|(name, value): (_, Option<String>)| Some((name, value?)))
        {
            text.extend([", ", name, " = '", value.as_str(), "'"]);
        }
        text + " }"
    };
    proptest::collection::vec(route.prop_map(written), 0..24).prop_map(|routes| {
        let lines = routes.iter().enumerate().map(|(number, route)| format!("routes.r{number} = {route}"));
        lines.collect::<Vec<_>>().join("\n")
    })
}

fn requests() -> impl Strategy<Value = String> {
    let hosts = &["a.com", "b.a.com", "c.b.a.com", "x.com", "com", "a.com:81", "b.a.com:81", "d.c.b.a.com"];
    let paths = &[
        "/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/b", "/b/b", "/bb", "/c/c", "/a/b%2Fc", "/a/b/c/d",
        "/ab",
    ];
    let rest = one_of(&["", "?q=1", "?q=2&q=1", " x=1", " x=2", "?q=1 x=1", " x=3"]);
    (one_of(&["GET", "POST", "HEAD"]), one_of(&["http", "https"]), one_of(hosts), one_of(paths), rest)
        .prop_map(|(method, scheme, host, path, rest)| format!("{method} {scheme}://{host}{path}{rest}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn find_gives_what_a_scan_in_order_gives(
        routes in routes(),
        requests in proptest::collection::vec(requests(), 1..24),
    ) {
        let table = table(&routes);
        for text in requests {
            Sent::parse(&text).with(|request| {
                let found = table.find(request).map(|found| (&found.route.name, found.parts(request.path.as_str())));
                let explanation = table.explain(request);
                let taken = explanation.taken.map(|found| (&found.route.name, found.parts(request.path.as_str())));
                prop_assert_eq!(found, taken, "{}\n{}\n{}", routes, text, explanation);
                Ok(())
            })?;
        }
    }
}
