//! Saying who comes, over SASL: SCRAM if the server offers it, or else PLAIN, which travels through TLS only, as tokens do.

use bole_identity::ScramHash;
use bole_streams::protocol::messages::{sasl_authenticate, sasl_handshake};
use bole_streams::protocol::{ErrorCode, Text};
use bole_streams::sasl::Mechanism;
use bytes::Bytes;

use super::door::Password;
use super::error::check;
use super::scram::Exchange;
use super::{Connection, Error};

/// Mechanisms of passwords, best first.
const PREFERRED: [Mechanism; 3] = [Mechanism::ScramSha512, Mechanism::ScramSha256, Mechanism::Plain];

/// What came of asking for a mechanism.
pub(super) enum Chosen {
    /// The server takes it.
    Taken,
    /// The server does not, ends the connection, and offers these.
    Offered(Vec<Text>),
}

/// Asks for a mechanism.
pub(super) async fn choose(connection: &mut Connection, mechanism: Mechanism) -> Result<Chosen, Error> {
    let request = sasl_handshake::Request { mechanism: Text::from_static(mechanism.name()) };
    let answer = connection.request(&request).await?;
    if answer.error_code == ErrorCode::UnsupportedSaslMechanism.number() {
        return Ok(Chosen::Offered(answer.mechanisms));
    }
    check("the SASL handshake", answer.error_code, None)?;
    Ok(Chosen::Taken)
}

/// What is asked for first. Errors: `Clear` where that is PLAIN without TLS.
pub(super) fn first(login: &Password, secured: bool) -> Result<Mechanism, Error> {
    let mechanism = login.mechanism.unwrap_or(PREFERRED[0]);
    if mechanism == Mechanism::Plain && !secured {
        Err(Error::Clear(Mechanism::Plain.name()))
    } else {
        Ok(mechanism)
    }
}

/// What is asked for when `refused` was not taken: the best of what is offered, unless the user wanted that one.
pub(super) fn next(
    login: &Password,
    secured: bool,
    refused: Mechanism,
    offered: &[Text],
    addr: &str,
) -> Result<Mechanism, Error> {
    let is_offered = |mechanism: &Mechanism| {
        *mechanism != refused && offered.iter().any(|name| name.as_str() == mechanism.name())
    };
    let best = PREFERRED.into_iter().find(is_offered).filter(|_| login.mechanism.is_none());
    match best {
        Some(Mechanism::Plain) if !secured => Err(Error::Clear(Mechanism::Plain.name())),
        Some(mechanism) => Ok(mechanism),
        None => Err(not_offered(addr, offered)),
    }
}

/// The server has none of the wanted mechanisms.
pub(super) fn not_offered(addr: &str, offered: &[Text]) -> Error {
    let offered: Vec<&str> = offered.iter().map(Text::as_str).collect();
    Error::Mechanism { addr: addr.to_owned(), offered: offered.join(", ") }
}

/// Proves who comes, by the mechanism that the server has taken.
pub(super) async fn authenticate(
    connection: &mut Connection,
    login: &Password,
    mechanism: Mechanism,
) -> Result<(), Error> {
    let hash = match mechanism {
        Mechanism::ScramSha256 => ScramHash::Sha256,
        Mechanism::ScramSha512 => ScramHash::Sha512,
        Mechanism::Plain => {
            let message = format!("\0{}\0{}", login.user, login.password);
            return step(connection, who(login), message.into()).await.map(drop);
        }
        Mechanism::OauthBearer => {
            let reason = "OAUTHBEARER carries tokens, and this is a password".to_owned();
            return Err(refused(connection, login, reason));
        }
    };
    let exchange = Exchange::new(hash, &login.user);
    let challenge = step(connection, who(login), exchange.first().into()).await?;
    let (proof, signature) =
        exchange.answer(&login.password, &challenge).map_err(|reason| refused(connection, login, reason))?;
    let last = step(connection, who(login), proof.into()).await?;
    if last != signature {
        let reason = "the server does not know the password that it was to be shown".to_owned();
        return Err(refused(connection, login, reason));
    }
    Ok(())
}

/// Shows a token, by the mechanism OAUTHBEARER, which the server has taken.
pub(super) async fn show_token(connection: &mut Connection, token: &str) -> Result<(), Error> {
    // RFC 7628 section 3.1.
    let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
    step(connection, "the token".to_owned(), message.into()).await.map(drop)
}

fn who(login: &Password) -> String {
    format!("user \"{}\"", login.user)
}

async fn step(connection: &mut Connection, who: String, auth_bytes: Bytes) -> Result<Bytes, Error> {
    let answer = connection.request(&sasl_authenticate::Request { auth_bytes }).await?;
    let what = format_args!("{who} at {}", connection.addr());
    check(what, answer.error_code, answer.error_message.as_ref())?;
    Ok(answer.auth_bytes)
}

fn refused(connection: &Connection, login: &Password, reason: String) -> Error {
    Error::Login { addr: connection.addr().to_owned(), user: login.user.clone(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_mechanism_that_is_offered_and_safe() {
        use Mechanism::{Plain, ScramSha256, ScramSha512};
        for (wanted, secured, offered, expected) in [
            (None, false, &["PLAIN", "SCRAM-SHA-256"][..], Ok(ScramSha256)),
            (None, true, &["PLAIN"], Ok(Plain)),
            (None, false, &["PLAIN"], Err("--tls")),
            (None, true, &["OAUTHBEARER"], Err("it offers OAUTHBEARER")),
            (Some(ScramSha512), true, &["PLAIN", "SCRAM-SHA-256"], Err("it offers PLAIN, SCRAM-SHA-256")),
        ] {
            let login = Password { user: "u".to_owned(), password: "p".to_owned(), mechanism: wanted };
            let names: Vec<Text> = offered.iter().map(|name| Text::from(*name)).collect();
            let chosen = next(&login, secured, ScramSha512, &names, "a:1");
            match expected {
                Ok(mechanism) => assert_eq!(chosen.ok(), Some(mechanism), "{offered:?}"),
                Err(text) => assert!(chosen.unwrap_err().to_string().contains(text), "{offered:?}"),
            }
        }
        let plain = Password { user: "u".to_owned(), password: "p".to_owned(), mechanism: Some(Plain) };
        assert_eq!(first(&plain, true).ok(), Some(Plain));
        assert!(matches!(first(&plain, false), Err(Error::Clear(_))));
    }
}
