//! Services.

use super::{At, balance, value};
use crate::host::HostPort;
use crate::limits;
use crate::service::{
    Breaker, Concurrency, Connections, Dns, Ejection, Health, HedgeAfter, HostHeader, Instance, Probe,
    Protocol, Retries, Service, Timeouts, Tls,
};
use std::net::IpAddr;

pub(super) fn check(at: &At<'_>, service: &Service) {
    value::exactly_one(
        at,
        &[
            ("instances", !service.instances.is_empty()),
            ("dns", service.dns.is_some()),
            ("registry", service.registry),
        ],
    );
    instances(&at.field("instances"), &service.instances);
    if let Some(found) = &service.dns {
        dns(&at.field("dns"), found);
    }
    if service.protocol == Protocol::Auto && service.tls.is_none() {
        let todo = "add tls, or say http/1.1 or http/2";
        at.field("protocol").say("\"auto\" is negotiated by TLS, and there is none", todo);
    }
    if let Some(secure) = &service.tls {
        tls(&at.field("tls"), secure);
    }
    if let HostHeader::Name(name) = &service.host {
        value::host(&at.field("host").field("name"), name);
    }
    balance::check(&at.field("balance"), &service.balance);
    if let Some(checks) = &service.health {
        health(&at.field("health"), checks);
    }
    ejection(&at.field("ejection"), &service.ejection);
    timeouts(&at.field("timeouts"), &service.timeouts);
    retries(&at.field("retries"), &service.retries);
    if let Some(after) = service.hedge_after {
        let at = at.field("hedge_after");
        match after {
            HedgeAfter::Time(after) => value::span(&at, after),
            HedgeAfter::Percentile(of) => {
                let wrong = || format!("p{of} is out of range");
                at.expect((50..=99).contains(&of), wrong, "use p50 to p99; p95 asks twice for one of twenty");
            }
        }
        let sticky = service.balance.algorithm == "sticky";
        let wrong = || "clients are bound to instances here, and would be answered by others".to_owned();
        at.expect(!sticky, wrong, "take it out, or choose another balance.algorithm");
    }
    if let Some(settings) = &service.breaker {
        breaker(&at.field("breaker"), settings);
    }
    if let Some(most) = &service.concurrency {
        concurrency(&at.field("concurrency"), most);
    }
    connections(&at.field("connections"), &service.connections);
    if let Some(openapi) = &service.openapi {
        value::file(&at.field("openapi").field("file"), &openapi.file);
    }
}

fn instances(at: &At<'_>, instances: &[Instance]) {
    at.at_most(instances.len(), limits::INSTANCES_MAX, "instances");
    value::distinct(at, instances.iter().map(|instance| instance.address.as_str()));
    for (index, instance) in instances.iter().enumerate() {
        let at = at.item(index);
        value::address(&at.field("address"), &instance.address);
        let weight = instance.weight;
        at.field("weight").expect(
            (1..=65_535).contains(&weight),
            || format!("{weight} is out of range"),
            "use 1 to 65535; drain = true gives it nothing",
        );
        if let Some(zone) = &instance.zone {
            value::name(&at.field("zone"), zone);
        }
    }
}

fn dns(at: &At<'_>, dns: &Dns) {
    let name = HostPort::parse(&dns.name).filter(|read| read.port.is_none());
    let address = |host: &str| host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    at.field("name").expect(
        name.is_some_and(|read| !address(&read.host)),
        || format!("{:?} is no name to ask for", dns.name),
        "write a name without a port; addresses are instances",
    );
    match (dns.srv, dns.port) {
        (true, Some(port)) => {
            at.field("port").say(format!("SRV records say the port, not {port}"), "take it out");
        }
        (false, None) => at.field("port").say("missing", "say one, or srv = true"),
        (false, Some(0)) => at.field("port").say("0 is no port", "use 1 to 65535"),
        _ => {}
    }
    value::ordered(at, ("refresh_least", dns.refresh_least), ("refresh_most", dns.refresh_most));
}

fn tls(at: &At<'_>, tls: &Tls) {
    if let Some(name) = &tls.name {
        let holds = HostPort::parse(name).is_some_and(|read| read.port.is_none());
        at.field("name").expect(
            holds,
            || format!("{name:?} is no name in a certificate"),
            "write it without a port",
        );
    }
    let files = [("authorities", &tls.authorities), ("certificate", &tls.certificate), ("key", &tls.key)];
    for (field, file) in files {
        if let Some(file) = file {
            value::file(&at.field(field), file);
        }
    }
    value::both(at, ("certificate", tls.certificate.is_some()), ("key", tls.key.is_some()));
    if tls.insecure && tls.authorities.is_some() {
        at.field("insecure")
            .say("any certificate is taken, and authorities are named", "take one of both out");
    }
}

