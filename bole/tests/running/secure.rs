//! Nodes that ask who comes: TLS doors, certificates, passwords and tokens.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use bole::streams_client::{Connection, Door, Login, Password};
use bole_net::client::{Own, Tls};
use bole_streams::protocol::messages::write_txn_markers;
use bole_streams::protocol::{ErrorCode, Text};
use jsonwebtoken::{EncodingKey, Header, encode};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::node::{Node, Outcome, finish};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A folder with an authority `ca.pem`, certificates of it, `server.pem` and `ann.pem`, and another authority's `other-ca.pem`.
fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let [own, other] = ["own", "other"].map(|name| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Authorities of one name would be told apart by their signatures alone.
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    });
    write("ca.pem", &own.pem());
    write("other-ca.pem", &other.pem());
    for (name, host) in [("server", "localhost"), ("ann", "ann.example")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        write(&format!("{name}.pem"), &params.signed_by(&key, &own).unwrap().pem());
        write(&format!("{name}.key"), &key.serialize_pem());
    }
    folder
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A node with a plain and a TLS door where nobody may stay unknown.
struct Secure {
    folder: TempDir,
    tls_port: u16,
    node: Node,
}

impl Secure {
    fn start(settings: &[&str]) -> Self {
        let (folder, tls_port) = (certificates(), free_port());
        let node = Self::serve(folder.path(), "127.0.0.1:0", tls_port, settings);
        Self { folder, tls_port, node }
    }

    fn serve(folder: &Path, streams: &str, tls_port: u16, settings: &[&str]) -> Node {
        let own = [
            "streams.anonymous=off".to_owned(),
            format!("streams.tls_listen=127.0.0.1:{tls_port}"),
            "tls.certificate=server.pem".to_owned(),
            "tls.key=server.key".to_owned(),
        ];
        let settings: Vec<String> =
            own.into_iter().chain(settings.iter().map(|&set| set.to_owned())).collect();
        Node::start_with(folder, streams, &settings)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Runs a line whose words are separated by spaces; `TLS` stands for the name of the TLS door.
    fn bole(&self, line: &str, variables: &[(&str, &str)]) -> Outcome {
        let mut command = self.node.command(env!("CARGO_BIN_EXE_bole"));
        let door = format!("localhost:{}", self.tls_port);
        command.args(line.split(' ').map(|word| if word == "TLS" { &door } else { word }));
        finish(command.envs(variables.iter().copied()).spawn().unwrap())
    }

    fn expect(&self, line: &str, variables: &[(&str, &str)], expected: &str) {
        let Outcome { code, out, errors } = self.bole(line, variables);
        assert_eq!((code, out.as_str(), errors.as_str()), (0, expected, ""), "bole {line}");
    }

    fn refuse(&self, line: &str, variables: &[(&str, &str)], part: &str) {
        let Outcome { code, out, errors } = self.bole(line, variables);
        assert!(code == 1 && out.is_empty() && errors.contains(part), "bole {line}: {code} {out}{errors}");
    }
}

const LIST: &str = "topic  partitions\nt               1\n";
const CREATED: &str = "topic \"t\" created with 1 partition\n";
const PASSWORD: (&str, &str) = ("BOLE_PASSWORD", "bolebole");

#[test]
fn passwords_by_every_mechanism() {
    let secure = Secure::start(&[]);
    secure.write("right", "bolebole\n");
    secure.write("wrong", "bolebola\n");
    secure.expect("topic create t --partitions 1 --user bole --password-file right", &[], CREATED);
    let tls = "topic list --addr TLS --ca ca.pem";
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let by = format!("--mechanism {mechanism}");
        secure.expect(&format!("{tls} --user bole --password-file right {by}"), &[], LIST);
        for user in ["bole", "nobody"] {
            let line = format!("{tls} --user {user} --password-file wrong {by}");
            let said =
                format!("user \"{user}\" at localhost:{}: SASL_AUTHENTICATION_FAILED (58)", secure.tls_port);
            secure.refuse(&line, &[], &said);
        }
    }
    // Everything from the environment.
    let (door, all) = (format!("localhost:{}", secure.tls_port), "topic list");
    let variables = [
        ("BOLE_CLIENT_CA", "ca.pem"),
        ("BOLE_USER", "bole"),
        ("BOLE_CLIENT_PASSWORD_FILE", "right"),
        ("BOLE_CLIENT_MECHANISM", "SCRAM-SHA-256"),
    ];
    secure.expect(&format!("{all} --addr {door}"), &variables, LIST);
    // Without TLS a password is proven, and not shown.
    for mechanism in ["", " --mechanism SCRAM-SHA-256", " --mechanism SCRAM-SHA-512"] {
        secure.expect(&format!("{all} --user bole{mechanism}"), &[PASSWORD], LIST);
    }
    secure.refuse(
        "topic list --user bole --mechanism PLAIN",
        &[PASSWORD],
        "secure the connection with --tls",
    );
    secure.refuse("topic list --user bole", &[], "no password: set BOLE_PASSWORD");
    secure.refuse("topic list --user bole --password-file none", &[], "the file none cannot be opened");
    secure.refuse("topic list", &[], "--user names a user");
}

