//! The kinds of values that an option may have: how each is read from text, what it allows, and how it is written in
//! TOML. Every source of settings (file, environment, flag) goes through the same text form, so all behave alike.

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bole_base::units::{format_bytes, parse_bytes, parse_duration};

/// How a value of type `T` is read. `parse` takes the text as a user wrote it; its error says what is wrong with it.
pub(crate) trait Kind<T> {
    /// Reads a value, or says in one clause what is wrong with the text.
    fn parse(&self, text: &str) -> Result<T, String>;
    /// What is allowed, for documentation and error messages.
    fn allowed(&self) -> String;
    /// Whether TOML writes the value without quotes.
    fn bare(&self) -> bool {
        false
    }
}

/// A size in bytes between two bounds, both included.
pub(crate) struct Bytes(pub(crate) u64, pub(crate) u64);

impl Kind<u64> for Bytes {
    fn parse(&self, text: &str) -> Result<u64, String> {
        let value = parse_bytes(text)?;
        in_range(value, self.0, self.1, format_bytes)
    }

    fn allowed(&self) -> String {
        format!("a size from {} to {}", format_bytes(self.0), format_bytes(self.1))
    }
}

/// A size in bytes, or `auto`.
pub(crate) struct BytesOrAuto(pub(crate) u64);

impl Kind<Option<u64>> for BytesOrAuto {
    fn parse(&self, text: &str) -> Result<Option<u64>, String> {
        if text == "auto" {
            return Ok(None);
        }
        in_range(parse_bytes(text)?, self.0, u64::MAX, format_bytes).map(Some)
    }

    fn allowed(&self) -> String {
        format!("\"auto\" or a size of at least {}", format_bytes(self.0))
    }
}

/// A duration in milliseconds between two bounds, both included.
pub(crate) struct Time(pub(crate) u64, pub(crate) u64);

impl Kind<Duration> for Time {
    fn parse(&self, text: &str) -> Result<Duration, String> {
        // Zero means the same in every unit, so it may stand without one.
        let value = if text == "0" { Duration::ZERO } else { parse_duration(text)? };
        in_range(value.as_millis() as u64, self.0, self.1, format_millis)?;
        Ok(value)
    }

    fn allowed(&self) -> String {
        format!("a duration from {} to {}", format_millis(self.0), format_millis(self.1))
    }
}

/// A whole number between two bounds, both included.
pub(crate) struct Count(pub(crate) u64, pub(crate) u64);

impl Kind<u64> for Count {
    fn parse(&self, text: &str) -> Result<u64, String> {
        let value = text.parse().map_err(|_| format!("\"{text}\" is not a whole number"))?;
        in_range(value, self.0, self.1, |bound| bound.to_string())
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.0, self.1)
    }

    fn bare(&self) -> bool {
        true
    }
}

/// An IP address with a port. Names are not looked up: which interface a door opens on must be plain to see.
pub(crate) struct Address;

impl Kind<SocketAddr> for Address {
    fn parse(&self, text: &str) -> Result<SocketAddr, String> {
        text.parse().map_err(|_| format!("\"{text}\" is not an IP address with a port"))
    }

    fn allowed(&self) -> String {
        "an IP address with a port, such as 127.0.0.1:6379 or [::1]:6379".to_owned()
    }
}

impl Kind<Option<SocketAddr>> for Address {
    fn parse(&self, text: &str) -> Result<Option<SocketAddr>, String> {
        if text.is_empty() { Ok(None) } else { Kind::<SocketAddr>::parse(self, text).map(Some) }
    }

    fn allowed(&self) -> String {
        "empty (off), or an IP address with a port, such as 127.0.0.1:6380".to_owned()
    }
}

/// A path. Relative ones start at the folder that the node was started in.
pub(crate) struct Path;

impl Kind<PathBuf> for Path {
    fn parse(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(PathBuf::from(text)) }
    }

    fn allowed(&self) -> String {
        "a path".to_owned()
    }
}

impl Kind<Option<PathBuf>> for Path {
    fn parse(&self, text: &str) -> Result<Option<PathBuf>, String> {
        Ok((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn allowed(&self) -> String {
        "a path, or empty for none".to_owned()
    }
}

/// One of a few words, each of which reads as a `T`.
pub(crate) struct Word<T>(&'static [&'static str], PhantomData<fn() -> T>);

/// A value that is one of `words`; each must parse as a `T`.
pub(crate) const fn word<T>(words: &'static [&'static str]) -> Word<T> {
    Word(words, PhantomData)
}

impl<T: FromStr> Kind<T> for Word<T> {
    fn parse(&self, text: &str) -> Result<T, String> {
        let known = self.0.contains(&text).then(|| text.parse().ok()).flatten();
        known.ok_or_else(|| format!("\"{text}\" is unknown"))
    }

    fn allowed(&self) -> String {
        format!("one of {}", self.0.join(", "))
    }
}

/// Text that a type of its own reads and explains.
pub(crate) struct Text(pub(crate) &'static str);

impl<T: FromStr<Err = String>> Kind<T> for Text {
    fn parse(&self, text: &str) -> Result<T, String> {
        text.parse()
    }

    fn allowed(&self) -> String {
        self.0.to_owned()
    }
}

/// Text that is taken as it is; empty for none.
pub(crate) struct OptionalText(pub(crate) &'static str);

impl Kind<Option<String>> for OptionalText {
    fn parse(&self, text: &str) -> Result<Option<String>, String> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn allowed(&self) -> String {
        format!("{}, or empty", self.0)
    }
}

fn in_range(value: u64, min: u64, max: u64, show: impl Fn(u64) -> String) -> Result<u64, String> {
    if value < min {
        return Err(format!("{} is less than {}", show(value), show(min)));
    }
    if value > max {
        return Err(format!("{} is more than {}", show(value), show(max)));
    }
    Ok(value)
}

/// Milliseconds in the largest unit that shows them whole.
fn format_millis(millis: u64) -> String {
    let steps = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let fits = steps.iter().find(|(_, factor)| millis >= *factor && millis.is_multiple_of(*factor));
    match fits {
        Some((unit, factor)) => format!("{}{unit}", millis / factor),
        None if millis == 0 => "0s".to_owned(),
        None => format!("{millis}ms"),
    }
}
