//! Certificates.

use super::{At, value};
use crate::Document;
use crate::host::HostPattern;
use crate::limits;
use crate::tls::{Acme, Certificate};
use std::collections::BTreeMap;

pub(super) fn check(at: &At<'_>, certificate: &Certificate) {
    let files = certificate.certificate.is_some() || certificate.key.is_some();
    value::exactly_one(at, &[("certificate with key", files), ("acme", certificate.acme.is_some())]);
    value::both(at, ("certificate", certificate.certificate.is_some()), ("key", certificate.key.is_some()));
    let named = [
        ("certificate", &certificate.certificate),
        ("key", &certificate.key),
        ("client_authorities", &certificate.client_authorities),
    ];
    for (field, file) in named {
        if let Some(file) = file {
            value::file(&at.field(field), file);
        }
    }
    hosts(&at.field("hosts"), certificate);
    if let Some(authority) = &certificate.acme {
        acme(&at.field("acme"), authority);
    }
    if certificate.client_optional && certificate.client_authorities.is_none() {
        let todo = "name client_authorities, or take it out";
        at.field("client_optional").say("nobody is asked for a certificate", todo);
    }
}

fn hosts(at: &At<'_>, certificate: &Certificate) {
    let hosts = &certificate.hosts;
    at.at_most(hosts.len(), limits::HOSTS_MAX, "hosts");
    value::distinct(at, hosts.iter().map(String::as_str));
    if certificate.acme.is_some() && hosts.is_empty() {
        at.say("an authority must be told for which names", "list them");
    }
    for (index, text) in hosts.iter().enumerate() {
        let at = at.item(index);
        match HostPattern::parse(text) {
            Some(HostPattern { port: Some(port), .. }) => {
                at.say(format!("certificates know no ports, and {text:?} has {port}"), "take it out");
            }
            Some(HostPattern { wildcard: true, .. }) if certificate.acme.is_some() => {
                let todo = "list the names; a wildcard needs a proof by DNS, which is not built";
                at.say(format!("{text:?} cannot be proved over HTTP"), todo);
            }
            Some(HostPattern { name, .. }) if certificate.acme.is_some() && !can_be_ordered(&name) => {
                let todo = "list names of the DNS, or name the files certificate and key";
                at.say(format!("{text:?} is no name that authorities give certificates for"), todo);
            }
            Some(_) => {}
            None => at.say(format!("{text:?} is no host"), "write example.com or *.example.com"),
        }
    }
}

/// Clients ask for certificates by names only, and names of the DNS have no underscores where authorities are asked for them.
fn can_be_ordered(name: &str) -> bool {
    let address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
    !address && !name.contains('_')
}

fn acme(at: &At<'_>, acme: &Acme) {
    value::url(&at.field("directory"), &acme.directory, false);
    let todo = "read them, and write terms_agreed = true if you agree";
    at.field("terms_agreed").expect(
        acme.terms_agreed,
        || format!("{} gives certificates only to who agrees to its terms", acme.directory),
        todo,
    );
    if let Some(contact) = &acme.contact {
        let address = contact.strip_prefix("mailto:").unwrap_or(contact);
        let holds = address.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty()
                && HostPattern::parse(host).is_some()
                && user.bytes().all(|byte| byte.is_ascii_graphic())
        });
        at.field("contact").expect(
            holds,
            || format!("{contact:?} is no address"),
            "write somebody@example.com",
        );
    }
    if let Some(file) = &acme.authorities {
        value::file(&at.field("authorities"), file);
    }
    let is_plain = |text: &str| {
        !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if let Some(profile) = &acme.profile {
        let wrong = || format!("{profile:?} is no name of a profile");
        at.field("profile").expect(
            is_plain(profile),
            wrong,
            "write the name as the authority's directory has it",
        );
    }
    if let Some(account) = &acme.external_account {
        let at = at.field("external_account");
        let wrong = || format!("{:?} is no name of an account", account.id);
        at.field("id").expect(is_plain(&account.id), wrong, "write it as the authority shows it");
        let empty = || "the key is empty".to_owned();
        at.field("key").expect(!account.key.0.is_empty(), empty, "write it as the authority shows it");
    }
}

/// Two certificates for a host: nobody could tell which one clients see.
pub(super) fn check_together(at: &At<'_>, document: &Document) {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for (name, certificate) in &document.certificates {
        let mut own = std::collections::BTreeSet::new();
        for (index, host) in certificate.hosts.iter().enumerate() {
            let host = host.to_ascii_lowercase();
            if !own.insert(host.clone()) {
                continue;
            }
            if let Some(owner) = owners.get(&host) {
                let at = at.field(name).field("hosts").item(index);
                at.say(format!("{host:?} has the certificate {owner:?} already"), "leave it to one of both");
            } else {
                owners.insert(host, name);
            }
        }
    }
}
