//! How large partitions are: bytes of batches in segment files and, until they are there, in the journal.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::Error;
use crate::partition::Partition;
use crate::protocol::Text;
use crate::protocol::messages::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic, Request,
    Response,
};
use crate::session::{Action, Session};
use crate::topics::Topic;

/// What the one place for partitions is called: the folder in the data directory, whose own place is not the clients' business.
const LOG_DIR: &str = "streams";

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        if let Err(error) = session.check_cluster(Action::Describe) {
            super::refused(&session);
            return Response { error_code: error.code() as i16, ..Response::default() }.into();
        }
        let result = DescribeLogDirsResult {
            log_dir: Text::from(LOG_DIR),
            topics: topics(&session, self.topics.as_deref()),
            ..DescribeLogDirsResult::default()
        };
        Response { results: vec![result], ..Response::default() }.into()
    }
}

fn topics(session: &Session, asked: Option<&[DescribableLogDirTopic]>) -> Vec<DescribeLogDirsTopic> {
    let topics = &session.service.topics;
    match asked {
        None => topics.all().iter().map(|topic| describe(topic, None)).collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| Some(describe(topics.get(&asked.topic)?.as_ref(), Some(&asked.partitions))))
            .collect(),
    }
}

fn describe(topic: &Topic, wanted: Option<&[i32]>) -> DescribeLogDirsTopic {
    let is_wanted = |index: i32| wanted.is_none_or(|wanted| wanted.contains(&index));
    let partitions = topic.partitions();
    let sized =
        partitions.iter().zip(0..).filter(|(_, index)| is_wanted(*index)).filter_map(|(partition, index)| {
            // A partition that is not served has no size that is known.
            let partition_size = size(partition).ok()?;
            Some(DescribeLogDirsPartition { partition_index: index, partition_size, ..Default::default() })
        });
    DescribeLogDirsTopic { name: Text::from(topic.name.as_str()), partitions: sized.collect() }
}

fn size(partition: &Partition) -> Result<i64, Error> {
    let locked = partition.lock()?;
    Ok(locked.state().segments.iter().map(|segment| segment.bytes).sum::<u64>() as i64)
}
