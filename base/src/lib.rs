//! What every other crate of Bole stands on: ids, units, durability classes, error kinds, and the seams to the
//! clock and the disk that let tests drive time and failures.
//!
//! This crate depends on nothing of ours and knows no log, no service and no protocol.
//!
//! Reading order: [`id`] → [`durability`] → [`error`] → [`clock`] → [`disk`] → [`background`] → [`units`].

pub mod background;
pub mod clock;
pub mod disk;
pub mod durability;
pub mod error;
pub mod id;
pub mod units;

pub use clock::{Clock, Hlc, SystemClock, Timestamp};
pub use disk::{Disk, File, RealDisk};
pub use durability::Durability;
pub use error::Kind;
pub use id::{Epoch, LogId, Offset, Position};
