//! A played authority (RFC 8555): it checks signatures and nonces, looks at proofs, and issues. Faults are put before what it would answer.

use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded as B64, Encoding as _};
use bole_gateway_acme::proof::PATH;
use bole_gateway_acme::{Ask, Proofs};
use bytes::Bytes;
use http::{Method, Request, Response};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData, SignatureAlgorithm};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer as _, X509CertificationRequest};

pub(crate) const DIRECTORY: &str = "https://authority.test/directory";
const AT: &str = "https://authority.test";

/// What comes in place of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A problem with this status and type, and what it says of when to come again.
    Problem(u16, &'static str, Option<&'static str>),
    /// Bytes that are none.
    Garbage,
    /// A page of a proxy.
    Page(u16, Option<&'static str>),
    /// Nothing, for ever.
    Hang,
    /// No connection.
    Unreached,
    /// It is done, but the answer gets lost.
    Lost,
}

struct Order {
    account: String,
    hosts: Vec<String>,
    proved: Vec<Option<bool>>,
    /// How it was looked at last.
    kind: String,
    csr: Option<Vec<u8>>,
    chain: Option<String>,
}

/// What the authority knows.
#[derive(Default)]
pub(crate) struct Known {
    /// Keys by account.
    pub(crate) accounts: BTreeMap<String, Value>,
    pub(crate) contacts: Vec<String>,
    pub(crate) bound: Vec<String>,
    orders: Vec<Order>,
    /// The number of certificates that were issued.
    pub(crate) issued: usize,
    /// Whether orders said that they replace a certificate.
    pub(crate) replacing: usize,
    nonces: HashSet<String>,
    count: usize,
    /// Paths with what comes in their place, once each.
    pub(crate) faults: VecDeque<(&'static str, Fault)>,
    /// Every request: its path.
    pub(crate) seen: Vec<String>,
    /// How long certificates are good.
    pub(crate) life: Duration,
    /// The profiles of orders.
    pub(crate) profiles: Vec<Option<String>>,
    /// When it wants certificates renewed, in seconds after their begin, from and to.
    pub(crate) suggestion: Option<(i64, i64)>,
    /// Issues for this name instead.
    pub(crate) wrong_name: Option<&'static str>,
    /// Offers this challenge only.
    pub(crate) offers: Option<&'static str>,
    /// After so many requests the node is killed: what it waits for never comes.
    pub(crate) killed_after: Option<usize>,
}

pub(crate) struct Authority {
    pub(crate) known: Mutex<Known>,
    proofs: Mutex<Option<Arc<Proofs>>>,
    issuer: Issuer<'static, KeyPair>,
    now: Box<dyn Fn() -> i64 + Send + Sync>,
}

struct Public(Vec<u8>);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

type Told = (u16, Value);

fn problem(status: u16, kind: &str, detail: &str) -> Told {
    (
        status,
        json!({ "type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail, "status": status }),
    )
}

/// The thumbprint of a key (RFC 7638).
fn thumbprint(jwk: &Value) -> String {
    let text = format!(r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#, jwk["crv"], jwk["kty"], jwk["x"], jwk["y"]);
    B64::encode_string(&Sha256::digest(text.as_bytes()))
}

fn part(jws: &Value, name: &str) -> Vec<u8> {
    B64::decode_vec(jws[name].as_str().unwrap()).unwrap()
}

impl Authority {
    pub(crate) fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Arc<Self> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let known = Known { life: Duration::from_hours(24 * 90), ..Known::default() };
        Arc::new(Self {
            known: Mutex::new(known),
            proofs: Mutex::new(None),
            issuer: Issuer::new(params, key),
            now: Box::new(now),
        })
    }

    /// Where it looks for proofs.
    pub(crate) fn look_at(&self, proofs: &Arc<Proofs>) {
        *self.proofs.lock() = Some(proofs.clone());
    }

    pub(crate) fn fault(&self, path: &'static str, fault: Fault) {
        self.known.lock().faults.push_back((path, fault));
    }

    fn nonce(known: &mut Known) -> String {
        known.count += 1;
        let nonce = format!("nonce-{}", known.count);
        known.nonces.insert(nonce.clone());
        nonce
    }

    fn answer(known: &mut Known, (status, body): Told, location: Option<String>) -> Response<Bytes> {
        let mut answer = Response::builder().status(status).header("replay-nonce", Self::nonce(known));
        if let Some(location) = location {
            answer = answer.header("location", location);
        }
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        answer.body(text.into()).unwrap()
    }

    /// Checks what was signed. Gives the header, the payload and the account, if it is known.
    fn opened(known: &mut Known, url: &str, body: &[u8]) -> Result<(Value, Value, Option<String>), Told> {
        let jws: Value = serde_json::from_slice(body).unwrap();
        let header: Value = serde_json::from_slice(&part(&jws, "protected")).unwrap();
        assert_eq!(header["url"], url, "what is signed is for this URL");
        if !known.nonces.remove(header["nonce"].as_str().unwrap()) {
            return Err(problem(400, "badNonce", "that was used, or never given"));
        }
        let kid = header["kid"].as_str().map(str::to_owned);
        let jwk = match &kid {
            Some(kid) => match known.accounts.get(kid) {
                Some(jwk) => jwk.clone(),
                None => return Err(problem(400, "accountDoesNotExist", "never heard of it")),
            },
            None => header["jwk"].clone(),
        };
        let point = [vec![4], part(&jwk, "x"), part(&jwk, "y")].concat();
        let message = format!("{}.{}", jws["protected"].as_str().unwrap(), jws["payload"].as_str().unwrap());
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(message.as_bytes(), &part(&jws, "signature")).expect("it is signed by the account's key");
        let payload = part(&jws, "payload");
        let payload =
            if payload.is_empty() { Value::Null } else { serde_json::from_slice(&payload).unwrap() };
        let account =
            kid.or_else(|| known.accounts.iter().find(|(_, own)| **own == jwk).map(|(url, _)| url.clone()));
        Ok((header, payload, account))
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each request of the protocol")]
    fn post(&self, known: &mut Known, path: &str, body: &[u8]) -> Response<Bytes> {
        let opened = Self::opened(known, &format!("{AT}{path}"), body);
        let (header, payload, account) = match opened {
            Ok(opened) => opened,
            Err(told) => return Self::answer(known, told, None),
        };
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let number = |at: usize| parts[at].parse::<usize>().unwrap();
        let (told, location) = match parts[0] {
            "new-account" => {
                let is_new = account.is_none();
                let url = account.unwrap_or_else(|| format!("{AT}/account/{}", known.accounts.len() + 1));
                if is_new {
                    assert_eq!(payload["termsOfServiceAgreed"], true);
                    known.accounts.insert(url.clone(), header["jwk"].clone());
                }
                let contacts = payload["contact"].as_array().into_iter().flatten();
                known.contacts.extend(contacts.map(|contact| contact.as_str().unwrap().to_owned()));
                if payload["externalAccountBinding"].is_object() {
                    let bound = part(&payload["externalAccountBinding"], "protected");
                    let bound: Value = serde_json::from_slice(&bound).unwrap();
                    known.bound.push(bound["kid"].as_str().unwrap().to_owned());
                }
                ((if is_new { 201 } else { 200 }, json!({ "status": "valid" })), Some(url))
            }
            "account" => {
                let contacts = payload["contact"].as_array().into_iter().flatten();
                known.contacts.extend(contacts.map(|contact| contact.as_str().unwrap().to_owned()));
                ((200, json!({ "status": "valid" })), None)
            }
            "new-order" => {
                let hosts = payload["identifiers"].as_array().unwrap().iter();
                let hosts: Vec<String> =
                    hosts.map(|host| host["value"].as_str().unwrap().to_owned()).collect();
                known.profiles.push(payload["profile"].as_str().map(str::to_owned));
                known.replacing += usize::from(payload["replaces"].is_string());
                let proved = vec![None; hosts.len()];
                known.orders.push(Order {
                    account: account.unwrap(),
                    hosts,
                    proved,
                    kind: String::new(),
                    csr: None,
                    chain: None,
                });
                let (at, replaces) = (known.orders.len() - 1, payload["replaces"].clone());
                let mut order = order(known, at);
                order["replaces"] = replaces;
                ((201, order), Some(format!("{AT}/order/{at}")))
            }
            "order" => {
                assert_eq!(Some(&known.orders[number(1)].account), account.as_ref());
                ((200, order(known, number(1))), None)
            }
            "authorization" => ((200, authorization(known, number(1), number(2))), None),
            "challenge" => {
                self.look(known, (number(1), number(2)), parts[3]);
                let authorization = authorization(known, number(1), number(2));
                let challenges = authorization["challenges"].as_array().unwrap();
                let own = challenges.iter().find(|challenge| challenge["type"] == parts[3]).unwrap();
                (
                    (
                        200,
                        json!({ "type": parts[3], "url": own["url"], "token": own["token"], "status": "processing" }),
                    ),
                    None,
                )
            }
            "finalize" => {
                known.orders[number(1)].csr =
                    Some(B64::decode_vec(payload["csr"].as_str().unwrap()).unwrap());
                self.issue(known, number(1));
                ((200, order(known, number(1))), None)
            }
            "certificate" => ((200, json!(known.orders[number(1)].chain.clone().unwrap())), None),
            other => panic!("nobody asks for {other}"),
        };
        Self::answer(known, told, location)
    }

    /// Looks at a proof.
    fn look(&self, known: &mut Known, (at, index): (usize, usize), kind: &str) {
        let order = &known.orders[at];
        let host = order.hosts[index].clone();
        let expected = format!("token-{at}-{index}.{}", thumbprint(&known.accounts[&order.account]));
        let proofs = self.proofs.lock().clone().unwrap();
        let holds = match kind {
            "http-01" => proofs.file(&host, &format!("{PATH}token-{at}-{index}")) == Some(expected),
            _ => proofs.handshake(&host).is_some(),
        };
        kind.clone_into(&mut known.orders[at].kind);
        known.orders[at].proved[index] = Some(holds && host != "unreachable.test");
    }

    fn issue(&self, known: &mut Known, at: usize) {
        let order = &mut known.orders[at];
        let csr = order.csr.clone().unwrap();
        let (_, request) = X509CertificationRequest::from_der(&csr).unwrap();
        let key = request.certification_request_info.subject_pki.subject_public_key.data.to_vec();
        let names = known.wrong_name.map_or_else(|| order.hosts.clone(), |name| vec![name.to_owned()]);
        let mut params = CertificateParams::new(names).unwrap();
        let begin = time::OffsetDateTime::from_unix_timestamp((self.now)()).unwrap();
        (params.not_before, params.not_after) = (begin, begin + known.life);
        params.use_authority_key_identifier_extension = true;
        order.chain = Some(params.signed_by(&Public(key), &self.issuer).unwrap().pem());
        known.issued += 1;
    }
}

fn order(known: &Known, at: usize) -> Value {
    let order = &known.orders[at];
    let status = match order {
        Order { chain: Some(_), .. } => "valid",
        Order { proved, .. } if proved.contains(&Some(false)) => "invalid",
        Order { proved, .. } if proved.iter().all(|proved| *proved == Some(true)) => "ready",
        _ => "pending",
    };
    let authorizations: Vec<String> =
        (0..order.hosts.len()).map(|index| format!("{AT}/authorization/{at}/{index}")).collect();
    json!({
        "status": status,
        "authorizations": authorizations,
        "finalize": format!("{AT}/finalize/{at}"),
        "certificate": order.chain.as_ref().map(|_| format!("{AT}/certificate/{at}")),
    })
}

fn authorization(known: &Known, at: usize, index: usize) -> Value {
    let order = &known.orders[at];
    let status = match order.proved[index] {
        None => "pending",
        Some(true) => "valid",
        Some(false) => "invalid",
    };
    let challenge = |kind: &&str| {
        let mut challenge = json!({
            "type": kind,
            "url": format!("{AT}/challenge/{at}/{index}/{kind}"),
            "token": format!("token-{at}-{index}"),
            "status": status,
        });
        if status == "invalid" && order.kind == **kind {
            challenge["error"] = problem(403, "connection", "192.0.2.1: connection refused").1;
        }
        challenge
    };
    let kinds = ["http-01", "tls-alpn-01", "dns-01"];
    let kinds = kinds.iter().filter(|kind| known.offers.is_none_or(|offers| offers == **kind));
    json!({
        "identifier": { "type": "dns", "value": order.hosts[index] },
        "status": status,
        "challenges": kinds.map(challenge).collect::<Vec<_>>(),
    })
}

impl Authority {
    fn served(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let (known, path) = (&mut *self.known.lock(), request.uri().path());
        if request.method() == Method::POST {
            return self.post(known, path, request.body());
        }
        if path == "/directory" {
            let mut directory = json!({
                "newNonce": format!("{AT}/new-nonce"),
                "newAccount": format!("{AT}/new-account"),
                "newOrder": format!("{AT}/new-order"),
                "meta": { "profiles": { "short": "of a few days" } },
            });
            if known.suggestion.is_some() {
                directory["renewalInfo"] = json!(format!("{AT}/renewal"));
            }
            return Self::answer(known, (200, directory), None);
        }
        if path.starts_with("/renewal/") {
            let (start, end) = known.suggestion.unwrap();
            // The last that was issued began when it was, and nobody asks for another one.
            let begin = (self.now)();
            let text = |at: i64| {
                let at = time::OffsetDateTime::from_unix_timestamp(at).unwrap();
                let (date, clock) = (at.date(), at.time());
                format!(
                    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                    date.year(),
                    u8::from(date.month()),
                    date.day(),
                    clock.hour(),
                    clock.minute(),
                    clock.second()
                )
            };
            let window = json!({ "start": text(begin + start), "end": text(begin + end) });
            let mut answer = Self::answer(known, (200, json!({ "suggestedWindow": window })), None);
            answer.headers_mut().insert("retry-after", "100000000".parse().unwrap());
            return answer;
        }
        Self::answer(known, (200, Value::String(String::new())), None)
    }
}

/// A connection to it.
pub(crate) struct Wire(pub(crate) Arc<Authority>);

#[async_trait]
impl Ask for Wire {
    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        tokio::task::yield_now().await;
        let path = request.uri().path().to_owned();
        let (fault, killed) = {
            let mut known = self.0.known.lock();
            known.seen.push(path.clone());
            let killed = known.killed_after.is_some_and(|after| known.seen.len() > after);
            let fault =
                known.faults.front().filter(|(at, _)| path.starts_with(at)).map(|(_, fault)| fault.clone());
            if fault.is_some() {
                known.faults.pop_front();
            }
            (fault, killed)
        };
        if killed {
            // The last request is done, and nobody is there any more to hear of it.
            self.0.served(&request);
            return std::future::pending().await;
        }
        let with = |status: u16, body: String, again: Option<&str>| {
            let mut answer = Response::builder().status(status);
            if let Some(again) = again {
                answer = answer.header("retry-after", again);
            }
            Ok(answer.body(Bytes::from(body)).unwrap())
        };
        match fault {
            None => Ok(self.0.served(&request)),
            Some(Fault::Problem(status, kind, again)) => {
                with(status, problem(status, kind, "as the test wants").1.to_string(), again)
            }
            Some(Fault::Garbage) => with(200, "\u{0}<no json".to_owned(), None),
            Some(Fault::Page(status, again)) => with(status, "<html>".to_owned(), again),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Unreached) => Err("authority.test: connection refused".to_owned()),
            Some(Fault::Lost) => {
                self.0.served(&request);
                Err("authority.test: connection reset".to_owned())
            }
        }
    }
}
