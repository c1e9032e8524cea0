//! The table of what is measured. A case's name says all of it: `put/64KiB/c16`.

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Puts new objects.
    Put,
    /// Puts objects in parts of 64 MiB.
    Multipart,
    /// Gets objects that are there, any of them.
    Get,
    /// Heads of them.
    Head,
    /// Of 20 requests 9 gets, 6 heads, 3 puts and 2 deletes.
    Mixed,
    /// Deletes objects, one a request.
    Delete,
    /// Deletes objects, 1,000 a request.
    BulkDelete,
    /// Lists all keys, 1,000 a page. What is counted is keys.
    List,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) work: Work,
    /// Bytes of an object.
    pub(super) size: u64,
    /// Connections that work at the same time.
    pub(super) connections: u32,
}

use Work::{BulkDelete, Delete, Get, Head, List, Mixed, Multipart, Put};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn case(work: Work, size: u64, connections: u32) -> Case {
    Case { work, size, connections }
}

pub(super) const CASES: &[Case] = &[
    case(Put, KIB, 1),
    case(Put, KIB, 16),
    case(Put, 64 * KIB, 1),
    case(Put, 64 * KIB, 16),
    case(Put, 10 * MIB, 4),
    case(Put, GIB, 1),
    case(Multipart, GIB, 4),
    case(Get, KIB, 1),
    case(Get, KIB, 16),
    case(Get, 64 * KIB, 16),
    case(Get, 10 * MIB, 4),
    case(Get, GIB, 1),
    case(Head, KIB, 16),
    case(Mixed, KIB, 16),
    case(Mixed, 64 * KIB, 16),
    case(Delete, KIB, 16),
    case(BulkDelete, KIB, 1),
    case(List, 0, 1),
];

/// Objects of a bulk delete, and keys of a page.
pub(super) const PAGE: u64 = 1_000;

impl Case {
    pub(super) fn name(&self) -> String {
        let work = match self.work {
            Put => "put",
            Multipart => "multipart",
            Get => "get",
            Head => "head",
            Mixed => "mixed",
            Delete => "delete",
            BulkDelete => "bulk-delete",
            List => "list",
        };
        let size = match self.size {
            0 => "empty".to_owned(),
            size if size < MIB => format!("{}KiB", size / KIB),
            size if size < GIB => format!("{}MiB", size / MIB),
            size => format!("{}GiB", size / GIB),
        };
        format!("{work}/{size}/c{}", self.connections)
    }

    /// Whether its result is read as bytes a second.
    pub(super) fn is_bulk(&self) -> bool {
        self.size >= MIB
    }

    /// Objects that a round reads or deletes from, which are put before.
    pub(super) fn objects(&self) -> u64 {
        match (self.work, self.size) {
            (Put | Multipart | List, _) => 0,
            // What is deleted is put anew for each round.
            (Delete, _) => 5_000,
            (BulkDelete, _) => 20 * PAGE,
            (_, GIB..) => 1,
            (_, MIB..) => 20,
            _ => 2_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_say_everything_once() {
        let names: HashSet<String> = CASES.iter().map(Case::name).collect();
        assert_eq!(names.len(), CASES.len());
        assert!(
            names.contains("put/1KiB/c16")
                && names.contains("list/empty/c1")
                && names.contains("get/1GiB/c1")
        );
    }
}
