//! One operation: what a request for it must be, and what its answers are.

use crate::Misfit;
use crate::content::{Content, Wrong};
use crate::limits::MISFITS_MAX;
use crate::parameter::{Given, Parameter};
use http::header::CONTENT_TYPE;
use std::collections::BTreeMap;

/// An operation.
#[derive(Default)]
pub struct Operation {
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What its body may be; no body is described if it is empty.
    pub body: Content,
    /// Whether there must be one.
    pub body_required: bool,
    /// What answers may be, by status: `200`, `2XX`, `default`.
    pub answers: BTreeMap<String, Content>,
}

impl Operation {
    /// Checks a request's head. `has_body` is whether a body follows.
    pub fn request(&self, given: &Given<'_>, has_body: bool) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        for parameter in &self.parameters {
            parameter.check(given, &mut misfits);
        }
        if has_body && !self.body.is_empty() {
            let media = given.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            misfits.extend(self.body.check_type("header.content-type", media));
        } else if !has_body && self.body_required {
            misfits.push(Misfit::new("body", "it is missing"));
        }
        misfits.truncate(MISFITS_MAX);
        misfits
    }

    /// Checks a request's body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_body(&self, media: &str, body: &[u8]) -> Result<(), Wrong> {
        self.body.check("body", media, body)
    }

    /// What the answers of a status may be. `None`: the status is not described.
    pub fn answer(&self, status: u16) -> Option<&Content> {
        let family = format!("{}XX", status / 100);
        let find = |key: &str| self.answers.get(key);
        find(&status.to_string()).or_else(|| find(&family)).or_else(|| find("default"))
    }
}
