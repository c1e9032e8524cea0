//! What time does: one task for all groups. A heap holds, for each group, when to look at it next; a heartbeat that puts a deadline off does not touch it,
//! the look that comes too early finds out and asks for a later one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Coordinator;
use crate::groups::decide::{Context, Outcome, SPACE_SMALL};
use crate::groups::limits::{EXPIRY_GROUPS_PER_LOCK, TIMERS_PER_STEP};
use crate::groups::live::LiveGroup;
use crate::groups::offsets::removal;
use crate::groups::state::State;
use crate::groups::{classic, modern, share};

/// After a look failed (the disk is full), the next one.
const RETRY_MS: u64 = 1_000;

/// When, which shard, which group.
type Entry = Reverse<(u64, usize, Arc<str>)>;

/// When to look at which group. One entry that counts for each group, and stale ones until their time comes.
#[derive(Default)]
pub(crate) struct Timers {
    heap: Mutex<BinaryHeap<Entry>>,
    earlier: Notify,
}

impl Timers {
    pub(crate) fn add(&self, at_ms: u64, shard: usize, group: &str) {
        let mut heap = self.heap.lock();
        let first = heap.peek().is_none_or(|Reverse((first, ..))| at_ms < *first);
        heap.push(Reverse((at_ms, shard, group.into())));
        drop(heap);
        if first {
            self.earlier.notify_one();
        }
    }

    fn due(&self, now_ms: u64) -> Vec<(u64, usize, Arc<str>)> {
        let mut heap = self.heap.lock();
        let mut due = Vec::new();
        while due.len() < TIMERS_PER_STEP
            && let Some(Reverse((at, ..))) = heap.peek()
            && *at <= now_ms
        {
            due.extend(heap.pop().map(|Reverse(entry)| entry));
        }
        due
    }

    fn next(&self) -> Option<u64> {
        self.heap.lock().peek().map(|Reverse((at, ..))| *at)
    }
}

/// Does what is due in a group, and says when to look again.
pub(crate) fn tick(state: &mut State, cx: Context<'_>, out: &mut Outcome, group: &str) {
    if let Some(classic) = state.live.groups.get_mut(group).and_then(|live| live.classic.as_deref_mut()) {
        classic.tick(cx, out);
    }
    modern::tick(state, cx, out, &group.into());
    share::locks::tick(state, cx, out, &group.into());
    out.looked = true;
}

/// When all that was due has taken place: when to look again. A group that nobody is in leaves nothing beside the log.
pub(crate) fn finish(state: &mut State, group: &str) -> Option<u64> {
    if state.live.groups.get(group).is_some_and(LiveGroup::is_idle) {
        state.live.groups.remove(group);
        return None;
    }
    next_deadline(state, group)
}

fn next_deadline(state: &State, group: &str) -> Option<u64> {
    let classic = state.live.classic(group).and_then(classic::Group::next_deadline);
    let sessions = modern::next_deadline(state, group);
    let locks = share::locks::next_deadline(state, group);
    classic.into_iter().chain(sessions).chain(locks).min()
}

/// Journal space for what a look logs at most; 0 where it can be repeated.
fn space(state: &State, group: &str) -> usize {
    if state.live.classic(group).is_some_and(|classic| !classic.is_idle()) { SPACE_SMALL } else { 0 }
}

impl Coordinator {
    /// Ends sessions and rebalances in time, and removes offsets that have expired; for ever: run it as a task.
    pub async fn run_timers(self: Arc<Self>) {
        let mut sweep_ms = self.now().monotonic_ms + self.config.offsets_check_interval_ms;
        loop {
            let now = self.now().monotonic_ms;
            let due = self.timers.due(now);
            for (at, shard, group) in &due {
                self.look(*at, *shard, group).await;
            }
            if now >= sweep_ms {
                self.expire_offsets().await;
                sweep_ms = self.now().monotonic_ms + self.config.offsets_check_interval_ms;
            }
            if !due.is_empty() {
                tokio::task::yield_now().await;
                continue;
            }
            let next = self.timers.next().map_or(sweep_ms, |next| next.min(sweep_ms));
            let wait = Duration::from_millis(next.saturating_sub(self.now().monotonic_ms));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.timers.earlier.notified() => {}
            }
        }
    }

    /// Looks at one group, unless another look has been asked for meanwhile.
    pub(crate) async fn look(&self, at: u64, shard: usize, group: &Arc<str>) {
        let outcome = self
            .run(
                group,
                |state| space(state, group),
                |state, cx, out| {
                    if state.live.groups.get(group).is_some_and(|live| live.wake_ms == Some(at)) {
                        let id = Arc::clone(group);
                        out.after(move |state| {
                            if let Some(live) = state.live.groups.get_mut(&id) {
                                live.wake_ms = None;
                            }
                        });
                        tick(state, cx, out, group);
                    }
                },
            )
            .await;
        if let Err(error) = outcome
            && self.shards[shard].quarantined().is_none()
        {
            tracing::debug!(%error, %group, "a group's timers could not be served; trying again");
            self.look_later(shard, group);
        }
    }

    /// The look failed before it changed anything; the group still expects it.
    fn look_later(&self, shard: usize, group: &Arc<str>) {
        let at = self.now().monotonic_ms + RETRY_MS;
        if let Ok(mut locked) = self.shards[shard].lock()
            && let Some(live) = locked.state_mut().live.groups.get_mut(group)
        {
            live.wake_ms = Some(at);
            self.timers.add(at, shard, group);
        }
    }

    /// Asks for a look at every group that has members, after a start.
    pub(super) fn wake_members(&self) {
        let cx = self.context();
        for (index, shard) in self.shards.iter().enumerate() {
            let Ok(mut locked) = shard.lock() else { continue };
            let inhabited = locked.state().groups().filter(|(_, group)| group.members() > 0);
            let ids: Vec<_> = inhabited.map(|(id, _)| Arc::clone(id)).collect();
            for id in ids {
                let state = locked.state_mut();
                if let Some(at) = bring_to_life(state, cx, &id) {
                    self.wake(index, &id, state, at);
                }
            }
        }
    }

    /// Removes offsets whose time has come, in all groups.
    pub async fn expire_offsets(&self) {
        for index in 0..self.shards.len() {
            let mut cursor = Some(0);
            while let Some(at) = cursor {
                let Ok((groups, next)) =
                    self.read(index, None, |state, _| state.some_groups(at, EXPIRY_GROUPS_PER_LOCK)).await
                else {
                    break;
                };
                for group in &groups {
                    let outcome =
                        self.run(group, |_| 0, |state, cx, out| removal::expire(state, cx, out, group)).await;
                    if let Err(error) = outcome {
                        tracing::debug!(%error, %group, "expired offsets stay until the next look");
                    }
                }
                cursor = next;
                tokio::task::yield_now().await;
            }
        }
    }
}

/// Gives the members of a group full sessions. When to look at it.
pub(crate) fn bring_to_life(state: &mut State, cx: Context<'_>, id: &Arc<str>) -> Option<u64> {
    // A group of another kind has no classic members.
    let _classic = classic::find(state, id, cx.now);
    modern::bring_to_life(state, cx, id);
    next_deadline(state, id)
}
