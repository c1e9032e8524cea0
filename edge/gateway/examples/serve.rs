//! A gateway by itself, to try and to measure it: `serve DOCUMENT.toml`.
//!
//! `LISTEN` and `LISTEN_TLS` say where (`127.0.0.1:8080` without), `EXPLAIN=1` tells how answers came about, `ACCESS_LOG=FILE` writes one JSON
//! object a request, `DIRECT=0` forwards all requests by the proxy library, `WORKERS` bounds the threads. The document is read again when its file changes; SIGINT and SIGTERM close.

use anyhow::Context as _;
use bole_gateway::config::{AccessLog, Config, LogFormat, Parts};
use bole_gateway::service::Service;
use bole_gateway_document::Document;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn listen(name: &str) -> anyhow::Result<Vec<std::net::SocketAddr>> {
    let Ok(text) = std::env::var(name) else { return Ok(Vec::new()) };
    text.split(',')
        .map(|address| address.trim().parse().with_context(|| format!("{name}: {address:?}")))
        .collect()
}

fn config() -> anyhow::Result<Config> {
    let mut config = Config { https: listen("LISTEN_TLS")?, ..Config::default() };
    let http = listen("LISTEN")?;
    if !http.is_empty() {
        config.http = http;
    }
    config.explain = std::env::var_os("EXPLAIN").is_some();
    config.direct = std::env::var_os("DIRECT").is_none_or(|direct| direct != "0");
    if let Some(file) = std::env::var_os("ACCESS_LOG") {
        config.access_log = AccessLog { file: Some(PathBuf::from(file)), format: LogFormat::Json };
    }
    Ok(config)
}

fn read(path: &Path) -> anyhow::Result<(Document, SystemTime)> {
    let changed = std::fs::metadata(path).and_then(|about| about.modified());
    let changed = changed.with_context(|| path.display().to_string())?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok((Document::from_toml(&text)?, changed))
}

async fn follow(gateway: &Service, path: &Path, mut seen: SystemTime) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match read(path) {
            Ok((_, changed)) if changed == seen => {}
            Ok((document, changed)) => {
                seen = changed;
                if let Err(refused) = gateway.apply(document).await {
                    error!("{refused}");
                }
            }
            Err(refused) => error!("{refused:#}"),
        }
    }
}

async fn run(path: PathBuf) -> anyhow::Result<()> {
    let (document, changed) = read(&path)?;
    let gateway = Service::open(config()?, Parts::default()).await?;
    gateway.apply(document).await?;
    info!("listens on {:?}, with TLS on {:?}", gateway.http(), gateway.https());
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        never = follow(&gateway, &path, changed) => match never {},
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    let closed = gateway.close().await;
    info!("closed: {} connections finished, {} were cut off", closed.finished, closed.aborted);
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let path = std::env::args_os().nth(1).context("usage: serve DOCUMENT.toml")?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = std::env::var("WORKERS").ok().and_then(|workers| workers.parse().ok()) {
        runtime.worker_threads(workers);
    }
    runtime.enable_all().build()?.block_on(run(PathBuf::from(path)))
}
