//! Byte strings that were found and must outlive what they were found in: one buffer for all of them.

/// See the module.
#[derive(Debug, Default)]
pub struct Gathered {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Gathered {
    /// Adds one.
    pub fn push(&mut self, item: &[u8]) {
        self.bytes.extend_from_slice(item);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of all together.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The one at `index`, which is below `len`.
    pub fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// All, in the order in which they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back() {
        let items: [&[u8]; 4] = [b"", b"one", b"", b"three"];
        let mut gathered = Gathered::default();
        assert!(gathered.is_empty());
        items.iter().for_each(|item| gathered.push(item));
        assert_eq!(gathered.iter().collect::<Vec<_>>(), items);
        assert_eq!((gathered.len(), gathered.bytes(), gathered.get(3)), (4, 8, &b"three"[..]));
    }
}
