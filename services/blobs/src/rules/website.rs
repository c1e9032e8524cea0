//! Buckets as websites: index and error documents, redirects, routing rules.

use serde::{Deserialize, Serialize};

use super::names;
use super::setting::Setting;
use crate::error::{Code, Error, Result, shown};
use crate::limits::{HOST_BYTES_MAX, KEY_BYTES_MAX, ROUTING_RULES_MAX};

/// A bucket's website, with the elements of S3's document. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Website {
    /// `IndexDocument`: what is appended to a key that ends with a slash.
    pub index_suffix: Option<String>,
    /// `ErrorDocument`: the key of what is shown for errors.
    pub error_key: Option<String>,
    /// `RedirectAllRequestsTo`; alone.
    pub redirect_all: Option<RedirectAll>,
    /// `RoutingRules`.
    pub rules: Vec<RoutingRule>,
}

impl Setting for Website {
    const NAME: &'static str = "website configuration";
    const VERSION: u32 = 1;
}

/// Where all requests go. *Persisted.*
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectAll {
    /// The host.
    pub host: String,
    /// `http` or `https`; else that of the request.
    pub protocol: Option<String>,
}

/// A routing rule. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutingRule {
    /// What the key must begin with.
    pub if_prefix: Option<String>,
    /// The error with which the request would be answered.
    pub if_error: Option<u16>,
    /// The new host.
    pub host: Option<String>,
    /// The new protocol.
    pub protocol: Option<String>,
    /// What replaces the prefix of the condition.
    pub replace_prefix: Option<String>,
    /// What replaces the key.
    pub replace_key: Option<String>,
    /// The status; else 301.
    pub status: Option<u16>,
}

/// Where a request is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301 to 308.
    pub status: u16,
    /// `Location`.
    pub location: String,
}

/// Where a request came to.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `http` or `https`.
    pub protocol: &'a str,
    /// The host that it named.
    pub host: &'a str,
    /// The key: its path without the first slash, decoded.
    pub key: &'a str,
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, text)
}

fn check_target(host: Option<&str>, protocol: Option<&str>) -> Result<()> {
    let is_host = |host: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(legal)
    };
    if let Some(host) = host.filter(|host| !is_host(host)) {
        return Err(invalid(format!("HostName \"{}\" is not the name of a host", shown(host))));
    }
    match protocol {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(Error::new(
            Code::InvalidRequest,
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
        )),
    }
}

fn check_key(name: &str, key: Option<&String>) -> Result<()> {
    match key.filter(|key| key.len() > KEY_BYTES_MAX) {
        None => Ok(()),
        Some(key) => Err(invalid(format!("{name} has {} bytes; {KEY_BYTES_MAX} are allowed", key.len()))),
    }
}

impl Website {
    /// Checks a configuration that a client sent.
    pub fn check(&self) -> Result<()> {
        if let Some(all) = &self.redirect_all {
            if self.index_suffix.is_some() || self.error_key.is_some() || !self.rules.is_empty() {
                let text =
                    "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.";
                return Err(Error::new(Code::InvalidRequest, text));
            }
            return check_target(Some(&all.host), all.protocol.as_deref());
        }
        let Some(suffix) = &self.index_suffix else {
            let text = "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty";
            return Err(invalid(text));
        };
        if suffix.is_empty() || suffix.contains('/') || suffix.len() > KEY_BYTES_MAX {
            return Err(invalid(format!(
                "The IndexDocument Suffix is not well formed: \"{}\"",
                shown(suffix)
            )));
        }
        if self.error_key.as_ref().is_some_and(String::is_empty) {
            return Err(invalid("The ErrorDocument Key is not well formed: it is empty"));
        }
        check_key("The ErrorDocument Key", self.error_key.as_ref())?;
        if self.rules.len() > ROUTING_RULES_MAX {
            let count = self.rules.len();
            let text =
                format!("The number of routing rules must not exceed {ROUTING_RULES_MAX}; there are {count}");
            return Err(Error::new(Code::InvalidRequest, text));
        }
        self.rules.iter().try_for_each(RoutingRule::check)
    }

