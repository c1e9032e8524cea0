//! Serves zones without a node around it: `serve_zones --listen 127.0.0.1:5300 [--geo FILE] [--key ZONE=FILE] [--tls CERT KEY ADDRESS
//! ADDRESS] [--allow PREFIX] [--tsig NAME ALGORITHM SECRET] [--no-rate]
//! [--sockets N] [--forever] ZONE…`, until its input ends, or for ever. For trying out and measuring.

#![expect(clippy::unwrap_used, reason = "an example ends where its arguments are wrong")]
#![expect(clippy::print_stdout, reason = "it is what an example says")]

use bole_geodns::config::{Config, Transfer, TsigKey};
use bole_geodns::health::Vitals;
use bole_geodns::{Parts, Service};
use bole_net::{ConnectionLimit, Metrics, Stopper};
use std::io::Read;
use std::sync::Arc;

fn config() -> Config {
    let mut config = Config::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut next = || arguments.next().unwrap();
        match argument.as_str() {
            "--listen" => config.listen = vec![next().parse().unwrap()],
            "--geo" => config.geo.push(next().into()),
            "--key" => {
                let value = next();
                let (zone, file) = value.split_once('=').unwrap();
                config.keys.push((zone.to_owned(), file.into()));
            }
            "--tls" => {
                config.certificate = Some((next().into(), next().into()));
                config.tls_listen = Some(next().parse().unwrap());
                config.https_listen = Some(next().parse().unwrap());
            }
            "--allow" => {
                let from = vec![bole_geodns::geo::Prefix::parse(&next()).unwrap()];
                config.transfers.push(Transfer { from, ..Transfer::default() });
            }
            "--tsig" => {
                let key = TsigKey { name: next(), algorithm: next(), secret: next() };
                config.transfers.push(Transfer { key: Some(key.name.clone()), ..Transfer::default() });
                config.tsig.push(key);
            }
            "--no-rate" => {
                config.rate.answers = 0;
                config.rate.nxdomains = 0;
                config.rate.errors = 0;
            }
            "--forever" => {}
            "--sockets" => config.udp_sockets = next().parse().unwrap(),
            zone => config.zones.push(zone.into()),
        }
    }
    config
}

#[tokio::main]
async fn main() {
    let metrics = Metrics::new();
    let parts = Parts {
        health: Arc::new(Vitals::default()),
        resolver: None,
        node_limit: ConnectionLimit::new(4_096),
        metrics: metrics.clone(),
    };
    let service = Service::open(config(), parts).unwrap_or_else(|error| panic!("{error}"));
    for zone in service.zones() {
        println!("{zone:?}");
    }
    let doors = service.bind().await.unwrap_or_else(|error| panic!("{error}"));
    println!("serves at {:?}", doors.addresses());
    let (stopper, shutdown) = Stopper::new();
    let forever = std::env::args().any(|argument| argument == "--forever");
    std::thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        if forever {
            // Who drops it stops the server.
            std::mem::forget(stopper);
        } else {
            stopper.stop();
        }
    });
    println!("{:?}", doors.serve(shutdown).await);
    println!("{}", metrics.render());
}
