//! Cross-origin requests: the rules of a bucket, and what a preflight and an actual response say by them.
//!
//! The first rule that fits decides, as in S3. Origins and headers may have one `*` each.

use serde::{Deserialize, Serialize};

use super::setting::Setting;
use crate::error::{Code, Error, Result, shown};
use crate::limits::{CORS_LIST_MAX, CORS_RULES_MAX, CORS_TEXT_BYTES_MAX, RULE_ID_CHARS_MAX};

/// A bucket's rules. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cors(pub Vec<Rule>);

impl Setting for Cors {
    const NAME: &'static str = "CORS configuration";
    const VERSION: u32 = 1;
}

/// A rule, with the elements of S3's document. *Persisted.*
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `ID`.
    pub id: Option<String>,
    /// `AllowedOrigin`.
    pub origins: Vec<String>,
    /// `AllowedMethod`.
    pub methods: Vec<String>,
    /// `AllowedHeader`.
    pub headers: Vec<String>,
    /// `ExposeHeader`.
    pub expose: Vec<String>,
    /// `MaxAgeSeconds`.
    pub max_age_seconds: Option<u32>,
}

/// Methods that rules may allow.
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

impl Cors {
    /// Checks a configuration that a client sent.
    pub fn check(&self) -> Result<()> {
        if self.0.is_empty() || self.0.len() > CORS_RULES_MAX {
            let text = format!(
                "A CORS configuration has 1 to {CORS_RULES_MAX} rules; this one has {}",
                self.0.len()
            );
            return Err(Error::new(Code::MalformedXML, text));
        }
        self.0.iter().try_for_each(Rule::check)
    }

    /// What an `OPTIONS` request is answered; an error where no rule allows what it asks for.
    pub fn preflight(&self, origin: &str, method: &str, headers: Option<&str>) -> Result<Answer> {
        let asked: Vec<&str> =
            headers.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let fitting = self.0.iter().find_map(|rule| {
            let allowed = rule.origin(origin).filter(|_| rule.allows_method(method))?;
            asked.iter().all(|name| rule.allows_header(name)).then(|| rule.answer(allowed, origin, &asked))
        });
        fitting.ok_or_else(|| {
            Error::new(
                Code::AccessForbidden,
                "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
            )
        })
    }

    /// What the answer to an actual request says as well; nothing where no rule allows it, which the browser then enforces.
    pub fn actual(&self, origin: &str, method: &str) -> Option<Answer> {
        self.0.iter().find_map(|rule| {
            let allowed = rule.origin(origin).filter(|_| rule.allows_method(method))?;
            Some(rule.answer(allowed, origin, &[]))
        })
    }
}

/// Headers of an answer. All answers vary by [`VARY`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `Access-Control-Allow-Origin`.
    pub allow_origin: String,
    /// `Access-Control-Allow-Credentials: true`, where the origin is named rather than any.
    pub allow_credentials: bool,
    /// `Access-Control-Allow-Methods`.
    pub allow_methods: String,
    /// `Access-Control-Allow-Headers`: those that a preflight asked for.
    pub allow_headers: Option<String>,
    /// `Access-Control-Expose-Headers`.
    pub expose_headers: Option<String>,
    /// `Access-Control-Max-Age`.
    pub max_age_seconds: Option<u32>,
}

/// `Vary` of everything that a bucket with rules answers.
pub const VARY: &str = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

impl Rule {
    fn check(&self) -> Result<()> {
        let malformed = |text: String| Err(Error::new(Code::MalformedXML, text));
        let wrong = |text: String| Err(Error::new(Code::InvalidRequest, text));
        if self.origins.is_empty() || self.methods.is_empty() {
            return malformed("A CORS rule has at least one AllowedOrigin and one AllowedMethod".to_owned());
        }
        if self.id.as_ref().is_some_and(|id| id.chars().count() > RULE_ID_CHARS_MAX) {
            return malformed(format!("The ID of a CORS rule has at most {RULE_ID_CHARS_MAX} characters"));
        }
        if let Some(method) = self.methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            let method = shown(method);
            return wrong(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            ));
        }
        for (name, list, wildcards) in [
            ("AllowedOrigin", &self.origins, 1),
            ("AllowedHeader", &self.headers, 1),
            ("ExposeHeader", &self.expose, 0),
        ] {
            if list.len() > CORS_LIST_MAX {
                return malformed(format!("A CORS rule has at most {CORS_LIST_MAX} times {name}"));
            }
            for text in list {
                if text.is_empty() || text.len() > CORS_TEXT_BYTES_MAX || text.chars().any(char::is_control) {
                    return wrong(format!(
                        "{name} \"{}\" is not 1 to {CORS_TEXT_BYTES_MAX} bytes of text",
                        shown(text)
                    ));
                }
                if text.matches('*').count() > wildcards {
                    return wrong(format!(
                        "{name} \"{}\" can not have more than {wildcards} wildcard.",
                        shown(text)
                    ));
                }
            }
        }
        Ok(())
    }

    /// The pattern that an origin fits.
    fn origin(&self, origin: &str) -> Option<&str> {
        self.origins.iter().map(String::as_str).find(|pattern| fits(pattern, origin))
    }

    fn allows_method(&self, method: &str) -> bool {
        self.methods.iter().any(|allowed| allowed == method)
    }

    fn allows_header(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        self.headers.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), &lower))
    }

    fn answer(&self, pattern: &str, origin: &str, asked: &[&str]) -> Answer {
        let joined = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
        let any = pattern == "*";
        Answer {
            allow_origin: if any { "*" } else { origin }.to_owned(),
            allow_credentials: !any,
            allow_methods: self.methods.join(", "),
            allow_headers: (!asked.is_empty()).then(|| asked.join(", ").to_ascii_lowercase()),
            expose_headers: joined(&self.expose),
            max_age_seconds: self.max_age_seconds,
        }
    }
}

