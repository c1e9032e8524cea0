//! Signed links ([`crate::link`] has their form): in the query, or in a cookie for a folder. They say what may be fetched until when, not who asks.

use crate::limits;
use crate::link::{self, Link as Told, PARAMETERS, Reach, is_folder};
use crate::parts::Parts;
use crate::request::{RequestFacts, decoded};
use crate::secret::Clear;
use crate::verdict::{Found, Refusal};
use base64ct::{Base64UrlUnpadded, Encoding};
use bole_gateway_document::access::Link as Settings;
use bole_gateway_document::network::Network;
use bole_gateway_document::path::Path;
use std::collections::BTreeMap;
use std::time::Duration;

/// A login by signed links.
#[derive(Debug)]
pub(crate) struct Link {
    keys: BTreeMap<String, Clear>,
    pub(crate) cookie: String,
    longest: Option<Duration>,
}

/// The parameters of a link, decoded, by their places in [`PARAMETERS`], and what else there is.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    values: [Option<String>; PARAMETERS.len()],
    rest: String,
}

impl Link {
    pub(crate) fn new(settings: &Settings, parts: &Parts) -> Result<Self, String> {
        let mut keys = BTreeMap::new();
        for (id, secret) in &settings.keys {
            let clear = link::secret(&secret.0, &*parts.secrets);
            keys.insert(id.clone(), Clear(clear.map_err(|error| format!("key {id:?}: {error}"))?));
        }
        if keys.is_empty() {
            return Err("there is no key that could have signed a link; give one under keys".to_owned());
        }
        let longest = settings.longest.map(|longest| longest.0);
        Ok(Self { keys, cookie: settings.cookie.clone(), longest })
    }

    pub(crate) fn decide(&self, facts: &RequestFacts<'_>, parts: &Parts) -> Found {
        let query = facts.query().unwrap_or_default();
        let shown = match shown(query) {
            Ok(shown) if shown.is_link() => Ok((shown, false)),
            Ok(others) => match facts.cookie(&self.cookie) {
                Some(cookie) => self::shown(cookie).map(|shown| (Shown { rest: others.rest, ..shown }, true)),
                None => return Found::Nothing,
            },
            Err(refusal) => Err(refusal),
        };
        match shown.and_then(|(shown, in_cookie)| self.check(facts, &shown, in_cookie, parts)) {
            Ok(()) => Found::Somebody(Box::default()),
            Err(refusal) => Found::Refused(refusal),
        }
    }

    fn check(
        &self,
        facts: &RequestFacts<'_>,
        shown: &Shown,
        in_cookie: bool,
        parts: &Parts,
    ) -> Result<(), Refusal> {
        let [key, until, from, under, network, signature] = shown.values.each_ref().map(Option::as_deref);
        let (Some(key), Some(until), Some(signature)) = (key, until, signature) else {
            return Err(Refusal::malformed("a signed link has link-key, link-until and link-signature"));
        };
        let until = seconds(until, "link-until")?;
        let from = from.map(|from| seconds(from, "link-from")).transpose()?;
        let path = Path::of(facts.path()).map_err(|_| Refusal::malformed("the path cannot be read"))?;
        let reach = match under {
            Some(folder) if is_folder(folder) && path.as_str().starts_with(folder) => Reach::Under(folder),
            Some(folder) if is_folder(folder) => return Err(wrong("the link is for another folder")),
            Some(_) => return Err(Refusal::malformed("link-under is a folder: /videos/")),
            None if in_cookie => return Err(Refusal::malformed("a link in a cookie has link-under")),
            None => Reach::Path(path.as_str(), &shown.rest),
        };
        let link = Told { authority: facts.authority, reach, key, until, from, network };
        let signature = Base64UrlUnpadded::decode_vec(signature)
            .map_err(|_| Refusal::malformed("link-signature is base64url without padding"))?;
        // Whether the key or the signature was wrong is not told apart; what the link says is believed only after.
        if !self.keys.get(key).is_some_and(|secret| link.is_signed(&secret.0, &signature)) {
            return Err(wrong("the link's key or signature is wrong, or it is for another URL"));
        }
        if let Some(network) = network {
            let network = Network::parse(network).ok_or_else(|| wrong("link-net is no network"))?;
            if !network.contains(facts.client) {
                return Err(wrong("the link is for another network"));
            }
        }
        self.timely(&link, parts.now_ms() / 1_000)?;
        if !matches!(facts.head.method, http::Method::GET | http::Method::HEAD) {
            return Err(wrong("a link is good for GET and HEAD"));
        }
        Ok(())
    }

