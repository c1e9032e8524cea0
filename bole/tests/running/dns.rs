//! The DNS server of a real node: zones by command and from a folder, what a kill leaves, health, why an answer was given.

use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use crate::node::{Node, PATIENCE, finish};

/// An answer: its code, the addresses in it, and the scope of the client subnet.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    rcode: u8,
    addresses: Vec<String>,
    scope: Option<u8>,
}

/// Asks for the addresses of `name`, for a client in `subnet` if one is given: three bytes of IPv4.
fn ask(address: &str, name: &str, subnet: Option<[u8; 3]>) -> Answer {
    let mut query = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend_from_slice(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    let option = subnet.map_or_else(Vec::new, |[a, b, c]| vec![0, 8, 0, 7, 0, 1, 24, 0, a, b, c]);
    query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, option.len() as u8]);
    query.extend(option);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut buffer = [0; 2_000];
    let deadline = Instant::now() + PATIENCE;
    let length = loop {
        // A datagram may be lost.
        socket.send_to(&query, address).unwrap();
        match socket.recv(&mut buffer) {
            Ok(length) => break length,
            Err(error) => assert!(Instant::now() < deadline, "no answer: {error}"),
        }
    };
    read(&buffer[..length], name)
}

fn read(message: &[u8], name: &str) -> Answer {
    assert_eq!(message[..2], [0x12, 0x34]);
    let mut answer = Answer { rcode: message[3] & 0xF, addresses: Vec::new(), scope: None };
    let mut at = 12 + name.len() + 2 + 4;
    let records: u16 =
        [6, 8, 10].into_iter().map(|at| u16::from_be_bytes([message[at], message[at + 1]])).sum();
    for _ in 0..records {
        while message[at] != 0 && message[at] < 0xC0 {
            at += usize::from(message[at]) + 1;
        }
        at += if message[at] == 0 { 1 } else { 2 };
        let (kind, length) =
            (message[at + 1], usize::from(u16::from_be_bytes([message[at + 8], message[at + 9]])));
        let data = &message[at + 10..at + 10 + length];
        match (kind, data) {
            (1, [a, b, c, d]) => answer.addresses.push(format!("{a}.{b}.{c}.{d}")),
            (41, [0, 8, _, _, _, _, _, scope, ..]) => answer.scope = Some(*scope),
            _ => {}
        }
        at += 10 + length;
    }
    answer
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn done(node: &Node, args: &[&str], input: &str) -> String {
    let outcome = node.bole(args, input);
    assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
    outcome.out
}

fn refused(node: &Node, args: &[&str], input: &str) -> String {
    let outcome = node.bole(args, input);
    assert_eq!(outcome.code, 1, "{args:?}: {outcome:?}");
    outcome.errors
}

fn zone(address: &str) -> String {
    format!(
        "origin = \"example.com\"\n[records]\n\"@\" = {{ NS = \"ns.example.net.\" }}\nwww = {{ A = \"{address}\" }}\n"
    )
}

fn serial(node: &Node, zone: &str) -> u64 {
    let answer: serde_json::Value =
        serde_json::from_str(&done(node, &["zone", "list", "--json"], "")).unwrap();
    let zones = answer["zones"].as_array().unwrap();
    zones.iter().find(|row| row["origin"] == zone).unwrap()["serial"].as_u64().unwrap()
}

#[test]
fn a_zone_is_served_when_it_was_applied_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    assert_eq!(ask(&node.dns, "www.example.com", None).rcode, 5, "no zone: refused");
    let told = done(&node, &["zone", "apply", "-"], &zone("192.0.2.1"));
    assert!(told.starts_with("zone example.com. applied, serial "), "{told}");
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.1"]);
    let first = serial(&node, "example.com.");
    assert!(done(&node, &["zone", "apply", "-"], &zone("192.0.2.1")).contains("is this already"));
    assert_eq!(serial(&node, "example.com."), first);
    done(&node, &["zone", "apply", "-", "--dry-run"], &zone("192.0.2.9"));
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.1"], "it was only checked");
    done(&node, &["zone", "apply", "-"], &zone("192.0.2.2"));
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.2"]);
    let second = serial(&node, "example.com.");
    assert!(second > first, "{second} is after {first}");

    // All that is wrong is told with its line, and nothing changes.
    let wrong = zone("192.0.2.300") + "mail = { MX = \"x\", NONE = \"y\" }\n";
    let error = refused(&node, &["zone", "apply", "-"], &wrong);
    assert!(error.contains("-:4: ") && error.contains("-:5: "), "{error}");
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.2"]);

    // A master file: its serial number counts if it is higher, and is raised if it is not.
    let master = folder.path().join("example.org.zone");
    let text = |serial: u32, address: &str| {
        format!("$TTL 60\n@ SOA a b {serial} 2 3 4 5\n@ NS ns.example.net.\nwww A {address}\n")
    };
    for (given, address, expected) in
        [(7, "192.0.2.7", 7), (7, "192.0.2.8", 8), (20, "192.0.2.9", 20), (3, "192.0.2.10", 21)]
    {
        std::fs::write(&master, text(given, address)).unwrap();
        done(&node, &["zone", "apply", "example.org.zone"], "");
        assert_eq!(
            (serial(&node, "example.org."), ask(&node.dns, "www.example.org", None).addresses),
            (expected, vec![address.to_owned()])
        );
    }
    drop(node);
    let node = Node::start(folder.path());
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.2"]);
    assert_eq!((serial(&node, "example.com."), serial(&node, "example.org.")), (second, 21));
    assert_eq!(done(&node, &["zone", "show", "example.com"], ""), zone("192.0.2.2"));
    done(&node, &["zone", "delete", "example.com"], "");
    assert_eq!(ask(&node.dns, "www.example.com", None).rcode, 5);
    assert!(refused(&node, &["zone", "delete", "example.com"], "").contains("does not exist"));
    drop(node);
    let node = Node::start(folder.path());
    assert_eq!(ask(&node.dns, "www.example.com", None).rcode, 5);
    assert_eq!(ask(&node.dns, "www.example.org", None).addresses, ["192.0.2.10"]);
    done(&node, &["zone", "apply", "-"], &zone("192.0.2.3"));
    assert!(serial(&node, "example.com.") > second, "who comes back goes on");
    node.stop();
}

