//! The certificate of a client's TLS connection. Its chain was verified in the handshake; here are its names, and whether it is still good.

use crate::consumers::Consumers;
use crate::request::RequestFacts;
use crate::verdict::{Found, Refusal};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Certificate {
    names: Vec<String>,
}

/// Names of a certificate: the common names of its subject, then its alternative DNS names.
pub(crate) struct Named {
    pub(crate) names: Vec<String>,
    valid_from: i64,
    valid_until: i64,
}

/// Reads a certificate's names. `None` if it is no certificate.
pub(crate) fn names(der: &[u8]) -> Option<Named> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = common.map(str::to_owned).collect();
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        for name in &alternative.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.push((*name).to_owned());
            }
        }
    }
    names.retain(|name| !name.is_empty() && !name.chars().any(char::is_control));
    names.truncate(NAMES_MAX);
    let validity = certificate.validity();
    let (valid_from, valid_until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    Some(Named { names, valid_from, valid_until })
}

/// Whether `name` is `wanted`, or one label below the rest of `*.rest`.
fn matches(wanted: &str, name: &str) -> bool {
    match wanted.strip_prefix("*.") {
        Some(rest) => name
            .split_once('.')
            .is_some_and(|(label, below)| !label.is_empty() && below.eq_ignore_ascii_case(rest)),
        None => wanted.eq_ignore_ascii_case(name),
    }
}

impl Certificate {
    pub(crate) fn new(names: &[String]) -> Result<Self, String> {
        let wrong = |name: &&String| name.is_empty() || name.trim_start_matches("*.").contains('*');
        if let Some(name) = names.iter().find(wrong) {
            return Err(format!("{name:?} is no name of a certificate; write example.com or *.example.com"));
        }
        Ok(Self { names: names.to_vec() })
    }

    pub(crate) fn decide(&self, facts: &RequestFacts<'_>, consumers: &Consumers, now_ms: u64) -> Found {
        let Some(der) = facts.certificate else { return Found::Nothing };
        let refused = |detail: &str| Found::Refused(Refusal::forbidden("certificate", detail));
        let Some(found) = names(der) else { return refused("the client's certificate cannot be read") };
        let now = (now_ms / 1_000) as i64;
        if now < found.valid_from || now > found.valid_until {
            return refused("the client's certificate is not good at this time");
        }
        let fits =
            |name: &&String| self.names.is_empty() || self.names.iter().any(|wanted| matches(wanted, name));
        let mut fitting = found.names.iter().filter(fits).peekable();
        let Some(first) = fitting.peek().copied() else {
            return refused("the client's certificate has no name that is let in");
        };
        // The name by which the document knows its owner, else the first that is let in.
        let known = fitting.find(|name| consumers.get(name).is_some());
        Found::consumer(known.unwrap_or(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_stand_for_one_label() {
        for (wanted, name, fits) in [
            ("a.example.com", "A.example.com", true),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("a", "b", false),
        ] {
            assert_eq!(matches(wanted, name), fits, "{wanted} {name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = names(&bytes);
        }

        #[test]
        fn a_damaged_certificate_is_read_or_refused(at in 0_usize..2_000, flip in 1_u8..) {
            let mut der = rcgen::generate_simple_self_signed(vec!["a.example.com".to_owned()]).unwrap().cert.der().to_vec();
            let found = names(&der).unwrap();
            prop_assert_eq!(found.names.last().map(String::as_str), Some("a.example.com"));
            let at = at % der.len();
            der[at] ^= flip;
            let _ = names(&der);
        }
    }
}
