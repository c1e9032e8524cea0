//! The control plane as others use it: in the same process, and over HTTP.

mod control;
mod door;
mod support;
