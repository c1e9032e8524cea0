//! `bole cdn sign`: makes signed links for routes with a `link` login. No node is asked.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use bole_base::units::parse_duration;
use bole_gateway_access::SystemSecrets;
use bole_gateway_access::link::{self, Link, Reach};
use bole_gateway_document::network::Network;
use bole_gateway_document::path::Path;
use clap::Args;
use hyper::Uri;

#[derive(Debug, Args)]
pub(in crate::cli) struct SignArgs {
    /// What it is for: <https://example.com/report.pdf?page=2>; a folder with --folder
    url: Uri,
    /// The id of the key in the login's `keys`
    #[arg(long)]
    key: String,
    /// Its secret: `env:NAME` or `file:PATH`
    #[arg(long)]
    secret: String,
    /// How long from now it is good
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    span: Duration,
    /// From when on it is good: as long from now
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    after: Option<Duration>,
    /// It is good for all below the URL's path, which ends with a slash
    #[arg(long)]
    folder: bool,
    /// Only clients of this network may use it, `192.0.2.0/24` or one address
    #[arg(long)]
    network: Option<String>,
    /// Print the value of the cookie `link` instead of a URL; it is for a folder
    #[arg(long, requires = "folder")]
    cookie: bool,
}

pub(in crate::cli) fn run(args: &SignArgs, out: &mut dyn Write) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    writeln!(out, "{}", signed(args, now)?)?;
    Ok(())
}

fn signed(args: &SignArgs, now: Duration) -> Result<String> {
    if !args.secret.starts_with("env:") && !args.secret.starts_with("file:") {
        bail!("--secret is env:NAME or file:PATH, so that the secret is not in the list of processes");
    }
    let secret = link::secret(&args.secret, &SystemSecrets).map_err(anyhow::Error::msg)?;
    if let Some(network) = args.network.as_ref().filter(|network| Network::parse(network).is_none()) {
        bail!("{network:?} is no network: write 192.0.2.0/24, 2001:db8::/32 or an address");
    }
    let (Some(scheme), Some(authority)) = (args.url.scheme_str(), args.url.authority()) else {
        bail!("{} is no URL with scheme and host", args.url);
    };
    let own = if scheme == "https" { 443 } else { 80 };
    let host = authority.host().to_ascii_lowercase();
    let host = match authority.port_u16().filter(|port| *port != own) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    };
    let path = Path::of(args.url.path()).with_context(|| format!("the path {:?}", args.url.path()))?;
    let query = args.url.query().unwrap_or("");
    let reach = if args.folder { Reach::Under(path.as_str()) } else { Reach::Path(path.as_str(), query) };
    if args.folder && !(link::is_folder(path.as_str()) && query.is_empty()) {
        bail!("the URL of a folder ends with a slash and has no query: {}", args.url);
    }
    let link = Link {
        authority: &host,
        reach,
        key: &args.key,
        until: (now + args.span).as_secs(),
        from: args.after.map(|after| (now + after).as_secs()),
        network: args.network.as_deref(),
    };
    let told = link.sign(&secret);
    if args.cookie {
        return Ok(told);
    }
    let and = if query.is_empty() { String::new() } else { format!("{query}&") };
    Ok(format!("{scheme}://{authority}{}?{and}{told}", path.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_say_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "environment-secret-0123456789abcdef\n").unwrap();
        let args = |url: &str| SignArgs {
            url: url.parse().unwrap(),
            key: "1".to_owned(),
            secret: format!("file:{}", file.display()),
            span: Duration::from_mins(1),
            after: None,
            folder: false,
            network: None,
            cookie: false,
        };
        let at = Duration::from_hours(490_896);
        let url = signed(&args("https://API.example.com:443/a/../b?x=1"), at).unwrap();
        let expected = "https://API.example.com:443/b?x=1&link-key=1&link-until=1767225660&link-signature=";
        assert!(url.starts_with(expected), "{url}");
        let network = Some("192.0.2.0/24".to_owned());
        let of_folder =
            SignArgs { folder: true, cookie: true, network, ..args("https://api.example.com/videos/") };
        // As in the access crate's test, and as another program makes it.
        assert_eq!(
            signed(&of_folder, at).unwrap(),
            "link-key=1&link-until=1767225660&link-under=%2Fvideos%2F&link-net=192.0.2.0%2F24&link-signature=lnUa3249ocqjfrIz_6LqIY7322e6s7pvDVQT7smPoFI"
        );
        for (wrong, why) in [
            (
                SignArgs { secret: "clear-text-secret-of-many-bytes".to_owned(), ..args("http://a/") },
                "env:NAME",
            ),
            (SignArgs { network: Some("10.1.0.0/8".to_owned()), ..args("http://a/") }, "no network"),
            (SignArgs { folder: true, ..args("http://a/b") }, "ends with a slash"),
            (args("/b"), "no URL"),
        ] {
            let error = format!("{:#}", signed(&wrong, at).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }
}
