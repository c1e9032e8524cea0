//! The filter chain: from all answers of a pool to those that a client gets, in order.
//!
//! ```text
//! up → geofence or geotarget → shed_load → weighted or sticky → priority → first_n
//! ```
//!
//! Each filter is a file and a row of [`FILTERS`]; a pool names those that it wants, in its order. What geographic filters
//! make of a client does not depend on health: it is worked out for all addresses when a pool is compiled ([`pool`]), so
//! that an answer's ECS scope is known and no name of a country is compared while a query waits.
//!
//! Reading order: [`stage`] → [`area`] → one of the filters → [`pool`].

pub mod area;
pub mod pool;
pub mod stage;

mod first_n;
mod geofence;
mod geotarget;
mod priority;
mod shed_load;
mod sticky;
mod up;
mod weighted;

pub use area::{Area, Place};
pub use pool::{Candidate, Pool};
pub use stage::{Note, Notes, Stage};

use std::collections::BTreeMap;
use std::fmt::Debug;

/// One step of a chain.
pub trait Filter: Send + Sync + Debug {
    /// Its name in [`FILTERS`].
    fn name(&self) -> &'static str;

    /// What it makes of a client at `place`, a number for each candidate; `None` if it does not look at where clients are.
    /// Two places with the same numbers must be treated alike.
    fn ranks(&self, _candidates: &[Candidate], _place: &Place<'_>) -> Option<Vec<u16>> {
        None
    }

    /// Which candidates go whatever else happens, judged by `ranks` of those that are left.
    fn drops(&self, _rank: u16, _best: u16) -> bool {
        false
    }

    /// Whether what it drops or where it puts candidates depends on more than where the client is.
    fn is_dynamic(&self) -> bool {
        true
    }

    /// Whether chance, load or the client's own address decides: then not all that it may do can be tried out beforehand.
    fn is_drawn(&self) -> bool {
        false
    }

    /// Bits of the client's address that it looks at by itself: IPv4 and IPv6.
    fn client_bits(&self) -> Option<[u8; 2]> {
        None
    }

    /// Drops and orders.
    fn apply(&self, stage: &mut Stage<'_>);
}

/// A value of an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

/// Options of a filter by name.
pub type Options = BTreeMap<String, Value>;

/// A filter that can be named.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Options that it knows.
    pub options: &'static [&'static str],
    /// Makes one; the error says which option is wrong.
    pub build: fn(&Options) -> Result<Box<dyn Filter>, String>,
}

/// All filters.
pub const FILTERS: &[Row] = &[
    Row { name: up::NAME, options: &["when_none"], build: up::build },
    Row { name: geofence::NAME, options: &["strict"], build: geofence::build },
    Row { name: geotarget::NAME, options: &["by"], build: geotarget::build },
    Row { name: shed_load::NAME, options: &[], build: shed_load::build },
    Row { name: weighted::NAME, options: &[], build: weighted::build },
    Row { name: sticky::NAME, options: &["v4_bits", "v6_bits"], build: sticky::build },
    Row { name: priority::NAME, options: &[], build: priority::build },
    Row { name: first_n::NAME, options: &["n"], build: first_n::build },
];

/// Makes the filter that is called `name`.
pub fn build(name: &str, options: &Options) -> Result<Box<dyn Filter>, String> {
    let row = FILTERS.iter().find(|row| row.name == name).ok_or_else(|| {
        let known: Vec<&str> = FILTERS.iter().map(|row| row.name).collect();
        format!("there is no filter \"{name}\"; there are {}", known.join(", "))
    })?;
    if let Some(unknown) = options.keys().find(|option| !row.options.contains(&option.as_str())) {
        let known = if row.options.is_empty() { "none".to_owned() } else { row.options.join(", ") };
        return Err(format!("the filter \"{name}\" has no option \"{unknown}\"; it has {known}"));
    }
    (row.build)(options)
}

/// A whole number of an option, within bounds.
fn whole(
    options: &Options,
    name: &str,
    default: u32,
    bounds: std::ops::RangeInclusive<u32>,
) -> Result<u32, String> {
    match options.get(name) {
        None => Ok(default),
        Some(Value::Number(number))
            if number.fract() == 0.0 && bounds.contains(&(*number as u32)) && *number >= 0.0 =>
        {
            Ok(*number as u32)
        }
        Some(other) => Err(format!(
            "`{name}` is {other:?}; it is a whole number from {} to {}",
            bounds.start(),
            bounds.end()
        )),
    }
}

/// One of the words that an option may say; the first is the default.
fn word(options: &Options, name: &str, words: &[&'static str]) -> Result<&'static str, String> {
    match options.get(name) {
        None => Ok(words[0]),
        Some(Value::Text(text)) if words.contains(&text.as_str()) => {
            Ok(words.iter().find(|word| *word == text).copied().unwrap_or(words[0]))
        }
        Some(other) => Err(format!("`{name}` is {other:?}; it is one of {}", words.join(", "))),
    }
}
