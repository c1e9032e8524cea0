//! Parameters of a request.

use std::collections::BTreeMap;

use crate::Error;
use crate::operations::read::{Page, Seen};

/// Parameters whose meaning this registry does not have; refused when they ask for something.
const REFUSED: [&str; 5] = ["findTags", "aliases", "ruleType", "tag", "referenceFormat"];

/// The parameters of a request by name; of a name that is there twice, the last.
#[derive(Clone, Debug, Default)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads parameters. Errors: those that ask for what is not done here.
    pub fn new(all: BTreeMap<String, String>) -> Result<Self, Error> {
        let asks =
            |name: &&&str| all.get(**name).is_some_and(|value| !matches!(value.as_str(), "" | "false"));
        match REFUSED.iter().find(asks) {
            Some(name) => {
                Err(Error::Unsupported(format!("the parameter \"{name}\" is not supported; leave it out")))
            }
            None => Ok(Self(all)),
        }
    }

    /// A parameter's text; none if it is missing or empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A parameter that is `true` or `false`; none if it is missing.
    pub fn choice(&self, name: &'static str) -> Result<Option<bool>, Error> {
        match self.text(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => {
                let value = text.chars().take(100).collect();
                Err(Error::Parameter { name, value, allowed: "it may be true or false" })
            }
        }
    }

    /// The same, false if it is missing.
    pub fn flag(&self, name: &'static str) -> Result<bool, Error> {
        Ok(self.choice(name)?.unwrap_or_default())
    }

    /// `deleted` and `deletedOnly`.
    pub fn seen(&self) -> Result<Seen, Error> {
        Ok(match (self.flag("deletedOnly")?, self.flag("deleted")?) {
            (true, _) => Seen::Hidden,
            (false, true) => Seen::All,
            (false, false) => Seen::Visible,
        })
    }

    /// `offset` and `limit`; a limit below 0 means none.
    pub fn page(&self) -> Result<Page, Error> {
        let number = |name: &'static str| match self.text(name).map(str::parse::<i64>) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => {
                let value = self.text(name).unwrap_or_default().chars().take(100).collect();
                Err(Error::Parameter { name, value, allowed: "it should be a number" })
            }
        };
        let offset = number("offset")?.unwrap_or_default().max(0) as usize;
        let limit = number("limit")?.and_then(|limit| usize::try_from(limit).ok());
        Ok(Page { offset, limit })
    }
}
