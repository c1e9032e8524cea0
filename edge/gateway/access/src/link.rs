//! Signed links: a URL, or a cookie for a folder, that lets in whoever has it, until a time. Who makes links has a secret; who follows one needs
//! nothing.
//!
//! A link is told by parameters of the query, each at most once and each named as here:
//!
//! | parameter | |
//! |---|---|
//! | `link-key` | which key signed it |
//! | `link-until` | seconds since 1970 at which it ends |
//! | `link-from` | seconds since 1970 before which it is not good yet; may be left out |
//! | `link-under` | a folder, `/videos/`: it is good for every path below, with any query; without, for this path and query alone |
//! | `link-net` | the network (or address) that may use it; may be left out |
//! | `link-signature` | HMAC-SHA256 of the text below by the key's secret, in base64url without padding (RFC 4648, section 5) |
//!
//! The text has nine lines, with a line feed between each two (a part that is not there is an empty line):
//!
//! ```text
//! bole-link-1
//! path | under
//! example.com                    host in lower case, and :port if it is not the scheme's own
//! /report.pdf                    the path, or the folder, in the gateway's spelling (percent-encoded)
//! page=2                         the rest of the query as it is in the URL; empty with `link-under`
//! link-key
//! link-until
//! link-from
//! link-net
//! ```

use bole_gateway_document::path::Path;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt::Write as _;

use crate::request::encoded;
use crate::secret::{self, Secrets};
use zeroize::Zeroizing;

/// All parameters.
pub const PARAMETERS: [&str; 6] =
    ["link-key", "link-until", "link-from", "link-under", "link-net", "link-signature"];

/// Fewest bytes of a secret that links are signed by.
pub const SECRET_BYTES_MIN: usize = 16;

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// One path, in the gateway's spelling, with this query; empty for none.
    Path(&'a str, &'a str),
    /// All paths below this folder, which begins and ends with a slash.
    Under(&'a str),
}

/// A link but for its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The host in lower case, and the port if it is not the scheme's own.
    pub authority: &'a str,
    /// What it is good for.
    pub reach: Reach<'a>,
    /// Which key signs it.
    pub key: &'a str,
    /// Seconds since 1970 at which it ends.
    pub until: u64,
    /// Seconds since 1970 before which it is not good.
    pub from: Option<u64>,
    /// Who may use it.
    pub network: Option<&'a str>,
}

impl Link<'_> {
    fn text(&self) -> String {
        let (kind, path, query) = match self.reach {
            Reach::Path(path, query) => ("path", path, query),
            Reach::Under(folder) => ("under", folder, ""),
        };
        let from = self.from.map_or_else(String::new, |from| from.to_string());
        let network = self.network.unwrap_or("");
        let Self { authority, key, until, .. } = self;
        format!("bole-link-1\n{kind}\n{authority}\n{path}\n{query}\n{key}\n{until}\n{from}\n{network}")
    }

    fn mac(&self, secret: &[u8]) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(secret);
        let mut mac = mac.expect("invariant: HMAC takes keys of any length");
        mac.update(self.text().as_bytes());
        mac
    }

    /// Whether a signature is of this link, in constant time.
    pub fn is_signed(&self, secret: &[u8], signature: &[u8]) -> bool {
        self.mac(secret).verify_slice(signature).is_ok()
    }

    /// The parameters of the signed link: `link-key=…&link-until=…&…`.
    pub fn sign(&self, secret: &[u8]) -> String {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let mut told = format!("link-key={}&link-until={}", encoded(self.key), self.until);
        // Writing to a string does not fail.
        if let Some(from) = self.from {
            let _ = write!(told, "&link-from={from}");
        }
        if let Reach::Under(folder) = self.reach {
            let _ = write!(told, "&link-under={}", encoded(folder));
        }
        if let Some(network) = self.network {
            let _ = write!(told, "&link-net={}", encoded(network));
        }
        let signature = self.mac(secret).finalize().into_bytes();
        let _ = write!(told, "&link-signature={}", Base64UrlUnpadded::encode_string(&signature));
        told
    }
}

/// The secret that a reference leads to (`env:NAME`, `file:PATH`, or itself). Errors: it cannot be had, is a hash, or is short enough to be guessed.
pub fn secret(reference: &str, secrets: &dyn Secrets) -> Result<Zeroizing<Vec<u8>>, String> {
    let clear = secret::clear(reference, secrets)?;
    if clear.0.len() < SECRET_BYTES_MIN {
        let bytes = clear.0.len();
        return Err(format!(
            "its secret has {bytes} bytes and could be guessed; use at least {SECRET_BYTES_MIN} random ones"
        ));
    }
    Ok(clear.0)
}

/// A folder as links name them: in the gateway's spelling, with a slash at both ends.
pub fn is_folder(text: &str) -> bool {
    text.ends_with('/') && Path::of(text).is_ok_and(|path| path.as_str() == text)
}
