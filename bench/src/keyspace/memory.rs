//! What a key costs: growth of resident memory and of `used_memory` over many keys of 16 bytes with values of 64, from
//! a server that has just started.

use super::class::{Class, Contender, Node};
use crate::usage;
use anyhow::{Context, Result, bail};
use xtask::resp::Reply;

const VALUE_BYTES: usize = 64;

/// What one contender needed for each key.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) class: &'static str,
    pub(super) contender: Contender,
    pub(super) keys: u32,
    pub(super) resident_bytes_per_key: f64,
    pub(super) used_bytes_per_key: f64,
}

pub(super) fn measure(class: &'static Class, nodes: &mut Vec<Node>, keys: u32) -> Result<Vec<Memory>> {
    let mut measured = Vec::new();
    // A node is stopped before the next one is filled, so that both find the same free memory.
    for node in nodes.drain(..) {
        let before = (usage::resident_bytes(node.pid())?, used_memory(&node)?);
        node.fill(keys.into(), |number| {
            vec![b"SET".to_vec(), format!("key:{number:012}").into_bytes(), vec![b'v'; VALUE_BYTES]]
        })?;
        let after = (usage::resident_bytes(node.pid())?, used_memory(&node)?);
        let per_key = |before: u64, after: u64| after.saturating_sub(before) as f64 / f64::from(keys);
        let memory = Memory {
            class: class.name,
            contender: node.contender,
            keys,
            resident_bytes_per_key: per_key(before.0, after.0),
            used_bytes_per_key: per_key(before.1, after.1),
        };
        println!("{} {}: {:.1} B a key", class.name, node.contender.name(), memory.resident_bytes_per_key);
        measured.push(memory);
    }
    Ok(measured)
}

fn used_memory(node: &Node) -> Result<u64> {
    let Reply::Bulk(info) = node.connect()?.call(&["INFO", "memory"])? else {
        bail!("{} does not answer INFO memory with text", node.contender.name());
    };
    let info = String::from_utf8_lossy(&info).into_owned();
    let line =
        info.lines().find_map(|line| line.strip_prefix("used_memory:")).context("INFO has no used_memory")?;
    line.trim().parse().with_context(|| format!("used_memory is not a number: {line:?}"))
}