#[test]
fn doors_that_are_not_what_was_asked_for() {
    let secure = Secure::start(&["streams.sasl_mechanisms=PLAIN"]);
    secure.expect("topic create t --partitions 1 --addr TLS --ca ca.pem --user bole", &[PASSWORD], CREATED);
    let plain = secure.node.streams.clone();
    let by_address = format!("127.0.0.1:{}", secure.tls_port);
    for (line, part) in [
        ("topic list --addr TLS --user bole".to_owned(), "is a TLS door; --tls secures the connection"),
        (format!("topic list --addr {plain} --tls --ca ca.pem --user bole"), "is it a TLS door"),
        ("topic list --addr TLS --ca other-ca.pem --user bole".to_owned(), "UnknownIssuer"),
        ("topic list --addr TLS --tls --user bole".to_owned(), "no TLS connection to localhost:"),
        (format!("topic list --addr {by_address} --ca ca.pem --user bole"), "not valid for name"),
        ("topic list --addr TLS --ca none.pem --user bole".to_owned(), "none.pem"),
        ("topic list --user bole".to_owned(), "PLAIN sends the secret as it is"),
        (
            "topic list --addr TLS --ca ca.pem --user bole --mechanism SCRAM-SHA-256".to_owned(),
            "it offers PLAIN",
        ),
    ] {
        secure.refuse(&line, &[PASSWORD], part);
    }
}

#[test]
fn a_certificate_says_who_comes() {
    let secure = Secure::start(&["tls.client_ca=ca.pem"]);
    secure.expect("topic create t --partitions 1 --user bole", &[PASSWORD], CREATED);
    let tls = "topic list --addr TLS --ca ca.pem";
    // Ann may do nothing: she sees no topic.
    secure.expect(&format!("{tls} --cert ann.pem --key ann.key"), &[], "topic  partitions\n");
    let variables = [("BOLE_CLIENT_CERT", "ann.pem"), ("BOLE_CLIENT_KEY", "ann.key"), PASSWORD];
    secure.expect(&format!("{tls} --user bole"), &variables, LIST);
    secure.refuse(tls, &[], "CertificateRequired");
    secure.refuse(&format!("{tls} --cert ann.pem --key server.key"), &[], "server.key");
    assert_eq!(secure.bole(&format!("{tls} --cert ann.pem"), &[]).code, 2);
}