    /// The key that is looked for: with the index document's name, where it ends like a folder.
    pub fn key(&self, asked: &str) -> String {
        let suffix = self.index_suffix.as_deref().filter(|_| asked.is_empty() || asked.ends_with('/'));
        format!("{asked}{}", suffix.unwrap_or_default())
    }

    /// Where a key that is not there may be a folder: the key whose being there makes it one, and the redirect then.
    pub fn folder(&self, asked: &str) -> Option<(String, Redirect)> {
        let suffix = self.index_suffix.as_deref().filter(|_| !asked.is_empty() && !asked.ends_with('/'))?;
        let location = format!("/{}/", names::url_encode(asked));
        Some((format!("{asked}/{suffix}"), Redirect { status: 302, location }))
    }

    /// Where a request goes before its key is looked for.
    pub fn redirect(&self, request: &Request<'_>) -> Option<Redirect> {
        if let Some(all) = &self.redirect_all {
            let protocol = all.protocol.as_deref().unwrap_or(request.protocol);
            let location = format!("{protocol}://{}/{}", all.host, names::url_encode(request.key));
            return Some(Redirect { status: 301, location });
        }
        let rules = self.rules.iter().filter(|rule| rule.if_error.is_none());
        rules.filter(|rule| rule.fits(request.key)).map(|rule| rule.redirect(request)).next()
    }

    /// Where a request goes that would be answered with an error.
    pub fn redirect_error(&self, request: &Request<'_>, status: u16) -> Option<Redirect> {
        let rules = self.rules.iter().filter(|rule| rule.if_error == Some(status));
        rules.filter(|rule| rule.fits(request.key)).map(|rule| rule.redirect(request)).next()
    }
}

