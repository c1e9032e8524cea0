//! A route's service as the origin of the cache: what it fetches are requests of the gateway's own (see [`inner`](crate::inner)).

use super::network::{self, Network};
use crate::inner::{Facts, Question, race};
use crate::proxy::Proxy;
use async_trait::async_trait;
use bole_cdn::{Origin, OriginError, Request, Response};
use bytes::Bytes;
use pingora_proxy::HttpProxy;
use std::sync::{Arc, Weak};

/// The service.
pub struct Source {
    /// The proxy; gone when the gateway is.
    pub engine: Weak<HttpProxy<Proxy>>,
    /// What is known of the request.
    pub facts: Arc<Facts>,
    /// Where the service is a shield: what must be known of its purges.
    pub network: Option<Arc<Network>>,
}

#[async_trait]
impl Origin for Source {
    async fn fetch(&self, mut request: Request) -> Result<Response, OriginError> {
        let question = self.network.as_ref().map(|network| network.question());
        if let Some(question) = &question {
            request.headers_mut().insert(network::QUESTION, question.value());
        }
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let asked =
            Question::new(request.method(), target, &self.facts.host, request.headers(), Bytes::new());
        let answered = race::ask(&self.engine, &self.facts, &asked).await;
        let mut response = answered.map_err(|problem| OriginError(problem.row().name.to_owned()))?;
        if let Some(question) = question {
            let answer = response.headers_mut().remove(network::ANSWER);
            question.check(answer.as_ref()).map_err(|problem| OriginError(problem.to_owned()))?;
        }
        Ok(response)
    }
}
