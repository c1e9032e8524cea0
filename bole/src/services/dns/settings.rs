//! The node's settings as the DNS server wants them; files of keys and secrets are read here.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use bole_geodns::Config;
use bole_geodns::config::{Transfer, TsigKey};
use bole_geodns::security::rate;

use crate::config::Settings;

/// The largest file of keys or secrets.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) fn config(settings: &Settings) -> Result<Config> {
    let dns = &settings.dns;
    ensure!(dns.rate_exempt.keys.is_empty(), "dns.rate_exempt names networks, not keys");
    let by_network = Transfer { from: dns.transfer_to.from.clone(), ..Transfer::default() };
    let mut transfers = Vec::from_iter(Some(by_network).filter(|transfer| !transfer.from.is_empty()));
    transfers.extend(
        dns.transfer_to.keys.iter().map(|key| Transfer { key: Some(key.clone()), ..Transfer::default() }),
    );
    let rate = rate::Settings {
        answers: dns.rate_answers as u32,
        nxdomains: dns.rate_nxdomains as u32,
        errors: dns.rate_errors as u32,
        exempt: dns.rate_exempt.from.clone(),
        ..rate::Settings::default()
    };
    Ok(Config {
        listen: dns.listen.0.clone(),
        tls_listen: dns.tls_listen,
        https_listen: dns.https_listen,
        certificate: settings.tls.certificate.clone().zip(settings.tls.key.clone()),
        https_names: dns.https_names.0.clone(),
        zones: dns.zones.iter().cloned().collect(),
        geo: dns.geo.0.clone(),
        keys: dns.keys.as_deref().map(keys).transpose()?.unwrap_or_default(),
        ecs: dns.ecs,
        udp_bytes: dns.udp_bytes_max as u16,
        nsid: dns.nsid.clone(),
        rate,
        cookie_secrets: dns.cookie_secrets_file.as_deref().map(lines).transpose()?.unwrap_or_default(),
        cookies_required: dns.cookies_required,
        tsig: dns.tsig_file.as_deref().map(tsig).transpose()?.unwrap_or_default(),
        transfers,
        notify: dns.notify_to.0.clone(),
        connections_max: dns.connections_max as usize,
        idle_timeout: dns.idle_timeout,
        drain_timeout: settings.node.shutdown_timeout / 2,
        ..Config::default()
    })
}

/// Keys in a folder, by zone: `ZONE.pem` or `ZONE.private`.
fn keys(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = || format!("dns.keys {} cannot be read", folder.display());
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let zone = path.file_stem().and_then(|zone| zone.to_str()).unwrap_or_default();
        match ending {
            "pem" | "private" => keys.push((zone.to_owned(), path.clone())),
            "key" => {}
            _ => bail!("{} in dns.keys is no key: those end in .pem or .private", path.display()),
        }
    }
    keys.sort();
    Ok(keys)
}

/// Lines of a file that are not empty and do not begin with `#`.
fn lines(file: &Path) -> Result<Vec<String>> {
    let failed = || format!("{} cannot be read", file.display());
    let length = std::fs::metadata(file).with_context(failed)?.len();
    ensure!(length <= FILE_BYTES_MAX, "{} has {length} bytes; 1 MiB are possible", file.display());
    let text = std::fs::read_to_string(file).with_context(failed)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

fn tsig(file: &Path) -> Result<Vec<TsigKey>> {
    let key = |line: &String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, algorithm, secret] = words[..] else {
            // The line is not repeated: it may be a secret.
            bail!("a line of {} is not NAME ALGORITHM SECRET", file.display());
        };
        Ok(TsigKey { name: name.to_owned(), algorithm: algorithm.to_owned(), secret: secret.to_owned() })
    };
    lines(file)?.iter().map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_keys_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tsig");
        std::fs::write(&file, "# ours\n\nx. hmac-sha256 c2VjcmV0\n").expect("it is written");
        let found = tsig(&file).expect("they are right");
        assert_eq!((found.len(), found[0].name.as_str(), found[0].secret.as_str()), (1, "x.", "c2VjcmV0"));
        std::fs::write(&file, "x. geheim\n").expect("it is written");
        let error = tsig(&file).expect_err("a word is missing").to_string();
        assert!(error.contains("NAME ALGORITHM SECRET") && !error.contains("geheim"), "{error}");
        std::fs::remove_file(&file).expect("it is there");
        for name in ["example.com.pem", "example.org.private", "example.org.key"] {
            std::fs::write(folder.path().join(name), "").expect("it is written");
        }
        let zones: Vec<String> =
            keys(folder.path()).expect("all are keys").into_iter().map(|(zone, _)| zone).collect();
        assert_eq!(zones, ["example.com", "example.org"]);
        std::fs::write(folder.path().join("README"), "").expect("it is written");
        assert!(keys(folder.path()).is_err());
    }
}
