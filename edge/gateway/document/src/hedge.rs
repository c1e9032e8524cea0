//! When a second instance is asked: after a time, or by what the service's answers show.

use crate::units::Span;
use serde::de::IntoDeserializer as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// When a second instance is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeAfter {
    /// After this time: `"80ms"`.
    Time(Span),
    /// After the time in which so many of a hundred of the service's latest answers began: `"p95"`.
    Percentile(u8),
}

impl Serialize for HedgeAfter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Time(span) => span.serialize(serializer),
            Self::Percentile(of) => serializer.collect_str(&format_args!("p{of}")),
        }
    }
}

impl<'de> Deserialize<'de> for HedgeAfter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix('p') {
            Some(of) => of.parse().map(Self::Percentile).map_err(|_| {
                serde::de::Error::custom(format!("{text:?} is not a percentile such as \"p95\""))
            }),
            None => Span::deserialize(text.into_deserializer()).map(Self::Time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_written_as_they_are_read() {
        for (text, expected) in [
            ("80ms", Some(HedgeAfter::Time(Span::millis(80)))),
            ("p95", Some(HedgeAfter::Percentile(95))),
            ("p", None),
            ("p999", None),
            ("95", None),
        ] {
            let json = format!("\"{text}\"");
            let read = serde_json::from_str::<HedgeAfter>(&json).ok();
            assert_eq!(read, expected, "{text}");
            assert!(read.is_none_or(|read| serde_json::to_string(&read).is_ok_and(|text| text == json)));
        }
    }
}
