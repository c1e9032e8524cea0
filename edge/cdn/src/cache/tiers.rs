//! Both tiers as one: what is stored for a request, pieces from wherever they are, and what is dropped.

use super::Inner;
use crate::counters::Counters;
use crate::disk::codec::Record;
use crate::key::Key;
use crate::limits::SLICE_BYTES;
use crate::memory::Resource;
use crate::object::{Object, Piece, Standing, slice_of};
use crate::purge::Target;
use http::Uri;
use http::header::HeaderMap;
use std::collections::HashMap;
use std::sync::Arc;

/// Slices without bytes after which an object of unknown length is taken to have no more.
const GAP_MAX: u32 = 16;

/// What is stored for a request.
#[derive(Default)]
pub(super) struct Stored {
    /// The variant that it selects, and how purges left it.
    pub object: Option<(Arc<Object>, Standing)>,
    /// Whether there are other variants.
    pub others: bool,
}

impl Inner {
    /// Looks for what a request selects.
    pub(super) async fn find(self: &Arc<Self>, key: &Key, request: &HeaderMap) -> Stored {
        let Some(resource) = self.resource(key).await else { return Stored::default() };
        while let Some(object) = resource.select(request) {
            let standing = self.purges.standing(&object);
            if standing != Standing::Hard {
                self.asked_again(&object);
                return Stored { object: Some((object, standing)), others: true };
            }
            Counters::add(&self.hosts.of(key.host()).purged);
            self.drop_object(&object);
        }
        Stored { object: None, others: !resource.variants().is_empty() }
    }

    /// What is stored under a key, brought from disk if need be.
    pub(super) async fn resource(self: &Arc<Self>, key: &Key) -> Option<Arc<Resource>> {
        if let Some(resource) = self.resource_at_once(key) {
            return Some(resource);
        }
        if !self.disk.as_ref()?.may_have(key) {
            return None;
        }
        let (inner, wanted) = (self.clone(), key.clone());
        let load = move || inner.disk.as_ref().map(|disk| disk.objects(&wanted)).unwrap_or_default();
        let records = tokio::task::spawn_blocking(load).await.ok()?;
        self.take(key, records)
    }

    /// What is stored under a key, as far as nothing has to be waited for.
    pub(super) fn resource_at_once(&self, key: &Key) -> Option<Arc<Resource>> {
        let known = self.memory.resource(key);
        known.or_else(|| self.take(key, self.disk.as_ref()?.objects_at_once(key)?))
    }

    /// Takes what the disk has under a key into memory.
    fn take(&self, key: &Key, records: Vec<Record>) -> Option<Arc<Resource>> {
        let variants: Vec<_> = records.into_iter().filter_map(Record::into_object).map(Arc::new).collect();
        // Somebody else may have been faster, with an answer of its own.
        if let Some(resource) = self.memory.resource(key) {
            return Some(resource);
        }
        if variants.is_empty() {
            return None;
        }
        let resource = Arc::new(Resource::new(key.clone(), variants));
        self.memory.put_resource(resource.clone());
        Some(resource)
    }

    /// Stores an object whose bytes are to come.
    pub(super) async fn put(self: &Arc<Self>, object: Arc<Object>) {
        let resource = self.resource(&object.key).await;
        let resource = resource.unwrap_or_else(|| Arc::new(Resource::new(object.key.clone(), Vec::new())));
        for gone in resource.add(object) {
            self.forget_pieces(&gone);
        }
        self.memory.put_resource(resource);
    }

    /// Drops an object from both tiers. Who reads it goes on with what is left of it.
    pub(super) fn drop_object(&self, object: &Object) {
        if let Some(resource) = self.memory.resource(&object.key)
            && !resource.remove(object)
        {
            self.memory.remove_resource(&object.key);
        }
        self.forget_pieces(object);
    }

    fn forget_pieces(&self, object: &Object) {
        if let Some(whole) = object.whole() {
            for slice in 0..=slice_of(whole.saturating_sub(1)) {
                self.memory.remove_piece(object.id, slice);
            }
        }
        if let Some(disk) = &self.disk {
            disk.remove(object);
        }
    }

    /// Makes what is stored under a key invalid (RFC 9111 §4.4), what is being fetched for it included.
    pub(super) fn invalidate(&self, target: &Uri) {
        let Ok(key) = Key::of(target) else { return };
        if !self.may_have(&key) {
            let spaces = self.spaces.read().clone();
            let mut others = spaces.iter().filter_map(|space| Key::within(target, space).ok());
            if !others.any(|key| self.may_have(&key)) {
                return;
            }
        }
        let mut log = self.log.lock();
        let purge = self.purges.next(Target::Url(key.as_str().to_owned()), false, self.now());
        // What is stored may still be on its way to the disk, so it is written down in any case.
        if let Some(log) = log.as_mut()
            && let Err(error) = log.append(&purge, false)
        {
            tracing::warn!(%error, "an invalidation holds, but not after a restart, because its log cannot be written");
        }
        self.purges.apply(&purge);
    }

