//! Reading as a member of a share group: each record is printed and then acknowledged.

use anyhow::Result;

use super::Consumer;
use crate::cli::streams::Stop;
use crate::streams_client::Connection;
use crate::streams_client::reader::Read;
use crate::streams_client::share::{Acknowledgement, Sharer};

/// Reads until the end that was asked for, or the signal. What was printed is acknowledged before the member leaves.
pub(super) async fn read(
    consumer: &mut Consumer<'_>,
    connection: Connection,
    group: &str,
    kind: Acknowledgement,
    stop: &mut Stop,
) -> Result<()> {
    let mut sharer = Sharer::join(connection, group, consumer.topic.clone()).await?;
    while consumer.left != Some(0) {
        let held = tokio::select! {
            held = sharer.fetch(consumer.left.unwrap_or(u64::MAX)) => held?,
            () = stop.wait() => {
                // The connection waits for records. With it the session ends, and what it may have brought is given back.
                sharer.move_to(consumer.connection.another().await?);
                break;
            }
        };
        if held.is_empty() {
            if consumer.args.exit_at_end {
                break;
            }
            continue;
        }
        for held in &held {
            let (partition, next) = (held.partition, held.record.offset + 1);
            consumer.show(vec![Read { partition, records: vec![held.record.clone()], next }])?;
        }
        sharer.acknowledge(&held, kind).await?;
    }
    Ok(sharer.leave().await?)
}