#[test]
fn files_of_a_folder_are_taken_when_they_change_and_one_that_is_broken_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    std::fs::create_dir(&zones).unwrap();
    let file = zones.join("example.com.toml");
    std::fs::write(&file, zone("192.0.2.1")).unwrap();
    let settings = [format!("dns.zones={}", zones.display())];
    let node = Node::start_with(folder.path(), "127.0.0.1:0", &settings);
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.1"]);
    let error = refused(&node, &["zone", "apply", "-"], &zone("192.0.2.9"));
    assert!(error.contains("is there already") && error.contains("example.com.toml"), "{error}");
    assert!(refused(&node, &["zone", "delete", "example.com"], "").contains("from the file"));
    std::fs::write(&file, zone("192.0.2.22") + "\n").unwrap();
    until("the change is served", || ask(&node.dns, "www.example.com", None).addresses == ["192.0.2.22"]);
    std::fs::write(&file, zone("192.0.2.333")).unwrap();
    until("the status tells", || done(&node, &["dns", "status"], "").contains("example.com.toml:4: "));
    assert!(done(&node, &["status"], "").contains("example.com.toml:4: "));
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.22"], "what was there stays");
    std::fs::write(&file, zone("192.0.2.4")).unwrap();
    until("it is right again", || ask(&node.dns, "www.example.com", None).addresses == ["192.0.2.4"]);
    assert!(!done(&node, &["dns", "status"], "").contains("problem"));
    node.stop();
}

