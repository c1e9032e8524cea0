//! The server's side of SCRAM (RFC 5802, RFC 7677), without channel binding.
//!
//! ```text
//! client  n,,n=USER,r=NONCE
//! server  r=NONCE+OURS,s=SALT,i=ITERATIONS
//! client  c=biws,r=NONCE+OURS,p=PROOF
//! server  v=SIGNATURE
//! ```

use base64ct::{Base64, Encoding as _};
use bole_identity::{Scram, ScramHash};

use super::INVALID;

/// The client's first message.
#[derive(Debug, PartialEq, Eq)]
pub struct First {
    /// What comes before the message proper: the flag of channel binding, the identity to act as.
    header: String,
    /// The message proper.
    bare: String,
    /// Who the client says it is.
    pub user: String,
    nonce: String,
}

impl First {
    /// Reads the message. The error says what is wrong with it.
    pub fn parse(message: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(message).map_err(|_| "the message is not UTF-8".to_owned())?;
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(other), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("the first message is not of the form n,,n=USER,r=NONCE".to_owned());
        };
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err("channel binding is not offered".to_owned()),
            _ => return Err("the first message does not begin with n, y or p".to_owned()),
        }
        let mut fields = bare.split(',');
        let first = fields.next().unwrap_or_default();
        if first.starts_with("m=") {
            return Err("mandatory extensions are not known".to_owned());
        }
        let user = first.strip_prefix("n=").and_then(unquoted).filter(|user| !user.is_empty());
        let user = user.ok_or("the first message names no user")?;
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let nonce = nonce.filter(|nonce| !nonce.is_empty()).ok_or("the first message has no nonce")?;
        if fields.any(|field| field == "tokenauth=true") {
            return Err("delegation tokens are not served".to_owned());
        }
        if !other.is_empty() && other.strip_prefix("a=").and_then(unquoted).as_ref() != Some(&user) {
            return Err(format!("user \"{user}\" cannot act as another"));
        }
        let header = format!("{flag},{other},");
        Ok(Self { header, bare: bare.to_owned(), user, nonce: nonce.to_owned() })
    }
}

/// A name in which `=2C` stands for a comma and `=3D` for an equals sign; `None` where another `=` is.
fn unquoted(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('=');
    out.push_str(parts.next()?);
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        out.push(match code {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        out.push_str(rest);
    }
    Some(out)
}

/// Our part of a nonce: 18 random bytes as text.
pub fn nonce() -> String {
    Base64::encode_string(&rand::random::<[u8; 18]>())
}

/// An exchange after the client's first message.
pub struct Server {
    first: First,
    keys: Scram,
    nonce: String,
    challenge: String,
}

impl Server {
    /// An exchange by a user's keys, with our part of the nonce.
    pub fn new(first: First, keys: Scram, ours: &str) -> Self {
        let nonce = format!("{}{ours}", first.nonce);
        let salt = Base64::encode_string(&keys.salt);
        let challenge = format!("r={nonce},s={salt},i={}", keys.iterations);
        Self { first, keys, nonce, challenge }
    }

    /// The hash function of the mechanism.
    pub const fn hash(&self) -> ScramHash {
        self.keys.hash
    }

    /// Our first message.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// Checks the client's last message: ours, and the user.
    pub fn finish(self, message: &[u8]) -> Result<(String, String), String> {
        let text = std::str::from_utf8(message).map_err(|_| "the message is not UTF-8".to_owned())?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or("the last message has no proof")?;
        let mut fields = without_proof.split(',');
        let binding = fields.next().and_then(|field| field.strip_prefix("c="));
        if binding != Some(Base64::encode_string(self.first.header.as_bytes()).as_str()) {
            return Err("the last message does not repeat the header of the first".to_owned());
        }
        if fields.next().and_then(|field| field.strip_prefix("r=")) != Some(self.nonce.as_str()) {
            return Err("the last message does not repeat the nonce".to_owned());
        }
        let proof = Base64::decode_vec(proof).map_err(|_| "the proof is not base64".to_owned())?;
        let auth_message = format!("{},{},{without_proof}", self.first.bare, self.challenge);
        let signature = self.keys.check_proof(auth_message.as_bytes(), &proof).ok_or(INVALID)?;
        Ok((format!("v={}", Base64::encode_string(&signature)), self.first.user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const OURS: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn server(first: &str) -> Server {
        let salt = Base64::decode_vec("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = Scram::new(ScramHash::Sha256, "pencil", &salt, 4_096);
        Server::new(First::parse(first.as_bytes()).unwrap(), keys, OURS)
    }

    /// RFC 7677, section 3, and what may be wrong with its last message.
    #[test]
    fn the_exchange_of_rfc_7677() {
        let nonce = format!("rOprNGfwEbeRWgbNEkqO{OURS}");
        let challenge = format!("r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
        assert_eq!(server(FIRST).challenge(), challenge);
        let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        let rows = [
            (format!("c=biws,r={nonce},p={proof}"), Ok((signature.to_owned(), "user".to_owned()))),
            (format!("c=biws,r={nonce},p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), Err(INVALID)),
            (format!("c=biws,r={nonce},p="), Err(INVALID)),
            (format!("c=biws,r={nonce},p=?"), Err("the proof is not base64")),
            (format!("c=biws,r={nonce}"), Err("the last message has no proof")),
            (format!("c=biws,r={nonce}x,p={proof}"), Err("the last message does not repeat the nonce")),
            (
                format!("c=eSws,r={nonce},p={proof}"),
                Err("the last message does not repeat the header of the first"),
            ),
        ];
        for (message, expected) in rows {
            let outcome = server(FIRST).finish(message.as_bytes());
            assert_eq!(outcome, expected.map_err(str::to_owned), "{message}");
        }
    }

    #[test]
    fn first_messages() {
        for (message, expected) in [
            ("n,,n=ann,r=x", Ok("ann")),
            ("y,,n=ann,r=x", Ok("ann")),
            ("n,a=ann,n=ann,r=x", Ok("ann")),
            ("n,,n=a=2Cb=3Dc,r=x", Ok("a,b=c")),
            ("n,,n=ann,r=x,ext=1", Ok("ann")),
            ("n,a=bob,n=ann,r=x", Err("cannot act as another")),
            ("p=tls-unique,,n=ann,r=x", Err("channel binding")),
            ("n,,m=x,n=ann,r=x", Err("mandatory")),
            ("n,,n=a=2xb,r=x", Err("names no user")),
            ("n,,n=,r=x", Err("names no user")),
            ("n,,n=ann,r=", Err("no nonce")),
            ("n,,n=ann", Err("no nonce")),
            ("n,,n=ann,r=x,tokenauth=true", Err("delegation tokens")),
            ("n", Err("not of the form")),
            ("", Err("not of the form")),
            ("x,,n=ann,r=x", Err("does not begin with")),
        ] {
            let outcome = First::parse(message.as_bytes());
            match (&outcome, expected) {
                (Ok(first), Ok(user)) => assert_eq!(first.user, user),
                (Err(text), Err(part)) => assert!(text.contains(part), "{message}: {text}"),
                _ => panic!("{message}: {outcome:?}"),
            }
        }
        assert!(First::parse(b"\xff").is_err());
    }
}
