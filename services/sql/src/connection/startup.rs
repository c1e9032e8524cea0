//! What a client asks for before it logs in: encryption, the cancelling of another's statement, or a session with parameters.

use std::sync::Arc;

use bole_sql_types::{Error, SqlState};

use super::End;
use super::wire::Wire;
use crate::protocol::First;
use crate::protocol::backend;
use crate::protocol::startup::first;
use crate::service::Service;

/// The parameters of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) user: String,
    pub(super) database: String,
    /// Settings, those of `options` first.
    pub(super) settings: Vec<(String, String)>,
}

/// Reads packets up to the startup; `None` if it was a cancel request.
pub(super) async fn run(service: &Arc<Service>, wire: &mut Wire) -> Result<Option<Parameters>, End> {
    loop {
        let packet = loop {
            match first(&mut wire.intake.input)? {
                Some(packet) => break packet,
                None => wire.read(0).await?,
            }
        };
        match packet {
            First::Gss => wire.send(b"N").await?,
            First::Ssl => secure(service, wire).await?,
            First::Cancel { process_id, key } => {
                service.sessions.cancel(process_id, key);
                return Ok(None);
            }
            First::Startup { major: 3, minor, parameters } => {
                let options: Vec<&str> = parameters
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .filter(|name| name.starts_with("_pq_."))
                    .collect();
                if minor > 0 || !options.is_empty() {
                    let mut out = Vec::new();
                    backend::negotiate(&mut out, &options);
                    wire.send(&out).await?;
                }
                return read(parameters).map(Some).map_err(End::Fatal);
            }
            First::Startup { major, minor, .. } => {
                let message =
                    format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
                return Err(End::Fatal(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)));
            }
        }
    }
}

async fn secure(service: &Arc<Service>, wire: &mut Wire) -> Result<(), End> {
    let secured = wire.stream()?.is_secured();
    let Some(tls) = service.tls.as_ref().filter(|_| !secured) else {
        wire.send(b"N").await?;
        return Ok(());
    };
    if !wire.intake.input.is_empty() {
        // Sent in clear before the handshake: somebody may have put it there.
        let message = "received unencrypted data after SSL request";
        return Err(End::Fatal(Error::new(SqlState::PROTOCOL_VIOLATION, message)));
    }
    wire.send(b"S").await?;
    let Some(stream) = wire.stream.take() else { return Err(End::Left) };
    match stream.secure(tls).await {
        Ok(stream) => {
            wire.stream = Some(stream);
            Ok(())
        }
        Err(error) => {
            tracing::debug!(%error, "a client did not complete its TLS handshake");
            Err(End::Left)
        }
    }
}

fn read(parameters: Vec<(String, String)>) -> Result<Parameters, Error> {
    let mut read = Parameters::default();
    let mut later = Vec::new();
    for (name, value) in parameters {
        match name.as_str() {
            "user" => read.user = value,
            "database" => read.database = value,
            "options" => read.settings.extend(options(&value)?),
            "replication" if ["false", "off", "no", "0"].contains(&value.as_str()) => {}
            "replication" => return Err(Error::unsupported("streaming replication")),
            name if name.starts_with("_pq_.") => {}
            _ => later.push((name, value)),
        }
    }
    read.settings.extend(later);
    if read.user.is_empty() {
        let message = "no PostgreSQL user name specified in startup packet";
        return Err(Error::new(SqlState::INVALID_AUTHORIZATION_SPECIFICATION, message));
    }
    if read.database.is_empty() {
        read.database.clone_from(&read.user);
    }
    Ok(read)
}

/// The settings in the parameter `options`: `-c name=value` and `--name=value`; a backslash escapes a space.
fn options(text: &str) -> Result<Vec<(String, String)>, Error> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, words.last_mut()) {
            ('\\', Some(word)) => word.extend(characters.next()),
            (c, _) if c.is_whitespace() => words.push(String::new()),
            (c, Some(word)) => word.push(c),
            (_, None) => {}
        }
    }
    words.retain(|word| !word.is_empty());
    let mut settings = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let setting = match word.as_str() {
            "-c" => words.next(),
            _ => word.strip_prefix("-c").or_else(|| word.strip_prefix("--")).map(str::to_owned),
        };
        let setting = setting.as_deref().and_then(|setting| setting.split_once('='));
        let (name, value) = setting.ok_or_else(|| {
            let message = format!("invalid command-line argument for server process: {word}");
            Error::new(SqlState::SYNTAX_ERROR, message)
        })?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_settings() {
        for (text, expected) in [
            ("", Some(vec![])),
            (
                "-c search_path=a -cgeqo=off --statement-timeout=5",
                Some(vec![("search_path", "a"), ("geqo", "off"), ("statement_timeout", "5")]),
            ),
            (r"-c a.b=x\ y", Some(vec![("a.b", "x y")])),
            ("-c", None),
            ("-x", None),
        ] {
            let found = options(text).ok();
            let expected = expected.map(|all| {
                all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            });
            assert_eq!(found, expected, "{text}");
        }
    }
}
