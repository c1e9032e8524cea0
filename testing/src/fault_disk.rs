//! A disk in memory that keeps the contract of [`bole_base::disk`] to the letter and not a bit better, and fails when
//! told to: [`Faults`] says how, one seed says when.
//!
//! Every file is what the medium holds, what the page cache shows, and the changes between; names likewise.
//! [`FaultDisk::crash`] is a power cut: it draws what survives. [`FaultDisk::kill`] is the end of a process: everything
//! written survives, synced or not. Both return the disk that the next process finds; every handle of the old one fails
//! from then on, so that nothing of the dead process can reach it.
//!
//! Used from one thread, the same seed and the same calls give the same run, which [`FaultDisk::trace`] shows. It may be
//! used from several threads; then the order of their calls is part of the run.

mod faults;
mod inode;
mod loss;
mod names;
mod state;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bole_base::{Disk, File};

pub use faults::{BitFlips, Damage, DamageKind, Faults};
use inode::Content;
use names::{FileId, Names, normal};
use state::{Power, State};

use crate::{Rng, Trace};

/// Lines of the trace that are kept as text.
const TRACE_LINES_MAX: usize = 400;

/// Operations since the disk was made or last crashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes, zero fills and changes of length.
    pub writes: u64,
    /// Syncs of files and folders.
    pub syncs: u64,
    /// Reads.
    pub reads: u64,
    /// Everything that changes the disk: writes, syncs, creations, renames, removals.
    pub changes: u64,
}

/// The disk. Clones share it.
#[derive(Clone)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

pub(crate) fn io_error() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

fn disk_full() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultDisk {
    /// An empty disk.
    pub fn new(seed: u64, faults: Faults) -> Arc<Self> {
        Self::from_state(State {
            names: Names::default(),
            files: std::collections::BTreeMap::new(),
            next_file: 1,
            seq: 0,
            faults,
            counters: Counters::default(),
            rng: Rng::new(seed),
            trace: Trace::new(TRACE_LINES_MAX),
            power: Power::On,
            damage: Vec::new(),
        })
    }

    fn from_state(state: State) -> Arc<Self> {
        Arc::new(Self { state: Arc::new(Mutex::new(state)) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// A power cut: the disk as the rebooted machine finds it. `rng` draws what survives of the unsynced changes. All
    /// handles of this disk fail from now on.
    #[must_use]
    pub fn crash(&self, rng: &mut Rng) -> Arc<Self> {
        let mut state = self.state();
        state.check_not_gone();
        let next = state.after_power_cut(rng);
        state.power = Power::Gone;
        Self::from_state(next)
    }

    /// The end of the process alone: everything written is still there, what was unsynced is still unsynced. All handles
    /// of this disk fail from now on.
    #[must_use]
    pub fn kill(&self) -> Arc<Self> {
        let mut state = self.state();
        state.check_not_gone();
        let next = state.after_kill();
        state.power = Power::Gone;
        Self::from_state(next)
    }

    /// The disk after a power cut drawn from `rng`, while this one runs on: to look at many images of one moment.
    #[must_use]
    pub fn image(&self, rng: &mut Rng) -> Arc<Self> {
        let mut copy = self.state().clone();
        Self::from_state(copy.after_power_cut(rng))
    }

    /// Changes the faults from now on. The counts for "…_at" go on.
    pub fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state().faults);
    }

    /// The faults as they are.
    pub fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    /// Makes the disk larger or smaller; below what is taken, it is full.
    pub fn set_capacity(&self, bytes: u64) {
        self.set_faults(|faults| faults.capacity = bytes);
    }

    /// Bytes of space that files take which have a name or an open handle.
    pub fn space_taken(&self) -> u64 {
        self.state().space_taken()
    }

    /// Operations so far.
    pub fn counters(&self) -> Counters {
        self.state().counters
    }

    /// Whether [`Faults::power_off_at`] has struck.
    pub fn is_off(&self) -> bool {
        self.state().power == Power::Off
    }

    /// Silent damage to synced bytes so far, also before crashes.
    pub fn damage(&self) -> Vec<Damage> {
        self.state().damage.clone()
    }

    /// Every operation so far, also before crashes: equal for equal runs.
    pub fn trace(&self) -> Trace {
        self.state().trace.clone()
    }

    /// Flips one bit, on the medium and in the cache, at a place in `range` of the file that the seed draws; returns the
    /// byte's offset. Fails if the file has no byte in the range.
    pub fn flip_bit(&self, path: &Path, range: std::ops::Range<u64>) -> io::Result<u64> {
        let mut state = self.state();
        let path = normal(path)?;
        let file = state.names.get(&path)?;
        let len = state.files.get(&file).map_or(0, |inode| inode.cache.len() as u64);
        let range = range.start..range.end.min(len);
        if range.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let at = state.rng.in_range(range);
        let bit = 1 << state.rng.below(8);
        state.flip(file, &path, at, bit);
        Ok(at)
    }

    /// Copies a real folder onto this disk as `at`, durable. For recorded runs and fixtures.
    pub fn import(&self, from: &Path, at: &Path) -> io::Result<()> {
        self.state().names.create_folder(&normal(at)?)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let target = at.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.import(&entry.path(), &target)?;
            } else {
                let bytes = std::fs::read(entry.path())?;
                self.state().plant(normal(&target)?, bytes);
            }
        }
        Ok(())
    }

    /// Writes the files under `from`, as reads see them, into the real folder `to`, which is made.
    pub fn export(&self, from: &Path, to: &Path) -> io::Result<()> {
        let from = normal(from)?;
        let state = self.state();
        let place =
            |path: &Path| path.strip_prefix(&from).map(|rest| to.join(rest)).map_err(io::Error::other);
        std::fs::create_dir_all(to)?;
        for folder in state.names.folders_under(&from) {
            std::fs::create_dir_all(place(&folder)?)?;
        }
        for (path, file) in state.names.files_under(&from) {
            let empty = Vec::new();
            let bytes = state.files.get(&file).map_or(&empty, |inode| &inode.cache);
            std::fs::write(place(&path)?, bytes)?;
        }
        Ok(())
    }

    /// The number of the last change; with `sync_before`, for the recorder.
    pub(crate) fn last_change(&self) -> u64 {
        self.state().seq
    }

    /// Makes those changes durable that are numbered up to `last`: of the file `path`, or of the names in it.
    pub(crate) fn sync_up_to(&self, path: &Path, last: u64) -> io::Result<()> {
        let mut state = self.state();
        let path = normal(path)?;
        if state.names.is_folder(&path) {
            state.names.sync(&path, last + 1);
        } else {
            let file = state.names.get(&path)?;
            state.make_durable(file, &path, last + 1);
        }
        Ok(())
    }

    /// Removes an empty folder, durably.
    pub(crate) fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.state().names.remove_folder(&normal(path)?);
        Ok(())
    }

    fn handle(&self, state: &mut State, file: FileId, path: PathBuf) -> Arc<dyn File> {
        state.files.entry(file).or_default().handles += 1;
        Arc::new(FaultFile { state: Arc::clone(&self.state), file, path })
    }
}

