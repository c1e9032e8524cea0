//! One stored answer: its head, the terms under which it may be used, and where its bytes are being fetched. The bytes themselves
//! are pieces in the tiers, found by the object's id; an id is never used again, so pieces of two answers never mix.

use crate::fill::Fill;
use crate::key::Key;
use crate::limits::{SLICE_BYTES, TAGS_MAX};
use crate::shared::Shared;
use bole_cdn_policy::target::CDN_CACHE_CONTROL;
use bole_cdn_policy::vary::Selection;
use bole_cdn_policy::{Terms, Time, condition, field};
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

/// Bytes from one place of a representation, inside one slice.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where the first byte stands.
    pub start: u64,
    /// The bytes.
    pub bytes: Bytes,
    /// The file that they are in, if they are in one.
    pub shared: Option<Arc<Shared>>,
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        (self.start, &self.bytes) == (other.start, &other.bytes)
    }
}

impl Eq for Piece {}

impl Piece {
    /// Bytes from a place on.
    pub fn new(start: u64, bytes: impl Into<Bytes>) -> Self {
        Self { start, bytes: bytes.into(), shared: None }
    }

    /// The byte after the last.
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// The bytes from `at` on; `None` when they are not here.
    pub fn from(&self, at: u64) -> Option<Bytes> {
        (self.start <= at && at < self.end()).then(|| self.bytes.slice((at - self.start) as usize..))
    }
}

/// The slice that holds a byte.
pub const fn slice_of(at: u64) -> u32 {
    let slice = at / SLICE_BYTES;
    if slice > u32::MAX as u64 - 2 { u32::MAX - 2 } else { slice as u32 }
}

/// What a 304 may replace. The kept fields are one text, in the form in which a client gets them: `name: value` with CR LF after each.
#[derive(Clone, Debug, PartialEq)]
pub struct Meta {
    /// 200 for parts too.
    pub status: StatusCode,
    /// The terms.
    pub terms: Terms,
    /// Whether bytes that are missing can be fetched again and be told to belong to the rest.
    pub strong: bool,
    /// First the fields that are told otherwise or not at all, then those for other caches, then the rest.
    lines: Bytes,
    targeted: u32,
    shown: u32,
}

/// The end of a line.
const END: &[u8] = b"\r\n";

impl Meta {
    /// A head and its terms.
    pub fn new(status: StatusCode, headers: &HeaderMap, terms: Terms) -> Self {
        let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        let mut lines = Vec::with_capacity(bytes);
        let mut write = |wanted: &dyn Fn(&HeaderName) -> bool| {
            for (name, value) in headers.iter().filter(|(name, _)| wanted(name)) {
                let parts = [name.as_str().as_bytes(), b": ", value.as_bytes(), END];
                parts.iter().for_each(|part| lines.extend_from_slice(part));
            }
            lines.len() as u32
        };
        let is_own = |name: &HeaderName| *name == header::AGE || *name == header::CONTENT_LENGTH;
        let is_targeted = |name: &HeaderName| *name == CDN_CACHE_CONTROL || TAG_FIELDS.contains(name);
        let targeted = write(&is_own);
        let shown = write(&is_targeted);
        write(&|name| !is_own(name) && !is_targeted(name));
        let strong = condition::strong_validator(headers).is_some();
        Self { status, terms, strong, lines: lines.into_boxed_slice().into(), targeted, shown }
    }

    /// The kept fields.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(16);
        let mut at = 0;
        while let Some(end) = memchr::memmem::find(&self.lines[at..], END) {
            let line = self.lines.slice(at..at + end);
            at += end + END.len();
            if let Some(colon) = memchr::memchr(b':', &line)
                && let Ok(name) = HeaderName::from_bytes(&line[..colon])
                && let Ok(value) = HeaderValue::from_maybe_shared(line.slice(colon + 2..))
            {
                headers.append(name, value);
            }
        }
        headers
    }

    /// The lines for a client, without `age` and `content-length`; `hide`: and without what is for other caches.
    pub fn lines(&self, hide: bool) -> Bytes {
        self.lines.slice(if hide { self.shown } else { self.targeted } as usize..)
    }
}

