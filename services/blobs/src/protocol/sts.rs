//! The Security Token Service's protocol ("API Reference", version 2011-06-15): parameters as of a form, answers and errors in XML.

use std::collections::BTreeMap;

use crate::access::request::decoded;
use crate::protocol::xml::element;

/// The version of the protocol.
pub const VERSION: &str = "2011-06-15";
/// Parameters of a request.
const PARAMETERS_MAX: usize = 50;
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A refusal: a code of the service, the HTTP status that goes with it, and a text for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: &'static str,
    /// The status.
    pub status: u16,
    /// What was wrong.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into() }
    }
}

/// What a request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Of a query and a form. Errors: what is not UTF-8, named twice, or too many.
    pub fn parse(query: &str, form: &str) -> Result<Self, Refusal> {
        let wrong = |text: String| Refusal::new("ValidationError", 400, text);
        let pairs = query.split('&').chain(form.split('&')).filter(|pair| !pair.is_empty());
        let mut found = BTreeMap::new();
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(wrong("A parameter is not UTF-8".to_owned()));
            };
            if found.contains_key(&name) || found.len() == PARAMETERS_MAX {
                let shown = crate::error::shown(&name);
                return Err(wrong(format!(
                    "The parameter {shown} is there twice, or there are more than {PARAMETERS_MAX}"
                )));
            }
            found.insert(name, value);
        }
        Ok(Self(found))
    }

    /// A parameter that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    pub fn needed(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| {
            let text = format!("The request must contain the parameter {name}");
            Refusal::new("MissingParameter", 400, text)
        })
    }

    /// Refuses what is not one of these, besides `Action` and `Version`, which are checked.
    pub fn check(&self, known: &[&str]) -> Result<(), Refusal> {
        if self.get("Version").is_some_and(|version| version != VERSION) {
            let text = format!("The version of the protocol is {VERSION}");
            return Err(Refusal::new("InvalidParameterValue", 400, text));
        }
        let is_other = |name: &&String| !["Action", "Version"].contains(&name.as_str());
        match self.0.keys().filter(is_other).find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let text = format!("The parameter {} is not supported", crate::error::shown(name));
                Err(Refusal::new("InvalidParameterValue", 400, text))
            }
        }
    }
}

/// An answer of an action; `result` is what is in its result, as XML.
pub fn answer(action: &str, result: &str, request_id: &str) -> String {
    let id = element("RequestId", request_id);
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result><ResponseMetadata>{id}</ResponseMetadata></{action}Response>"
    )
}

/// The body of an error as this service writes it, of one as S3 does; nothing where it is none.
pub fn error(s3: &str, request_id: &str) -> Option<String> {
    let (_, rest) = s3.split_once("<Error>")?;
    let (inner, _) = rest.split_once("</Error>")?;
    let id = element("RequestId", request_id);
    Some(format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type>{inner}</Error>{id}</ErrorResponse>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_checked() {
        let rows: &[(&str, &str, &[&str], Result<(), &str>)] = &[
            ("", "Action=A&Version=2011-06-15&X=a+b%2F", &["X"], Ok(())),
            ("Action=A", "X=a+b%2F", &["X"], Ok(())),
            ("", "Action=A&Version=2012-01-01", &[], Err("version of the protocol")),
            ("", "Action=A&Y=1&X=", &["X"], Err("The parameter Y")),
            ("X=1", "X=2", &["X"], Err("there twice")),
            ("", "X=%ff", &["X"], Err("not UTF-8")),
        ];
        for (query, form, known, expected) in rows {
            let parsed = Parameters::parse(query, form);
            let outcome = parsed.clone().and_then(|parameters| parameters.check(known));
            match (outcome, expected) {
                (Ok(()), Ok(())) => assert_eq!(parsed.unwrap().get("X"), Some("a b/"), "{query} {form}"),
                (Err(refusal), Err(part)) => assert!(refusal.message.contains(part), "{}", refusal.message),
                (outcome, _) => panic!("{query} {form}: {outcome:?}"),
            }
        }
        let many: String =
            (0..=PARAMETERS_MAX).map(|number| ["&p", &number.to_string(), "=1"].concat()).collect();
        assert!(Parameters::parse("", &many).is_err());
        let empty = Parameters::parse("", "X=").unwrap();
        assert_eq!((empty.get("X"), empty.needed("X").unwrap_err().code), (None, "MissingParameter"));
    }

    #[test]
    fn errors_are_written_anew() {
        let s3 = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
        let expected = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>AccessDenied</Code></Error><RequestId>7</RequestId></ErrorResponse>";
        assert_eq!(error(s3, "7").as_deref(), Some(expected));
        assert_eq!(error("<Other/>", "7"), None);
    }
}
