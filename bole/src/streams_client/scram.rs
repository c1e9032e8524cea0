//! The client's side of SCRAM (RFC 5802, RFC 7677), without channel binding. Pure: messages in, messages out.
//!
//! ```text
//! client  n,,n=USER,r=NONCE
//! server  r=NONCE+THEIRS,s=SALT,i=ITERATIONS
//! client  c=biws,r=NONCE+THEIRS,p=PROOF
//! server  v=SIGNATURE
//! ```

use base64ct::{Base64, Encoding as _};
use bole_identity::{ClientProof, ScramHash};
use bytes::Bytes;

/// Fewer iterations make a password cheap to guess for whoever pretends to be the server (RFC 7677 section 4).
const ITERATIONS_MIN: u32 = 4_096;
/// More would keep a client busy for many seconds.
const ITERATIONS_MAX: u32 = 1_000_000;

/// `n,,` in Base64: no channel binding, no other identity to act as.
const HEADER: &str = "biws";

/// One exchange.
#[derive(Debug)]
pub(super) struct Exchange {
    hash: ScramHash,
    nonce: String,
    /// The first message without its header.
    bare: String,
}

impl Exchange {
    /// An exchange for `user`, with a nonce of 18 random bytes.
    pub(super) fn new(hash: ScramHash, user: &str) -> Self {
        Self::with_nonce(hash, user, Base64::encode_string(&rand::random::<[u8; 18]>()))
    }

    fn with_nonce(hash: ScramHash, user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        Self { hash, nonce, bare }
    }

    /// The first message.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// The message that answers the server's challenge, and what the server has to say to that.
    pub(super) fn answer(&self, password: &str, challenge: &[u8]) -> Result<(String, Bytes), String> {
        let challenge =
            std::str::from_utf8(challenge).map_err(|_| "the challenge is not UTF-8".to_owned())?;
        let mut fields = challenge.split(',');
        let mut field = |name: &str| fields.next().and_then(|field| field.strip_prefix(name));
        let (Some(nonce), Some(salt), Some(iterations)) = (field("r="), field("s="), field("i=")) else {
            return Err(format!(
                "the challenge \"{challenge}\" is not of the form r=NONCE,s=SALT,i=ITERATIONS"
            ));
        };
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err("the challenge is for somebody else: it does not continue the nonce".to_owned());
        }
        let salt = Base64::decode_vec(salt).map_err(|_| format!("the salt \"{salt}\" is not Base64"))?;
        let allowed = ITERATIONS_MIN..=ITERATIONS_MAX;
        let iterations = iterations.parse().ok().filter(|iterations| allowed.contains(iterations)).ok_or_else(|| {
            format!("the server asks for {iterations} iterations; {ITERATIONS_MIN} to {ITERATIONS_MAX} are allowed")
        })?;
        let without_proof = format!("c={HEADER},r={nonce}");
        let messages = format!("{},{challenge},{without_proof}", self.bare);
        let ClientProof { proof, signature } =
            ClientProof::new(self.hash, password, &salt, iterations, messages.as_bytes());
        let answer = format!("{without_proof},p={}", Base64::encode_string(&proof));
        Ok((answer, format!("v={}", Base64::encode_string(&signature)).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> Exchange {
        Exchange::with_nonce(ScramHash::Sha256, "user", "rOprNGfwEbeRWgbNEkqO".to_owned())
    }

    #[test]
    fn the_example_of_rfc_7677() {
        let exchange = exchange();
        assert_eq!(exchange.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (answer, signature) = exchange.answer("pencil", challenge.as_bytes()).unwrap();
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(answer, expected);
        assert_eq!(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn names_are_quoted() {
        let exchange = Exchange::with_nonce(ScramHash::Sha512, "a=b,c", "x".to_owned());
        assert_eq!(exchange.first(), "n,,n=a=3Db=2Cc,r=x");
    }

    #[test]
    fn challenges_that_are_not_answered() {
        for (challenge, reason) in [
            ("s=AAAA,r=x,i=4096", "not of the form"),
            ("e=other-error", "not of the form"),
            ("r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096", "continue the nonce"),
            ("r=other,s=AAAA,i=4096", "continue the nonce"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096", "not Base64"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4095", "4095 iterations"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1000001", "1000001 iterations"),
            ("r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=many", "many iterations"),
        ] {
            let refusal = exchange().answer("pencil", challenge.as_bytes()).unwrap_err();
            assert!(refusal.contains(reason), "{challenge}: {refusal}");
        }
    }
}
