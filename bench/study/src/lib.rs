//! Simulated studies: the product's own decisions driven by a discrete-event simulator, seeded, so that a default can be
//! argued from figures that anybody can have again.
//!
//! Reading order: [`balancing`], then its scenarios, its simulation and its report; [`caching`], likewise; [`svg`] draws.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on stdout")]

pub mod balancing;
pub mod caching;
pub mod svg;
