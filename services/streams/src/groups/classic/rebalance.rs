//! The phases of a rebalance, and what time does to a group.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{Group, Member, Phase};
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::say;
use crate::groups::state::Effect;

impl Group {
    /// After a member came or changed: begins a rebalance, or ends the joining phase of the one under way if this was the last.
    pub(super) fn rebalance_or_complete(&mut self, cx: Context<'_>, out: &mut Outcome) {
        match self.phase {
            Phase::PreparingRebalance => self.complete_if_all_joined(cx, out),
            _ => self.prepare(cx, out),
        }
    }

    /// After a member went.
    pub(super) fn after_removal(&mut self, cx: Context<'_>, out: &mut Outcome) {
        match self.phase {
            Phase::Empty => {}
            Phase::PreparingRebalance => self.complete_if_all_joined(cx, out),
            Phase::CompletingRebalance | Phase::Stable => self.prepare(cx, out),
        }
    }

    fn prepare(&mut self, cx: Context<'_>, out: &mut Outcome) {
        if self.phase == Phase::CompletingRebalance {
            for member in self.members.values_mut() {
                member.assignment = Bytes::new();
                if let Some(token) = member.sync.take() {
                    member.deadline_ms = cx.now.monotonic_ms.saturating_add(member.session_timeout_ms);
                    out.wake(member.deadline_ms);
                    out.sync(token, Err(say::rebalancing(&self.id)));
                }
            }
            self.bytes = self.members.iter().map(|(id, member)| id.len() + member.bytes()).sum();
        }
        self.sync_deadline_ms = None;
        let timeout = self.rebalance_timeout_ms();
        let delay = cx.config.initial_rebalance_delay_ms;
        if self.phase == Phase::Empty && delay > 0 {
            self.delay_left_ms = Some(timeout.saturating_sub(delay));
            self.grew = false;
            self.begin_joining(cx, out, delay);
            return;
        }
        self.begin_joining(cx, out, timeout);
        self.complete_if_all_joined(cx, out);
    }

    fn begin_joining(&mut self, cx: Context<'_>, out: &mut Outcome, for_ms: u64) {
        let deadline = cx.now.monotonic_ms.saturating_add(for_ms);
        self.phase = Phase::PreparingRebalance;
        self.join_deadline_ms = Some(deadline);
        out.wake(deadline);
    }

    pub(super) fn complete_if_all_joined(&mut self, cx: Context<'_>, out: &mut Outcome) {
        let all = self.awaiting_join == self.members.len() && self.pending.is_empty();
        if self.phase == Phase::PreparingRebalance && self.delay_left_ms.is_none() && all {
            self.complete_join(cx, out);
        }
    }

    /// Ends the joining phase: who has not joined is out, unless static.
    fn complete_join(&mut self, cx: Context<'_>, out: &mut Outcome) {
        self.delay_left_ms = None;
        let late: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| member.join.is_none() && member.instance_id.is_none())
            .map(|(id, _)| Arc::clone(id))
            .collect();
        late.iter().for_each(|id| self.remove(id, out));
        if !self.members.is_empty() && !self.elect_leader() {
            // Only static members are left, and none has joined: they get another round.
            let timeout = self.rebalance_timeout_ms();
            return self.begin_joining(cx, out, timeout);
        }
        self.join_deadline_ms = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            self.protocol_name = None;
            self.leader = None;
            self.since_ms = cx.now.wall_ms;
            return self.settle(out);
        }
        self.protocol_name = self.select_protocol();
        self.phase = Phase::CompletingRebalance;
        out.log(Effect::ClassicGeneration {
            group: Arc::clone(&self.id),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
        });
        self.announce(cx, out);
    }

    /// Tells every member that waits about the generation.
    fn announce(&mut self, cx: Context<'_>, out: &mut Outcome) {
        let now = cx.now.monotonic_ms;
        let mut waiting = Vec::with_capacity(self.awaiting_join);
        for (id, member) in &mut self.members {
            waiting.extend(member.join.take().map(|token| (Arc::clone(id), token)));
            member.is_new = false;
            member.synced = false;
            member.deadline_ms = now.saturating_add(member.session_timeout_ms);
            out.wake(member.deadline_ms);
        }
        self.awaiting_join = 0;
        for (id, token) in waiting {
            let reply = self.joined(&id);
            out.join(token, Ok(reply));
        }
        let deadline = now.saturating_add(self.rebalance_timeout_ms());
        self.sync_deadline_ms = Some(deadline);
        out.wake(deadline);
    }

    /// Makes sure that the leader is one that has joined. `false`: nobody has.
    fn elect_leader(&mut self) -> bool {
        let joined = |member: &Member| member.join.is_some();
        if self.leader.as_ref().and_then(|leader| self.members.get(leader)).is_some_and(joined) {
            return true;
        }
        let next = self.members.iter().find(|(_, member)| joined(member)).map(|(id, _)| Arc::clone(id));
        let found = next.is_some();
        if found {
            self.leader = next;
        }
        found
    }

    /// The protocol that all offer and most prefer; of several with equally many votes, the first by name.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let everybody = |name: &Arc<str>| self.votes.get(name) == Some(&self.members.len());
        let mut ballots: HashMap<&Arc<str>, usize> = HashMap::new();
        for member in self.members.values() {
            if let Some(offer) = member.protocols.iter().find(|offer| everybody(&offer.name)) {
                *ballots.entry(&offer.name).or_default() += 1;
            }
        }
        let best = ballots
            .into_iter()
            .max_by(|(name, votes), (other, others)| votes.cmp(others).then_with(|| other.cmp(name)));
        best.map(|(name, _)| Arc::clone(name))
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, cx: Context<'_>, out: &mut Outcome) {
        let now = cx.now.monotonic_ms;
        let pending = self.pending.len();
        self.pending.retain(|_, until| *until > now);
        if self.pending.len() < pending {
            self.complete_if_all_joined(cx, out);
        }
        let silent = |member: &Member| member.deadline_ms <= now && !member.is_excused();
        self.remove_where(cx, out, silent);
        if self.join_deadline_ms.is_some_and(|deadline| deadline <= now) {
            self.joining_time_over(cx, out);
        }
        if self.sync_deadline_ms.is_some_and(|deadline| deadline <= now) {
            self.sync_deadline_ms = None;
            self.remove_where(cx, out, |member| !member.synced);
        }
    }

    fn remove_where(&mut self, cx: Context<'_>, out: &mut Outcome, is_out: impl Fn(&Member) -> bool) {
        let gone: Vec<_> =
            self.members.iter().filter(|(_, member)| is_out(member)).map(|(id, _)| Arc::clone(id)).collect();
        if gone.is_empty() {
            return;
        }
        gone.iter().for_each(|id| self.remove(id, out));
        self.after_removal(cx, out);
    }

    /// The initial delay is extended as long as members keep coming and the rebalance timeout allows.
    fn joining_time_over(&mut self, cx: Context<'_>, out: &mut Outcome) {
        match self.delay_left_ms {
            Some(left) if left > 0 && self.grew => {
                let more = left.min(cx.config.initial_rebalance_delay_ms);
                self.delay_left_ms = Some(left - more);
                self.grew = false;
                self.begin_joining(cx, out, more);
            }
            _ => self.complete_join(cx, out),
        }
    }

    /// When [`Group::tick`] has something to do again.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let sessions =
            self.members.values().filter(|member| !member.is_excused()).map(|member| member.deadline_ms);
        let others = [self.join_deadline_ms, self.sync_deadline_ms];
        sessions.chain(self.pending.values().copied()).chain(others.into_iter().flatten()).min()
    }
}
