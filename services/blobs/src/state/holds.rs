//! The chunks that readers are on. The reclaimer leaves them alone, so an overwrite or a delete cuts no reader off.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::chunks::ChunkId;

/// All of them. Bounded by the readers, of which each holds the chunks of one body: at most 10,000.
#[derive(Debug, Default)]
pub struct Holds(Mutex<HashMap<ChunkId, usize>>);

impl Holds {
    /// Whether anybody is on a chunk. Under the shard's lock this stays so for a chunk that no row names, since nobody comes to it any more.
    pub fn is_held(&self, id: ChunkId) -> bool {
        self.0.lock().contains_key(&id)
    }

    /// Chunks that are held.
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Holds chunks until the hold is dropped. Under the shard's lock, while rows name them.
    pub(crate) fn hold(self: &Arc<Self>, chunks: Vec<ChunkId>) -> Hold {
        let mut held = self.0.lock();
        for id in &chunks {
            *held.entry(*id).or_default() += 1;
        }
        drop(held);
        Hold { holds: Arc::clone(self), chunks }
    }
}

/// Keeps chunks from going.
#[derive(Debug)]
pub struct Hold {
    holds: Arc<Holds>,
    chunks: Vec<ChunkId>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.0.lock();
        for id in &self.chunks {
            if let Some(count) = held.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    held.remove(id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bole_base::Epoch;

    use super::*;

    #[test]
    fn the_last_one_lets_go() {
        let holds = Arc::new(Holds::default());
        let [a, b] = [1, 2].map(|counter| ChunkId { epoch: Epoch(1), counter });
        let first = holds.hold(vec![a, b, a]);
        let second = holds.hold(vec![a]);
        drop(first);
        assert_eq!((holds.is_held(a), holds.is_held(b), holds.count()), (true, false, 1));
        drop(second);
        assert_eq!((holds.is_held(a), holds.count()), (false, 0));
    }
}
