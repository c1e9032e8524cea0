//! Which Host and Origin headers an HTTP door accepts. A web page can make a browser send requests to any address,
//! this machine's included, but it cannot forge these two: a rebound name shows in `Host`, a foreign page in `Origin`.

use std::net::IpAddr;
use std::sync::Arc;

/// Checks the `Host` and `Origin` headers of a request; says why it is refused.
pub type Guard = Arc<dyn Fn(Option<&str>, Option<&str>) -> Result<(), String> + Send + Sync>;

/// Accepts hosts that are IP addresses or `localhost`, which no name server can rebind, and origins that are equal to
/// the host. A request without `Origin` comes from a program, or from a page of the same origin.
pub fn addresses_only() -> Guard {
    Arc::new(|host, origin| {
        let host = host.ok_or("the request has no Host header")?;
        if !is_address(host) {
            return Err(format!("host \"{host}\" is not accepted; use an IP address or localhost"));
        }
        match origin {
            None => Ok(()),
            Some(origin) if origin.split_once("://").is_some_and(|(_, authority)| authority == host) => {
                Ok(())
            }
            Some(origin) => Err(format!("origin \"{origin}\" is foreign to host \"{host}\"")),
        }
    })
}

/// Whether an authority (host, and maybe a port) names an IP address or this machine.
fn is_address(authority: &str) -> bool {
    let (name, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or((rest, "bad")),
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port_is_sound =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    port_is_sound && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins() {
        let guard = addresses_only();
        for (host, origin, accepted) in [
            (Some("127.0.0.1:4280"), None, true),
            (Some("localhost"), None, true),
            (Some("[::1]:4280"), None, true),
            (Some("10.0.0.5:4280"), Some("http://10.0.0.5:4280"), true),
            (Some("localhost:4280"), Some("http://localhost:4280"), true),
            (None, None, false),
            (Some("evil.example:4280"), None, false),
            (Some("localhost.evil.example"), None, false),
            (Some("127.0.0.1.evil.example"), None, false),
            (Some("127.0.0.1:x"), None, false),
            (Some("[::1"), None, false),
            (Some("localhost:4280"), Some("http://evil.example"), false),
            (Some("localhost:4280"), Some("http://localhost:3000"), false),
            (Some("localhost:4280"), Some("null"), false),
        ] {
            assert_eq!(guard(host, origin).is_ok(), accepted, "{host:?} {origin:?}");
        }
    }
}
