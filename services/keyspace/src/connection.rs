//! One connection: read, run what is whole, wait until it is durable, reply.
//!
//! Commands of one read run one after the other and their replies leave together, once everything that they show is durable (promise P2).
//! A client that does not read its replies is not read from either, so what it can make the server hold is bounded.

mod blocked;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::client::Client;
use crate::commands::hello;
use crate::context::{Grants, ReplyMode, SessionState, Then};
use crate::dispatch::{self, Flow};
use crate::failure::journal_text;
use crate::limits::{
    INPUT_BYTES_BLOCKED_MAX, INPUT_BYTES_MIN, INPUT_BYTES_STEP, PUSHED_BYTES, REPLY_FLUSH_BYTES,
};
use crate::protocol::{Parser, Reply};
use crate::service::Service;

/// Serves one client until it leaves, is killed, or the service drains.
pub async fn serve<S>(service: Arc<Service>, stream: S, peer: SocketAddr, local: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let grants = service.authenticator.anonymous();
    serve_as(service, stream, (peer, local), "", grants).await;
}

/// The same for a client of whom this node knows already which user it is: it shows no password, and may do what that user may. One that
/// does not exist, or is not enabled, is served nothing.
pub async fn serve_known<S>(service: Arc<Service>, stream: S, ends: (SocketAddr, SocketAddr), user: &str)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(grants) = service.authenticator.grants(user) {
        serve_as(service, stream, ends, user, Some(grants)).await;
    }
}

async fn serve_as<S>(
    service: Arc<Service>,
    stream: S,
    (peer, local): (SocketAddr, SocketAddr),
    user: &str,
    grants: Option<Grants>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let client = Arc::new(Client::new(service.next_client_id(), peer, local, service.now()));
    if !user.is_empty() {
        user.clone_into(&mut client.details.lock().user);
    }
    // Drops last: when it says so, the socket is closed.
    let _closed = Closed(Arc::clone(&client));
    service.clients.insert(&client);
    service.metrics.connections.fetch_add(1, Ordering::Relaxed);
    let mut state = SessionState::new(Arc::clone(&client), service.transaction(), grants);
    state.policy_version = service.authenticator.version();
    state.random = service.next_random();
    let mut connection = Connection {
        parser: Parser::new(service.config.request_bytes_max),
        service: Arc::clone(&service),
        client: Arc::clone(&client),
        stream,
        input: BytesMut::with_capacity(INPUT_BYTES_MIN),
        reply: Reply::bounded(service.config.output_bytes_max),
        state,
    };
    let mut run = pin!(connection.run());
    // An I/O error means that the client is gone; there is nobody to tell.
    let _gone = poll_fn(|context| {
        client.register(context);
        if client.is_cut_off() {
            return Poll::Ready(Ok(()));
        }
        run.as_mut().poll(context)
    })
    .await;
}

/// Tells those who wait for a connection's end.
struct Closed(Arc<Client>);

impl Drop for Closed {
    fn drop(&mut self) {
        self.0.note_closed();
    }
}

impl<S> Drop for Connection<S> {
    /// However the connection ends, a panic and a stop that cuts it off included, nobody finds traces of it.
    fn drop(&mut self) {
        self.state.unwatch(&self.service);
        self.state.unsubscribe_all(&self.service);
        self.service.clients.remove(self.client.id);
    }
}

struct Connection<S> {
    service: Arc<Service>,
    client: Arc<Client>,
    stream: S,
    parser: Parser,
    input: BytesMut,
    reply: Reply,
    state: SessionState,
}

