//! Which retained entries name which attachment, so that an attachment goes with the last of them.

use std::collections::HashMap;

use bole_base::{LogId, Offset};
use bole_log::{AttachmentId, EntryHeader};
use parking_lot::Mutex;

/// Attachments of the journal and the entries that name them.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    named: Mutex<HashMap<u64, Named>>,
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
        let known = named.entry(id.number).or_insert_with(|| Named { id, by: Vec::new() });
        known.by.extend(entries.map(|header| (header.log, header.offset)));
    }

    /// Forgets the entries of `log` below `below`, and returns the attachments that nothing names any more.
    pub(crate) fn trim(&self, log: LogId, below: Offset) -> Vec<AttachmentId> {
        let mut named = self.named.lock();
        let mut free = Vec::new();
        named.retain(|_, known| {
            known.by.retain(|(other, offset)| *other != log || *offset >= below);
            if known.by.is_empty() {
                free.push(known.id);
            }
            !known.by.is_empty()
        });
        free
    }

    /// Whether a retained entry names the attachment of this number.
    pub(crate) fn is_named(&self, number: u64) -> bool {
        self.named.lock().contains_key(&number)
    }
}
