//! Everything that a [`FaultDisk`](super::FaultDisk) knows, behind its lock: the operations, and the faults that they meet.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::faults::{Damage, DamageKind, Faults};
use super::inode::{Change, ChangeKind, Content, Inode};
use super::loss::Loss;
use super::names::{FileId, Names};
use super::{Counters, disk_full, io_error};
use crate::{Rng, Trace};

/// Whether the machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    On,
    /// Off by `Faults::power_off_at`; the medium waits for `crash`.
    Off,
    /// Crashed or killed: another disk has taken over.
    Gone,
}

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) names: Names,
    pub(super) files: BTreeMap<FileId, Inode>,
    pub(super) next_file: FileId,
    /// Numbers the changes of the whole disk.
    pub(super) seq: u64,
    pub(super) faults: Faults,
    pub(super) counters: Counters,
    pub(super) rng: Rng,
    pub(super) trace: Trace,
    pub(super) power: Power,
    pub(super) damage: Vec<Damage>,
}

/// What becomes of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// EIO.
    Fails,
    /// The power went off.
    Cut,
}

fn stopped() -> io::Error {
    io::Error::other("the machine of this disk has stopped")
}

impl State {
    /// Refuses operations on a machine that does not run.
    pub(super) fn check_power(&self) -> io::Result<()> {
        if self.power == Power::On { Ok(()) } else { Err(stopped()) }
    }

    /// Panics if another disk has taken over: a test that ends a disk twice has mixed them up.
    pub(super) fn check_not_gone(&self) {
        let gone = self.power == Power::Gone;
        assert!(!gone, "this disk has ended before; go on with the one that crash or kill returned");
    }

    pub(super) fn log(&mut self, event: String) {
        self.trace.push(event);
    }

    fn inode(&mut self, file: FileId) -> &mut Inode {
        self.files.entry(file).or_default()
    }

    /// Counts a change and numbers it. `Cut` if the power goes off with it.
    fn begin_change(&mut self) -> io::Result<(u64, bool)> {
        self.check_power()?;
        self.counters.changes += 1;
        self.seq += 1;
        let cut = self.faults.power_off_at == Some(self.counters.changes);
        if cut {
            self.power = Power::Off;
            self.log("power off".to_owned());
        }
        Ok((self.seq, cut))
    }

    /// Begins a change of names, which fails only when the power does.
    pub(super) fn begin_name_change(&mut self) -> io::Result<u64> {
        let (seq, cut) = self.begin_change()?;
        if cut { Err(stopped()) } else { Ok(seq) }
    }

    fn begin_write(&mut self) -> io::Result<(u64, Fate)> {
        let (seq, cut) = self.begin_change()?;
        self.counters.writes += 1;
        let appointed = self.faults.write_error_at == Some(self.counters.writes);
        let fails = self.rng.one_in(self.faults.write_error_one_in) || appointed;
        Ok((seq, fate(cut, fails)))
    }

    fn begin_sync(&mut self) -> io::Result<(u64, Fate)> {
        let (seq, cut) = self.begin_change()?;
        self.counters.syncs += 1;
        let appointed = self.faults.sync_error_at == Some(self.counters.syncs);
        let fails = self.rng.one_in(self.faults.sync_error_one_in) || appointed;
        Ok((seq, fate(cut, fails)))
    }

    /// Space that files take which have a name or an open handle.
    pub(super) fn space_taken(&self) -> u64 {
        let named = self.names.live_files();
        let taking = self.files.iter().filter(|(file, inode)| inode.handles > 0 || named.contains(file));
        taking.map(|(_, inode)| inode.space()).sum()
    }

    pub(super) fn free(&self) -> u64 {
        if self.faults.capacity == u64::MAX {
            return u64::MAX;
        }
        self.faults.capacity.saturating_sub(self.space_taken())
    }

