//! Finished requests, one line each: JSON, or a text of one's own. Queries, credentials and bodies are never in it.

use crate::config::{AccessLog, LogFormat};
use serde_json::{Map, Value};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use tracing::{info, warn};

/// Lines that wait to be written; more are dropped and counted.
const LINES_MAX: usize = 10_000;

/// What is known of a finished request.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// `client`, `method`, `status`, …: names and values, in the order in which JSON shows them.
    pub fields: Vec<(&'static str, Value)>,
}

/// The names that a format may use.
pub const FIELDS: &[&str] = &[
    "time",
    "client",
    "method",
    "host",
    "path",
    "version",
    "status",
    "request_bytes",
    "response_bytes",
    "seconds",
    "route",
    "service",
    "instance",
    "tries",
    "login",
    "consumer",
    "problem",
    "request_id",
    "trace_id",
    "user_agent",
    "tls",
    "cache",
    "upstream_seconds",
];

/// Writes lines.
pub struct Log {
    format: LogFormat,
    file: Option<SyncSender<String>>,
    dropped: bole_net::metrics::Counter,
}

impl Log {
    /// Opens the log.
    ///
    /// # Errors
    /// A file that cannot be written, a format with names that are not known.
    pub fn open(settings: &AccessLog, metrics: &bole_net::Metrics) -> Result<Self, String> {
        if let LogFormat::Text(text) = &settings.format {
            check(text)?;
        }
        let help = "Lines of the access log that were dropped because its file was too slow.";
        let dropped = metrics.counter("bole_gateway_log_lines_dropped", help, &[]);
        let mut log = Self { format: settings.format.clone(), file: None, dropped };
        if let (Some(path), true) = (&settings.file, settings.format != LogFormat::Off) {
            let told = |error| format!("the access log {} cannot be written: {error}", path.display());
            let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(told)?;
            let (sender, lines) = sync_channel::<String>(LINES_MAX);
            let write = move || {
                while let Ok(mut line) = lines.recv() {
                    line.push('\n');
                    // What waits goes along in one write.
                    while let Ok(more) = lines.try_recv() {
                        line.push_str(&more);
                        line.push('\n');
                        if line.len() > 64 << 10 {
                            break;
                        }
                    }
                    if let Err(error) = file.write_all(line.as_bytes()) {
                        warn!("a line of the access log is lost: {error}");
                    }
                }
            };
            std::thread::Builder::new().name("access-log".to_owned()).spawn(write).map_err(told)?;
            log.file = Some(sender);
        }
        Ok(log)
    }

    /// Whether anybody wants lines.
    pub fn is_on(&self) -> bool {
        self.format != LogFormat::Off
    }

    /// Writes a line.
    pub fn write(&self, line: &Line) {
        let text = match &self.format {
            LogFormat::Off => return,
            LogFormat::Json => {
                let object: Map<String, Value> =
                    line.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                Value::Object(object).to_string()
            }
            LogFormat::Text(format) => fill(format, line),
        };
        if let Some(file) = &self.file {
            self.dropped.add(u64::from(file.try_send(text).is_err()));
        } else {
            info!(target: "bole_gateway::access", "{text}");
        }
    }
}

fn check(format: &str) -> Result<(), String> {
    let unknown = names(format).find(|name| !FIELDS.contains(name));
    match unknown {
        Some(name) => Err(format!("the access log has no field {{{name}}}; there are {}", FIELDS.join(", "))),
        None => Ok(()),
    }
}

fn names(format: &str) -> impl Iterator<Item = &str> {
    format.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// Puts values in place of names. Control characters and quotes in values are escaped, so that a line stays one.
fn fill(format: &str, line: &Line) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else { return text };
        match line.fields.iter().find(|(own, _)| *own == name).map(|(_, value)| value) {
            Some(Value::String(value)) => text.extend(value.escape_default()),
            Some(Value::Null) | None => text.push('-'),
            Some(value) => text.push_str(&value.to_string()),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Seconds to a microsecond.
pub fn seconds(span: Duration) -> Value {
    Value::from(span.as_micros() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_filled_and_stay_one_line() {
        let line =
            Line { fields: vec![("status", 200.into()), ("path", "/a\n\"b".into()), ("route", Value::Null)] };
        assert_eq!(fill("{status} \"{path}\" {route} {tls}", &line), "200 \"/a\\n\\\"b\" - -");
        assert!(check("{status} {nothing}").is_err_and(|error| error.contains("{nothing}")));
        assert_eq!(check("plain"), Ok(()));
    }
}
