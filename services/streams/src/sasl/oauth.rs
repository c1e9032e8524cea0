//! OAUTHBEARER (RFC 7628): where a client's first message has its token. [`bole_identity::jwt`] checks it.

pub use bole_identity::jwt::{Settings, Token, Verifier};

/// The token of a client's first message: `n,[a=USER],` and fields behind bytes 1, of which `auth` is `Bearer TOKEN`.
pub fn token(message: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(message).map_err(|_| "the message is not UTF-8".to_owned())?;
    let (header, fields) = text.split_once('\u{1}').ok_or("the message is not of the form of RFC 7628")?;
    if !header.starts_with("n,") || !header.ends_with(',') {
        return Err("channel binding is not offered".to_owned());
    }
    let auth = fields.split('\u{1}').find_map(|field| field.strip_prefix("auth="));
    let (scheme, token) = auth.and_then(|auth| auth.split_once(' ')).ok_or("the message has no token")?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(format!("\"{scheme}\"; use Bearer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_messages() {
        for (message, expected) in [
            ("n,,\u{1}auth=Bearer abc\u{1}\u{1}", Ok("abc")),
            ("n,a=ann,\u{1}host=x\u{1}auth=bearer abc\u{1}\u{1}", Ok("abc")),
            ("p=x,,\u{1}auth=Bearer abc\u{1}\u{1}", Err("channel binding")),
            ("n,,\u{1}auth=Basic abc\u{1}\u{1}", Err("use Bearer")),
            ("n,,\u{1}\u{1}", Err("no token")),
            ("", Err("not of the form")),
        ] {
            match (token(message.as_bytes()), expected) {
                (Ok(token), Ok(expected)) => assert_eq!(token, expected),
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                (outcome, _) => panic!("{message}: {outcome:?}"),
            }
        }
    }
}
