//! Which partition a record goes to.

pub use bole_streams::partitioner::of_key;
use bole_streams::protocol::Text;

/// Records without a key stay in one partition while a batch fills, and go on to another with the next (KIP-480).
#[derive(Clone, Debug)]
pub struct Sticky {
    current: i32,
    count: i32,
}

impl Sticky {
    /// Begins anywhere among `count` partitions.
    pub fn new(count: i32) -> Self {
        Self { current: rand::random_range(0..count), count }
    }

    /// Where records go now.
    pub const fn current(&self) -> i32 {
        self.current
    }

    /// A batch has left; the next one goes elsewhere, if there is another partition.
    pub fn next(&mut self) {
        if self.count > 1 {
            self.current = (self.current + rand::random_range(1..self.count)) % self.count;
        }
    }
}

/// How messages name a partition.
pub fn place(topic: &Text, partition: i32) -> String {
    format!("topic \"{topic}\" partition {partition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sticky_moves_on_and_stays_inside() {
        let mut sticky = Sticky::new(3);
        for _ in 0..100 {
            let before = sticky.current();
            sticky.next();
            assert!(sticky.current() != before && (0..3).contains(&sticky.current()));
        }
        let mut only = Sticky::new(1);
        only.next();
        assert_eq!(only.current(), 0);
    }
}