    pub(super) fn write(
        &mut self,
        file: FileId,
        path: &Path,
        offset: u64,
        content: Content,
    ) -> io::Result<()> {
        let (seq, fate) = self.begin_write()?;
        let whole = content.len();
        let free = self.free();
        let fitting = self.inode(file).fitting(offset, whole, free);
        let mut content = content;
        content.truncate(fitting);
        if fate == Fate::Fails {
            content.truncate(self.rng.below(fitting + 1));
        }
        let written = content.len();
        if written > 0 {
            self.inode(file).change(Change { seq, kind: ChangeKind::Write { offset, content } });
        }
        self.log(format!("{seq} write {} at {offset}: {written} of {whole}", path.display()));
        match fate {
            Fate::Cut => Err(stopped()),
            Fate::Fails => Err(io_error()),
            Fate::Done if fitting < whole => Err(disk_full()),
            Fate::Done => Ok(()),
        }
    }

    pub(super) fn set_len(&mut self, file: FileId, path: &Path, len: u64) -> io::Result<()> {
        let (seq, fate) = self.begin_write()?;
        self.log(format!("{seq} length {} to {len}", path.display()));
        if fate != Fate::Fails {
            self.inode(file).change(Change { seq, kind: ChangeKind::SetLen(len) });
        }
        result(fate)
    }

    pub(super) fn sync_file(&mut self, file: FileId, path: &Path) -> io::Result<()> {
        let (seq, fate) = self.begin_sync()?;
        let failed = if fate == Fate::Fails { " fails" } else { "" };
        self.log(format!("{seq} sync {}{failed}", path.display()));
        match fate {
            Fate::Done => self.make_durable(file, path, u64::MAX),
            Fate::Fails => {
                let torn = self.faults.torn_writes;
                let inode = self.files.entry(file).or_default();
                inode.fail_sync(torn, &mut self.rng);
            }
            Fate::Cut => {}
        }
        result(fate)
    }

    /// Makes the changes of `file` before `seq` durable.
    pub(super) fn make_durable(&mut self, file: FileId, path: &Path, seq: u64) {
        let inode = self.files.entry(file).or_default();
        let stale = inode.sync(seq, self.faults.stale_sector_one_in, &mut self.rng);
        for offset in stale {
            self.log(format!("stale {} at {offset}", path.display()));
            self.damage.push(Damage::new(path, offset, DamageKind::StaleSector));
        }
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        let (seq, fate) = self.begin_sync()?;
        let failed = if fate == Fate::Fails { " fails" } else { "" };
        self.log(format!("{seq} sync folder {}{failed}", folder.display()));
        match fate {
            Fate::Done => self.names.sync(folder, u64::MAX),
            Fate::Fails => self.names.fail_sync(folder, &mut self.rng),
            Fate::Cut => {}
        }
        self.forget_unreachable();
        result(fate)
    }

    pub(super) fn read(
        &mut self,
        file: FileId,
        path: &Path,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.check_power()?;
        self.counters.reads += 1;
        let len = self.inode(file).cache.len() as u64;
        let mut count = (buffer.len() as u64).min(len.saturating_sub(offset));
        if count > 1 && self.rng.one_in(self.faults.short_read_one_in) {
            count = self.rng.in_range(1..count);
        }
        if count > 0 {
            self.flip_under_read(file, path, offset..offset + count, buffer);
        }
        self.log(format!("read {} at {offset}: {count} of {}", path.display(), buffer.len()));
        Ok(count as usize)
    }

    /// Copies the bytes that a read asks for, after the flips that it is in danger of.
    fn flip_under_read(&mut self, file: FileId, path: &Path, range: std::ops::Range<u64>, buffer: &mut [u8]) {
        let mut transient = Vec::new();
        for flips in self.faults.bit_flips.clone() {
            let danger = flips.range.start.max(range.start)..flips.range.end.min(range.end);
            let meets = danger.start < danger.end && path.to_string_lossy().contains(&flips.path_contains);
            if !meets || !self.rng.one_in(flips.one_in) {
                continue;
            }
            let at = self.rng.in_range(danger);
            let bit = 1_u8 << self.rng.below(8);
            if flips.durable {
                self.flip(file, path, at, bit);
            } else {
                transient.push((at, bit));
            }
        }
        let cache = &self.inode(file).cache;
        let bytes = &cache[range.start as usize..range.end as usize];
        buffer[..bytes.len()].copy_from_slice(bytes);
        for (at, bit) in transient {
            buffer[(at - range.start) as usize] ^= bit;
            self.log(format!("flip in a read of {} at {at}", path.display()));
            self.damage.push(Damage::new(path, at, DamageKind::ReadFlip));
        }
    }

