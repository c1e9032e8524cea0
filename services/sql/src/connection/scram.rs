//! The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it: without channel binding, and the user is the one of the
//! startup packet, whatever the message says.
//!
//! ```text
//! client  n,,n=,r=NONCE
//! server  r=NONCE+OURS,s=SALT,i=ITERATIONS
//! client  c=biws,r=NONCE+OURS,p=PROOF
//! server  v=SIGNATURE
//! ```

use base64ct::{Base64, Encoding as _};
use bole_identity::Scram;

/// The name of the mechanism.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The password is not the user's.
    Wrong,
    /// The client does not keep to the mechanism.
    Malformed(&'static str),
}

/// Our part of a nonce: 18 random bytes as text.
pub(super) fn nonce() -> String {
    Base64::encode_string(&rand::random::<[u8; 18]>())
}

/// An exchange after the client's first message.
pub(super) struct Server {
    header: String,
    bare: String,
    nonce: String,
    challenge: String,
    keys: Scram,
}

impl Server {
    /// Reads the client's first message and answers with a user's keys and our part of the nonce.
    pub(super) fn new(message: &[u8], keys: Scram, ours: &str) -> Result<Self, Failure> {
        let text =
            std::str::from_utf8(message).map_err(|_| Failure::Malformed("the message is not UTF-8"))?;
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(other), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Failure::Malformed("the first message has no header"));
        };
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => {
                return Err(Failure::Malformed("channel binding was not offered"));
            }
            _ => return Err(Failure::Malformed("the first message does not begin with n, y or p")),
        }
        if !other.is_empty() {
            return Err(Failure::Malformed("the client wants to act as another user"));
        }
        let mut fields = bare.split(',');
        if !fields.next().is_some_and(|field| field.starts_with("n=")) {
            return Err(Failure::Malformed("the first message does not name a user"));
        }
        let theirs =
            fields.next().and_then(|field| field.strip_prefix("r=")).filter(|nonce| !nonce.is_empty());
        let theirs = theirs.ok_or(Failure::Malformed("the first message has no nonce"))?;
        let nonce = format!("{theirs}{ours}");
        let challenge = format!("r={nonce},s={},i={}", Base64::encode_string(&keys.salt), keys.iterations);
        Ok(Self { header: format!("{flag},,"), bare: bare.to_owned(), nonce, challenge, keys })
    }

    /// Our first message.
    pub(super) fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Checks the client's last message: ours.
    pub(super) fn finish(self, message: &[u8]) -> Result<String, Failure> {
        let text =
            std::str::from_utf8(message).map_err(|_| Failure::Malformed("the message is not UTF-8"))?;
        let parts = text.rsplit_once(",p=");
        let (without_proof, proof) = parts.ok_or(Failure::Malformed("the last message has no proof"))?;
        let mut fields = without_proof.split(',');
        let binding = fields.next().and_then(|field| field.strip_prefix("c="));
        if binding != Some(Base64::encode_string(self.header.as_bytes()).as_str()) {
            return Err(Failure::Malformed("the last message does not repeat the header of the first"));
        }
        if fields.next().and_then(|field| field.strip_prefix("r=")) != Some(self.nonce.as_str()) {
            return Err(Failure::Malformed("the last message does not repeat the nonce"));
        }
        let proof = Base64::decode_vec(proof).map_err(|_| Failure::Malformed("the proof is not base64"))?;
        let signed = format!("{},{},{without_proof}", self.bare, self.challenge);
        let signature = self.keys.check_proof(signed.as_bytes(), &proof).ok_or(Failure::Wrong)?;
        Ok(format!("v={}", Base64::encode_string(&signature)))
    }
}

#[cfg(test)]
mod tests {
    use bole_identity::ScramHash;

    use super::*;

    const OURS: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn server(first: &str) -> Result<Server, Failure> {
        let salt = Base64::decode_vec("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        Server::new(first.as_bytes(), Scram::new(ScramHash::Sha256, "pencil", &salt, 4_096), OURS)
    }

    /// RFC 7677, section 3, and what may be wrong with its messages.
    #[test]
    fn the_exchange_of_rfc_7677() {
        let first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
        let nonce = format!("rOprNGfwEbeRWgbNEkqO{OURS}");
        let challenge = format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        assert_eq!(server(first).map(|server| server.challenge().to_owned()), Ok(challenge));
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        for (message, expected) in [
            (format!("c=biws,r={nonce},p={proof}"), Ok(signature)),
            (format!("c=biws,r={nonce},p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), Err("wrong")),
            (format!("c=biws,r={nonce},p="), Err("wrong")),
            (format!("c=biws,r={nonce},p=?"), Err("base64")),
            (format!("c=biws,r={nonce}"), Err("no proof")),
            (format!("c=biws,r={nonce}x,p={proof}"), Err("nonce")),
            (format!("c=eSws,r={nonce},p={proof}"), Err("header")),
        ] {
            let outcome = server(first).unwrap().finish(message.as_bytes());
            check(outcome, expected.map(str::to_owned), &message);
        }
        for (message, part) in [
            ("p=tls-server-end-point,,n=,r=x", "channel binding"),
            ("x,,n=,r=x", "begin with"),
            ("n,a=bob,n=,r=x", "act as another"),
            ("n,,r=x", "name a user"),
            ("n,,n=,r=", "no nonce"),
            ("n", "no header"),
        ] {
            check(server(message).map(|_| String::new()), Err(part), message);
        }
    }

    fn check(outcome: Result<String, Failure>, expected: Result<String, &str>, message: &str) {
        match (outcome, expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected),
            (Err(Failure::Wrong), Err("wrong")) => {}
            (Err(Failure::Malformed(text)), Err(part)) => assert!(text.contains(part), "{message}: {text}"),
            (outcome, expected) => panic!("{message}: {outcome:?}, not {expected:?}"),
        }
    }
}
