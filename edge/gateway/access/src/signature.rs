//! Signatures over a request's head by a consumer's secret (RFC 9421, `hmac-sha256`).
//!
//! Method, path and authority are always covered, the query where there is one, and whatever else the login asks for. What is signed is
//! good for the login's `clock_skew` around `created`. A signature with a `nonce` is taken once. Without one, a method that is not
//! safe is taken once; a safe one may come again, since who asks twice within a second signs the same.

pub(crate) mod base;
pub mod digest;
pub(crate) mod fields;

use crate::consumers::Consumers;
use crate::limits;
use crate::parts::Parts;
use crate::remembered::Inserted;
use crate::request::RequestFacts;
use crate::signature::base::Component;
use crate::signature::digest::BodyCheck;
use crate::signature::fields::{Bare, Item, Member, Params};
use crate::verdict::{Claimed, Found, Refusal};
use hmac::{Hmac, Mac};
use http::header::HeaderName;
use sha2::Sha256;
use std::time::Duration;

const INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const CHALLENGE: &str = "Signature";

#[derive(Debug)]
pub(crate) struct Signature {
    clock_skew: Duration,
    components: Vec<Component>,
}

/// A signature with what it says of itself.
struct Shown {
    input: Member,
    bytes: Vec<u8>,
}

impl Signature {
    pub(crate) fn new(clock_skew: Duration, components: &[String]) -> Result<Self, String> {
        if clock_skew.is_zero() || clock_skew > Duration::from_hours(24) {
            return Err("clock_skew is how old a signature may be: above 0, at most 1d".to_owned());
        }
        let read =
            |name: &String| Component::new(&Item { value: Bare::String(name.clone()), params: Vec::new() });
        let components = components.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { clock_skew, components })
    }

    pub(crate) fn challenge() -> String {
        CHALLENGE.to_owned()
    }

    pub(crate) fn decide(&self, facts: &RequestFacts<'_>, consumers: &Consumers, parts: &Parts) -> Found {
        if !facts.headers().contains_key(&INPUT) && !facts.headers().contains_key(&SIGNATURE) {
            return Found::Nothing;
        }
        match self.check(facts, consumers, parts) {
            Ok(claimed) => Found::Somebody(Box::new(claimed)),
            Err(refusal) if refusal.status == http::StatusCode::UNAUTHORIZED => {
                Found::Refused(refusal.with_challenge(CHALLENGE))
            }
            Err(refusal) => Found::Refused(refusal),
        }
    }

    fn check(
        &self,
        facts: &RequestFacts<'_>,
        consumers: &Consumers,
        parts: &Parts,
    ) -> Result<Claimed, Refusal> {
        let shown = shown(facts)?;
        let params = &shown.input.params;
        let key_id = text(params, "keyid")?.ok_or_else(|| wrong("the signature names no key (keyid)"))?;
        if text(params, "alg")?.is_some_and(|algorithm| algorithm != "hmac-sha256") {
            return Err(wrong("the signature's algorithm is not hmac-sha256"));
        }
        let until_ms = self.timely(params, parts.now_ms())?;
        let components = covered(&shown.input)?;
        self.covers(&components, facts)?;
        let base = base::base(&components, &shown.input, facts).map_err(Refusal::malformed)?;
        // Whether the key or the signature was wrong is not told apart.
        let right = consumers.by_key_id(key_id).filter(|(_, secret)| signed(&secret.0, &base, &shown.bytes));
        let (consumer, _) = right.ok_or_else(|| wrong("the signature's key or the signature is wrong"))?;
        let body = if components.iter().any(Component::is_content_digest) {
            Some(BodyCheck::new(facts.headers()).map_err(Refusal::malformed)?)
        } else {
            None
        };
        once(params, &shown.bytes, key_id, until_ms, facts, parts)?;
        Ok(Claimed { consumer: Some(consumer.to_owned()), body, ..Claimed::default() })
    }

    /// Until when it is good.
    fn timely(&self, params: &Params, now_ms: u64) -> Result<u64, Refusal> {
        let created = integer(params, "created")?
            .ok_or_else(|| wrong("the signature does not say when it was made"))?;
        let (created_ms, skew_ms) = (created.saturating_mul(1_000), self.clock_skew.as_millis() as i64);
        let now = now_ms as i64;
        // A second has passed somewhere within it.
        let age = now.saturating_sub(created_ms);
        if age > skew_ms || age < -skew_ms {
            return Err(wrong("the signature's time is too far from now"));
        }
        let expires = integer(params, "expires")?;
        if expires.is_some_and(|expires| now >= expires.saturating_mul(1_000)) {
            return Err(wrong("the signature has expired"));
        }
        Ok(created_ms.saturating_add(skew_ms).max(0) as u64 + 1)
    }

    fn covers(&self, covered: &[Component], facts: &RequestFacts<'_>) -> Result<(), Refusal> {
        let has = |names: &[&str]| names.iter().any(|name| covered.iter().any(|one| one.is(name)));
        let mut missing: Vec<String> = Vec::new();
        let mut ask = |name: &str, covered: bool| {
            if !covered {
                missing.push(name.to_owned());
            }
        };
        ask("@method", has(&["@method"]));
        ask("@path", has(&["@path", "@target-uri", "@request-target"]));
        ask("@authority", has(&["@authority", "@target-uri"]));
        ask("@query", facts.query().is_none() || has(&["@query", "@target-uri", "@request-target"]));
        for wanted in &self.components {
            ask(wanted.name(), covered.contains(wanted));
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(wrong(format!("the signature does not cover {}", missing.join(", "))))
    }
}

