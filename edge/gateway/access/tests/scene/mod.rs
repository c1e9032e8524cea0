//! A browser, a gateway, and a provider that the test plays.
#![allow(unreachable_pub, reason = "a module of one test")]

use super::world::{NOW, World, answer, facts, request};
use base64ct::{Base64UrlUnpadded, Encoding};
use bole_gateway_access::{Access, Answer, FetchError, Verdict};
use bytes::Bytes;
use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey};
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub const DOCUMENT: &str = r#"
[services.s]
instances = ["127.0.0.1:1"]
[logins.web.oidc]
issuer = "https://idp.example"
client_id = "gateway"
client_secret = "client-secret"
scopes = ["email", "openid"]
cookie = "sid"
session = "1h"
headers = { x-email = "email", x-sub = "sub" }
[routes.r]
service = "s"
login = ["web"]
[routes.staff]
service = "s"
login = ["web"]
allow = ["@staff"]
[routes.optional]
service = "s"
login = ["web"]
login_optional = true
"#;

pub const HTML: (&str, &str) = ("accept", "text/html");

/// What the provider saw and what it is told to answer.
#[derive(Default)]
pub struct Provider {
    pub key: Option<EncodingKey>,
    /// Changes of the id token's claims.
    pub claims: Value,
    /// Changes of the token endpoint's answer.
    pub tokens: Value,
    pub nonce: String,
    pub challenge: String,
    pub exchanges: Vec<BTreeMap<String, String>>,
    pub issued: usize,
    pub refuse: Option<u16>,
}

pub fn part(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub fn pairs(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let mut out = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let mut digit = || (rest.next().unwrap() as char).to_digit(16).unwrap() as u8;
            out.push(if byte == b'%' { digit() * 16 + digit() } else { byte });
        }
        String::from_utf8(out).unwrap()
    };
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

impl Provider {
    pub fn id_token(&self, access_token: &str) -> String {
        let hash = Sha512::digest(access_token);
        let mut claims = json!({
            "iss": "https://idp.example", "aud": "gateway", "sub": "ann", "iat": NOW, "exp": NOW + 100_000,
            "nonce": self.nonce, "at_hash": part(&hash[..32]), "email": "ann@example.com", "groups": ["staff"],
        });
        for (name, value) in self.claims.as_object().into_iter().flatten() {
            claims[name] = value.clone();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            }
        }
        let message =
            format!("{}.{}", part(br#"{"alg":"EdDSA","kid":"k"}"#), part(claims.to_string().as_bytes()));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), self.key.as_ref().unwrap(), Algorithm::EdDSA);
        format!("{message}.{}", signature.unwrap())
    }

    pub fn token(&mut self, request: &Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        assert_eq!(request.headers()["authorization"], "Basic Z2F0ZXdheTpjbGllbnQtc2VjcmV0");
        let form = pairs(std::str::from_utf8(request.body()).unwrap());
        self.exchanges.push(form.clone());
        let answer = |status: u16, body: &Value| {
            Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
        };
        if let Some(status) = self.refuse {
            return answer(
                status,
                &json!({"error": if status == 400 { "invalid_grant" } else { "server_error" }}),
            );
        }
        if form["grant_type"] == "authorization_code" {
            assert_eq!(form["redirect_uri"], "https://api.example.com/.gateway/callback");
            if part(&Sha256::digest(&form["code_verifier"])) != self.challenge || form["code"] != "good" {
                return answer(400, &json!({"error": "invalid_grant"}));
            }
        } else if form["refresh_token"] != format!("refresh-{}", self.issued) {
            return answer(400, &json!({"error": "invalid_grant"}));
        }
        self.issued += 1;
        let access_token = format!("access-{}", self.issued);
        let mut body = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": 600,
            "refresh_token": format!("refresh-{}", self.issued), "id_token": self.id_token(&access_token),
        });
        for (name, value) in self.tokens.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        answer(200, &body)
    }
}

