//! Values of the settings that share groups look at.

use std::sync::Arc;

use super::{Settings, number};
use crate::Error;
use crate::protocol::ErrorCode;
use crate::topics::{check_name, is_reserved};

/// The setting that names the topic for records that are given up.
pub const DEAD_LETTER_TOPIC: &str = "share.dead.letter.topic";
/// Deliveries of a record that a topic may allow at most: more say that it shall not be given up, which is what a long back-off is for.
const DELIVERIES_MAX: i32 = 10_000;

/// See `share.dead.letter.topic`.
pub(super) fn dead_letter_topic(settings: &mut Settings, text: &str) -> Result<(), String> {
    settings.sharing.dead_letter_topic = match text {
        "" => None,
        name => {
            if is_reserved(name) {
                return Err("a topic that can be written, which no feed of changes can".to_owned());
            }
            check_name(name).map_err(|_| {
                "the name of a topic (letters, digits, dots, underscores, hyphens), or nothing".to_owned()
            })?;
            Some(Arc::from(name))
        }
    };
    Ok(())
}

/// See `share.delivery.count.limit`.
pub(super) fn delivery_count(settings: &mut Settings, text: &str) -> Result<(), String> {
    let allowed = || format!("a number from 1 to {DELIVERIES_MAX}, or -1");
    let count = number(text, -1, DELIVERIES_MAX).map_err(|_| allowed())?;
    settings.sharing.delivery_count_max = match count {
        -1 => None,
        0 => return Err(allowed()),
        count => Some(count as u16),
    };
    Ok(())
}

/// A time in milliseconds.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    number(text, 0, i64::MAX).map(|value| value as u64)
}

/// What no single setting can tell: records of a dead-letter topic cannot be given up into it again.
/// Errors: `InvalidConfig`.
pub fn check(topic: &str, settings: &Settings) -> Result<(), Error> {
    if settings.sharing.dead_letter_topic.as_deref() == Some(topic) {
        let text = format!("{DEAD_LETTER_TOPIC} of topic \"{topic}\" is the topic itself; use another one");
        return Err(Error::refused(ErrorCode::InvalidConfig, text));
    }
    Ok(())
}
