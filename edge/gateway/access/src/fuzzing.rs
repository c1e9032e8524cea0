//! The decoders, for the fuzz targets in `fuzz/`: each takes any bytes and says whether it read them.

/// A token (JWT).
pub fn token(text: &str) -> bool {
    crate::token::read(text).is_ok()
}

/// A key set (JWKS).
pub fn keys(bytes: &[u8]) -> bool {
    crate::token::keys::KeySet::read(bytes).is_ok()
}

/// A dictionary of structured fields. What was read is written and read alike.
pub fn fields(bytes: &[u8]) -> bool {
    use crate::signature::fields::{dictionary, write_member};
    use std::fmt::Write as _;
    let Ok(members) = dictionary(bytes) else { return false };
    let mut text = String::new();
    for (index, (name, member)) in members.iter().enumerate() {
        text.push_str(if index > 0 { ", " } else { "" });
        let _ = write!(text, "{name}=");
        write_member(member, &mut text);
    }
    assert_eq!(dictionary(text.as_bytes()), Ok(members));
    true
}

/// A certificate's names.
pub fn certificate(der: &[u8]) -> bool {
    crate::login::certificate::names(der).is_some()
}

/// Name and password.
pub fn basic(text: &str) -> bool {
    crate::login::basic::read(text).is_some()
}

/// The way back of a login: always a path of this host.
pub fn own_path(text: &str) -> bool {
    let path = crate::oidc::flow::own_path(text);
    assert!(path.starts_with('/') && !path.starts_with("//") && !path.contains('\\'));
    path == text
}
