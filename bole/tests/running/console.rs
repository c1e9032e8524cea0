//! The console of a real node: every page empty and with data, every change, and who may not.

mod browser;

use browser::{Browser, encode};

use crate::node::Node;

/// A name that would be markup if anybody forgot to escape it.
const HOSTILE: &str = "<script>alert(1)</script>\"'&";

/// Every page that needs no name, and what an empty one says.
const EMPTY: [(&str, &str); 13] = [
    ("", "Not checkpointed"),
    ("/keyspace", "redis-cli SET greeting hello"),
    ("/streams", "bole topic create orders"),
    ("/streams/groups", "bole consume orders --group workers"),
    ("/sql", "create table notes"),
    ("/blobs", "bole bucket create photos"),
    ("/blobs/damage", "bole blobs scrub"),
    ("/gateway", "bole service add site"),
    ("/gateway/part?part=limits", "bole gateway put limits"),
    ("/gateway/part?part=consumers", "There are no consumers."),
    ("/cdn", "bole gateway put routes site"),
    ("/dns", "bole zone apply"),
    ("/users", "administrator"),
];

#[test]
fn every_page_of_an_empty_node_says_what_to_paste() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let stranger = Browser::new(&node);
    assert_eq!(stranger.get("").status, 200, "on this machine the overview is for everybody");
    for (path, _) in &EMPTY[1..] {
        let page = stranger.get(path);
        let place = format!("/console/login?next={}", encode(&format!("/console{path}")));
        assert_eq!((page.status, page.header("location")), (303, Some(place.as_str())), "{path}");
    }
    let browser = Browser::logged_in(&node, "bole", "bolebole");
    for (path, text) in EMPTY {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(page.body.to_lowercase().contains(&text.to_lowercase()), "{path}: {text:?} in {}", page.body);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("script"), "{policy}");
        assert!(!page.body.contains("<script") && !page.body.contains("style="), "{path}");
        assert!(!page.body.contains("bolebole") && !page.body.contains("argon2"), "{path} tells a secret");
    }
    for path in [
        "/nothing",
        "/gateway/part?part=x",
        "/streams/topic?name=x",
        "/blobs/bucket?name=xyz",
        "/users/user?name=x",
    ] {
        assert_eq!(browser.get(path).status, 404, "{path}");
    }
    for path in ["/keyspace?db=99", "/keyspace?db=x", "/blobs/bucket", "/keyspace/key?hex=0"] {
        assert_eq!(browser.get(path).status, 400, "{path}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk through pages that build on each other")]