    /// Whether something is, or is about to be, stored under a key.
    fn may_have(&self, key: &Key) -> bool {
        let on_disk = || self.disk.as_ref().is_some_and(|disk| disk.may_have(key));
        self.memory.resource(key).is_some() || on_disk() || self.flights.has(key.hash())
    }

    /// Stores a piece, together with what is stored of its slice.
    pub(super) fn put_piece(&self, object: &Arc<Object>, piece: Piece) {
        let slice = slice_of(piece.start);
        let piece = match self.memory.piece(object.id, slice) {
            Some(known) => merged(known, piece),
            None => piece,
        };
        self.memory.put_piece(object.id, slice, piece.clone());
        if let Some(disk) = self.disk.as_ref().filter(|_| object.is_for_disk()) {
            disk.write(object, slice, piece);
        }
    }

    /// An object was asked for again: the disk is to have it, with what memory has of it already.
    pub(super) fn asked_again(&self, object: &Arc<Object>) {
        let Some(disk) = self.disk.as_ref().filter(|_| object.let_on_disk()) else { return };
        // What is being fetched ends somewhere; until then it is looked for as far as there is something.
        let last = object.whole().map_or(u32::MAX, |whole| slice_of(whole.saturating_sub(1)));
        let mut missing = 0;
        for slice in 0..=last {
            match self.memory.piece(object.id, slice) {
                Some(piece) => disk.write(object, slice, piece),
                None if object.whole().is_none() => missing += 1,
                None => {}
            }
            if missing > GAP_MAX {
                break;
            }
        }
    }

    /// The piece that has a byte. Blocks not: a file is read on another thread.
    pub(super) async fn piece(self: &Arc<Self>, object: &Object, at: u64) -> Option<Piece> {
        let (id, slice) = (object.id, slice_of(at));
        if let Some(piece) = self.memory.piece(id, slice).filter(|piece| piece.from(at).is_some()) {
            return Some(piece);
        }
        if !self.disk.as_ref()?.has(id, slice) {
            return None;
        }
        if let Some(piece) = self.piece_at_once(id, slice) {
            return piece.from(at).is_some().then_some(piece);
        }
        let inner = self.clone();
        let read = move || inner.disk.as_ref().and_then(|disk| disk.read(id, slice));
        let piece = tokio::task::spawn_blocking(read).await.ok()??;
        self.memory.put_piece(id, slice, piece.clone());
        piece.from(at).is_some().then_some(piece)
    }

    /// A piece from the disk, if the system has it in memory.
    pub(super) fn piece_at_once(&self, object: u64, slice: u32) -> Option<Piece> {
        let piece = self.disk.as_ref()?.read_at_once(object, slice)?;
        self.memory.put_piece(object, slice, piece.clone());
        Some(piece)
    }

    /// Whether a byte is in a tier, as far as can be told without reading.
    pub(super) fn has(&self, object: &Object, at: u64) -> bool {
        let slice = slice_of(at);
        let in_memory = self.memory.piece(object.id, slice).is_some_and(|piece| piece.from(at).is_some());
        in_memory || self.disk.as_ref().is_some_and(|disk| disk.has(object.id, slice))
    }

    /// All pieces of a range at once, for an object whose missing bytes nobody could fetch again. `None`: one is missing.
    pub(super) async fn pin(
        self: &Arc<Self>,
        object: &Object,
        range: (u64, u64),
    ) -> Option<HashMap<u32, Piece>> {
        let mut pieces = HashMap::new();
        let mut at = range.0;
        while at < range.1 {
            let piece = self.piece(object, at).await?;
            let slice = slice_of(at);
            at = piece.end();
            if at < range.1 && !at.is_multiple_of(SLICE_BYTES) {
                return None;
            }
            pieces.insert(slice, piece);
        }
        Some(pieces)
    }

    /// Whether all of an object can be had from the tiers or from a fetch under way, or be fetched again.
    pub(super) fn is_whole(&self, object: &Object) -> bool {
        if object.is_strong() || object.is_filling() {
            return true;
        }
        let Some(whole) = object.whole() else { return false };
        (0..whole.div_ceil(SLICE_BYTES)).all(|slice| {
            let (first, last) = (slice * SLICE_BYTES, ((slice + 1) * SLICE_BYTES).min(whole) - 1);
            self.has(object, first) && self.has(object, last)
        })
    }
}

/// Two pieces of one slice as one, where they touch; else the larger.
fn merged(left: Piece, right: Piece) -> Piece {
    let (first, second) = if left.start <= right.start { (left, right) } else { (right, left) };
    if second.start > first.end() {
        return if first.bytes.len() >= second.bytes.len() { first } else { second };
    }
    let Some(rest) = second.from(first.end()) else {
        return if second.end() > first.end() { second } else { first };
    };
    let mut bytes = Vec::with_capacity(first.bytes.len() + rest.len());
    bytes.extend_from_slice(&first.bytes);
    bytes.extend_from_slice(&rest);
    Piece::new(first.start, bytes)
}
