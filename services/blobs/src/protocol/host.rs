//! Buckets in host names: `bucket.domain` where `domain` is one of the node's. Everything else has its bucket in the path.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// The domains below which names are buckets.
#[derive(Clone, Debug)]
pub struct Domains(Vec<String>);

impl Domains {
    /// Of these names, in any case; `localhost` is always one, since browsers and many resolvers find this machine below it.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        Self(names.chain(["localhost".to_owned()]).collect())
    }

    /// Of these names alone.
    pub fn only(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// The bucket that a Host header names; `None` where it is in the path.
    pub fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let below = |domain: &String| {
            let at = name.len().checked_sub(domain.len() + 1)?;
            let (bucket, rest) = name.split_at_checked(at)?;
            let is_below = rest.starts_with('.') && rest[1..].eq_ignore_ascii_case(domain);
            (is_below && !bucket.is_empty()).then_some(bucket)
        };
        // The longest domain decides: with `example.com` and `s3.example.com`, `a.s3.example.com` is the bucket `a`.
        self.0.iter().filter_map(below).min_by_key(|bucket| bucket.len())
    }

    /// The names that requests may be for, for [`bole_net::safety::HostOriginGuard`].
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().flat_map(|domain| [domain.clone(), format!("*.{domain}")])
    }
}

impl S3Host for Domains {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let found = VirtualHost::new(host);
        Ok(match self.bucket(host) {
            Some(bucket) => found.with_bucket(bucket),
            None => found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_below_domains() {
        let domains = Domains::new(["Example.com".to_owned(), "s3.example.com".to_owned()]);
        for (host, bucket) in [
            ("localhost:9000", None),
            ("photos.localhost:9000", Some("photos")),
            ("a.b.localhost", Some("a.b")),
            ("example.com", None),
            ("x.EXAMPLE.com:80", Some("x")),
            ("s3.example.com", Some("s3")),
            ("x.s3.example.com", Some("x")),
            (".localhost", None),
            ("evillocalhost", None),
            ("other.org", None),
            ("127.0.0.1:9000", None),
            ("[::1]:9000", None),
            ("", None),
            ("ä.localhost", Some("ä")),
        ] {
            assert_eq!(domains.bucket(host), bucket, "{host}");
            assert_eq!(domains.parse_host_header(host).unwrap().bucket(), bucket, "{host}");
        }
    }
}
