//! Clients that mean no good, or know no better.

mod bad_input;
mod fuzz;
#[path = "../support/mod.rs"]
mod support;
