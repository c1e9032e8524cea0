//! Logging in and out.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::{Markup, html};

use crate::limits::{FORM_BYTES_MAX, SESSION_LIFETIME};
use crate::node::Fault;
use crate::request::{Fields, Sent, body_of, cookie_name, peer};
use crate::{Console, PATH, page};

/// `GET /console/login`
pub(super) async fn form(parts: Parts) -> Response {
    let query = Fields::parse(parts.uri.query().unwrap_or_default());
    page::bare("Log in", Ok(fields(query.get("next"), "", None)))
}

fn fields(next: &str, user: &str, fault: Option<&Fault>) -> Markup {
    html! {
        div .narrow {
            @if let Some(fault) = fault { (page::alert(fault)) }
            form method="post" action={ (PATH) "/login" } {
                (page::hidden("next", next))
                label { "User" input name="user" value=(user) required autocomplete="username" autocapitalize="none" spellcheck="false"; }
                label { "Password" input type="password" name="password" required autocomplete="current-password"; }
                button { "Log in" }
            }
            p .soft { "Users are those of the node: " code { "bole user list" } " shows them." }
        }
    }
}

/// Where failures are counted: an address (of IPv6 the network that one customer has), and a user.
fn counted(address: IpAddr, user: &str) -> [String; 2] {
    let address = match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    };
    [format!("address {address}"), format!("user {user}")]
}

/// `POST /console/login`
pub(super) async fn log_in(State(console): State<Arc<Console>>, request: Request<Body>) -> Response {
    match try_log_in(&console, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn try_log_in(console: &Console, request: Request<Body>) -> Result<Response, Response> {
    let (parts, body) = request.into_parts();
    let peer = peer(console, &parts)?;
    let form = Fields::parse(&String::from_utf8_lossy(&body_of(body, FORM_BYTES_MAX).await?));
    let (user, password, next) = (form.get("user"), form.get("password"), form.get("next"));
    let refuse = |status, text: &str| {
        let fault = Fault::new(status, text);
        let mut response = page::bare("Log in", Ok(fields(next, user, Some(&fault))));
        *response.status_mut() = status;
        response
    };
    let counted = counted(peer.ip(), user);
    if !console.tries.begin(&counted) {
        console.logins_refused.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%peer, user, "console: too many failed logins");
        let text = "too many tries that failed; wait a minute";
        return Err(refuse(StatusCode::TOO_MANY_REQUESTS, text));
    }
    let verified = console.node.verify(user, password).await;
    if !verified.map_err(|fault| refuse(fault.status, &fault.message))? {
        console.logins_failed.fetch_add(1, Ordering::Relaxed);
        tracing::info!(%peer, user, "console: a login failed");
        return Err(refuse(StatusCode::UNAUTHORIZED, "the user or the password is wrong"));
    }
    let stamp = console.node.stamp(user);
    let stamp = stamp.ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, "the user or the password is wrong"))?;
    console.tries.succeeded(&counted);
    let token = console.sessions.begin(user, stamp);
    tracing::info!(%peer, user, "console: logged in");
    let to = if is_own(next) { next } else { PATH };
    Ok(with_cookie(page::see_other(to), &cookie_name(&parts.headers), &token, SESSION_LIFETIME.as_secs()))
}

/// Whether a place is a page of the console: nothing that a link in a mail made of it.
fn is_own(place: &str) -> bool {
    let rest = place.strip_prefix(PATH);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn with_cookie(mut response: Response, name: &str, token: &str, seconds: u64) -> Response {
    let cookie = format!("{name}={token}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// `POST /console/logout`
pub(super) async fn log_out(parts: Parts, sent: Result<Sent, Response>) -> Response {
    match sent {
        Err(refused) => refused,
        Ok(Sent { visitor, .. }) => {
            visitor.console.sessions.end(&visitor.token);
            tracing::info!(user = &*visitor.user, "console: logged out");
            with_cookie(page::see_other(PATH), &cookie_name(&parts.headers), "", 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_console_are_gone_to() {
        for own in ["/console", "/console/sql?database=a%20b", "/console?x"] {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "",
            "/",
            "//evil.example",
            "/consolex",
            "/console\\evil",
            "http://evil.example/console",
            "/console/\r\nx: y",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn one_customer_of_ipv6_is_one_address() {
        let of = |address: &str| counted(address.parse().unwrap(), "a")[0].clone();
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
