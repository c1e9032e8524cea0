//! Sends the rows of a statement that runs. A client that takes nothing keeps the statement waiting; whatever stops the statement stops it there, too.

use std::collections::VecDeque;
use std::io;

use tokio::time::{Instant, sleep, sleep_until};

use super::{Client, DRAIN_GRACE, INTERRUPT_INTERVAL, slow};
use crate::session::cancel::Reason;

impl Client {
    /// Sends a chunk of rows. When the statement is cancelled or its time is over meanwhile, what it still gives is taken off its hands, so that it sees that and ends, with all
    /// that it keeps from others; the client gets these rows, and then the error. Errors: as of [`Client::send`].
    pub(super) async fn send_rows(&mut self, chunk: Vec<u8>) -> io::Result<()> {
        let limit = self.send_limit();
        let mut waiting = VecDeque::from([chunk]);
        while let Some(chunk) = waiting.pop_front() {
            self.send_one(&chunk, &mut waiting, limit).await?;
        }
        Ok(())
    }

    async fn send_one(
        &mut self,
        chunk: &[u8],
        waiting: &mut VecDeque<Vec<u8>>,
        limit: Instant,
    ) -> io::Result<()> {
        let (service, canceller, shared) = (&self.service, &self.canceller, &self.shared);
        let sending = self.wire.send(chunk);
        let drained = async {
            service.drained().await;
            sleep(DRAIN_GRACE).await;
        };
        tokio::pin!(sending, drained);
        let mut is_over = false;
        loop {
            let is_cancelled = canceller.is_cancelled();
            let until = super::statement_limit(shared, canceller).filter(|_| !is_cancelled);
            tokio::select! {
                biased;
                sent = &mut sending => return sent,
                () = &mut drained => return slow("the service stops, and the client takes nothing"),
                () = sleep_until(limit) => {
                    return slow("the client takes nothing while its statement keeps others waiting");
                }
                more = self.chunks.recv(), if is_cancelled && !is_over => match more {
                    Some(chunk) => waiting.push_back(chunk),
                    None => is_over = true,
                },
                () = canceller.asked.notified() => {
                    if canceller.is_ended() {
                        return slow("the session was ended while its client took nothing");
                    }
                }
                () = sleep(INTERRUPT_INTERVAL), if is_cancelled => canceller.repeat(),
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    canceller.cancel(Reason::Timeout);
                }
            }
        }
    }
}