/// How purges left an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Untouched.
    Kept,
    /// Stale since this time.
    Soft(Time),
    /// Gone.
    Hard,
}

/// One stored answer.
#[derive(Debug)]
pub struct Object {
    /// Unique for the life of the tiers.
    pub id: u64,
    /// What it is stored under.
    pub key: Key,
    /// Which requests select it.
    pub selection: Selection,
    /// Tags for purges.
    pub tags: Vec<Box<str>>,
    meta: RwLock<Arc<Meta>>,
    /// The length of the whole, or `UNKNOWN`.
    whole: AtomicU64,
    /// Purges up to this epoch were before its fetch began.
    epoch: AtomicU64,
    checked: AtomicU64,
    standing: AtomicU8,
    soft_at: AtomicI64,
    /// When the origin last confirmed it, and when it last failed to, in nanoseconds of the monotonic clock.
    confirmed: AtomicU64,
    failed: AtomicU64,
    /// Whether somebody validates it in the background.
    pub revalidating: AtomicBool,
    /// Whether the disk is to have it.
    on_disk: AtomicBool,
    /// Fetches of its bytes that are under way.
    fills: Mutex<Vec<Arc<Fill>>>,
}

const UNKNOWN: u64 = u64::MAX;

impl Object {
    /// An object whose bytes are to come. `confirmed` is monotonic time in nanoseconds.
    pub fn new(id: u64, key: Key, selection: Selection, meta: Meta, epoch: u64, confirmed: u64) -> Self {
        Self {
            id,
            key,
            selection,
            tags: tags(&meta.headers()),
            whole: AtomicU64::new(UNKNOWN),
            meta: RwLock::new(Arc::new(meta)),
            epoch: AtomicU64::new(epoch),
            checked: AtomicU64::new(epoch),
            standing: AtomicU8::new(0),
            soft_at: AtomicI64::new(0),
            confirmed: AtomicU64::new(confirmed),
            failed: AtomicU64::new(0),
            revalidating: AtomicBool::new(false),
            on_disk: AtomicBool::new(false),
            fills: Mutex::new(Vec::new()),
        }
    }

    /// Head and terms.
    pub fn meta(&self) -> Arc<Meta> {
        self.meta.read().clone()
    }

    /// The terms, as purges left them.
    pub fn terms(&self, standing: Standing) -> Terms {
        let terms = self.meta.read().terms;
        match standing {
            Standing::Soft(at) => terms.expired(at),
            Standing::Kept | Standing::Hard => terms,
        }
    }

    /// Takes a new head, which the origin confirmed at `confirmed` in an exchange that began in `epoch`.
    pub fn renew(&self, meta: Meta, epoch: u64, confirmed: u64) {
        *self.meta.write() = Arc::new(meta);
        self.epoch.fetch_max(epoch, Ordering::AcqRel);
        self.standing.store(0, Ordering::Release);
        self.checked.store(epoch, Ordering::Release);
        self.confirmed.store(confirmed, Ordering::Release);
    }

    /// Purges up to this epoch do not concern it.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// How purges up to `epoch` left it, where that is known.
    pub fn standing(&self, epoch: u64) -> Option<Standing> {
        (self.checked.load(Ordering::Acquire) == epoch).then(|| match self.standing.load(Ordering::Acquire) {
            0 => Standing::Kept,
            1 => Standing::Soft(Time(self.soft_at.load(Ordering::Acquire))),
            _ => Standing::Hard,
        })
    }

    /// Notes how purges up to `epoch` left it.
    pub fn set_standing(&self, standing: Standing, epoch: u64) {
        let code = match standing {
            Standing::Kept => 0,
            Standing::Soft(at) => {
                self.soft_at.store(at.0, Ordering::Release);
                1
            }
            Standing::Hard => 2,
        };
        self.standing.store(code, Ordering::Release);
        self.checked.store(epoch, Ordering::Release);
    }

