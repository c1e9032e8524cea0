//! Which retained entries name which attachment, so that an attachment goes with the last of them.

use std::collections::BTreeMap;

use bole_base::{LogId, Offset};
use bole_log::{AttachmentId, EntryHeader};
use parking_lot::Mutex;

/// Attachments of the journal and the entries that name them.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    named: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By number: the lowest is the oldest.
    all: BTreeMap<u64, Named>,
    bytes: u64,
}

#[derive(Debug)]
struct Named {
    id: AttachmentId,
    by: Vec<(LogId, Offset)>,
}

impl Attached {
    /// Notes that these entries name `id`.
    pub(crate) fn add(&self, id: AttachmentId, entries: impl Iterator<Item = EntryHeader>) {
        let mut named = self.named.lock();
        let Inner { all, bytes } = &mut *named;
        let known = all.entry(id.number).or_insert_with(|| {
            *bytes += id.length;
            Named { id, by: Vec::new() }
        });
        known.by.extend(entries.map(|header| (header.log, header.offset)));
    }

    /// Bytes of all attachments that retained entries name.
    pub(crate) fn bytes(&self) -> u64 {
        self.named.lock().bytes
    }

    /// An entry that names the oldest attachment.
    pub(crate) fn oldest(&self) -> Option<(LogId, Offset)> {
        self.named.lock().all.first_key_value()?.1.by.first().copied()
    }

    /// Forgets the entries of `log` below `below`, and returns the attachments that nothing names any more.
    pub(crate) fn trim(&self, log: LogId, below: Offset) -> Vec<AttachmentId> {
        let mut named = self.named.lock();
        let mut free = Vec::new();
        named.all.retain(|_, known| {
            known.by.retain(|(other, offset)| *other != log || *offset >= below);
            if known.by.is_empty() {
                free.push(known.id);
            }
            !known.by.is_empty()
        });
        named.bytes -= free.iter().map(|id| id.length).sum::<u64>();
        free
    }

    /// Whether a retained entry names the attachment of this number.
    pub(crate) fn is_named(&self, number: u64) -> bool {
        self.named.lock().all.contains_key(&number)
    }
}