    /// Flips a bit on the medium and in the page cache.
    pub(super) fn flip(&mut self, file: FileId, path: &Path, at: u64, bit: u8) {
        let inode = self.inode(file);
        for image in [&mut inode.durable, &mut inode.cache] {
            if let Some(byte) = image.get_mut(at as usize) {
                *byte ^= bit;
            }
        }
        self.log(format!("flip {} at {at}", path.display()));
        self.damage.push(Damage::new(path, at, DamageKind::BitFlip));
    }

    /// Drops the files that no name and no handle can reach any more.
    pub(super) fn forget_unreachable(&mut self) {
        if self.power != Power::On {
            return;
        }
        let reachable = self.names.reachable_files();
        self.files.retain(|file, inode| inode.handles > 0 || reachable.contains(file));
    }

    /// The disk as the machine finds it after a power cut. This one loses its files.
    pub(super) fn after_power_cut(&mut self, rng: &mut Rng) -> Self {
        let changes = self.files.values().flat_map(|inode| inode.unsynced.iter().map(|change| change.seq));
        let mut seqs: Vec<u64> = changes.chain(self.names.pending()).collect();
        seqs.sort_unstable();
        let loss = Loss::draw(&self.faults, &seqs, rng);
        self.log(format!("power cut, {} changes unsynced, {loss:?}", seqs.len()));
        let names = self.names.after_power_cut(&loss, rng);
        let reachable = names.live_files();
        let images = self.files.iter().map(|(file, inode)| (*file, inode.after_power_cut(&loss, rng)));
        let images: Vec<(FileId, Vec<u8>)> = images.collect();
        let kept = images.into_iter().filter(|(file, _)| reachable.contains(file));
        let files = kept.map(|(file, image)| (file, Inode::durable(image))).collect();
        self.files.clear();
        self.rebooted(names, files)
    }

    /// The disk as a new process finds it after a kill: the page cache is as it was. This one loses its
    /// files.
    pub(super) fn after_kill(&mut self) -> Self {
        self.log("kill".to_owned());
        let (names, files) = (std::mem::take(&mut self.names), std::mem::take(&mut self.files));
        let mut next = self.rebooted(names, files);
        next.files.values_mut().for_each(|inode| inode.handles = 0);
        next.forget_unreachable();
        next
    }

    fn rebooted(&self, names: Names, files: BTreeMap<FileId, Inode>) -> Self {
        let mut faults = self.faults.clone();
        faults.forget_appointments();
        Self {
            names,
            files,
            faults,
            next_file: self.next_file,
            seq: self.seq,
            counters: Counters::default(),
            rng: self.rng.clone(),
            trace: self.trace.clone(),
            power: Power::On,
            damage: self.damage.clone(),
        }
    }

    /// Adds a file that is on the medium already.
    pub(super) fn plant(&mut self, path: PathBuf, bytes: Vec<u8>) {
        let file = self.next_file;
        self.next_file += 1;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        self.files.insert(file, Inode::durable(bytes));
        self.seq += 1;
        self.names.link(self.seq, path, file);
        self.names.sync(&folder, u64::MAX);
    }
}

fn fate(cut: bool, fails: bool) -> Fate {
    match (cut, fails) {
        (true, _) => Fate::Cut,
        (false, true) => Fate::Fails,
        (false, false) => Fate::Done,
    }
}

fn result(fate: Fate) -> io::Result<()> {
    match fate {
        Fate::Done => Ok(()),
        Fate::Fails => Err(io_error()),
        Fate::Cut => Err(stopped()),
    }
}