fn pool(checks: &str, first: &str, second: &str) -> String {
    format!(
        "origin = \"example.com\"\n[records]\n\"@\" = {{ NS = \"ns.example.net.\" }}\nwww = {{ POOL = \"web\" }}\n\n[pools.web]\nttl = 30\n\
         chain = [\"up\", \"shed_load\", \"priority\"]\n{checks}\n[[pools.web.answers]]\nname = \"one\"\nA = \"192.0.2.1\"\n{first}\n\
         [[pools.web.answers]]\nname = \"two\"\nA = \"192.0.2.2\"\npriority = 1\n{second}\n"
    )
}

#[test]
fn answers_follow_checks_and_the_first_check_is_made_before_the_first_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let checks = "checks = { interval = 1, timeout = 1, rise = 1, fall = 1 }";
    let text = pool(checks, &format!("check = \"tcp://{address}\""), "");
    let node = Node::start(folder.path());
    done(&node, &["zone", "apply", "-"], &text);
    until("it is well", || ask(&node.dns, "www.example.com", None).addresses == ["192.0.2.1"]);
    drop(server);
    until("it is down", || ask(&node.dns, "www.example.com", None).addresses == ["192.0.2.2"]);
    let why = done(&node, &["dns", "explain", "www.example.com"], "");
    assert!(why.contains("drops one: ") && why.contains("is down"), "{why}");
    let target = format!("tcp://{address} every 1s within 1s, rise 1, fall 1");
    let error = refused(&node, &["dns", "target", &target, "--condition", "well"], "");
    assert!(error.contains("told by a check"), "{error}");
    drop(node);
    // A node that begins knows it before it answers for the first time.
    let node = Node::start(folder.path());
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.2"]);
    let server = TcpListener::bind(address).unwrap();
    until("it is well again", || ask(&node.dns, "www.example.com", None).addresses == ["192.0.2.1"]);
    drop(server);
    node.stop();
}

#[test]
fn answers_follow_services_of_the_gateway_and_what_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let text = pool("", "target = \"service:web\"", "target = \"hand\"\nload = { low = 0.5, high = 0.9 }");
    let text = text.replace(", \"priority\"]", "]").replace("priority = 1\n", "");
    done(&node, &["zone", "apply", "-"], &text);
    until("the service is missed", || {
        done(&node, &["dns", "status"], "").contains("the gateway has no service \"web\"")
    });
    let service = format!(
        "[services.web]\ninstances = [\"{address}\"]\nhealth = {{ probe = \"tcp\", interval = \"1s\", timeout = \"1s\", rise = 1, fall = 1 }}\n[routes.all]\nservice = \"web\"\n"
    );
    done(&node, &["gateway", "apply", "-"], &service);
    until("it is found", || !done(&node, &["dns", "status"], "").contains("problem"));
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.1", "192.0.2.2"]);
    drop(server);
    until("it is down", || ask(&node.dns, "www.example.com", None).addresses == ["192.0.2.2"]);
    let server = TcpListener::bind(address).unwrap();
    until("it is well", || ask(&node.dns, "www.example.com", None).addresses.len() == 2);
    done(&node, &["dns", "target", "hand", "--load", "0.95"], "");
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.1"], "it is spared");
    assert!(done(&node, &["dns", "status"], "").contains("target hand: well, load 0.95"));
    done(&node, &["dns", "target", "hand", "--load", "unknown", "--condition", "draining"], "");
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.1"]);
    done(&node, &["dns", "target", "hand", "--condition", "well"], "");
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses.len(), 2);
    assert!(refused(&node, &["dns", "target", "nobody", "--load", "1"], "").contains("does not exist"));
    drop(server);
    node.stop();
}

