//! Who is well.

/// How an endpoint is, for those who send it requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// It gets requests.
    Well,
    /// It gets none, except in panic.
    Unwell,
    /// It gets none, except of clients that are bound to it.
    Draining,
}
