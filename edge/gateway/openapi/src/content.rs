//! Bodies by their media types: which are described, and whether what is JSON fits its schema.

use crate::Misfit;
use crate::schema::Schema;
use serde_json::Value;

/// What a body may be.
#[derive(Default)]
pub struct Content {
    /// Media types in lower case, with schemas where they are JSON and have one.
    rows: Vec<(String, Option<Schema>)>,
}

/// What is found wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It cannot be read as what it says to be.
    Malformed(Misfit),
    /// It does not fit its schema.
    Unfit(Vec<Misfit>),
}

/// The media type without its parameters.
fn essence(media: &str) -> String {
    media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// `application/json`, `application/problem+json`, `text/json`.
pub fn is_json(media: &str) -> bool {
    let media = essence(media);
    media.ends_with("/json") || media.ends_with("+json")
}

impl Content {
    /// One more.
    pub fn add(&mut self, media: &str, schema: Option<Schema>) {
        self.rows.push((essence(media), schema));
    }

    /// Whether nothing is described.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row for a media type: itself, its family, any.
    fn row(&self, media: &str) -> Option<&(String, Option<Schema>)> {
        let media = essence(media);
        let family = media.split('/').next().map(|family| format!("{family}/*")).unwrap_or_default();
        let find = |wanted: &str| self.rows.iter().find(|(own, _)| own == wanted);
        find(&media).or_else(|| find(&family)).or_else(|| find("*/*"))
    }

    /// Whether a body of this media type is described; `None` if so, what is wrong otherwise.
    pub fn check_type(&self, place: &str, media: Option<&str>) -> Option<Misfit> {
        if media.is_some_and(|media| self.row(media).is_some()) {
            return None;
        }
        let known: Vec<&str> = self.rows.iter().map(|(media, _)| media.as_str()).collect();
        let known = known.join(", ");
        let wrong =
            if media.is_some() { "this media type is not described" } else { "Content-Type is missing" };
        Some(Misfit::new(place, format!("{wrong}; there are {known}")))
    }

    /// Whether the bytes of a body of this media type are looked at.
    pub fn reads(&self, media: &str) -> bool {
        is_json(media) && self.row(media).is_some_and(|(_, schema)| schema.is_some())
    }

    /// Checks a body's bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self, place: &str, media: &str, body: &[u8]) -> Result<(), Wrong> {
        let Some((_, Some(schema))) = self.row(media).filter(|_| is_json(media)) else { return Ok(()) };
        let read: Result<Value, _> = serde_json::from_slice(body);
        // The error of serde may show a piece of the body.
        let value = read.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Wrong::Malformed(Misfit::new(place, format!("it is no JSON from line {line}, column {column}")))
        })?;
        let misfits = schema.misfits(place, &value);
        if misfits.is_empty() { Ok(()) } else { Err(Wrong::Unfit(misfits)) }
    }
}