#[test]
fn why_is_told_with_zone_and_line_and_scope() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    let text = "origin = \"example.com\"\n[records]\n\"@\" = { NS = \"ns.example.net.\" }\nwww = { POOL = \"web\" }\nplain = { A = \"192.0.2.7\" }\n\
                [pools.web]\nchain = [\"geotarget\", \"first_n\"]\nanswers = [\n  { name = \"near\", A = \"192.0.2.1\", prefix = \"10.1.0.0/16\" },\n  \
                { name = \"rest\", A = \"192.0.2.2\" },\n]\n";
    done(&node, &["zone", "apply", "-"], text);
    assert_eq!(
        ask(&node.dns, "www.example.com", Some([10, 1, 2])),
        Answer { rcode: 0, addresses: vec!["192.0.2.1".to_owned()], scope: Some(16) }
    );
    assert_eq!(ask(&node.dns, "www.example.com", Some([10, 2, 2])).addresses, ["192.0.2.2"]);
    let why = done(&node, &["dns", "explain", "www.example.com", "--subnet", "10.1.2.0/24"], "");
    for part in [
        "from 10.1.2.0/24",
        "zone example.com., serial ",
        "pool web: example.com.:4",
        "geotarget: keeps near",
        "scope /16",
        "IN A 192.0.2.1",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let why = done(&node, &["dns", "explain", "plain.example.com", "--from", "10.9.9.9"], "");
    assert!(why.contains("A records of plain.example.com.: example.com.:5"), "{why}");
    assert!(refused(&node, &["dns", "explain", "a", "--type", "NONE"], "").contains("NONE"));
    assert!(refused(&node, &["dns", "explain", "a", "--from", "x"], "").contains('x'));
    node.stop();
}

#[test]
fn a_role_decides_who_reads_and_who_changes() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(folder.path());
    done(&node, &["zone", "apply", "-"], &zone("192.0.2.1"));
    let policy = r#"[{"name":"dns","statements":[{"effect":"allow","service":"dns","actions":["read"],"resources":["default/dns/*"]}]}]"#;
    done(&node, &["role", "put", "reader", "-"], policy);
    done(&node, &["user", "add", "ann", "--role", "reader", "--password", "secret-of-ann"], "");
    let as_ann = |args: &[&str], input: &str| {
        let mut command = node.command(env!("CARGO_BIN_EXE_bole"));
        command
            .args(args)
            .args(["--as", "ann"])
            .env("BOLE_PASSWORD", "secret-of-ann")
            .stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        finish(child)
    };
    for args in [
        &["zone", "list"][..],
        &["zone", "show", "example.com"],
        &["dns", "explain", "www.example.com"],
        &["dns", "status"],
    ] {
        assert_eq!(as_ann(args, "").code, 0, "{args:?}");
    }
    for (args, input) in [
        (&["zone", "apply", "-"][..], zone("192.0.2.2")),
        (&["zone", "apply", "-", "--dry-run"], zone("192.0.2.2")),
        (&["zone", "delete", "example.com"], String::new()),
        (&["dns", "target", "x", "--load", "1"], String::new()),
    ] {
        let outcome = as_ann(args, &input);
        assert!(
            outcome.code == 1 && outcome.errors.contains("may not do this: dns:"),
            "{args:?}: {outcome:?}"
        );
    }
    assert_eq!(ask(&node.dns, "www.example.com", None).addresses, ["192.0.2.1"]);
    node.stop();
}

#[test]
fn a_taken_port_names_its_option() {
    let folder = tempfile::tempdir().unwrap();
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = format!("dns.listen={}", holder.local_addr().unwrap());
    assert!(Node::refused(folder.path(), &[listen]).contains("dns.listen"));
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("dns.listen={}", holder.local_addr().unwrap());
    assert!(Node::refused(folder.path(), &[listen]).contains("dns.listen"));
    let open = Node::refused(folder.path(), &["dns.listen=0.0.0.0:0"]);
    assert!(open.contains("dns.listen") && open.contains("bole"), "{open}");
    let tls = Node::refused(folder.path(), &["dns.tls_listen=127.0.0.1:0"]);
    assert!(tls.contains("tls.certificate"), "{tls}");
}
