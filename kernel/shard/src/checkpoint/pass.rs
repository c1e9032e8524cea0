//! One checkpoint pass over one shard.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use bole_base::{Clock, Kind, Offset, Position};
use bole_log::{Journal, wait};

use super::manifest::{Manifest, SectionPlace};
use super::store::{SectionWriter, Store};
use crate::{Error, Shard, State};

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Sections written.
    pub sections: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The longest time that the shard was locked at a stretch.
    pub lock_max: Duration,
}

/// Writes the sections of `shard` that changed since the last pass and installs them. Afterwards the log may be trimmed below the shard's
/// checkpoint, which is the caller's business.
///
/// Blocks on disk between the locks. A full disk gives up this pass, keeps the last checkpoint, and is worth retrying;
/// any other failed write or fsync is final (promise P4), which the caller enforces by `Kind::Io`.
pub async fn run<S: State>(
    shard: &Shard<S>,
    store: &mut Store,
    journal: &dyn Journal,
    clock: &dyn Clock,
) -> Result<PassReport, Error> {
    let (from, epoch) = {
        let locked = shard.lock()?;
        (locked.next(), locked.epoch())
    };
    let since = match store.manifest() {
        Some(manifest) if manifest.from == from => return Ok(PassReport::default()),
        Some(manifest) if !store.wants_full_pass() => manifest.from,
        _ => Offset::ZERO,
    };
    let mut pass =
        Pass { end: from, position: Position::ZERO, report: PassReport::default(), written: Vec::new() };
    let writer = pass.write_sections(shard, store, since, clock).await;
    let writer = writer.map_err(|error| give_up(shard, store, error))?;
    let Pass { end, position, report, written } = pass;
    wait::synced(journal, position).await?;
    let sections = Manifest::merged(store.manifest(), &written).map_err(|reason| Error::Checkpoint {
        shard: shard.name().to_owned(),
        reason,
        kind: Kind::Internal,
    })?;
    let manifest = Manifest { log: shard.id(), from, end, epoch, sections };
    store.install(writer, manifest).map_err(|error| give_up(shard, store, Failure::Disk(error)))?;
    shard.set_checkpoint(from);
    Ok(report)
}

struct Pass {
    end: Offset,
    position: Position,
    report: PassReport,
    written: Vec<SectionPlace>,
}

enum Failure {
    Disk(io::Error),
    Shard(Error),
}

impl Pass {
    async fn write_sections<S: State>(
        &mut self,
        shard: &Shard<S>,
        store: &mut Store,
        since: Offset,
        clock: &dyn Clock,
    ) -> Result<Option<SectionWriter>, Failure> {
        let mut writer = None;
        let mut bytes = Vec::new();
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            bytes.clear();
            let step = {
                let mut locked = shard.lock().map_err(Failure::Shard)?;
                let start = clock.monotonic();
                let step = locked.state_mut().next_section(at, since, &mut bytes);
                self.end = locked.next();
                self.position = locked.position();
                self.report.lock_max = self.report.lock_max.max(clock.monotonic().saturating_sub(start));
                step
            };
            if let Some((start, end)) = step.section {
                let writer = match &mut writer {
                    Some(writer) => writer,
                    none => none.insert(store.create_file().map_err(Failure::Disk)?),
                };
                let (file, at, crc) = writer.add(&bytes).map_err(Failure::Disk)?;
                let length = bytes.len() as u64;
                self.written.push(SectionPlace { start, end, offset: self.end, file, at, length, crc });
                self.report.sections += 1;
                self.report.bytes += length;
            }
            cursor = step.next;
            // Between two sections the shard is free; on a cooperative scheduler others get their turn here.
            yield_now().await;
        }
        Ok(writer)
    }
}

/// Lets other tasks of a cooperative scheduler run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Turns a failure into the error to report, and removes the files of this pass where the disk was merely full.
fn give_up<S: State>(shard: &Shard<S>, store: &mut Store, failure: Failure) -> Error {
    match failure {
        Failure::Shard(error) => error,
        Failure::Disk(error) => {
            let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            if full && let Err(error) = store.remove_unnamed() {
                tracing::warn!(shard = shard.name(), %error, "files of an unfinished checkpoint could not be removed");
            }
            let kind = if full { Kind::Full } else { Kind::Io };
            Error::Checkpoint { shard: shard.name().to_owned(), reason: error.to_string(), kind }
        }
    }
}
