//! The store through its interface: what is written, what is seen, what is logged and what recovery makes of it.

#![expect(clippy::unwrap_used, reason = "a test fails where its set-up does")]

#[path = "store/contract.rs"]
mod contract;
#[path = "store/effects.rs"]
mod effects;
#[path = "store/node.rs"]
mod node;
#[path = "store/recovery.rs"]
mod recovery;
#[path = "store/temporary.rs"]
mod temporary;
#[path = "store/transactions.rs"]
mod transactions;