/// Whether a text is what a pattern with at most one star says.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::setting;

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn rule(origins: &str, methods: &str, headers: &str, expose: &str) -> Rule {
        Rule {
            origins: list(origins),
            methods: list(methods),
            headers: list(headers),
            expose: list(expose),
            ..Rule::default()
        }
    }

    #[test]
    fn configurations_are_checked() {
        let long = "x".repeat(1_025);
        for (rules, expected) in [
            (vec![rule("*", "GET", "x-* *", "x")], ""),
            (vec![rule("https://*.a.com http://b", "GET PUT POST DELETE HEAD", "", "")], ""),
            (vec![], "MalformedXML: A CORS configuration has 1 to 100"),
            (vec![rule("*", "GET", "", ""); 101], "MalformedXML: A CORS configuration has 1 to 100"),
            (vec![rule("", "GET", "", "")], "MalformedXML: A CORS rule has at least"),
            (vec![rule("*", "", "", "")], "MalformedXML: A CORS rule has at least"),
            (vec![rule("*", "get", "", "")], "Unsupported method is get"),
            (vec![rule("*", "OPTIONS", "", "")], "Unsupported method is OPTIONS"),
            (vec![rule("*.*", "GET", "", "")], "AllowedOrigin \"*.*\" can not have more than 1"),
            (vec![rule("*", "GET", "**", "")], "AllowedHeader \"**\" can not have more than 1"),
            (vec![rule("*", "GET", "", "x-*")], "ExposeHeader \"x-*\" can not have more than 0"),
            (vec![rule(&long, "GET", "", "")], "is not 1 to 1024 bytes"),
            (vec![rule(&"a ".repeat(101), "GET", "", "")], "at most 100 times AllowedOrigin"),
            (vec![Rule { id: Some("x".repeat(256)), ..rule("*", "GET", "", "") }], "at most 255 characters"),
        ] {
            let cors = Cors(rules);
            match cors.check() {
                Ok(()) => {
                    assert_eq!(expected, "", "{cors:?}");
                    assert_eq!(setting::decode(&setting::encode(&cors)), Ok(cors));
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(!expected.is_empty() && text.contains(expected), "{text} lacks {expected}");
                }
            }
        }
    }

    #[test]
    fn requests_are_answered() {
        let aged =
            Rule { max_age_seconds: Some(60), ..rule("https://*.a.com", "GET PUT", "X-Amz-*", "ETag x-b") };
        let cors = Cors(vec![aged, rule("*suffix", "GET", "", ""), rule("*", "HEAD", "*", "")]);
        // Origin, method, headers; the origin that is allowed, for a preflight and for the actual request.
        for (origin, method, headers, preflight, actual) in [
            ("https://x.a.com", "GET", None, Some("https://x.a.com"), Some("https://x.a.com")),
            (
                "https://x.a.com",
                "PUT",
                Some("x-amz-date, X-AMZ-ACL"),
                Some("https://x.a.com"),
                Some("https://x.a.com"),
            ),
            ("https://x.a.com", "PUT", Some("x-other"), None, Some("https://x.a.com")),
            ("https://a.com", "GET", None, None, None),
            ("foo.suffix", "GET", None, Some("foo.suffix"), Some("foo.suffix")),
            ("foo.suffix", "GET", Some("x"), None, Some("foo.suffix")),
            ("foo.suffix.get", "GET", None, None, None),
            ("foo.suffix", "HEAD", Some("anything"), Some("*"), Some("*")),
            ("null", "HEAD", None, Some("*"), Some("*")),
            ("foo", "DELETE", None, None, None),
        ] {
            let found = cors.preflight(origin, method, headers);
            assert_eq!(
                found.as_ref().ok().map(|answer| answer.allow_origin.as_str()),
                preflight,
                "{origin} {method}"
            );
            assert!(found.as_ref().err().is_none_or(|error| error.code == Code::AccessForbidden));
            assert!(
                found.is_err()
                    || found.is_ok_and(|answer| answer.allow_credentials == (preflight != Some("*")))
            );
            let found = cors.actual(origin, method);
            assert_eq!(
                found.as_ref().map(|answer| answer.allow_origin.as_str()),
                actual,
                "{origin} {method}"
            );
        }
        let answer = cors.preflight("https://x.a.com", "PUT", Some("X-Amz-Date,x-amz-acl")).unwrap();
        let expected = Answer {
            allow_origin: "https://x.a.com".to_owned(),
            allow_credentials: true,
            allow_methods: "GET, PUT".to_owned(),
            allow_headers: Some("x-amz-date, x-amz-acl".to_owned()),
            expose_headers: Some("ETag, x-b".to_owned()),
            max_age_seconds: Some(60),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn one_star() {
        for (pattern, text, expected) in
            [("a*a", "a", false), ("a*a", "aa", true), ("*", "", true), ("a", "a", true), ("a", "A", false)]
        {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
