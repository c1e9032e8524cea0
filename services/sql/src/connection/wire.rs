//! A client's bytes, and the messages that they are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bole_net::line::Line;
use bole_net::stream::Stream;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::End;
use crate::protocol::{Broken, Message, frontend};
use crate::session::Session;

/// The least that is read ahead.
const INPUT_BYTES_MIN: usize = 4 << 10;
/// A message's buffer grows as its bytes arrive, in steps of at most this.
const INPUT_BYTES_STEP: usize = 1 << 20;
/// Bytes of messages that are gathered before they are run, whatever they are.
const BATCH_BYTES: usize = 1 << 20;

/// What has come and is not run.
#[derive(Default)]
pub(super) struct Intake {
    pub(super) input: BytesMut,
    /// Bytes of the messages that are gathered.
    gathered: usize,
}

impl Intake {
    /// Moves whole messages to the session. `None`: they are to be run now; else the bytes that are missing.
    pub(super) fn gather(
        &mut self,
        session: &mut Session,
        bytes_max: usize,
    ) -> Result<Option<usize>, Broken> {
        let is_copying = session.is_copying();
        let mut due = false;
        loop {
            let before = self.input.len();
            let Some(message) = frontend::next(&mut self.input, bytes_max)? else { break };
            if matches!(message, Message::CopyData(_)) && !is_copying && session.messages.is_empty() {
                // What a COPY left behind that failed.
                continue;
            }
            self.gathered += before - self.input.len();
            due |= match message {
                Message::CopyData(_) => is_copying,
                Message::Parse { .. }
                | Message::Bind(_)
                | Message::Describe(_)
                | Message::Execute { .. }
                | Message::Close(_) => false,
                _ => true,
            };
            session.messages.push_back(message);
            if self.gathered > BATCH_BYTES {
                due = true;
                break;
            }
        }
        if due {
            self.gathered = 0;
            return Ok(None);
        }
        let whole = frontend::length(&self.input, bytes_max)?.unwrap_or(INPUT_BYTES_MIN);
        Ok(Some(whole.saturating_sub(self.input.len())))
    }
}

/// A client's bytes.
pub(super) struct Wire {
    /// Away only while it is secured, or while a thread has the connection.
    pub(super) stream: Option<Stream>,
    pub(super) intake: Intake,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream: Some(stream), intake: Intake::default() }
    }

    pub(super) fn stream(&mut self) -> io::Result<&mut Stream> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream()?;
        stream.write_all(bytes).await?;
        stream.flush().await
    }

    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        self.stream()?.shutdown().await
    }

    /// Reads what has come; may be dropped. Errors: the client has closed.
    pub(super) async fn read(&mut self, missing: usize) -> Result<(), End> {
        self.intake.input.reserve(missing.clamp(INPUT_BYTES_MIN, INPUT_BYTES_STEP));
        let stream = self.stream.as_mut().ok_or(io::Error::from(io::ErrorKind::NotConnected))?;
        match stream.read_buf(&mut self.intake.input).await? {
            0 => Err(End::Left),
            _ => Ok(()),
        }
    }

    /// Gives the connection to a thread; `None` if it is secured.
    pub(super) fn lend(&mut self, patience: Duration) -> io::Result<Option<Arc<Line>>> {
        let Some(stream) = self.stream.take() else { return Ok(None) };
        match stream.into_line(patience) {
            Ok(line) => Ok(Some(Arc::new(line?))),
            Err(secured) => {
                self.stream = Some(secured);
                Ok(None)
            }
        }
    }

    /// Has the connection on the runtime again while a thread still holds it, which does not use it any more.
    pub(super) fn share(&mut self, line: Option<&Arc<Line>>) -> io::Result<()> {
        if let (None, Some(line)) = (&self.stream, line) {
            self.stream = Some(line.stream()?);
        }
        Ok(())
    }

    /// Takes the connection back, after the thread is done with it.
    pub(super) fn regain(&mut self, line: Option<Arc<Line>>) -> io::Result<()> {
        match line.map(Arc::try_unwrap) {
            Some(Ok(line)) if self.stream.is_none() => self.stream = Some(line.into_stream()?),
            Some(Err(line)) => self.share(Some(&line))?,
            _ => {}
        }
        Ok(())
    }
}
