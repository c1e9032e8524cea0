//! A connection whose client waits for a key (`BLPOP` and the like): it is served, its time is up, or it leaves.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Next, PollReadInto};
use crate::blocking::{Outcome, Waiter};
use crate::client::Unblock;
use crate::dispatch::{self, Flow};
use crate::limits::{INPUT_BYTES_BLOCKED_MAX, INPUT_BYTES_MIN};
use crate::service::Service;

/// A client's place in the queues of the keys that it waits for. Dropping it leaves them, however the wait ends: nobody is
/// served any more who is not there to take it.
struct Queued {
    service: Arc<Service>,
    waiter: Arc<Waiter>,
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.waiter.give_up();
        let dataset = &self.service.databases.datasets()[self.waiter.dataset];
        for key in &self.waiter.keys {
            // A quarantined shard serves nobody.
            if let Ok(mut locked) = dataset.shards[dataset.shard_of(key)].lock() {
                locked.state_mut().unblock(key, &self.waiter);
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Sends the replies so far, and waits until a blocked command is served, its time is up, or the client is gone.
    pub(super) async fn block(
        &mut self,
        waiter: Arc<Waiter>,
        deadline: Option<u64>,
    ) -> std::io::Result<Next> {
        let mut queued = Queued { service: Arc::clone(&self.service), waiter };
        self.client.take_unblock();
        self.client.blocked.store(true, Ordering::Release);
        let outcome = self.blocked(&mut queued, deadline).await;
        self.client.blocked.store(false, Ordering::Release);
        self.client.take_unblock();
        outcome
    }

    async fn blocked(&mut self, queued: &mut Queued, deadline: Option<u64>) -> std::io::Result<Next> {
        self.send().await?;
        loop {
            match queued.waiter.take() {
                Some(Outcome::Served(reply, need)) => {
                    self.reply.raw(&reply);
                    self.state.need.merge(need);
                    return Ok(Next::Serve);
                }
                Some(Outcome::Retry) => {
                    if self.run_again(queued).await {
                        return Ok(Next::Serve);
                    }
                    continue;
                }
                None => {}
            }
            let now = self.service.now();
            let gone = self.client.is_killed() || self.service.is_draining();
            let late = deadline.is_some_and(|deadline| deadline <= now);
            // Whoever is serving it this moment comes first: then the outcome is about to be there.
            if (gone || late || self.client.wants_unblock()) && queued.waiter.give_up() {
                if gone {
                    return Ok(Next::Close);
                }
                match self.client.take_unblock() {
                    Some(Unblock::Error) => {
                        self.reply.error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
                    }
                    Some(Unblock::Timeout) | None => self.reply.null_array(),
                }
                return Ok(Next::Serve);
            }
            if self.client.has_messages() {
                self.push_messages();
                self.send().await?;
            }
            if self.wait_blocked(&queued.waiter, deadline, now).await? == Next::Close
                && queued.waiter.give_up()
            {
                return Ok(Next::Close);
            }
        }
    }

    /// Sleeps until something may have happened. `Close`: the client is gone.
    async fn wait_blocked(
        &mut self,
        waiter: &Waiter,
        deadline: Option<u64>,
        now: u64,
    ) -> std::io::Result<Next> {
        let timeout = deadline.map(|deadline| Duration::from_millis(deadline.saturating_sub(now).max(1)));
        let read = self.input.len() < INPUT_BYTES_BLOCKED_MAX;
        if read && self.input.capacity() == self.input.len() {
            self.input.reserve(INPUT_BYTES_MIN);
        }
        let mut sleep = pin!(tokio::time::sleep(timeout.unwrap_or_default()));
        let client = Arc::clone(&self.client);
        let service = Arc::clone(&self.service);
        let stream = &mut self.stream;
        let input = &mut self.input;
        let mut woken = false;
        poll_fn(|context| {
            client.register(context);
            if std::mem::replace(&mut woken, true)
                || !waiter.is_waiting()
                || client.wants_unblock()
                || client.has_messages()
                || client.is_killed()
                || service.is_draining()
            {
                return Poll::Ready(Ok(Next::Serve));
            }
            if timeout.is_some() && sleep.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(Next::Serve));
            }
            if read && let Poll::Ready(count) = Pin::new(&mut *stream).poll_read_into(input, context) {
                return Poll::Ready(count.map(|count| if count == 0 { Next::Close } else { Next::Serve }));
            }
            Poll::Pending
        })
        .await
    }

    /// Runs a blocked command again; `false` if it waits once more, at the end of the queues.
    async fn run_again(&mut self, queued: &mut Queued) -> bool {
        loop {
            let (service, now) = (&self.service, self.service.now());
            let again =
                dispatch::retry_blocked(service, &mut self.state, &mut self.reply, &queued.waiter, now);
            match again {
                Flow::Block { waiter, .. } => {
                    *queued = Queued { service: Arc::clone(service), waiter };
                    return false;
                }
                Flow::Retry(bytes) => {
                    if let Err(error) = self.state.transaction.admit(bytes).await {
                        // The command runs again and is refused for the same reason.
                        tracing::debug!(%error, "waited for journal space in vain");
                    }
                }
                Flow::Next | Flow::Then(_) => return true,
            }
        }
    }
}