impl RoutingRule {
    fn check(&self) -> Result<()> {
        let wrong = |text: &str| Err(Error::new(Code::InvalidRequest, text));
        check_target(self.host.as_deref(), self.protocol.as_deref())?;
        check_key("KeyPrefixEquals", self.if_prefix.as_ref())?;
        check_key("ReplaceKeyPrefixWith", self.replace_prefix.as_ref())?;
        check_key("ReplaceKeyWith", self.replace_key.as_ref())?;
        if self.replace_prefix.is_some() && self.replace_key.is_some() {
            return wrong("You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
        }
        if let Some(code) = self.if_error.filter(|code| !(400..600).contains(code)) {
            return wrong(&format!(
                "The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX."
            ));
        }
        if let Some(code) = self.status.filter(|code| !(301..=308).contains(code) || *code == 306) {
            return wrong(&format!(
                "The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."
            ));
        }
        let says_nothing = self.host.is_none()
            && self.protocol.is_none()
            && self.replace_prefix.is_none()
            && self.replace_key.is_none()
            && self.status.is_none();
        if says_nothing { wrong("A Redirect must say at least one thing.") } else { Ok(()) }
    }

    fn fits(&self, key: &str) -> bool {
        self.if_prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix.as_str()))
    }

    fn redirect(&self, request: &Request<'_>) -> Redirect {
        let prefix = self.if_prefix.as_deref().unwrap_or_default();
        let rest = request.key.strip_prefix(prefix).unwrap_or(request.key);
        let key = match (&self.replace_key, &self.replace_prefix) {
            (Some(key), _) => key.clone(),
            (None, Some(with)) => format!("{with}{rest}"),
            (None, None) => request.key.to_owned(),
        };
        let protocol = self.protocol.as_deref().unwrap_or(request.protocol);
        let host = self.host.as_deref().unwrap_or(request.host);
        let location = format!("{protocol}://{host}/{}", names::url_encode(&key));
        Redirect { status: self.status.unwrap_or(301), location }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::setting;

    #[expect(clippy::unnecessary_wraps, reason = "as the rows have it")]
    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn with_rule(rule: RoutingRule) -> Website {
        Website { index_suffix: text("index.html"), rules: vec![rule], ..Website::default() }
    }

    fn all(host: &str, protocol: Option<&str>) -> Website {
        let redirect_all = Some(RedirectAll { host: host.to_owned(), protocol: protocol.map(str::to_owned) });
        Website { redirect_all, ..Website::default() }
    }

    #[test]
    fn configurations_are_checked() {
        let index = |suffix: &str| Website { index_suffix: text(suffix), ..Website::default() };
        let key = RoutingRule { replace_key: text("x"), ..RoutingRule::default() };
        for (website, expected) in [
            (index("index.html"), ""),
            (Website { error_key: text("e/404.html"), ..index("i") }, ""),
            (all("a.com:8080", Some("https")), ""),
            (with_rule(key.clone()), ""),
            (Website::default(), "InvalidArgument: A value for IndexDocument"),
            (index(""), "InvalidArgument: The IndexDocument Suffix"),
            (index("a/b"), "InvalidArgument: The IndexDocument Suffix"),
            (Website { error_key: text(""), ..index("i") }, "ErrorDocument Key"),
            (Website { error_key: Some("e".repeat(1_025)), ..index("i") }, "1025 bytes"),
            (Website { index_suffix: text("i"), ..all("a", None) }, "RedirectAllRequestsTo cannot"),
            (all("a/b", None), "HostName \"a/b\""),
            (all("", None), "HostName \"\""),
            (all("a\r\nb", None), "HostName"),
            (all("a", Some("ftp")), "Invalid protocol"),
            (with_rule(RoutingRule::default()), "at least one thing"),
            (with_rule(RoutingRule { replace_prefix: text("y"), ..key.clone() }), "but not both"),
            (with_rule(RoutingRule { if_error: Some(200), ..key.clone() }), "error code (200)"),
            (with_rule(RoutingRule { status: Some(300), ..key.clone() }), "redirect code (300)"),
            (with_rule(RoutingRule { status: Some(404), ..key.clone() }), "redirect code (404)"),
            (Website { rules: vec![key; 51], ..index("i") }, "must not exceed 50"),
        ] {
            match website.check() {
                Ok(()) => {
                    assert_eq!(expected, "", "{website:?}");
                    assert_eq!(setting::decode(&setting::encode(&website)), Ok(website));
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(!expected.is_empty() && text.contains(expected), "{text} lacks {expected}");
                }
            }
        }
    }

    #[test]
    fn requests_are_routed() {
        let rule = RoutingRule {
            if_prefix: text("docs/"),
            replace_prefix: text("documents/"),
            ..RoutingRule::default()
        };
        let on_error = RoutingRule {
            if_error: Some(404),
            host: text("b.com"),
            protocol: text("https"),
            replace_key: text("lost"),
            status: Some(302),
            ..RoutingRule::default()
        };
        let whole = RoutingRule { if_prefix: text("x"), host: text("c.com"), ..RoutingRule::default() };
        let website = Website { rules: vec![rule, on_error, whole], ..with_rule(RoutingRule::default()) };
        for (key, error, expected) in [
            ("docs/a b", None, Some((301, "http://a.com/documents/a%20b"))),
            ("other", None, None),
            ("other", Some(404), Some((302, "https://b.com/lost"))),
            ("other", Some(403), None),
            ("x/y", None, Some((301, "http://c.com/x/y"))),
        ] {
            let request = Request { protocol: "http", host: "a.com", key };
            let found = match error {
                None => website.redirect(&request),
                Some(status) => website.redirect_error(&request, status),
            };
            let found = found.as_ref().map(|redirect| (redirect.status, redirect.location.as_str()));
            assert_eq!(found, expected, "{key} {error:?}");
        }
        let request = Request { protocol: "http", host: "a.com", key: "k?\r\n" };
        let found = all("b.com", Some("https")).redirect(&request).unwrap();
        assert_eq!(found, Redirect { status: 301, location: "https://b.com/k%3F%0D%0A".to_owned() });
    }

    #[test]
    fn folders_have_an_index() {
        let website = Website { index_suffix: text("index.html"), ..Website::default() };
        for (asked, key, folder) in [
            ("", "index.html", None),
            ("a/", "a/index.html", None),
            ("a", "a", Some(("a/index.html", "/a/"))),
            ("a b/c", "a b/c", Some(("a b/c/index.html", "/a%20b/c/"))),
        ] {
            assert_eq!(website.key(asked), key);
            let found = website.folder(asked).map(|(key, redirect)| (key, redirect.location));
            assert_eq!(found, folder.map(|(key, location)| (key.to_owned(), location.to_owned())), "{asked}");
        }
    }
}
