//! Structured logs on standard error: readable lines on a terminal, a JSON object a line elsewhere.

use std::io::IsTerminal as _;

use anyhow::anyhow;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::options::Log;
use crate::config::value::LogFormat;

/// Starts logging for the whole process. Fails when it is called twice.
pub fn start(settings: &Log) -> anyhow::Result<()> {
    let terminal = std::io::stderr().is_terminal();
    let builder = fmt().with_env_filter(settings.level.to_filter()).with_writer(std::io::stderr);
    let started = if is_json(settings.format, terminal) {
        builder.json().flatten_event(true).with_current_span(false).finish().try_init()
    } else {
        builder.with_ansi(terminal).with_target(false).finish().try_init()
    };
    started.map_err(|error| anyhow!("logging cannot start: {error}"))
}

const fn is_json(format: LogFormat, terminal: bool) -> bool {
    match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_is_json_except_on_a_terminal() {
        for (format, terminal, json) in [
            (LogFormat::Auto, true, false),
            (LogFormat::Auto, false, true),
            (LogFormat::Human, false, false),
            (LogFormat::Json, true, true),
        ] {
            assert_eq!(is_json(format, terminal), json, "{format:?} {terminal}");
        }
    }
}
