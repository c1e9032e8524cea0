//! What is asked of a change before it is logged.

use crate::entry::{Change, Instance, PARTS};
use crate::error::{Error, Result};
use crate::limits;
use crate::state::State;
use serde_json::Value;
use std::time::Duration;

/// What turns `state`'s objects into those of `whole`, a document as JSON.
pub(crate) fn difference(state: &State, whole: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    for row in PARTS {
        let wanted = whole.get(row.key).and_then(Value::as_object);
        for (name, value) in wanted.into_iter().flatten() {
            if state.object(row.part, name) != Some(value) {
                changes.push(Change::Put { part: row.part, name: name.clone(), value: value.clone() });
            }
        }
        for (name, _) in state.objects(row.part) {
            if wanted.is_none_or(|wanted| !wanted.contains_key(name)) {
                changes.push(Change::Remove { part: row.part, name: name.clone() });
            }
        }
    }
    changes
}

/// Refuses what does not fit into a batch of the journal.
pub(crate) fn check_sizes(changes: &[Change]) -> Result<()> {
    let mut total = 0;
    for change in changes {
        let bytes = change.encode().len();
        if let Change::Put { part, name, .. } = change
            && bytes > limits::OBJECT_BYTES_MAX
        {
            let (one, most) = (part.row().one, limits::OBJECT_BYTES_MAX);
            return Err(Error::Limit(format!(
                "{one} {name:?} has {bytes} bytes; at most {most} are possible"
            )));
        }
        total += bytes;
    }
    if total > limits::CHANGE_BYTES_MAX {
        return Err(Error::Limit(format!(
            "the change has {total} bytes; at most {} are possible at once: make it in several, or give the gateway a file",
            limits::CHANGE_BYTES_MAX
        )));
    }
    Ok(())
}

/// Refuses an instance that no balancer could take.
pub(crate) fn check_instance(service: &str, id: &str, instance: &Instance) -> Result<()> {
    let mut problems = Vec::new();
    let named = |name: &str| (1..=100).contains(&name.len()) && name.bytes().all(is_name_byte);
    if !named(id) {
        problems.push(format!("id {id:?} is not 1 to 100 of a-z A-Z 0-9 . _ : -"));
    }
    let address = instance.address.rsplit_once(':');
    let port = address.and_then(|(_, port)| port.parse::<u16>().ok()).filter(|port| *port != 0);
    if port.is_none() || address.is_none_or(|(host, _)| host.is_empty()) {
        problems.push(format!("address {:?} is not host:port", instance.address));
    }
    if !(1..=65_535).contains(&instance.weight) {
        problems.push(format!("weight {} is not 1 to 65535; use drain to give it nothing", instance.weight));
    }
    let lease = Duration::from_millis(instance.lease_ms);
    if !(limits::LEASE_LEAST..=limits::LEASE_MOST).contains(&lease) {
        problems.push(format!("a lease of {lease:?} is not 2 s to 1 h"));
    }
    let bytes: usize = instance.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > limits::METADATA_BYTES_MAX {
        let most = limits::METADATA_BYTES_MAX;
        problems.push(format!("metadata of {bytes} bytes; at most {most} are possible"));
    }
    if problems.is_empty() {
        return Ok(());
    }
    let within = |problem| format!("instance {id:?} of service {service:?}: {problem}");
    Err(Error::Invalid(problems.into_iter().map(within).collect()))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)
}

/// Refuses one instance too many.
pub(crate) fn check_room(state: &State, service: &str, id: &str) -> Result<()> {
    if state.instance(service, id).is_some() {
        return Ok(());
    }
    let (mine, all) = (
        state.instances().get(service).map_or(0, std::collections::BTreeMap::len),
        state.instances().values().map(std::collections::BTreeMap::len).sum::<usize>(),
    );
    if mine >= limits::INSTANCES_MAX || all >= limits::INSTANCES_TOTAL_MAX {
        return Err(Error::Limit(format!(
            "service {service:?} has {mine} registered instances and all services {all}; at most {} and {} are possible",
            limits::INSTANCES_MAX,
            limits::INSTANCES_TOTAL_MAX
        )));
    }
    Ok(())
}
