//! What caches of one network tell each other in requests: an edge asks its shield, by a number that is used once, which purges it has; the shield
//! answers with the newest one and a sum over both under the network's secret. So an edge stores nothing of a shield that has not heard of a purge
//! that the edge has, and nothing of a server that is no shield of its network.
//!
//! ```text
//! edge    Bole-Cdn-Question: 16 random bytes in hexadecimal
//! shield  Bole-Cdn-Answer:   number of the newest purge, a blank, HMAC-SHA-256(secret, question · ' ' · number) in hexadecimal
//! ```

use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue};
use sha2::Sha256;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The edge's field.
pub const QUESTION: HeaderName = HeaderName::from_static("bole-cdn-question");
/// The shield's.
pub const ANSWER: HeaderName = HeaderName::from_static("bole-cdn-answer");

/// In an origin's stead: the shield has not heard of a purge that is known here.
pub const BEHIND: &str = "shield-behind";
/// What is there is no shield of this network.
pub const FOREIGN: &str = "shield-unknown";

/// This node's part in the network.
pub struct Network {
    secret: Vec<u8>,
    /// The newest purge of the network that this node has.
    applied: AtomicU64,
}

/// What was asked, and what the answer must show.
pub struct Question<'n> {
    network: &'n Network,
    text: String,
    /// What was known here when it was asked: what came later makes what is fetched fall by itself.
    known: u64,
}

impl Network {
    /// A node that has the purges up to `applied`.
    pub fn new(secret: Vec<u8>, applied: u64) -> Self {
        Self { secret, applied: AtomicU64::new(applied) }
    }

    /// The newest purge that this node has.
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// This node has the purges up to this one.
    pub fn set_applied(&self, applied: u64) {
        self.applied.fetch_max(applied, Ordering::AcqRel);
    }

    /// A question for a shield.
    pub fn question(&self) -> Question<'_> {
        let mut text = String::with_capacity(32);
        for byte in rand::random::<[u8; 16]>() {
            let _ = write!(text, "{byte:02x}");
        }
        Question { network: self, text, known: self.applied() }
    }

    /// The answer to a question of an edge, for what is looked for from now on. `None`: it is none.
    pub fn answer(&self, question: &HeaderValue) -> Option<HeaderValue> {
        let question = question.to_str().ok().filter(|text| text.len() == 32)?;
        let applied = self.applied();
        let sum = self.sum(question, applied).finalize().into_bytes();
        let mut text = format!("{applied} ");
        for byte in sum {
            let _ = write!(text, "{byte:02x}");
        }
        HeaderValue::try_from(text).ok()
    }

    fn sum(&self, question: &str, applied: u64) -> Hmac<Sha256> {
        let mut sum =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("invariant: any length is a key of HMAC");
        sum.update(format!("{question} {applied}").as_bytes());
        sum
    }
}

impl Question<'_> {
    /// The value of [`QUESTION`].
    pub fn value(&self) -> HeaderValue {
        HeaderValue::try_from(&self.text).expect("invariant: hexadecimal digits are a value")
    }

    /// Whether what came may be used here.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, answer: Option<&HeaderValue>) -> Result<(), &'static str> {
        let text = answer.and_then(|answer| answer.to_str().ok()).ok_or(FOREIGN)?;
        let (applied, sum) = text.split_once(' ').ok_or(FOREIGN)?;
        let applied: u64 = applied.parse().map_err(|_| FOREIGN)?;
        let sum = bytes(sum).ok_or(FOREIGN)?;
        self.network.sum(&self.text, applied).verify_slice(&sum).map_err(|_| FOREIGN)?;
        if applied >= self.known { Ok(()) } else { Err(BEHIND) }
    }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(hexadecimal.get(at..at + 2)?, 16).ok();
    (hexadecimal.len() == 64).then(|| (0..64).step_by(2).map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shield_that_has_the_purges_is_believed() {
        let edge = Network::new(b"secret".to_vec(), 7);
        let check = |secret: &str, applied: u64| {
            let question = edge.question();
            let shield = Network::new(secret.as_bytes().to_vec(), applied);
            question.check(shield.answer(&question.value()).as_ref())
        };
        assert_eq!(check("secret", 7), Ok(()));
        assert_eq!(check("secret", 8), Ok(()));
        assert_eq!(check("secret", 6), Err(BEHIND));
        assert_eq!(check("another", 7), Err(FOREIGN));
        let (first, second) = (edge.question(), edge.question());
        assert_eq!(second.check(edge.answer(&first.value()).as_ref()), Err(FOREIGN), "an answer counts once");
        for wrong in ["", "7", "7 ", "7 00", "x 00"] {
            let value = HeaderValue::from_static(wrong);
            assert_eq!(edge.question().check(Some(&value)), Err(FOREIGN), "{wrong:?}");
        }
        assert_eq!(edge.question().check(None), Err(FOREIGN));
        assert_eq!(edge.answer(&HeaderValue::from_static("short")), None);
    }
}
