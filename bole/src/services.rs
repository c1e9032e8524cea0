//! How each service is opened and what it is given of the node.

pub mod blobs;
pub mod cdn;
pub mod dns;
pub mod gateway;
pub mod keyspace;
pub mod schemas;
pub mod sql;
pub mod streams;
