//! The memory tier: what is stored under each key, and the pieces of bodies, both bounded in bytes with their bookkeeping, sharded, and evicted by
//! CLOCK-PRO with ghosts (`quick_cache`): what was asked for once makes room before what was asked for again, so a scan does not empty it.

use crate::key::Key;
use crate::limits::VARIANTS_MAX;
use crate::object::{Object, Piece};
use crate::shared::{self, Room};
use http::header::HeaderMap;
use parking_lot::RwLock;
use quick_cache::sync::Cache;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of the tier's bytes, what heads may take.
const HEADS_SHARE: u64 = 4;

/// Bookkeeping of a piece beside its bytes, about.
const PIECE_OVERHEAD: u64 = 200;

/// The answers that are stored under one key.
#[derive(Debug)]
pub struct Resource {
    /// The key.
    pub key: Key,
    variants: RwLock<Vec<Arc<Object>>>,
}

impl Resource {
    /// A resource with these variants, newest last.
    pub fn new(key: Key, variants: Vec<Arc<Object>>) -> Self {
        Self { key, variants: RwLock::new(variants) }
    }

    /// The newest variant that a request selects (RFC 9111 §4.1: the most recent one).
    pub fn select(&self, request: &HeaderMap) -> Option<Arc<Object>> {
        let variants = self.variants.read();
        let matching = variants.iter().rev().find(|object| {
            object.selection.fields.is_empty() || object.selection.matches(request, &object.meta().headers())
        });
        matching.cloned()
    }

    /// Adds a variant in place of one with the same selection; returns what it displaced.
    pub fn add(&self, object: Arc<Object>) -> Vec<Arc<Object>> {
        let mut variants = self.variants.write();
        // An answer without Vary says that none of the others is selected by a field any more.
        let replaced = |known: &Arc<Object>| {
            known.selection == object.selection
                || object.selection.fields.is_empty()
                || known.selection.fields.is_empty()
        };
        let (mut gone, kept): (Vec<_>, Vec<_>) = variants.drain(..).partition(replaced);
        *variants = kept;
        // The same object may have come from disk meanwhile: its pieces are this one's.
        gone.retain(|known| known.id != object.id);
        if variants.len() == VARIANTS_MAX {
            gone.push(variants.remove(0));
        }
        variants.push(object);
        gone
    }

    /// Removes a variant; returns whether any is left.
    pub fn remove(&self, object: &Object) -> bool {
        let mut variants = self.variants.write();
        variants.retain(|known| known.id != object.id);
        !variants.is_empty()
    }

    /// All variants.
    pub fn variants(&self) -> Vec<Arc<Object>> {
        self.variants.read().clone()
    }

    fn weight(&self) -> u64 {
        128 + self.key.whole().len() as u64
            + self.variants.read().iter().map(|object| object.weight()).sum::<u64>()
    }
}

#[derive(Clone)]
struct HeadWeight;

/// The weight is taken when the resource is put in, and again whenever a variant is added, by putting it in anew.
impl Weighter<u128, (Arc<Resource>, u64)> for HeadWeight {
    fn weight(&self, _: &u128, (_, weight): &(Arc<Resource>, u64)) -> u64 {
        *weight
    }
}

#[derive(Clone)]
struct PieceWeight;

impl Weighter<(u64, u32), Piece> for PieceWeight {
    fn weight(&self, _: &(u64, u32), piece: &Piece) -> u64 {
        piece.bytes.len() as u64 + PIECE_OVERHEAD
    }
}

/// Counts what had to make room.
#[derive(Clone, Debug, Default)]
struct Evictions(Arc<AtomicU64>);

impl<K, V> Lifecycle<K, V> for Evictions {
    type RequestState = ();

    fn begin_request(&self) -> Self::RequestState {}

    fn on_evict(&self, (): &mut (), _: K, _: V) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Hasher = std::collections::hash_map::RandomState;

/// The tier.
pub struct Memory {
    resources: Cache<u128, (Arc<Resource>, u64), HeadWeight, Hasher, Evictions>,
    pieces: Cache<(u64, u32), Piece, PieceWeight, Hasher, Evictions>,
    evictions: Evictions,
    room: Room,
}

impl Memory {
    /// A tier of `bytes`.
    pub fn new(bytes: u64) -> Self {
        let evictions = Evictions::default();
        let heads = bytes / HEADS_SHARE;
        Self {
            resources: Cache::with_options(
                options(heads, 1_500, 32 << 10),
                HeadWeight,
                Hasher::default(),
                evictions.clone(),
            ),
            pieces: Cache::with_options(
                options(bytes - heads, 16 << 10, 8 << 20),
                PieceWeight,
                Hasher::default(),
                evictions.clone(),
            ),
            evictions,
            room: Room::default(),
        }
    }

    /// What is stored under a key.
    pub fn resource(&self, key: &Key) -> Option<Arc<Resource>> {
        let (resource, _) = self.resources.get(&key.hash())?;
        (resource.key == *key).then_some(resource)
    }

    /// Puts a resource in, or weighs it anew.
    pub fn put_resource(&self, resource: Arc<Resource>) {
        let weight = resource.weight();
        self.resources.insert(resource.key.hash(), (resource, weight));
    }

    /// Removes a resource.
    pub fn remove_resource(&self, key: &Key) {
        self.resources.remove(&key.hash());
    }

    /// The piece in a slice.
    pub fn piece(&self, object: u64, slice: u32) -> Option<Piece> {
        self.pieces.get(&(object, slice))
    }

    /// Puts a piece in.
    pub fn put_piece(&self, object: u64, slice: u32, piece: Piece) {
        self.pieces.insert((object, slice), piece);
    }

    /// Puts a piece that is in memory into a file that can be sent without a copy, if it is long enough and there is room for one more.
    pub fn share(&self, object: u64, slice: u32, piece: Piece) -> Piece {
        if piece.shared.is_some() || piece.bytes.len() < shared::BYTES_MIN {
            return piece;
        }
        let Some((file, bytes)) = self.room.share(&piece.bytes) else { return piece };
        let piece = Piece { start: piece.start, bytes, shared: Some(file) };
        self.put_piece(object, slice, piece.clone());
        piece
    }

    /// Pieces that are in such files.
    pub fn shared(&self) -> usize {
        self.room.used()
    }

    /// Removes a piece.
    pub fn remove_piece(&self, object: u64, slice: u32) {
        self.pieces.remove(&(object, slice));
    }

    /// Bytes in use.
    pub fn bytes(&self) -> u64 {
        self.resources.weight() + self.pieces.weight()
    }

    /// Heads and pieces that had to make room.
    pub fn evictions(&self) -> u64 {
        self.evictions.0.load(Ordering::Relaxed)
    }
}

/// So many shards that the largest entry fits each of them.
fn options(bytes: u64, entry_bytes: u64, entry_bytes_max: u64) -> quick_cache::Options {
    let shards = (bytes / entry_bytes_max).clamp(1, 64) as usize;
    let items = (bytes / entry_bytes).max(16) as usize;
    OptionsBuilder::new()
        .weight_capacity(bytes)
        .estimated_items_capacity(items)
        .shards(shards)
        .build()
        .expect("all that the builder asks for is given")
}