impl Disk for FaultDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.check_power()?;
        let path = normal(path)?;
        let file = state.names.get(&path)?;
        state.log(format!("open {}", path.display()));
        Ok(self.handle(&mut state, file, path))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.check_power()?;
        let path = normal(path)?;
        state.names.check_target(&path)?;
        if state.names.get(&path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let seq = state.begin_name_change()?;
        let file = state.next_file;
        state.next_file += 1;
        state.log(format!("{seq} create {}", path.display()));
        state.names.link(seq, path.clone(), file);
        Ok(self.handle(&mut state, file, path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.check_power()?;
        let (from, to) = (normal(from)?, normal(to)?);
        let file = state.names.get(&from)?;
        state.names.check_target(&to)?;
        let seq = state.begin_name_change()?;
        state.log(format!("{seq} rename {} to {}", from.display(), to.display()));
        state.names.rename(seq, from, to, file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.check_power()?;
        let path = normal(path)?;
        let file = state.names.get(&path)?;
        let seq = state.begin_name_change()?;
        state.log(format!("{seq} remove {}", path.display()));
        state.names.unlink(seq, path, file);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.check_power()?;
        state.names.list(&normal(dir)?)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let path = normal(dir)?;
        if state.names.is_folder(&path) {
            return state.check_power();
        }
        let seq = state.begin_name_change()?;
        state.log(format!("{seq} create folder {}", path.display()));
        state.names.create_folder(&path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.check_power()?;
        // As with the real disk, the empty path and "." are the same folder.
        let path = normal(dir)?;
        if !state.names.is_folder(&path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.sync_folder(&path)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let state = self.state();
        state.check_power()?;
        if !state.names.is_folder(&normal(dir)?) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(state.free())
    }
}

/// An open file of a [`FaultDisk`].
struct FaultFile {
    state: Arc<Mutex<State>>,
    file: FileId,
    path: PathBuf,
}

impl File for FaultFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        lock(&self.state).read(self.file, &self.path, offset, buffer)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let content = Content::Bytes(bytes.to_vec());
        lock(&self.state).write(self.file, &self.path, offset, content)
    }

    fn sync_data(&self) -> io::Result<()> {
        lock(&self.state).sync_file(self.file, &self.path)
    }

    fn len(&self) -> io::Result<u64> {
        let state = lock(&self.state);
        state.check_power()?;
        Ok(state.files.get(&self.file).map_or(0, |inode| inode.cache.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        lock(&self.state).set_len(self.file, &self.path, len)
    }

    fn fill_zero(&self, len: u64) -> io::Result<()> {
        lock(&self.state).write(self.file, &self.path, 0, Content::Zeros(len))
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(inode) = state.files.get_mut(&self.file) {
            inode.handles = inode.handles.saturating_sub(1);
        }
        state.forget_unreachable();
    }
}
