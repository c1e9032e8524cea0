//! Hedged requests: where a service has not begun to answer after `hedge_after`, a second instance is asked as well. The first good answer wins, and the
//! other request ends as if its client had gone: it says nothing of its instance.
//!
//! Only requests that change nothing and have no body run so. A second request is a retry to the service's budget, so hedging cannot
//! multiply the load of a service that is slow as a whole.

use super::{Facts, Question, once};
use crate::clock;
use crate::error::Problem;
use crate::proxy::Proxy;
use bole_cdn::Response;
use bole_edge_core::balance::Token;
use parking_lot::Mutex;
use pingora_proxy::HttpProxy;
use std::pin::pin;
use std::sync::{Arc, Weak};

/// Two requests for the same thing.
#[derive(Debug, Default)]
pub struct Race {
    /// Where they were sent.
    pub tried: Mutex<Vec<Token>>,
}

type Answered = Result<Response, Problem>;

/// Whether nothing better is to be waited for.
fn is_good(answered: &Answered) -> bool {
    answered.as_ref().is_ok_and(|response| !response.status().is_server_error())
}

/// The better one of two that have ended.
fn better(early: Answered, late: Answered) -> Answered {
    if is_good(&late) || (late.is_ok() && early.is_err()) { late } else { early }
}

/// Makes a request; twice, if its service says so and does not answer in time.
///
/// # Errors
/// Why nobody answered.
pub async fn ask(engine: &Weak<HttpProxy<Proxy>>, facts: &Arc<Facts>, question: &Question) -> Answered {
    let upstream = &facts.upstream;
    let Some(after) = upstream.hedge_after().filter(|_| question.is_safe()) else {
        return once(engine, facts, question, None).await;
    };
    let race = Arc::new(Race::default());
    let mut first = pin!(once(engine, facts, question, Some((race.clone(), false))));
    let begun = clock::now();
    if let Ok(answered) = tokio::time::timeout(after, &mut first).await {
        return answered;
    }
    let (counters, protection) = (&upstream.counters, &upstream.protection);
    let others = upstream.set.status().len() > race.tried.lock().len();
    if !others || !protection.budget.lock().retry(clock::now()) {
        counters.hedges_refused.add(1);
        return first.await;
    }
    counters.hedges.add(1);
    let mut second = pin!(once(engine, facts, question, Some((race, true))));
    tokio::select! {
        biased;
        early = &mut first => if is_good(&early) { early } else { better(early, second.await) },
      early = &mut second => {
            counters.hedges_won.add(u64::from(is_good(&early)));
            if is_good(&early) {
                // Were those that are given up not counted, the slowest would be missing, and the percentile would sink.
                upstream.took(clock::now().saturating_sub(begun));
                early
            } else {
                better(early, first.await)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bole_cdn::Body;

    #[test]
    fn the_better_of_two_answers_is_taken() {
        let answer = |status: u16| -> Answered {
            if status == 0 {
                return Err(Problem::UpstreamClosed);
            }
            let mut response = Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            Ok(response)
        };
        for (early, late, expected) in
            [(500, 200, 200), (0, 200, 200), (503, 500, 503), (0, 500, 500), (500, 0, 500), (0, 0, 0)]
        {
            let settled = better(answer(early), answer(late));
            assert_eq!(settled.map_or(0, |response| response.status().as_u16()), expected, "{early} {late}");
        }
        assert!(is_good(&answer(404)) && !is_good(&answer(500)) && !is_good(&answer(0)));
    }
}