/// Why a wait ended.
enum Event {
    Read(usize),
    Woken,
    TimeUp,
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Serve,
    Close,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(&mut self) -> std::io::Result<()> {
        loop {
            if self.run_whole_commands().await? == Next::Close {
                return self.send().await;
            }
            self.send().await?;
            if self.service.is_draining() || self.client.is_killed() {
                return Ok(());
            }
            self.make_room();
            let deadline = self.idle_deadline();
            match self.wait(true, deadline).await? {
                Event::Read(0) | Event::TimeUp => return Ok(()),
                Event::Read(count) => {
                    self.service.metrics.bytes_in.fetch_add(count as u64, Ordering::Relaxed);
                }
                Event::Woken if self.client.is_killed() => return Ok(()),
                Event::Woken => {}
            }
            self.push_messages();
        }
    }

    /// Runs the commands that have arrived whole.
    async fn run_whole_commands(&mut self) -> std::io::Result<Next> {
        let mut now = self.service.now();
        self.client.active_ms.store(now, Ordering::Relaxed);
        while !self.input.is_empty() && !self.client.is_killed() {
            if self.reply.len() >= REPLY_FLUSH_BYTES {
                self.send().await?;
            }
            self.parser.authenticated = self.state.grants.is_some();
            let (flow, length, mode) = match self.run_first(now) {
                Ok(Some(done)) => done,
                Ok(None) => break,
                Err(complaint) => {
                    self.reply.error(&format!("ERR {complaint}"));
                    return Ok(Next::Close);
                }
            };
            let retry = matches!(flow, Flow::Retry(_));
            if !retry {
                self.parser.next();
            }
            let waits = !matches!(flow, Flow::Next);
            let next = self.follow(flow, now, mode).await?;
            if waits {
                now = self.service.now();
            }
            if !retry {
                self.input.advance(length);
            }
            if next == Next::Close {
                return Ok(Next::Close);
            }
            if self.reply.overflowed() {
                return self.send().await.map(|()| Next::Close);
            }
        }
        self.state.transaction.finish();
        Ok(Next::Serve)
    }

    /// Parses and runs the first command; its length and what the connection does next. `None`: it is not whole yet.
    fn run_first(
        &mut self,
        now: u64,
    ) -> Result<Option<(Flow, usize, usize)>, crate::protocol::ProtocolError> {
        let start = self.reply.len();
        let Some(parsed) = self.parser.parse(&self.input)? else { return Ok(None) };
        let source = parsed.unquoted.unwrap_or(&self.input);
        let args: SmallVec<[&[u8]; 16]> = parsed.ranges.iter().map(|range| &source[range.clone()]).collect();
        if args.is_empty() {
            return Ok(Some((Flow::Next, parsed.length, start)));
        }
        let flow = dispatch::run(&self.service, &mut self.state, &mut self.reply, &args, now);
        Ok(Some((flow, parsed.length, start)))
    }

    /// Does what a command left to do. `start` is where its reply begins.
    async fn follow(&mut self, flow: Flow, now: u64, mut start: usize) -> std::io::Result<Next> {
        match flow {
            Flow::Next => {}
            Flow::Retry(bytes) => {
                if let Err(error) = self.state.transaction.admit(bytes).await {
                    // The command runs again and is refused for the same reason.
                    tracing::debug!(%error, "waited for journal space in vain");
                }
                return Ok(Next::Serve);
            }
            Flow::Block { waiter, deadline } => {
                if self.block(waiter, deadline).await? == Next::Close {
                    return Ok(Next::Close);
                }
                // What came before was sent when it began to wait.
                start = 0;
            }
            Flow::Then(then) => {
                if matches!(then, Then::Sleep { .. } | Then::WaitReplicas { .. }) {
                    start = 0;
                }
                if self.then(then, now).await? == Next::Close {
                    return Ok(Next::Close);
                }
            }
        }
        match self.state.reply_mode {
            ReplyMode::On => {}
            ReplyMode::Off => self.reply.truncate(start),
            ReplyMode::SkipNext => {
                self.reply.truncate(start);
                self.state.reply_mode = ReplyMode::Skip;
            }
            ReplyMode::Skip => {
                self.reply.truncate(start);
                self.state.reply_mode = ReplyMode::On;
            }
        }
        Ok(Next::Serve)
    }