fn health(at: &At<'_>, health: &Health) {
    value::span(&at.field("interval"), health.interval);
    value::span(&at.field("timeout"), health.timeout);
    value::number(&at.field("rise"), health.rise.into(), 1, 1_000);
    value::number(&at.field("fall"), health.fall.into(), 1, 1_000);
    at.field("port").expect(health.port != Some(0), || "0 is no port".to_owned(), "use 1 to 65535");
    let at = at.field("probe");
    match &health.probe {
        Probe::Tcp => {}
        Probe::Grpc { service } => {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
            let holds = service.len() <= 256 && service.bytes().all(fine);
            at.field("grpc").field("service").expect(
                holds,
                || format!("{service:?} is no name of a gRPC service"),
                "write it as in package.Service",
            );
        }
        Probe::Http { path, host, statuses } => {
            let at = at.field("http");
            let fine =
                path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
            at.field("path").expect(fine, || format!("{path:?} is no path"), "write one that begins with /");
            if let Some(host) = host {
                value::host(&at.field("host"), host);
            }
            let at = at.field("statuses");
            at.at_most(statuses.len(), limits::CONDITIONS_MAX, "ranges");
            for (index, text) in statuses.iter().enumerate() {
                let todo = "write \"200\" or \"200-299\"";
                at.item(index).expect(value::is_statuses(text), || format!("{text:?} is no status"), todo);
            }
        }
    }
}

fn ejection(at: &At<'_>, ejection: &Ejection) {
    value::ordered(at, ("base", ejection.base), ("max", ejection.max));
    value::within(&at.field("share_max"), ejection.share_max, 0.0, 1.0);
}

fn timeouts(at: &At<'_>, timeouts: &Timeouts) {
    let all = [
        ("connect", Some(timeouts.connect)),
        ("first_byte", Some(timeouts.first_byte)),
        ("read", Some(timeouts.read)),
        ("write", Some(timeouts.write)),
        ("total", timeouts.total),
    ];
    for (field, timeout) in all {
        if let Some(timeout) = timeout {
            value::span(&at.field(field), timeout);
        }
    }
}

fn retries(at: &At<'_>, retries: &Retries) {
    value::number(&at.field("attempts"), retries.attempts.into(), 0, limits::RETRIES_MAX.into());
    for (index, status) in retries.statuses.iter().enumerate() {
        let holds = [429, 502, 503, 504].contains(status);
        at.field("statuses").item(index).expect(
            holds,
            || format!("{status} is not tried again: the request was answered"),
            "use 429, 502, 503 or 504",
        );
    }
    if let Some(per_try) = retries.per_try {
        value::span(&at.field("per_try"), per_try);
    }
    value::within(&at.field("budget_ratio"), retries.budget_ratio, 0.0, 10.0);
    value::within(&at.field("budget_per_second"), retries.budget_per_second, 0.0, 1e6);
    value::number(&at.field("body_max"), retries.body_max.0, 0, limits::RETRY_BODY_BYTES_MAX);
}

fn breaker(at: &At<'_>, breaker: &Breaker) {
    value::span(&at.field("window"), breaker.window);
    value::number(&at.field("volume"), breaker.volume, 1, 1 << 32);
    let share = breaker.failure_share;
    let holds = share > 0.0 && share <= 1.0;
    at.field("failure_share").expect(
        holds,
        || format!("{share} is no share"),
        "use more than 0, and at most 1",
    );
    value::ordered(at, ("open_for", breaker.open_for), ("open_max", breaker.open_max));
}

fn concurrency(at: &At<'_>, concurrency: &Concurrency) {
    match concurrency {
        Concurrency::Max(most) => value::number(&at.field("max"), (*most).into(), 1, 1_000_000),
        Concurrency::Adaptive { least, most } => {
            let at = at.field("adaptive");
            value::number(&at.field("least"), (*least).into(), 1, 1_000_000);
            value::number(&at.field("most"), (*most).into(), 1, 1_000_000);
            at.field("most").expect(
                least <= most,
                || format!("{most} is below least, {least}"),
                "make it larger",
            );
        }
    }
}

fn connections(at: &At<'_>, connections: &Connections) {
    value::age(&at.field("idle"), connections.idle, limits::SPAN_MAX);
    value::number(&at.field("streams_max"), connections.streams_max.into(), 1, 65_535);
}
