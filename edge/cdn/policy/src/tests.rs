//! Tables of rules, a row each, named by the section that it follows; and what holds for any bytes.

mod conditions;
mod lifetimes;
mod properties;
mod ranges;
mod reuses;
mod storing;
mod variants;

use crate::time::Time;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// When the requests of the tables are sent: Thu, 01 Jan 2026 00:00:00 GMT.
const NOW: Time = Time(1_767_225_600);

/// Fields from lines `name: value`. `{+60}` in a value is the date 60 seconds after [`NOW`].
fn fields(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').expect("a row has names and values");
        let mut value = value.trim().to_owned();
        while let Some(start) = value.find('{') {
            let end = value.find('}').expect("a date ends");
            let offset: i64 = value[start + 1..end].parse().expect("a date is an offset in seconds");
            value.replace_range(start..=end, &Time(NOW.0 + offset).format());
        }
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a row has proper names");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a row has proper values"));
    }
    headers
}
