//! Whoever carries requests is asked, before a document is kept, whether it could carry it out.

use bole_gateway_document::Document;
use futures_util::future::BoxFuture;

/// Tries documents.
pub trait Trial: Send + Sync + 'static {
    /// Tries a document whose secrets are in clear: nothing changes by it. What hinders it, all of it; nothing if it could be carried out.
    fn attempt(&self, document: Document) -> BoxFuture<'_, Vec<String>>;
}
