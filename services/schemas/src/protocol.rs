//! Confluent's REST API, version 1: media types, parameters, and the shapes of bodies. No I/O.

pub mod answer;
pub mod body;
pub mod media;
pub mod query;