fn keys_topics_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let browser = Browser::logged_in(&node, "bole", "bolebole");
    browser.change("/keyspace", "/keyspace/set", &[("db", "3"), ("key", HOSTILE), ("value", HOSTILE)]);
    let page = browser.get("/keyspace?db=3");
    assert!(page.shows(HOSTILE) && page.shows("Database 3: 1 keys"), "{}", page.body);
    let key = format!("/keyspace/key?db=3&key={}", encode(HOSTILE));
    let page = browser.get(&key);
    assert!(page.shows("never") && page.shows("string"), "{}", page.body);
    let hex = HOSTILE.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    browser.change(&key, "/keyspace/expire", &[("db", "3"), ("hex", &hex), ("seconds", "3600")]);
    assert!(browser.get(&key).shows("in 59 min") || browser.get(&key).shows("in 1 h"));
    let unsure = browser.send(&key, "/keyspace/delete", &[("db", "3"), ("hex", &hex)]);
    assert!(unsure.status == 400 && unsure.shows("tick the box"), "{}", unsure.body);
    browser.change(&key, "/keyspace/delete", &[("db", "3"), ("hex", &hex), ("sure", "on")]);
    assert_eq!(browser.get(&key).status, 404);
    let mut redis = node.redis();
    for command in [
        "RPUSH queue a b c",
        "SADD tags x y",
        "HSET user name ann",
        "ZADD board 7 ann",
        "SET plain \"\\x00\\xff\"",
    ] {
        redis.call(command);
    }
    for (key, parts) in [
        ("queue", ["a", "c", "3 elements"]),
        ("tags", ["x", "y", "2 elements"]),
        ("user", ["name", "ann", "1 elements"]),
        ("board", ["ann", "7", "score"]),
        ("plain", ["\\u{0}", "\\xff", "2 B"]),
    ] {
        let page = browser.get(&format!("/keyspace/key?db=0&key={key}"));
        assert!(parts.iter().all(|part| page.shows(part)), "{key}: {}", page.body);
    }
    let found = browser.get("/keyspace?match=t*");
    assert!(found.shows("tags") && !found.shows("queue"), "{}", found.body);

    browser.change("/streams", "/streams/topic/create", &[("name", "orders"), ("partitions", "2")]);
    let refused = browser.send("/streams", "/streams/topic/create", &[("name", HOSTILE)]);
    assert!(refused.status == 400 && !refused.body.contains("<script"), "{}", refused.body);
    let again = browser.send("/streams", "/streams/topic/create", &[("name", "orders")]);
    assert_eq!(again.status, 400, "{}", again.body);
    let lines = (0..70).map(|number| format!("k{number}:{HOSTILE} {number}\n")).collect::<Vec<_>>().concat();
    let outcome = node.bole(&["produce", "orders", "--key-separator", ":", "--partition", "1"], &lines);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let page = browser.get("/streams/topic?name=orders");
    assert!(page.shows("Partition 1") && page.shows("70"), "{}", page.body);
    let page = browser.get("/streams/records?topic=orders&partition=1&offset=5");
    assert!(
        page.shows("k5") && page.shows("k54") && !page.shows("k55") && page.shows(&format!("{HOSTILE} 54")),
        "{}",
        page.body
    );
    assert!(
        browser.get("/streams/records?topic=orders&partition=1").shows("k69"),
        "the newest without an offset"
    );
    assert_eq!(browser.get("/streams/records?topic=orders&partition=7").status, 404);
    let outcome = node.bole(&["consume", "orders", "--group", "workers", "--count", "20"], "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(browser.get("/streams/groups").shows("workers"));
    let page = browser.get("/streams/group?id=workers");
    assert!(page.shows("50") && page.shows("orders"), "{}", page.body);
    browser.change(
        "/streams/group?id=workers",
        "/streams/group/delete",
        &[("id", "workers"), ("sure", "on")],
    );
    assert_eq!(browser.get("/streams/group?id=workers").status, 404);
    browser.change(
        "/streams/topic?name=orders",
        "/streams/topic/delete",
        &[("name", "orders"), ("sure", "on")],
    );
    assert_eq!(browser.get("/streams/topic?name=orders").status, 404);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one walk through pages that build on each other")]
fn tables_and_objects() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let browser = Browser::logged_in(&node, "bole", "bolebole");
    let table = HOSTILE.replace('"', "");
    let statements = format!(
        "create table \"{table}\" (id int primary key, text text not null default 'x'); \
         insert into \"{table}\" select n, '{}' from generate_series(1, 1200) n;",
        HOSTILE.replace('\'', "''")
    );
    let outcome = node.bole(&["sql", "--command", &statements], "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(browser.get("/sql").shows(&table));
    let page =
        browser.get(&format!("/sql/table?database=bole&schema=public&table={}&page=2", encode(&table)));
    assert!(
        page.shows("1,200") && page.shows("integer") && page.shows("201") && page.shows(HOSTILE),
        "{}",
        page.body
    );
    let ask = |statement: &str| {
        browser.send("/sql", "/sql/query", &[("database", "bole"), ("statement", statement)])
    };
    let page = ask("select 1 + 1 as two, null as none");
    assert!(
        page.status == 200 && page.shows("two") && page.shows("NULL") && page.shows("1 rows"),
        "{}",
        page.body
    );
    let page = ask(&format!("select * from \"{table}\""));
    assert!(page.shows("500 rows, and there are more"), "{}", page.body);
    for (statement, part) in [
        (format!("delete from \"{table}\""), "read-only"),
        ("select 1; select 2".to_owned(), "42601"),
        ("commit; delete from x".to_owned(), "42601"),
        ("selec".to_owned(), "42601"),
        (format!("select '{}' from nothing", HOSTILE.replace('\'', "''")), "nothing"),
    ] {
        let page = ask(&statement);
        assert!(
            page.status == 400 && page.shows(part) && !page.body.contains("<script"),
            "{statement}: {}",
            page.body
        );
    }
    assert!(ask(&format!("select count(*) from \"{table}\"")).shows("1200"), "nothing was deleted");

    browser.change("/blobs", "/blobs/create", &[("name", "photos")]);
    let refused = browser.send("/blobs", "/blobs/create", &[("name", HOSTILE)]);
    assert!(refused.status == 400 && !refused.body.contains("<script"), "{}", refused.body);
    let outcome = node.bole(&["bucket", "versioning", "photos", "enabled"], "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // A slash would be a folder.
    let name = format!("{}.html", HOSTILE.replace('/', "|"));
    let key = format!("2026/{name}");
    for text in ["<b>first</b>", "<b>second</b>"] {
        let done = browser.upload("photos", "2026/", &key, "page.html", text);
        assert_eq!(done.status, 303, "{}", done.body);
    }
    assert!(browser.get("/blobs/bucket?name=photos").shows("2026/"));
    let page = browser.get("/blobs/bucket?name=photos&prefix=2026%2F");
    assert!(page.shows(&name) && page.shows("13 B"), "{}", page.body);
    assert!(browser.get("/blobs/settings?name=photos").shows("Status: Enabled"));
    let object = format!("/blobs/object?bucket=photos&key={}", encode(&key));
    let page = browser.get(&object);
    assert!(page.shows("text/html") && page.shows("latest"), "{}", page.body);
    let bytes = browser.get(&object.replace("/object?", "/object/bytes?"));
    assert_eq!(
        (bytes.body.as_str(), bytes.header("content-type")),
        ("<b>second</b>", Some("application/octet-stream"))
    );
    assert!(bytes.header("content-disposition").unwrap().starts_with("attachment;"));
    assert!(bytes.header("content-security-policy").unwrap().contains("sandbox"));
    browser.change(&object, "/blobs/object/delete", &[("bucket", "photos"), ("key", &key), ("sure", "on")]);
    assert!(browser.get(&object).shows("delete marker"));
    let full =
        browser.send("/blobs/bucket?name=photos", "/blobs/delete", &[("name", "photos"), ("sure", "on")]);
    assert!(full.status == 409 && full.shows("BucketNotEmpty"), "{}", full.body);
    browser.change("/blobs/damage", "/blobs/damage/scrub", &[]);
}

#[test]
fn the_edge_and_users() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let browser = Browser::logged_in(&node, "bole", "bolebole");
    let put = |part: &str, name: &str, object: &str| {
        browser.change(
            &format!("/gateway/part?part={part}"),
            "/gateway/object/put",
            &[("part", part), ("name", name), ("object", object)],
        );
    };
    put("services", "site", r#"{"registry": true}"#);
    put("routes", "hello", r#"{"path": "/hello", "service": "site", "cache": {}}"#);
    let wrong = browser.send(
        "/gateway/part?part=routes",
        "/gateway/object/put",
        &[("part", "routes"), ("name", "bad"), ("object", r#"{"path": "/x", "service": "none"}"#)],
    );
    assert!(wrong.status == 422 && wrong.shows("none"), "{}", wrong.body);
    let page = browser.get(&format!("/gateway/explain?method=GET&url={}", encode("http://a.example/hello")));
    assert!(page.shows("Route") && page.shows("hello") && page.shows("would take it"), "{}", page.body);
    let page = browser.get(&format!("/gateway/explain?method=GET&url={}", encode(HOSTILE)));
    assert!(page.status == 400 && !page.body.contains("<script"), "{}", page.body);
    let outcome = node.bole(&["service", "register", "site", "first", "127.0.0.1:1", "--lease", "10m"], "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let service = "/gateway/service?name=site";
    assert!(browser.get(service).shows("takes clients"));
    browser.change(service, "/gateway/drain", &[("service", "site"), ("id", "first"), ("drain", "on")]);
    assert!(browser.get(service).shows("drains"));
    browser.change("/cdn", "/cdn/purge", &[("kind", "tag"), ("target", HOSTILE)]);
    let page = browser.send("/cdn", "/cdn/warm", &[("urls", "nonsense")]);
    assert!(page.status == 422 && page.shows("is no URL"), "{}", page.body);
    browser.change("/cdn", "/cdn/warm", &[("urls", "http://a.example/hello")]);
    assert!(browser.get("/cdn/warm?id=1").shows("Job") || browser.get("/cdn/warm?id=1").shows("job"));
    browser.change(
        "/gateway/object?part=routes&name=hello",
        "/gateway/object/remove",
        &[("part", "routes"), ("name", "hello"), ("sure", "on")],
    );
    assert_eq!(browser.get("/gateway/object?part=routes&name=hello").status, 404);

    let zone = "$ORIGIN example.com.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.7\n@ TXT \"<script>alert(1)</script>\"\n";
    let fields = [("name", "example.com"), ("media", "text/dns"), ("text", zone)];
    browser.change("/dns", "/dns/zone/put", &fields);
    let broken = browser.send(
        "/dns",
        "/dns/zone/put",
        &[("name", "example.org"), ("media", "text/dns"), ("text", "www A nothing")],
    );
    assert!(broken.status == 422 || broken.status == 400, "{}", broken.body);
    assert!(browser.get("/dns").shows("example.com"));
    assert!(browser.get("/dns/zone?name=example.com").shows("<script>alert(1)</script>"));
    assert!(browser.get("/dns/explain?name=www.example.com&type=A&from=192.0.2.9").shows("192.0.2.7"));
    browser.change(
        "/dns/zone?name=example.com",
        "/dns/zone/remove",
        &[("name", "example.com"), ("sure", "on")],
    );

    let policies = r#"[{"name": "keys", "statements": [{"effect": "allow", "service": "keyspace", "actions": ["read"], "resources": ["default/keyspace/*"]}]}]"#;
    browser.change("/users", "/users/role/put", &[("name", "reader"), ("policies", policies)]);
    browser.change(
        "/users",
        "/users/add",
        &[("name", "ann"), ("password", "pencil-case"), ("roles", "reader")],
    );
    assert!(browser.get("/users").shows("ann"));
    let ann = Browser::logged_in(&node, "ann", "pencil-case");
    node.redis().call("SET a b");
    assert!(ann.get("/keyspace/key?key=a").shows("b"), "she may read keys");
    let refused = ann.send("/keyspace", "/keyspace/set", &[("key", "a"), ("value", "c")]);
    assert!(refused.status == 403 && refused.shows("NOPERM"), "{}", refused.body);
    for path in ["/users", "/gateway", "/cdn", "/dns", "/blobs/damage"] {
        let page = ann.get(path);
        assert!(page.status == 403 && page.shows("may not"), "{path}: {}", page.body);
    }
    assert!(ann.get("/streams").shows("no topic that you may see"));
    assert_eq!(ann.get("/sql").status, 403, "she may not connect");
    assert!(matches!(ann.get("/blobs").status, 403), "{}", ann.get("/blobs").body);
    assert_eq!(ann.send("/keyspace", "/users/add", &[("name", "eve"), ("password", "x")]).status, 403);
    // A change of her password, and her end, end her session.
    browser.change(
        "/users/user?name=ann",
        "/users/password",
        &[("name", "ann"), ("password", "other-pencil")],
    );
    assert_eq!(ann.get("/keyspace").status, 303);
    let ann = Browser::logged_in(&node, "ann", "other-pencil");
    browser.change("/users/user?name=ann", "/users/change", &[("name", "ann"), ("enabled", "no")]);
    assert_eq!(ann.get("/keyspace").status, 303);
    browser.change("/users/user?name=ann", "/users/remove", &[("name", "ann"), ("sure", "on")]);
    assert_eq!(browser.get("/users/user?name=ann").status, 404);
    browser.change("/users/role?name=reader", "/users/role/remove", &[("name", "reader"), ("sure", "on")]);
}

#[test]
fn nobody_comes_in_by_trying_or_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let browser = Browser::logged_in(&node, "bole", "bolebole");
    let fields = "key=a&value=b";
    for (what, proof, headers, status) in [
        ("no proof", "", "", 403),
        ("a wrong proof", "&proof=0000", "", 403),
        (
            "another origin",
            &*format!("&proof={}", browser.proof("/keyspace")),
            "origin: http://evil.example\r\n",
            403,
        ),
        (
            "another port of this host",
            &*format!("&proof={}", browser.proof("/keyspace")),
            "origin: http://127.0.0.1:1\r\n",
            403,
        ),
    ] {
        let page = browser.raw("POST", "/keyspace/set", headers, format!("{fields}{proof}").as_bytes());
        assert_eq!(page.status, status, "{what}");
    }
    assert_eq!(node.redis().call("EXISTS a"), ":0");
    let another = Browser::logged_in(&node, "bole", "bolebole");
    let theirs = format!("{fields}&proof={}", another.proof("/keyspace"));
    assert_eq!(browser.raw("POST", "/keyspace/set", "", theirs.as_bytes()).status, 403, "another session's");
    browser.change("", "/logout", &[]);
    assert_eq!(browser.get("/keyspace").status, 303);
    assert_eq!(another.get("/keyspace").status, 200);
    let stranger = Browser::new(&node);
    let mut last = 0;
    for _ in 0..11 {
        let page = stranger.log_in("bole", "wrong");
        assert!(!page.body.contains("wrong\""), "the password comes back: {}", page.body);
        last = page.status;
    }
    assert_eq!(last, 429);
    assert_eq!(stranger.log_in("bole", "bolebole").status, 429, "not even with the right one");
    assert_eq!(another.get("/keyspace").status, 200, "who is in stays in");
}
