//! Whose certificate a client has shown. TLS has verified it already.

use std::fmt::Write as _;

use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::config::value::CertificateName;

/// The owner's name: the subject's common name, or its distinguished name as RFC 2253 writes it. The error says what is
/// missing.
pub(super) fn owner(certificate: &[u8], name: CertificateName) -> Result<String, String> {
    let parsed = X509Certificate::from_der(certificate);
    let (_, certificate) = parsed.map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let subject = certificate.subject();
    let owner = match name {
        CertificateName::CommonName => {
            let common_name = subject.iter_common_name().next().ok_or("the subject has no common name")?;
            text(common_name)?
        }
        CertificateName::DistinguishedName => distinguished_name(subject)?,
    };
    if owner.is_empty() { Err("the subject is empty".to_owned()) } else { Ok(owner) }
}

fn text(attribute: &AttributeTypeAndValue<'_>) -> Result<String, String> {
    let text = attribute.as_str().map_err(|error| format!("a name in the subject is no text: {error}"))?;
    Ok(text.to_owned())
}

/// RFC 2253, section 2: the last part first.
fn distinguished_name(subject: &X509Name<'_>) -> Result<String, String> {
    let mut parts = Vec::new();
    for part in subject.iter_rdn() {
        let mut attributes = Vec::new();
        for attribute in part.iter() {
            let kind = attribute.attr_type();
            let key = short(&kind.to_id_string()).map_or_else(|| kind.to_id_string(), str::to_owned);
            attributes.push(format!("{key}={}", escaped(&text(attribute)?)));
        }
        parts.push(attributes.join("+"));
    }
    parts.reverse();
    Ok(parts.join(","))
}

/// The attribute types that RFC 2253 has a short name for.
fn short(id: &str) -> Option<&'static str> {
    Some(match id {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        _ => return None,
    })
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        let at_an_end = (c == ' ' && (at == 0 || at == last)) || (c == '#' && at == 0);
        if at_an_end || ",+\"\\<>;".contains(c) {
            let _ = write!(out, "\\{c}");
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;

    #[test]
    fn owners() {
        let (cn, dn) = (CertificateName::CommonName, CertificateName::DistinguishedName);
        for (parts, name, expected) in [
            (vec![(DnType::CountryName, "DE"), (DnType::CommonName, "ann")], cn, Ok("ann")),
            (vec![(DnType::CountryName, "DE"), (DnType::CommonName, "ann")], dn, Ok("CN=ann,C=DE")),
            (
                vec![(DnType::OrganizationName, "A, B"), (DnType::CommonName, "#x")],
                dn,
                Ok("CN=\\#x,O=A\\, B"),
            ),
            (vec![(DnType::CountryName, "DE")], cn, Err("no common name")),
            (vec![], dn, Err("empty")),
        ] {
            let mut params = CertificateParams::default();
            params.distinguished_name = DistinguishedName::new();
            for (kind, value) in parts {
                params.distinguished_name.push(kind, value);
            }
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            match (owner(certificate.der(), name), expected) {
                (Ok(owner), Ok(expected)) => assert_eq!(owner, expected),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (outcome, _) => panic!("{outcome:?}, not {expected:?}"),
            }
        }
        assert!(owner(b"no certificate", cn).is_err());
    }
}