    /// Sends the replies, once what they show is durable. A client that asked for more than may wait for it is cut off instead.
    async fn send(&mut self) -> std::io::Result<()> {
        self.state.transaction.finish();
        if self.reply.overflowed() {
            let bytes_max = self.service.config.output_bytes_max;
            tracing::warn!(client = self.client.id, peer = %self.client.peer, bytes_max, "cut off: its replies are larger than keyspace.output_buffer_bytes_max");
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let journal = Arc::clone(self.service.runtime.journal());
        if !self.state.need.is_met(&*journal)
            && let Err(error) = self.state.need.met(&*journal).await
        {
            // What the replies say may not be durable: they are withheld, and the client is told why.
            self.reply.truncate(0);
            self.reply.error(&journal_text(&error));
            self.client.kill();
        }
        if self.reply.is_empty() {
            return Ok(());
        }
        self.service.metrics.bytes_out.fetch_add(self.reply.len() as u64, Ordering::Relaxed);
        self.write_replies().await?;
        self.reply.clear();
        Ok(())
    }

    /// Writes the replies for as long as the client takes them; one that is killed meanwhile is not waited for.
    async fn write_replies(&mut self) -> std::io::Result<()> {
        let (stream, client) = (&mut self.stream, &self.client);
        let mut rest = self.reply.bytes();
        poll_fn(|context| {
            while !rest.is_empty() {
                match Pin::new(&mut *stream).poll_write(context, rest) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(count)) => rest = &rest[count..],
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        client.register(context);
                        if client.is_killed() {
                            return Poll::Ready(Err(std::io::ErrorKind::ConnectionAborted.into()));
                        }
                        return Poll::Pending;
                    }
                }
            }
            Pin::new(&mut *stream).poll_flush(context)
        })
        .await
    }

    /// Appends messages that others have sent.
    fn push_messages(&mut self) {
        while self.reply.len() < PUSHED_BYTES
            && let Some(message) = self.client.take_message()
        {
            self.reply.raw(&message);
        }
    }

    /// Makes room for what is to come.
    fn make_room(&mut self) {
        // A length that was announced is not believed: the buffer grows with what has come.
        let wanted = self.parser.wanted(self.input.len()).min(self.input.len().max(INPUT_BYTES_STEP));
        let full = self.input.capacity() == self.input.len();
        let step = if wanted > 0 {
            wanted
        } else if full {
            self.input.capacity().clamp(INPUT_BYTES_MIN, INPUT_BYTES_STEP)
        } else {
            return;
        };
        if self.input.is_empty() && self.input.capacity() > INPUT_BYTES_STEP {
            self.input = BytesMut::with_capacity(INPUT_BYTES_MIN.max(step));
        } else {
            self.input.reserve(step);
        }
    }

    fn idle_deadline(&self) -> Option<Duration> {
        let seconds = self.service.settings.read().idle_seconds;
        (seconds > 0 && !self.state.is_subscriber()).then(|| Duration::from_secs(seconds))
    }

    /// Waits for bytes (if `read`), for somebody who wakes this client, or for time to pass.
    async fn wait(&mut self, read: bool, timeout: Option<Duration>) -> std::io::Result<Event> {
        match timeout {
            None => poll_fn(|context| self.poll_event(read, context)).await,
            Some(timeout) => {
                let mut sleep = pin!(tokio::time::sleep(timeout));
                poll_fn(|context| {
                    if let Poll::Ready(event) = self.poll_event(read, context) {
                        return Poll::Ready(event);
                    }
                    sleep.as_mut().poll(context).map(|()| Ok(Event::TimeUp))
                })
                .await
            }
        }
    }

    fn poll_event(&mut self, read: bool, context: &mut TaskContext<'_>) -> Poll<std::io::Result<Event>> {
        if read {
            let read = self.stream.read_buf(&mut self.input);
            if let Poll::Ready(count) = pin!(read).poll(context) {
                return Poll::Ready(count.map(Event::Read));
            }
        }
        self.client.register(context);
        if self.client.is_killed() || self.client.has_messages() || self.service.is_draining() {
            return Poll::Ready(Ok(Event::Woken));
        }
        Poll::Pending
    }

    /// Work that a command left because it waits.
    async fn then(&mut self, then: Then, now: u64) -> std::io::Result<Next> {
        match then {
            Then::Close => return Ok(Next::Close),
            Then::Killed(clients) => {
                for client in clients {
                    client.until_closed().await;
                }
            }
            Then::Shutdown => {
                self.service.node.stop();
                return Ok(Next::Close);
            }
            Then::Authenticate { user, password, hello: asked } => {
                let service = Arc::clone(&self.service);
                let grants = service.authenticator.verify(&user, &password).await;
                hello::authenticated(&service, &mut self.state, &mut self.reply, &user, grants, asked);
            }
            Then::Checkpoint => {
                let service = Arc::clone(&self.service);
                let handle = tokio::runtime::Handle::current();
                let saved = tokio::task::spawn_blocking(move || handle.block_on(service.save())).await;
                match saved {
                    Ok(Ok(())) => self.reply.ok(),
                    Ok(Err(text)) => self.reply.error(&text),
                    Err(_) => self.reply.error("ERR the checkpoint failed; the server's log says why"),
                }
            }
            Then::WaitSynced { deadline } => self.wait_synced(deadline, now).await,
            Then::Sleep { deadline } => {
                self.send().await?;
                self.sleep_until(Some(deadline)).await?;
                self.reply.ok();
            }
            Then::WaitReplicas { deadline } => {
                self.send().await?;
                self.sleep_until(deadline).await?;
                self.reply.integer(0);
            }
        }
        Ok(Next::Serve)
    }

    async fn wait_synced(&mut self, deadline: Option<u64>, now: u64) {
        let journal = Arc::clone(self.service.runtime.journal());
        let need = self.state.last_write.as_synced();
        let met = need.met(&*journal);
        let synced = match deadline {
            None => met.await.is_ok(),
            Some(deadline) => {
                let timeout = Duration::from_millis(deadline.saturating_sub(now));
                matches!(tokio::time::timeout(timeout, met).await, Ok(Ok(())))
            }
        };
        self.reply.array(2);
        self.reply.integer(i64::from(synced));
        self.reply.integer(0);
    }

    /// Waits until the deadline, or until the client is killed or gone.
    async fn sleep_until(&mut self, deadline: Option<u64>) -> std::io::Result<()> {
        loop {
            let now = self.service.now();
            if deadline.is_some_and(|deadline| deadline <= now)
                || self.client.is_killed()
                || self.service.is_draining()
            {
                return Ok(());
            }
            let timeout = deadline.map(|deadline| Duration::from_millis(deadline - now));
            // What the client sends ahead is taken in, up to a bound, and its end is noticed.
            let read = self.input.len() < INPUT_BYTES_BLOCKED_MAX;
            if read && self.input.capacity() == self.input.len() {
                self.input.reserve(INPUT_BYTES_MIN);
            }
            if matches!(self.wait(read, timeout).await?, Event::Read(0)) {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Reading into a growing buffer, polled.
trait PollReadInto {
    fn poll_read_into(
        self: Pin<&mut Self>,
        into: &mut BytesMut,
        context: &mut TaskContext<'_>,
    ) -> Poll<std::io::Result<usize>>;
}

impl<S: AsyncRead + Unpin> PollReadInto for S {
    fn poll_read_into(
        mut self: Pin<&mut Self>,
        into: &mut BytesMut,
        context: &mut TaskContext<'_>,
    ) -> Poll<std::io::Result<usize>> {
        let read = self.read_buf(into);
        pin!(read).poll(context)
    }
}
