//! Finished requests, one line each: JSON, or a text of one's own. Queries, credentials and bodies are never in it.

use crate::config::{AccessLog, LogFormat};
use crate::routing::host_of;
use crate::trace::Parent;
use http::header;
use pingora_http::RequestHeader;
use serde_json::{Map, Value};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, SystemTime};
use tracing::{info, warn};

/// Lines that wait to be written; more are dropped and counted.
const LINES_MAX: usize = 10_000;

/// What is known of a finished request.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are those of the fields, which the guide explains")]
pub struct Told<'a> {
    pub client: IpAddr,
    pub request: &'a RequestHeader,
    pub status: u16,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub took: Duration,
    pub route: Option<&'a str>,
    pub service: Option<&'a str>,
    pub instance: Option<&'a str>,
    pub tries: usize,
    pub login: Option<&'a str>,
    pub consumer: Option<&'a str>,
    pub problem: Option<&'a str>,
    pub request_id: &'a str,
    pub trace: Option<Parent>,
    pub tls: Option<&'a str>,
    pub cache: Option<&'a str>,
    pub upstream: Option<Duration>,
}

impl<'a> Told<'a> {
    /// Of a request of which nothing else is known.
    pub fn of(request: &'a RequestHeader) -> Self {
        Self {
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            request,
            status: 0,
            request_bytes: 0,
            response_bytes: 0,
            took: Duration::ZERO,
            route: None,
            service: None,
            instance: None,
            tries: 0,
            login: None,
            consumer: None,
            problem: None,
            request_id: "",
            trace: None,
            tls: None,
            cache: None,
            upstream: None,
        }
    }

    fn line(&self) -> Line {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
        let agent = self.request.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let fields = vec![
            ("time", Value::from(since.as_millis() as f64 / 1e3)),
            ("client", self.client.to_string().into()),
            ("method", self.request.method.as_str().into()),
            ("host", host_of(self.request).into()),
            ("path", self.request.uri.path().into()),
            ("version", format!("{:?}", self.request.version).into()),
            ("status", self.status.into()),
            ("request_bytes", self.request_bytes.into()),
            ("response_bytes", self.response_bytes.into()),
            ("seconds", seconds(self.took)),
            ("route", text(self.route)),
            ("service", text(self.service)),
            ("instance", text(self.instance)),
            ("tries", self.tries.into()),
            ("login", text(self.login)),
            ("consumer", text(self.consumer)),
            ("problem", text(self.problem)),
            ("request_id", self.request_id.into()),
            ("trace_id", self.trace.map_or(Value::Null, |trace| format!("{:032x}", trace.trace).into())),
            ("user_agent", text(agent)),
            ("tls", text(self.tls)),
            ("cache", text(self.cache)),
            ("upstream_seconds", self.upstream.map_or(Value::Null, seconds)),
        ];
        Line { fields }
    }
}

/// A finished request, as it is written.
#[derive(Clone, Debug, Default)]
struct Line {
    /// `client`, `method`, `status`, …: names and values, in the order in which JSON shows them.
    fields: Vec<(&'static str, Value)>,
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

    /// Writes the line of a request.
    pub fn write(&self, told: &Told<'_>) {
        if self.is_on() {
            self.put(&told.line());
        }
    }

    fn put(&self, line: &Line) {
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
fn seconds(span: Duration) -> Value {
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
