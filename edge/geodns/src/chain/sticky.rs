//! `sticky`: orders by weight as `weighted` does, but the same for the same client always: by a hash of its network
//! (`v4_bits`, 24 by default; `v6_bits`, 56) and the answer's name. When an answer leaves, only its clients move (rendezvous
//! hashing). The ECS scope is at least that network.

use crate::chain::{Filter, Options, Stage, weighted, whole};
use crate::geo::masked;
use bole_edge_core::hash;
use std::net::IpAddr;

pub(super) const NAME: &str = "sticky";

#[derive(Debug)]
struct Sticky {
    v4_bits: u8,
    v6_bits: u8,
}

pub(super) fn build(options: &Options) -> Result<Box<dyn Filter>, String> {
    let v4_bits = whole(options, "v4_bits", 24, 0..=32)? as u8;
    Ok(Box::new(Sticky { v4_bits, v6_bits: whole(options, "v6_bits", 56, 0..=128)? as u8 }))
}

impl Filter for Sticky {
    fn name(&self) -> &'static str {
        NAME
    }

    fn client_bits(&self) -> Option<[u8; 2]> {
        Some([self.v4_bits, self.v6_bits])
    }

    fn is_drawn(&self) -> bool {
        true
    }

    fn apply(&self, stage: &mut Stage<'_>) {
        weighted::drop_weightless(stage);
        let client = match stage.client {
            IpAddr::V4(_) => masked(stage.client, self.v4_bits),
            IpAddr::V6(_) => masked(stage.client, self.v6_bits),
        };
        let seed = match client {
            IpAddr::V4(address) => hash::of(stage.seed, &address.octets()),
            IpAddr::V6(address) => hash::of(stage.seed, &address.octets()),
        };
        let candidates = stage.candidates;
        weighted::order(stage, |index| {
            let hash = hash::of(seed, candidates[index as usize].name.as_bytes());
            (hash >> 11) as f64 / (1_u64 << 53) as f64
        });
    }
}