    fn timely(&self, link: &Told<'_>, now: u64) -> Result<(), Refusal> {
        if now >= link.until {
            return Err(Refusal::forbidden("link-expired", "the link has expired; ask for a new one"));
        }
        if link.from.is_some_and(|from| now < from) {
            return Err(wrong("the link is not good yet"));
        }
        let longest = self.longest.map_or(u64::MAX, |longest| longest.as_secs());
        if link.until - now > longest {
            return Err(wrong("the link is good for longer than links may be here"));
        }
        Ok(())
    }
}

impl Shown {
    /// Whether it is meant as one.
    fn is_link(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }
}

fn wrong(detail: &str) -> Refusal {
    Refusal::forbidden("link", detail)
}

fn seconds(text: &str, name: &str) -> Result<u64, Refusal> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| Refusal::malformed(format!("{name} is a number of seconds")))
}

/// Reads a query. A parameter whose name another reader could take for one of a link's is refused.
fn shown(query: &str) -> Result<Shown, Refusal> {
    let mut shown = Shown::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = PARAMETERS.iter().position(|known| *known == name);
        if let Some(place) = known {
            if value.len() > limits::LINK_VALUE_BYTES_MAX {
                return Err(Refusal::malformed(format!("{name} is too long")));
            }
            let value = decoded(value).and_then(|bytes| String::from_utf8(bytes).ok());
            let value = value.filter(|value| !value.contains(char::is_control));
            let value = value.ok_or_else(|| Refusal::malformed(format!("{name} is no text")))?;
            if shown.values[place].replace(value).is_some() {
                return Err(Refusal::malformed(format!("the link has {name} twice")));
            }
            continue;
        }
        if decoded(name).is_some_and(|name| name.starts_with(b"link-")) {
            return Err(Refusal::malformed(
                "parameters of links are link-key, link-until, link-from, link-under, link-net and link-signature, each written so",
            ));
        }
        if !shown.rest.is_empty() || !pair.is_empty() {
            if !shown.rest.is_empty() {
                shown.rest.push('&');
            }
            shown.rest.push_str(pair);
        }
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_are_read_and_what_is_beside_them_is_kept_as_it_is() {
        let read =
            |query: &str| shown(query).map(|shown| (shown.rest.clone(), shown.is_link())).map_err(|_| ());
        for (query, expected) in [
            ("", Ok(("", false))),
            ("a=1&b=%41", Ok(("a=1&b=%41", false))),
            ("a=1&link-key=x&b=2&link-until=5", Ok(("a=1&b=2", true))),
            ("link-key=x&link-key=x", Err(())),
            ("link-k%65y=x", Err(())),
            ("link-other=x", Err(())),
            ("link-key=%ff", Err(())),
            ("link-key=a%0ab", Err(())),
            ("link=1&linked=2", Ok(("link=1&linked=2", false))),
        ] {
            assert_eq!(read(query), expected.map(|(rest, is)| (rest.to_owned(), is)), "{query}");
        }
        assert!(shown(&format!("link-net={}", "1".repeat(limits::LINK_VALUE_BYTES_MAX + 1))).is_err());
    }

    proptest! {
        #[test]
        fn a_link_is_good_for_what_was_signed_alone(
            path in "/[a-z]{1,8}", query in "(x=[a-z0-9]{0,4})?", until in 1_u64.., from in proptest::option::of(0_u64..9),
            other in "[a-z/]{1,9}", secret in "[ -~]{16,40}",
        ) {
            let link = Told { authority: "a", reach: Reach::Path(&path, &query), key: "k", until, from, network: None };
            let told = shown(&link.sign(secret.as_bytes())).unwrap_or_default();
            let signature = Base64UrlUnpadded::decode_vec(told.values[5].as_deref().unwrap_or("")).unwrap_or_default();
            prop_assert!(link.is_signed(secret.as_bytes(), &signature));
            let folder = format!("{path}/");
            for changed in [
                Told { authority: "b", ..link },
                Told { reach: Reach::Path(&path, "y=1"), ..link },
                Told { reach: Reach::Under(&folder), ..link },
                Told { key: &other, ..link },
                Told { until: until - 1, ..link },
                Told { from: Some(10), ..link },
                Told { network: Some("10.0.0.0/8"), ..link },
            ] {
                prop_assert!(changed == link || !changed.is_signed(secret.as_bytes(), &signature));
            }
        }

        #[test]
        fn any_query_is_survived(query: String) {
            let _ = shown(&query);
        }
    }
}
