//! The one node that there is.

use std::sync::Arc;

use super::{Handle, Outcome};
use crate::access::CLUSTER;
use crate::protocol::Text;
use crate::protocol::messages::describe_cluster::{DescribeClusterBroker, Request, Response};
use crate::session::Session;

impl Handle for Request {
    async fn handle(self, session: Arc<Session>, _version: i16) -> Outcome<Response> {
        let service = &session.service;
        let (host, port) = session.advertised();
        let broker = DescribeClusterBroker {
            broker_id: service.config.node_id,
            host,
            port,
            ..DescribeClusterBroker::default()
        };
        Response {
            endpoint_type: self.endpoint_type,
            cluster_id: Text::from(service.cluster_id.as_str()),
            controller_id: service.config.node_id,
            brokers: vec![broker],
            cluster_authorized_operations: if self.include_cluster_authorized_operations {
                session.authorized_operations("cluster", CLUSTER)
            } else {
                i32::MIN
            },
            ..Response::default()
        }
        .into()
    }
}