#[test]
fn a_token_says_who_comes() {
    let (folder, tls_port) = (certificates(), free_port());
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let settings = [
        "streams.sasl_mechanisms=SCRAM-SHA-256,OAUTHBEARER",
        "streams.oauth_issuer=https://issuer.example",
        "streams.oauth_audience=bole",
        "streams.oauth_secret_file=secret",
    ];
    let node = Secure::serve(folder.path(), "127.0.0.1:0", tls_port, &settings);
    let secure = Secure { folder, tls_port, node };
    let claims =
        json!({ "iss": "https://issuer.example", "aud": "bole", "sub": "bole", "exp": 4_000_000_000_u64 });
    let sign =
        |secret: &str| encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes()));
    secure.write("token", &sign(SECRET).unwrap());
    secure.write("forged", &sign(&SECRET.replace('0', "1")).unwrap());
    let tls = "topic list --addr TLS --ca ca.pem";
    // Whom a token names is not the user of the same name: it may do nothing here.
    secure.expect(&format!("{tls} --token-file token"), &[], "topic  partitions\n");
    secure.expect(tls, &[("BOLE_CLIENT_TOKEN_FILE", "token")], "topic  partitions\n");
    secure.refuse(&format!("{tls} --token-file forged"), &[], "the token at localhost:");
    secure.refuse("topic list --token-file token", &[], "OAUTHBEARER sends the secret as it is");
    secure.expect(&format!("{tls} --user bole"), &[PASSWORD], "topic  partitions\n");
}

#[test]
fn a_producer_comes_back_and_groups_are_read_through_tls() {
    let secure = Secure::start(&[]);
    let variables = [PASSWORD];
    let door = format!("localhost:{}", secure.tls_port);
    let plain = secure.node.streams.clone();
    secure.expect("topic create t --partitions 1 --addr TLS --ca ca.pem --user bole", &variables, CREATED);
    let mut command = secure.node.command(env!("CARGO_BIN_EXE_bole"));
    command.args(["produce", "t", "--addr", &door, "--ca", "ca.pem", "--user", "bole"]).envs(variables);
    let mut producer = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = producer.stdin.take().unwrap();
    writeln!(input, "before").unwrap();
    let Outcome { out, .. } =
        secure.bole("consume t --count 1 --addr TLS --ca ca.pem --user bole", &variables);
    assert_eq!(out, "before\n");
    let Secure { folder, tls_port, node } = secure;
    drop(node);
    writeln!(input, "meanwhile").unwrap();
    let node = Secure::serve(folder.path(), &plain, tls_port, &[]);
    writeln!(input, "after").unwrap();
    drop(input);
    let Outcome { code, out, errors } = finish(producer);
    assert_eq!((code, out.as_str()), (0, "3 records written to topic \"t\"\n"), "{errors}");
    let secure = Secure { folder, tls_port, node };
    let all = "before\nmeanwhile\nafter\n";
    let line = "consume t --group g --exit-at-end --addr TLS --ca ca.pem --user bole";
    secure.expect(line, &variables, all);
    secure.expect(line, &variables, "");
}

/// What a client is told that asks for an abort in partition 0 of `t`.
async fn abort(door: Door) -> i16 {
    let mut connection = Connection::through(Arc::new(door)).await.unwrap();
    let topic = write_txn_markers::WritableTxnMarkerTopic {
        name: Text::from_static("t"),
        partition_indexes: vec![0],
    };
    let marker = write_txn_markers::WritableTxnMarker {
        producer_id: 1,
        topics: vec![topic],
        ..write_txn_markers::WritableTxnMarker::default()
    };
    let answer = connection.request(&write_txn_markers::Request { markers: vec![marker] }).await.unwrap();
    answer.markers[0].topics[0].partitions[0].error_code
}

#[test]
fn only_who_may_act_for_the_cluster_aborts_transactions() {
    let secure = Secure::start(&["tls.client_ca=ca.pem"]);
    secure.expect("topic create t --partitions 1 --user bole", &[PASSWORD], CREATED);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let login = Password { user: "bole".to_owned(), password: "bolebole".to_owned(), mechanism: None };
    let known = Door { login: Some(Login::Password(login)), ..Door::plain(&secure.node.streams) };
    assert_eq!(runtime.block_on(abort(known)), 0);
    let [ca, certificate, key] = ["ca.pem", "ann.pem", "ann.key"].map(|name| secure.folder.path().join(name));
    let tls = Tls::load(Some(&ca), Some(Own { certificate: &certificate, key: &key })).unwrap();
    let ann = Door { tls: Some(tls), ..Door::plain(&format!("localhost:{}", secure.tls_port)) };
    assert_eq!(runtime.block_on(abort(ann)), ErrorCode::ClusterAuthorizationFailed.number());
}
