//! Certificates from authorities: what of a document they are asked for, and how they are asked. All else is `bole-gateway-acme`'s.

use crate::config::Config;
use crate::fetch::Web;
use async_trait::async_trait;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use bole_gateway_access::{Fetch as _, Secrets, link};
use bole_gateway_acme::ask::Open;
use bole_gateway_acme::wanted::External;
use bole_gateway_acme::{Ask, Wanted};
use bole_gateway_document::Document;
use bole_gateway_document::tls::{Challenge, ExternalAccount};
use bytes::Bytes;
use http::{Request, Response};
use std::collections::BTreeMap;
use std::sync::Arc;

#[async_trait]
impl Ask for Web {
    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        self.fetch(request).await.map_err(|error| {
            let text = error.to_string();
            let untrusted = text.contains("invalid peer certificate");
            let todo = "; if this is the right server, name its authority's file in acme.authorities";
            text + if untrusted { todo } else { "" }
        })
    }
}

/// Opens ways to authorities.
pub(crate) fn open() -> Open {
    Arc::new(|authorities| Arc::new(Web::with_authorities(authorities)))
}

/// What a gateway has that proofs need.
#[derive(Clone, Copy, Debug)]
pub struct Doors {
    /// Certificates can be kept.
    pub keeper: bool,
    /// There is a listener without TLS.
    pub plain: bool,
    /// There is one with TLS.
    pub secured: bool,
}

impl Doors {
    pub(crate) fn of(config: &Config, keeper: bool) -> Self {
        Self { keeper, plain: !config.http.is_empty(), secured: !config.https.is_empty() }
    }
}

/// What a document wants of authorities. References of secrets are followed.
///
/// # Errors
/// All that hinders it.
pub(crate) fn wanted(
    document: &Document,
    doors: Doors,
    secrets: &dyn Secrets,
) -> Result<BTreeMap<String, Wanted>, Vec<String>> {
    let (mut all, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, certificate) in &document.certificates {
        let Some(acme) = &certificate.acme else { continue };
        let at = format!("certificates.{name}.acme");
        if !doors.keeper {
            problems.push(format!("{at}: this gateway has nowhere to keep certificates; name files instead"));
        }
        if !doors.secured {
            problems.push(format!(
                "{at}: this gateway has no door with TLS; set gateway.tls_listen, or take it out"
            ));
        }
        if acme.challenge == Challenge::Http && !doors.plain {
            problems.push(format!("{at}.challenge: this gateway has no door without TLS; use tls-alpn-01"));
        }
        let external = acme.external_account.as_ref().map(|account| external(account, secrets));
        match external.transpose() {
            Ok(external) => {
                all.insert(name.clone(), Wanted::new(name, &certificate.hosts, acme, external));
            }
            Err(wrong) => problems.push(format!("{at}.external_account.key: {wrong}")),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

fn external(account: &ExternalAccount, secrets: &dyn Secrets) -> Result<External, String> {
    let text = link::secret(&account.key.0, secrets)?;
    let text = std::str::from_utf8(&text).map_err(|_| "it is no text")?;
    let key = Base64UrlUnpadded::decode_vec(text.trim().trim_end_matches('='));
    let key = key.map_err(|_| "it is not base64url; write it as the authority shows it")?;
    Ok(External { id: account.id.clone(), key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bole_gateway_access::SystemSecrets;

    #[test]
    fn what_hinders_is_told_by_its_place() {
        let text = "[certificates.c]\nhosts = [\"B.example\", \"a.example.\"]\nacme = { terms_agreed = true, challenge = \"CHALLENGE\", \
                    external_account = { id = \"me\", key = \"KEY\" } }\n";
        let good = "c2VjcmV0LXNlY3JldC1zZWNyZXQtMTIzNDU2Nzg5MA";
        let all = Doors { keeper: true, plain: true, secured: true };
        for (challenge, key, doors, expected) in [
            ("http-01", good, all, None),
            ("tls-alpn-01", good, Doors { plain: false, ..all }, None),
            ("http-01", good, Doors { plain: false, ..all }, Some("certificates.c.acme.challenge: ")),
            ("http-01", good, Doors { secured: false, ..all }, Some("set gateway.tls_listen")),
            ("http-01", good, Doors { keeper: false, ..all }, Some("nowhere to keep")),
            (
                "http-01",
                "no base 64 at all, no base 64",
                all,
                Some("external_account.key: it is not base64url"),
            ),
            ("http-01", "short", all, Some("external_account.key: ")),
        ] {
            let text = text.replace("CHALLENGE", challenge).replace("KEY", key);
            let document = Document::from_toml(&text).expect("it is right");
            match (wanted(&document, doors, &SystemSecrets), expected) {
                (Ok(all), None) => {
                    assert_eq!(all["c"].hosts, ["a.example", "b.example"]);
                    let external = all["c"].external.as_ref().expect("it is there");
                    assert_eq!(external.key, b"secret-secret-secret-1234567890");
                }
                (Err(problems), Some(words)) => {
                    assert!(problems.len() == 1 && problems[0].contains(words), "{problems:?}");
                    assert!(!problems[0].contains(key), "{problems:?}");
                }
                (got, _) => panic!("{text}: {:?}", got.err()),
            }
        }
    }
}
