//! Headers that are for one connection only (RFC 9110, section 7.6.1), and what they ask for.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName,
    HeaderValue, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};

/// What the headers of a connection asked for before they were taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// To go on in this protocol: `Upgrade`, which `Connection` named.
    pub upgrade: Option<HeaderValue>,
    /// Trailers are welcome (`TE: trailers`), which gRPC needs to be said again to the service.
    pub trailers: bool,
    /// The connection ends with this message (`Connection: close`).
    pub close: bool,
}

/// What `Connection` cannot take out: whoever names these wants the service to see another request than the gateway did.
const KEPT: &[HeaderName] = &[AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST];

/// Takes out what is for one connection only: what `Connection` names, and the names that are known to be. To be called before the
/// gateway puts in headers of its own, which a client must not be able to name. `Proxy` goes as well: programs that get headers as
/// variables take it for the address of their proxy.
pub fn strip(headers: &mut HeaderMap) -> Hop {
    let mut hop = Hop::default();
    let mut named = Vec::new();
    for value in headers.get_all(CONNECTION) {
        for name in value.as_bytes().split(|byte| *byte == b',') {
            match HeaderName::from_bytes(name.trim_ascii()) {
                Ok(UPGRADE) => hop.upgrade = headers.get(UPGRADE).cloned(),
                Ok(name) if name == "close" => hop.close = true,
                Ok(name) if !KEPT.contains(&name) => named.push(name),
                Ok(_) | Err(_) => {}
            }
        }
    }
    let te = |value: &HeaderValue| {
        let mut codings = value.as_bytes().split(|byte| *byte == b',');
        codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    };
    hop.trailers = headers.get_all(TE).iter().any(te);
    let known = [CONNECTION, TE, TRANSFER_ENCODING, UPGRADE, PROXY_AUTHORIZATION];
    let others = ["keep-alive", "proxy-connection", "proxy"].map(HeaderName::from_static);
    for name in named.iter().chain(&known).chain(&others) {
        headers.remove(name);
    }
    hop
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_for_the_connection_goes() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "Upgrade, X-Own ,close"),
            ("connection", "Authorization, host"),
            ("x-own", "1"),
            ("authorization", "a"),
            ("host", "h"),
            ("upgrade", "websocket"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy", "http://evil"),
            ("te", "gzip;q=0.1, Trailers"),
            ("transfer-encoding", "chunked"),
            ("x-other", "2"),
            ("trailer", "x"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let hop = strip(&mut headers);
        let upgrade = Some(HeaderValue::from_static("websocket"));
        assert_eq!(hop, Hop { upgrade, trailers: true, close: true });
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "host", "trailer", "x-other"]);
        assert_eq!(strip(&mut headers), Hop::default());
    }

    #[test]
    fn an_upgrade_counts_only_if_the_connection_names_it() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        assert_eq!(strip(&mut headers), Hop::default());
        assert!(headers.is_empty());
    }
}
