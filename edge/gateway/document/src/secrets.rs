//! Where secrets stand in a document, so that whoever keeps it can keep them safely.

use crate::Document;
use crate::access::{Login, Secret};

/// What a secret is needed for, which says how it may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Compared with what a client shows: a digest is enough.
    Key,
    /// A person's password: only a slow verifier is safe.
    Password,
    /// Shared with others, who must be shown or signed for: needed in clear.
    Shared,
}

impl Secret {
    /// Whether the text is no secret itself: a digest, a verifier, a reference, or sealed by who keeps it.
    pub fn is_safe(&self) -> bool {
        const PREFIXES: [&str; 5] = ["sha256:", "$argon2id$", "env:", "file:", "sealed:"];
        PREFIXES.iter().any(|prefix| self.0.starts_with(prefix))
    }
}

impl Document {
    /// Every secret with the part and the name of the object that it is in.
    pub fn secrets(&mut self) -> impl Iterator<Item = (&'static str, &str, Use, &mut Secret)> {
        let logins = self.logins.iter_mut().flat_map(|(name, login)| {
            let secrets: Vec<&mut Secret> = match login {
                Login::Jwt(jwt) => jwt.secret.iter_mut().collect(),
                Login::Oidc(oidc) => oidc.client_secret.iter_mut().collect(),
                Login::Link(link) => link.keys.values_mut().collect(),
                _ => Vec::new(),
            };
            secrets.into_iter().map(move |secret| ("logins", name.as_str(), Use::Shared, secret))
        });
        let consumers = self.consumers.iter_mut().flat_map(|(name, consumer)| {
            let keys = consumer.keys.iter_mut().map(|secret| (Use::Key, secret));
            let password = consumer.password.iter_mut().map(|secret| (Use::Password, secret));
            let signing = consumer.signing.values_mut().map(|secret| (Use::Shared, secret));
            keys.chain(password)
                .chain(signing)
                .map(move |(purpose, secret)| ("consumers", name.as_str(), purpose, secret))
        });
        let certificates = self.certificates.iter_mut().filter_map(|(name, certificate)| {
            let account = certificate.acme.as_mut()?.external_account.as_mut()?;
            Some(("certificates", name.as_str(), Use::Shared, &mut account.key))
        });
        logins.chain(consumers).chain(certificates)
    }
}
