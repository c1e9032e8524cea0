//! How an answer's target is checked, as a zone's document says it: `tcp://host:port` or `http://host:port/path`. Who makes
//! the checks is not here.

use std::fmt;

/// How often a target is checked, and how many answers in a row count. Times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pace {
    /// Between two checks of a target that is well.
    pub interval: u32,
    /// For which an answer is waited for.
    pub timeout: u32,
    /// Good answers in a row that make a target well.
    pub rise: u32,
    /// Bad ones that make it unwell.
    pub fall: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: 5, timeout: 2, rise: 2, fall: 3 }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// Whether a connection can be made.
    Tcp,
    /// `GET` of this path; the answer is good with a status from 200 to 299.
    Http(String),
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Check {
    /// What is asked.
    pub probe: Probe,
    /// `host:port`.
    pub address: String,
    /// How often.
    pub pace: Pace,
}

impl Check {
    /// Reads `tcp://host:port` or `http://host[:port][/path]`.
    pub fn parse(text: &str, pace: Pace) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("\"{text}\" {why}; a check is as tcp://192.0.2.1:443 or http://192.0.2.1:8080/healthz")
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("has no ://"))?;
        let (place, probe) = match scheme {
            "tcp" => (rest, Probe::Tcp),
            "http" => {
                let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (place, Probe::Http(if path.is_empty() { "/".to_owned() } else { path.to_owned() }))
            }
            _ => return Err(wrong("is neither tcp nor http")),
        };
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(wrong("has characters that no address has"));
        }
        let behind_bracket = place.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match place[behind_bracket..].rfind(':') {
            Some(at) => (&place[..behind_bracket + at], Some(&place[behind_bracket + at + 1..])),
            None => (place, (probe != Probe::Tcp).then_some("80")),
        };
        let port: u16 = port
            .and_then(|port| port.parse().ok())
            .filter(|port| *port > 0)
            .ok_or_else(|| wrong("has no port"))?;
        if host.is_empty() || host.contains('@') {
            return Err(wrong("has no host"));
        }
        Ok(Self { probe, address: format!("{host}:{port}"), pace })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.probe {
            Probe::Tcp => write!(formatter, "tcp://{}", self.address)?,
            Probe::Http(path) => write!(formatter, "http://{}{path}", self.address)?,
        }
        let Pace { interval, timeout, rise, fall } = self.pace;
        if self.pace == Pace::default() {
            return Ok(());
        }
        write!(formatter, " every {interval}s within {timeout}s, rise {rise}, fall {fall}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_read() {
        let slow = Pace { interval: 60, ..Pace::default() };
        for (text, pace, expected) in [
            ("tcp://192.0.2.1:443", Pace::default(), Some("tcp://192.0.2.1:443")),
            ("tcp://[::1]:443", Pace::default(), Some("tcp://[::1]:443")),
            ("http://a.example", Pace::default(), Some("http://a.example:80/")),
            ("http://[::1]/x", Pace::default(), Some("http://[::1]:80/x")),
            ("http://a:1/b?c=d", slow, Some("http://a:1/b?c=d every 60s within 2s, rise 2, fall 3")),
            ("tcp://192.0.2.1", Pace::default(), None),
            ("tcp://:1", Pace::default(), None),
            ("tcp://a:0", Pace::default(), None),
            ("tcp://a:65536", Pace::default(), None),
            ("https://a/", Pace::default(), None),
            ("a:1", Pace::default(), None),
            ("http://a:1/b c", Pace::default(), None),
            ("http://u@a:1/", Pace::default(), None),
            ("", Pace::default(), None),
        ] {
            let shown = Check::parse(text, pace).map(|check| check.to_string()).ok();
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }
}