/// A browser, a gateway and a provider.
pub struct Scene {
    pub world: World,
    pub access: Arc<Access>,
    pub provider: Arc<Mutex<Provider>>,
    pub jar: BTreeMap<String, String>,
}

pub fn scene() -> Scene {
    let world = World::new();
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let public = Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": part(public.public_key().as_ref())});
    world.web.json("https://idp.example/jwks", &json!({"keys": [jwk]}));
    let discovery = json!({
        "issuer": "https://idp.example", "jwks_uri": "https://idp.example/jwks",
        "authorization_endpoint": "https://idp.example/authorize?tenant=1",
        "token_endpoint": "https://idp.example/token",
        "userinfo_endpoint": "https://idp.example/me",
        "end_session_endpoint": "https://idp.example/end",
        "authorization_response_iss_parameter_supported": true,
    });
    world.web.json("https://idp.example/.well-known/openid-configuration", &discovery);
    let provider = Provider { key: Some(EncodingKey::from_ed_der(pair.as_ref())), ..Provider::default() };
    let provider = Arc::new(Mutex::new(provider));
    let of_web = Arc::clone(&provider);
    world.web.at("https://idp.example/token", move |request| of_web.lock().token(&request));
    let access = Arc::new(world.access(DOCUMENT));
    Scene { world, access, provider, jar: BTreeMap::new() }
}

impl Scene {
    pub fn head(&self, target: &str, headers: &[(&str, &str)]) -> http::request::Parts {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = headers.to_vec();
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        request("GET", target, &headers)
    }

    pub fn keep(&mut self, headers: impl Iterator<Item = String>) {
        for cookie in headers {
            assert!(
                cookie.contains("; HttpOnly; SameSite=Lax; Secure") && cookie.contains("; Path=/;"),
                "{cookie}"
            );
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            assert!(name.len() + value.len() < 4_000);
            if cookie.contains("; Max-Age=0;") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub fn keep_answer(&mut self, answer: &Answer) {
        let cookies: Vec<String> = answer
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect();
        self.keep(cookies.into_iter());
    }

    pub async fn get(&mut self, route: &str, target: &str, headers: &[(&str, &str)]) -> Verdict {
        let head = self.head(target, headers);
        let verdict = self.access.decide(route, &facts(&head)).await;
        match &verdict {
            Verdict::Admit(identity) => {
                let cookies: Vec<String> = identity
                    .response_headers
                    .iter()
                    .map(|(_, value)| value.to_str().unwrap().to_owned())
                    .collect();
                self.keep(cookies.into_iter());
            }
            Verdict::Redirect(answer) => self.keep_answer(&answer.clone()),
            _ => {}
        }
        verdict
    }

    pub async fn own(&mut self, target: &str) -> Answer {
        let head = self.head(target, &[HTML]);
        let answer = answer(self.access.own(&facts(&head)).await.unwrap());
        self.keep_answer(&answer);
        answer
    }

    /// To the provider: its parameters.
    pub async fn leave(&mut self, target: &str) -> BTreeMap<String, String> {
        let verdict = self.get("r", target, &[HTML]).await;
        assert!(matches!(verdict, Verdict::Redirect(_)), "{verdict:?}");
        let location = answer(verdict).headers["location"].to_str().unwrap().to_owned();
        let query = location.strip_prefix("https://idp.example/authorize?tenant=1&").unwrap();
        let query = pairs(query);
        let mut provider = self.provider.lock();
        provider.nonce.clone_from(&query["nonce"]);
        provider.challenge.clone_from(&query["code_challenge"]);
        query
    }

    pub async fn log_in(&mut self) {
        let query = self.leave("/").await;
        let answer = self.own(&back(&query["state"])).await;
        assert_eq!(answer.status, 302, "{answer:?}");
    }
}

pub fn back(state: &str) -> String {
    format!("/.gateway/callback?code=good&state={state}&iss=https%3A%2F%2Fidp.example")
}

impl Scene {
    /// With the cookies of a session that is over.
    pub async fn log_in_again(&mut self) {
        self.world.clock.advance(Duration::from_hours(2));
        self.log_in().await;
    }
}
