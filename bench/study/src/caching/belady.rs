//! The best that can be done by who knows the future: what is asked for again last makes room first, and is not let in if it would (Belady, 1966, with
//! bypass). Where all objects have one size nothing has more hits; where not, it is a mark to compare with, not a bound.

use super::policy::{Policy, Room};
use super::trace::Trace;
use std::collections::BTreeSet;

pub(super) struct Belady {
    room: Room,
    /// When what is asked for at a place is asked for again.
    next: Vec<u32>,
    place: usize,
    /// What is kept, by when it is asked for again.
    kept: BTreeSet<(u32, u32)>,
    when: Vec<u32>,
}

const NEVER: u32 = u32::MAX;

impl Belady {
    pub(super) fn new(trace: &Trace, bytes: u64) -> Self {
        let mut next = vec![NEVER; trace.requests.len()];
        let mut seen = vec![NEVER; trace.sizes.len()];
        for (place, id) in trace.requests.iter().enumerate().rev() {
            next[place] = std::mem::replace(&mut seen[*id as usize], place as u32);
        }
        let when = vec![NEVER; trace.sizes.len()];
        Self { room: Room::new(trace, bytes), next, place: 0, kept: BTreeSet::new(), when }
    }
}

impl Policy for Belady {
    fn has(&self, id: u32) -> bool {
        self.kept.contains(&(self.when[id as usize], id))
    }

    fn ask(&mut self, id: u32) -> bool {
        let next = self.next[self.place];
        self.place += 1;
        let hit = self.kept.remove(&(self.when[id as usize], id));
        if hit {
            self.room.used -= self.room.size(id);
        }
        self.when[id as usize] = next;
        if next == NEVER {
            return hit;
        }
        self.kept.insert((next, id));
        self.room.used += self.room.size(id);
        while self.room.is_over() {
            let Some((_, gone)) = self.kept.pop_last() else { break };
            self.room.used -= self.room.size(gone);
        }
        hit
    }
}
