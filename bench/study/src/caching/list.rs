//! A doubly linked list of objects: each is in it once at most, so that its links are found by its number.

const NONE: u32 = u32::MAX;

/// The newest in front.
#[derive(Clone, Debug)]
pub(super) struct List {
    /// Towards the front, and towards the back.
    links: Vec<(u32, u32)>,
    front: u32,
    back: u32,
    /// Bytes of what is in it.
    pub(super) bytes: u64,
    sizes: std::sync::Arc<[u32]>,
    is_in: Vec<bool>,
}

impl List {
    pub(super) fn new(sizes: &std::sync::Arc<[u32]>) -> Self {
        let objects = sizes.len();
        Self {
            links: vec![(NONE, NONE); objects],
            front: NONE,
            back: NONE,
            bytes: 0,
            sizes: sizes.clone(),
            is_in: vec![false; objects],
        }
    }

    pub(super) fn has(&self, id: u32) -> bool {
        self.is_in[id as usize]
    }

    pub(super) fn push(&mut self, id: u32) {
        self.links[id as usize] = (NONE, self.front);
        if self.front == NONE {
            self.back = id;
        } else {
            self.links[self.front as usize].0 = id;
        }
        self.front = id;
        self.is_in[id as usize] = true;
        self.bytes += u64::from(self.sizes[id as usize]);
    }

    pub(super) fn remove(&mut self, id: u32) {
        let (newer, older) = self.links[id as usize];
        match newer {
            NONE => self.front = older,
            newer => self.links[newer as usize].1 = older,
        }
        match older {
            NONE => self.back = newer,
            older => self.links[older as usize].0 = newer,
        }
        self.is_in[id as usize] = false;
        self.bytes -= u64::from(self.sizes[id as usize]);
    }

    pub(super) fn touch(&mut self, id: u32) {
        self.remove(id);
        self.push(id);
    }

    pub(super) fn back(&self) -> Option<u32> {
        (self.back != NONE).then_some(self.back)
    }

    /// The next towards the front.
    pub(super) fn newer(&self, id: u32) -> Option<u32> {
        Some(self.links[id as usize].0).filter(|newer| *newer != NONE)
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let back = self.back()?;
        self.remove(back);
        Some(back)
    }
}