fn wrong(detail: impl Into<String>) -> Refusal {
    Refusal::credentials("signature", detail)
}

fn malformed(_: fields::Malformed) -> Refusal {
    Refusal::malformed("Signature-Input or Signature is no dictionary of structured fields")
}

/// The request's one signature.
fn shown(facts: &RequestFacts<'_>) -> Result<Shown, Refusal> {
    let dictionary = |name: &HeaderName| {
        let values: Vec<&[u8]> =
            facts.headers().get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
        fields::dictionary(&values.join(&b", "[..])).map_err(malformed)
    };
    let (mut inputs, mut signatures) = (dictionary(&INPUT)?, dictionary(&SIGNATURE)?);
    let (Some((label, input)), Some((of, signature))) = (inputs.pop(), signatures.pop()) else {
        return Err(Refusal::malformed("the request needs both Signature-Input and Signature"));
    };
    if !inputs.is_empty() || !signatures.is_empty() {
        return Err(Refusal::malformed("the request has several signatures; one is taken"));
    }
    match signature.value {
        fields::Value::Item(Bare::Bytes(bytes)) if label == of => Ok(Shown { input, bytes }),
        fields::Value::Item(Bare::Bytes(_)) => {
            Err(Refusal::malformed("Signature-Input and Signature have different labels"))
        }
        _ => Err(Refusal::malformed("the signature is no byte sequence (:base64:)")),
    }
}

fn covered(input: &Member) -> Result<Vec<Component>, Refusal> {
    let fields::Value::List(items) = &input.value else {
        return Err(Refusal::malformed("what the signature covers is no list"));
    };
    if items.len() > limits::COMPONENTS_MAX {
        return Err(Refusal::malformed(format!(
            "the signature covers more than {} components",
            limits::COMPONENTS_MAX
        )));
    }
    let components: Vec<Component> =
        items.iter().map(Component::new).collect::<Result<_, _>>().map_err(Refusal::malformed)?;
    for (index, component) in components.iter().enumerate() {
        if components[..index].contains(component) {
            return Err(Refusal::malformed("the signature covers a component twice"));
        }
    }
    Ok(components)
}

fn text<'a>(params: &'a Params, name: &str) -> Result<Option<&'a str>, Refusal> {
    match fields::param(params, name) {
        None => Ok(None),
        Some(Bare::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::malformed(format!("the signature's {name} is no string"))),
    }
}

fn integer(params: &Params, name: &str) -> Result<Option<i64>, Refusal> {
    match fields::param(params, name) {
        None => Ok(None),
        Some(Bare::Integer(number)) => Ok(Some(*number)),
        Some(_) => Err(Refusal::malformed(format!("the signature's {name} is no integer"))),
    }
}

/// In constant time.
fn signed(secret: &[u8], base: &[u8], signature: &[u8]) -> bool {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    let mut mac = mac.expect("invariant: HMAC takes keys of any length");
    mac.update(base);
    mac.verify_slice(signature).is_ok()
}

/// Refuses what was there before.
fn once(
    params: &Params,
    signature: &[u8],
    key_id: &str,
    until_ms: u64,
    facts: &RequestFacts<'_>,
    parts: &Parts,
) -> Result<(), Refusal> {
    let memory = &parts.memory;
    let key = match text(params, "nonce")? {
        Some(nonce) => memory.fingerprint(&[b"nonce", key_id.as_bytes(), nonce.as_bytes()]),
        None if facts.head.method.is_safe() => return Ok(()),
        None => memory.fingerprint(&[b"signature", key_id.as_bytes(), signature]),
    };
    match memory.replays.lock().insert_new(key, (), until_ms, parts.now_ms()) {
        Inserted::New => Ok(()),
        Inserted::Known => {
            Err(wrong("the signature was used before; sign each request anew, with a nonce of its own"))
        }
        Inserted::Full => {
            Err(Refusal::unavailable("signatures cannot be checked now: too many are remembered"))
        }
    }
}

#[cfg(test)]
mod tests;
