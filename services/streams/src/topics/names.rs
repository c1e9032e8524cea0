//! Which names topics may have.

use crate::limits::TOPIC_NAME_BYTES_MAX;
use crate::protocol::ErrorCode;
use crate::{Error, feeds};

/// Says what is wrong with a topic's name, if anything: the rules are Kafka's.
pub fn check_name(name: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let sound = !name.is_empty()
        && name.len() <= TOPIC_NAME_BYTES_MAX
        && name != "."
        && name != ".."
        && name.chars().all(allowed);
    if sound {
        return Ok(());
    }
    let text = format!(
        "topic \"{name}\": use 1 to {TOPIC_NAME_BYTES_MAX} letters, digits, dots, underscores and hyphens, not . or .."
    );
    Err(Error::refused(ErrorCode::InvalidTopicException, text))
}

/// Whether only a feed can have this name.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(feeds::PREFIX)
}

/// Errors: `InvalidTopicException` for a name that only a feed can have.
pub(super) fn check_reserved(name: &str) -> Result<(), Error> {
    if !is_reserved(name) {
        return Ok(());
    }
    let text = format!(
        "topic \"{name}\": names that begin with \"{}\" are those of change feeds, which the node's configuration shows (streams.feeds)",
        feeds::PREFIX
    );
    Err(Error::refused(ErrorCode::InvalidTopicException, text))
}
