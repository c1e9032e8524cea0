//! Who may come in: ways to log in, and the consumers that are known here. Secrets are never printed: [`Secret`] shows
//! dots to `Debug`, and the admin API gives back what [`Secret`] serializes, which is a hash or a reference.

use crate::units::Span;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A way to log in. A route names one or several; the first that finds its kind of credentials in the request decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Login {
    /// A key in a header or in the query: `{ key = { header = "x-api-key" } }`.
    Key {
        /// In this header…
        #[serde(default, skip_serializing_if = "Option::is_none")]
        header: Option<String>,
        /// …or in this parameter of the query.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query: Option<String>,
        /// Sends it on to the service; else it is taken out.
        #[serde(default)]
        forward: bool,
    },
    /// Name and password (RFC 7617) of a consumer or, if `users`, of a user of this node.
    Basic {
        /// Told to browsers.
        #[serde(default)]
        realm: Option<String>,
        /// Users of this node may come in as well.
        #[serde(default)]
        users: bool,
    },
    /// A signed token (RFC 7519) in `Authorization: Bearer`.
    Jwt(Jwt),
    /// A signature over the message by a consumer's secret (RFC 9421, `hmac-sha256`).
    Signature {
        /// How far a signature's time may be off.
        #[serde(default = "five_minutes")]
        clock_skew: Span,
        /// Components that must be signed besides method, path and authority.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        components: Vec<String>,
    },
    /// The certificate of the client's TLS connection.
    Certificate {
        /// Common names or DNS names that are let in, `*.example.com` included; all without.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        names: Vec<String>,
    },
    /// A browser's login at an `OpenID` provider, with a session in a cookie.
    Oidc(Oidc),
    /// A signed link: a URL, or a cookie for a folder, that is good until a time, whoever has it.
    Link(Link),
    /// Another server decides: 2xx lets in.
    Forward {
        /// Whom to ask: a URL.
        url: String,
        /// Headers of its answer that go on to the service.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<String>,
        /// How long it may take. What it does not answer is refused.
        #[serde(default = "two_seconds")]
        timeout: Span,
    },
}

fn five_minutes() -> Span {
    Span::secs(300)
}

fn two_seconds() -> Span {
    Span::secs(2)
}

/// What a token must be. Exactly one of `keys_url`, `issuer` alone (its keys are discovered), `keys_file` and `secret`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jwt {
    /// The `iss` that it must have.
    pub issuer: Option<String>,
    /// One of these must be in its `aud`.
    pub audiences: Vec<String>,
    /// Where its keys are (JWKS), fetched and fetched again.
    pub keys_url: Option<String>,
    /// Or the file where they are.
    pub keys_file: Option<std::path::PathBuf>,
    /// Or a shared secret, for HS256, HS384, HS512.
    pub secret: Option<Secret>,
    /// Algorithms that are taken: of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, `EdDSA`, HS256, HS384, HS512. Those of
    /// asymmetric keys without; `none` never.
    pub algorithms: Vec<String>,
    /// The claim that names the consumer; `sub` without.
    pub consumer_claim: Option<String>,
    /// Claims with the values that they must have.
    pub claims: BTreeMap<String, String>,
    /// All of these must be in `scope` or `scp`.
    pub scopes: Vec<String>,
    /// How far clocks may be apart.
    pub clock_skew: Option<Span>,
    /// Takes the token out before the request goes on.
    pub strip: bool,
    /// Claims that are sent on as headers: header = claim.
    pub headers: BTreeMap<String, String>,
}

/// Whose links are taken. Their form is in `bole-gateway-access`, `link`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Secrets that sign links, by their ids; several, so that a new one can come before the old one goes.
    pub keys: BTreeMap<String, Secret>,
    /// The cookie in which a link for a folder may be.
    #[serde(default = "link_cookie")]
    pub cookie: String,
    /// How long from now a link may be good at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<Span>,
}

fn link_cookie() -> String {
    "link".to_owned()
}

/// A browser's login (`OpenID` Connect Core, code flow with PKCE).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider; its endpoints are discovered.
    pub issuer: String,
    /// The gateway's name there.
    pub client_id: String,
    /// Its secret there; none for a public client.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The path to which the provider sends browsers back.
    #[serde(default = "callback")]
    pub callback: String,
    /// The path that ends a session.
    #[serde(default = "logout")]
    pub logout: String,
    /// What is asked for besides `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Name of the cookie.
    #[serde(default = "session_cookie")]
    pub cookie: String,
    /// How long a session lasts without a visit.
    #[serde(default = "eight_hours")]
    pub session: Span,
    /// Claims that are sent on as headers: header = claim.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

fn callback() -> String {
    "/.gateway/callback".to_owned()
}

fn logout() -> String {
    "/.gateway/logout".to_owned()
}

fn session_cookie() -> String {
    "gateway_session".to_owned()
}

fn eight_hours() -> Span {
    Span::secs(8 * 3_600)
}

/// Somebody who is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consumer {
    /// Keys that it may show.
    pub keys: Vec<Secret>,
    /// The password of its name.
    pub password: Option<Secret>,
    /// Secrets of signatures, by their key id.
    pub signing: BTreeMap<String, Secret>,
    /// Groups that routes may let in.
    pub groups: Vec<String>,
    /// Limits that count for it on all routes.
    pub limits: Vec<String>,
    /// 0 to 63: who goes first under overload.
    pub priority: Option<u8>,
}

/// A secret: in clear text, as `sha256:HEX` (keys), as an argon2id verifier `$argon2id$…` (passwords), or as a reference
/// `env:NAME` or `file:PATH`, which whoever opens the document resolves.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}
