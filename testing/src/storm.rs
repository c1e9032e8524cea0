//! Load on a gateway while what stands behind it is killed, hung, slowed, added, drained and restarted; real processes on
//! all sides.
//!
//! The node is somebody else's: a test starts one with free ports, `cargo xtask study faults` one on its own core. Given are
//! the addresses of its gateway and of its admin door, and how instances are started ([`instance::Program`]). A [`stage`] puts
//! instances behind the gateway, [`load`] asks at a fixed rate whatever becomes of the answers, a [`trouble`] is made
//! in the middle, and [`report`] says how many requests failed, how, and when all was well again.
//!
//! Reading order: [`instance`] → [`load`] → [`stage`] → [`trouble`] → [`report`].

pub mod instance;
pub mod load;
pub mod report;
pub mod stage;
pub mod trouble;