    /// Whether the origin confirmed it at or after `since`.
    pub fn is_confirmed_since(&self, since: u64) -> bool {
        self.confirmed.load(Ordering::Acquire) >= since
    }

    /// Whether the origin failed to confirm it at or after `since`.
    pub fn has_failed_since(&self, since: u64) -> bool {
        self.failed.load(Ordering::Acquire) >= since
    }

    /// Notes that the origin failed to confirm it.
    pub fn note_failure(&self, at: u64) {
        self.failed.store(at, Ordering::Release);
    }

    /// Whether the disk is to have it.
    pub fn is_for_disk(&self) -> bool {
        self.on_disk.load(Ordering::Acquire)
    }

    /// The disk is to have it from now on. Whether that is new.
    pub fn let_on_disk(&self) -> bool {
        !self.is_for_disk() && !self.on_disk.swap(true, Ordering::AcqRel)
    }

    /// The length of the whole, once it is known.
    pub fn whole(&self) -> Option<u64> {
        Some(self.whole.load(Ordering::Acquire)).filter(|whole| *whole != UNKNOWN)
    }

    /// Notes the length of the whole.
    pub fn set_whole(&self, whole: u64) {
        self.whole.store(whole, Ordering::Release);
    }

    /// Whether missing bytes can be fetched again and be told to belong to the rest.
    pub fn is_strong(&self) -> bool {
        self.meta.read().strong
    }

    /// The fetch under way that has, or will have, the byte at `at`.
    pub fn fill_at(&self, at: u64) -> Option<Arc<Fill>> {
        self.fills.lock().iter().find(|fill| fill.covers(at)).cloned()
    }

    /// Whether any fetch is under way.
    pub fn is_filling(&self) -> bool {
        !self.fills.lock().is_empty()
    }

    /// Adds a fetch, unless another already covers its first byte: then that one.
    pub fn add_fill(&self, fill: &Arc<Fill>) -> Result<(), Arc<Fill>> {
        let mut fills = self.fills.lock();
        if let Some(other) = fills.iter().find(|other| other.covers(fill.start())) {
            return Err(other.clone());
        }
        fills.push(fill.clone());
        Ok(())
    }

    /// A fetch has ended.
    pub fn remove_fill(&self, fill: &Arc<Fill>) {
        self.fills.lock().retain(|known| !Arc::ptr_eq(known, fill));
    }

    /// Bytes that the head takes in memory, about.
    pub fn weight(&self) -> u64 {
        const BOOKKEEPING: usize = 700;
        let meta = self.meta();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + 16).sum();
        let selection: usize =
            self.selection.fields.iter().map(|(_, value)| 48 + value.as_ref().map_or(0, String::len)).sum();
        (BOOKKEEPING + self.key.whole().len() + meta.lines.len() + tags + selection) as u64
    }
}

/// Fields that name the tags of an answer: `Cache-Tag` with commas, `Surrogate-Key` with spaces.
pub const TAG_FIELDS: [HeaderName; 2] =
    [HeaderName::from_static("cache-tag"), HeaderName::from_static("surrogate-key")];

fn tags(headers: &HeaderMap) -> Vec<Box<str>> {
    let mut tags: Vec<Box<str>> = TAG_FIELDS
        .iter()
        .flat_map(|name| field::members(headers, name))
        .flat_map(str::split_ascii_whitespace)
        .map(Box::from)
        .collect();
    tags.sort();
    tags.dedup();
    if tags.len() > TAGS_MAX {
        tracing::warn!(
            tags = tags.len(),
            max = TAGS_MAX,
            "an answer has too many cache tags; the rest cannot purge it"
        );
        tags.truncate(TAGS_MAX);
    }
    tags
}
