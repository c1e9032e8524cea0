//! The gateway's document from a file: taken whole whenever it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use bole_gateway_control::Control;
use bole_gateway_document::Document;
use tokio::time::interval;

/// How often the file is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The largest document.
const BYTES_MAX: u64 = 16 << 20;

/// What tells that a file is another one: when it was changed, and its length.
type Mark = Option<(SystemTime, u64)>;

fn mark(path: &Path) -> Mark {
    let data = std::fs::metadata(path).ok()?;
    Some((data.modified().ok()?, data.len()))
}

async fn read(path: &Path) -> Result<Document> {
    let length = tokio::fs::metadata(path).await.context("cannot be read")?.len();
    if length > BYTES_MAX {
        bail!("has {length} bytes; at most {BYTES_MAX} are possible");
    }
    let text = tokio::fs::read_to_string(path).await.context("cannot be read")?;
    let json = path.extension().is_some_and(|end| end == "json");
    let document = if json { Document::from_json(text.as_bytes()) } else { Document::from_toml(&text) };
    document.map_err(|error| anyhow::anyhow!("{error}"))
}

/// Takes what is in the file at the start. A file that is wrong stops the start: there is no document before it.
pub(super) async fn take(control: &Control, path: &Path) -> Result<()> {
    let document = read(path).await?;
    let problems = control.attempt(&document).await;
    if !problems.is_empty() {
        bail!("the gateway cannot carry it out: {}", problems.join("; "));
    }
    control.take(document);
    Ok(())
}

/// Takes what is in the file whenever that has changed.
pub(super) async fn watch(control: Arc<Control>, path: PathBuf) {
    let mut seen = mark(&path);
    let mut every = interval(LOOK_INTERVAL);
    loop {
        every.tick().await;
        let now = mark(&path);
        if now == seen {
            continue;
        }
        seen = now;
        let tried = match read(&path).await {
            Ok(document) => match control.attempt(&document).await {
                problems if problems.is_empty() => Ok(document),
                problems => Err(anyhow::anyhow!("{}", problems.join("\n"))),
            },
            Err(error) => Err(error),
        };
        match tried {
            Ok(document) => control.take(document),
            Err(error) => {
                tracing::error!(file = %path.display(), "the gateway's document is not taken, the one before stays: {error:#}");
                let lines = format!("{}: {error:#}", path.display());
                control.refuse(lines.lines().map(str::to_owned).collect());
            }
        }
    }
}
