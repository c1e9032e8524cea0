//! Answers that send the client elsewhere.

use crate::Values;
use crate::values::encoded;
use bole_gateway_document::route;
use bole_gateway_document::template::{Template, Use};
use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode};

/// Where a route sends its clients.
#[derive(Clone, Debug)]
pub struct Redirect {
    to: Template,
    status: StatusCode,
}

impl Redirect {
    /// A redirect of a document that was checked.
    pub fn new(redirect: &route::Redirect) -> Option<Self> {
        let to = Template::parse(&redirect.to, Use::Redirect).ok()?;
        Some(Self { to, status: StatusCode::from_u16(redirect.status).ok()? })
    }

    /// The answer. Its `Location` is of the gateway's own host, or of the one that the document names: a path of the client's that begins
    /// with two slashes, which browsers take for a host, begins with one.
    pub fn answer(&self, values: &Values<'_>) -> Response<()> {
        let text = values.render(&self.to);
        let slashes = text.iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
        let text = if slashes > 1 { [b"/", &text[slashes..]].concat() } else { text };
        let location = encoded(&text, |byte| byte.is_ascii_graphic() && *byte != b'\\');
        let mut answer = Response::new(());
        *answer.status_mut() = self.status;
        let location = HeaderValue::from_bytes(&location).expect("only visible characters are left");
        answer.headers_mut().insert(LOCATION, location);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Parts;
    use crate::values::tests::values;
    use http::HeaderMap;

    #[test]
    fn nobody_is_sent_to_a_host_of_the_clients() {
        let headers = HeaderMap::new();
        let parts = Parts { rest: "/evil.com", groups: vec!["\\evil.com"] };
        for (to, expected) in [
            ("https://{host}{path}?{query}", "https://a.com/x/y?q=1&p=a%20b"),
            ("{path}", "/x/y"),
            ("/new/{rest}", "/new//evil.com"),
            ("/{rest}", "/evil.com"),
            ("/{1}", "/evil.com"),
            ("/a/{1}", "/a/%5Cevil.com"),
        ] {
            let redirect =
                Redirect::new(&route::Redirect { to: to.to_owned(), status: 308 }).expect("it is one");
            let answer = redirect.answer(&values(&headers, &parts));
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()[LOCATION]),
                (308, &HeaderValue::from_static(expected))
            );
        }
    }
}
