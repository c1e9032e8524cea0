//! Peak EWMA: of two drawn at random, the one where the next request is expected to wait less.
//!
//! ```text
//! score = (in flight + 1) / weight × latency / (1 − error rate)^ERROR_POWER
//! ```
//!
//! The latency is Finagle's: a slow answer counts at once, a fast one moves the average slowly, an idle endpoint's
//! value fades so that it is tried again. An endpoint of which nothing is known gets one request, and no second one
//! while others are known, before the first is answered or, if it failed, the failure has faded.

use crate::balance::Settings;
use crate::balance::algorithm::{Algorithm, Ask, Member};
use crate::balance::draw::Draw;
use crate::{Random, nanos};
use std::sync::Arc;

/// What an unknown latency costs once the endpoint has a request or has failed one: ten seconds, above any known one
/// that matters.
const UNKNOWN_NANOS: f64 = 10e9;
/// Errors count more than the requests they lose, because a retry costs another endpoint's time, too.
const ERROR_POWER: i32 = 2;
/// The success rate that is assumed at least, so that a failing endpoint is still tried now and then.
const SUCCESS_MIN: f64 = 0.01;
/// A failure has faded when the error rate is below this.
const FADED: f64 = 0.01;

#[derive(Debug)]
struct PeakEwma {
    draw: Draw,
    decay: u64,
}

pub(super) fn build(members: &[Member], settings: &Settings, _: u64) -> Arc<dyn Algorithm> {
    let draw = Draw::new(members.iter().map(|member| member.weight));
    Arc::new(PeakEwma { draw, decay: nanos(settings.latency_decay) })
}

impl PeakEwma {
    fn score(&self, member: &Member, ask: Ask) -> f64 {
        let in_flight = member.endpoint.in_flight();
        let now = nanos(ask.now);
        let known = member.endpoint.latency_nanos(now, self.decay);
        let errors = member.endpoint.error_rate_nanos(now, self.decay);
        let latency = if known > 0.0 {
            known
        } else if in_flight == 0 && errors < FADED {
            0.0
        } else {
            UNKNOWN_NANOS
        };
        let success = (1.0 - errors).max(SUCCESS_MIN);
        f64::from(in_flight + 1) / member.weight_at(ask.now) * latency / success.powi(ERROR_POWER)
    }
}

impl Algorithm for PeakEwma {
    fn pick(&self, members: &[Member], ask: Ask, random: &mut Random) -> usize {
        let (first, second) = self.draw.two(random);
        if self.score(&members[first], ask) <= self.score(&members[second], ask) { first } else { second }
    }
}
