//! Serving clients that block.

use crate::blocking::{Waiter, Wish};
use crate::failure::Failure;
use crate::keys::Keys;
use crate::protocol::Reply;

/// Lets a blocked client have what `key` holds; `false` if there is nothing for it.
pub fn serve_blocked(
    _keys: &mut Keys<'_>,
    _key: &[u8],
    _wish: &Wish,
    _reply: &mut Reply,
) -> Result<bool, Failure> {
    Ok(false)
}

/// The command that a blocked client has sent, without its timeout's part that has passed.
pub fn as_command(_waiter: &Waiter) -> Vec<Vec<u8>> {
    Vec::new()
}
