//! A body on its way in: through the digests that were asked for, into memory if it is short and into a chunk if it is not, compared with
//! what was announced before it is made durable.
//!
//! The network and the disk work at the same time: while a batch goes through the digests and into the chunk on a thread of the pool, the
//! next one is read.

use std::fmt::Display;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::future::join;
use futures_util::{Stream, StreamExt as _};

use super::gate::Place;
use super::{Bodies, Error};
use crate::chunks;
use crate::chunks::frame::BLOCK_BYTES;
use crate::chunks::sealing::Sealing;
use crate::chunks::writer::{BUFFER_BYTES, Writer, Written};
use crate::error::{self, Code};
use crate::limits::{
    BATCH_BYTES, BATCH_TIMEOUT, DIGESTED_AT_ONCE_BYTES_MAX, INLINE_BYTES_MAX, PUT_BYTES_MAX,
};
use crate::pool::Pool;
use crate::rules::checksums::{self, Algorithm, EtagHasher, Hasher, Value};
use crate::seal::{Cipher, Seal, sealed_bytes};

/// What a request says of its body.
#[derive(Clone, Debug, Default)]
pub struct Announced {
    /// Its bytes, after aws-chunked was taken off; where that is not known before its end, the most that they may be.
    pub bytes: u64,
    /// Where its length is not known before its end: the least bytes that it may have.
    pub at_least: Option<u64>,
    /// `Content-MD5`.
    pub md5: Option<[u8; 16]>,
    /// The checksum to compute; its value is here if a header had it, and may still come in a trailer.
    pub checksum: Option<(Algorithm, Option<Value>)>,
    /// What it is sealed with, if it is.
    pub seal: Option<Seal>,
}

/// Where a body is. A chunk is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In memory: at most [`INLINE_BYTES_MAX`] bytes.
    Inline(Bytes),
    /// In a chunk, which is removed by nobody until an entry names it.
    Chunk(Written),
    /// In memory, sealed as its row holds it.
    SealedInline(Bytes),
    /// In a chunk, sealed.
    SealedChunk(Written, Cipher),
}

/// A body that came in whole and was as announced.
#[derive(Debug)]
pub struct Received {
    /// Where it is.
    pub kept: Kept,
    /// Its bytes.
    pub bytes: u64,
    /// Its MD5, of which the ETag is made; for a body under a client's key something random, which says nothing of the bytes.
    pub md5: [u8; 16],
    /// The checksum that was asked for.
    pub checksum: Option<Value>,
    /// The place of an inline body, which it keeps until its entry is made.
    pub place: Option<Place>,
}

/// The value of a checksum that comes after the body; asked for once the body has ended. `None`: none came.
pub type Trailer<'a> = &'a (dyn Fn(Algorithm) -> Option<String> + Sync);

/// Reads a body. Given up or failed, it leaves nothing behind. Errors: `SlowDown`, `RequestTimeout`, `IncompleteBody`, `EntityTooLarge`,
/// `EntityTooSmall`, `BadDigest` and what the digests' rules say; those of chunks.
pub async fn receive<S, E>(
    bodies: &Bodies,
    stream: S,
    mut announced: Announced,
    trailer: Trailer<'_>,
) -> Result<Received, Error>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Display,
{
    if announced.bytes > PUT_BYTES_MAX {
        return Err(refused(
            Code::EntityTooLarge,
            format!("Your proposed upload of {} bytes exceeds {PUT_BYTES_MAX} bytes.", announced.bytes),
        ));
    }
    let place = bodies.uploads.enter(memory(bodies, announced.bytes)).await?;
    let mut source = Source {
        stream: Box::pin(stream),
        left: announced.bytes,
        is_bound: announced.at_least.is_some(),
        read: 0,
        ended: false,
        over: BytesMut::new(),
    };
    let mut batch = source.batch().await?;
    if source.is_bound && source.ended && source.over.is_empty() {
        // It is all here, so that a short one is kept as short ones are.
        announced.bytes = batch.len() as u64;
    }
    let mut intake = Intake::begin(bodies, &announced).await?;
    let is_customers =
        announced.seal.as_ref().is_some_and(|seal| matches!(seal.cipher, Cipher::Customer { .. }));
    while !batch.is_empty() {
        // Joined, not selected: nothing is lost of what the one side did when the other fails.
        let (taken, next) = join(intake.take(batch), source.batch()).await;
        taken?;
        batch = next?;
    }
    source.check_end()?;
    announced.bytes = source.read;
    check_least(&announced)?;
    let (md5, checksum) = intake.digests()?;
    if let Some(wanted) = &announced.md5 {
        checksums::check_content_md5(&md5, wanted)?;
    }
    if let (Some(found), Some((algorithm, header))) = (&checksum, &announced.checksum) {
        let late = trailer(*algorithm).map(|text| Value::parse(*algorithm, &text)).transpose()?;
        for wanted in header.iter().chain(&late) {
            found.check(wanted)?;
        }
    }
    let kept = intake.finish().await?;
    let md5 = if is_customers { rand::random() } else { md5 };
    let place = matches!(kept, Kept::Inline(_) | Kept::SealedInline(_)).then_some(place);
    Ok(Received { kept, bytes: announced.bytes, md5, checksum, place })
}

fn check_least(announced: &Announced) -> Result<(), Error> {
    let (bytes, least) = (announced.bytes, announced.at_least.unwrap_or(0));
    if bytes >= least {
        return Ok(());
    }
    let text =
        format!("Your proposed upload is smaller than the minimum allowed size: {bytes} of {least} bytes");
    Err(refused(Code::EntityTooSmall, text))
}

/// What may be in memory for a body: a batch that is read, one that is taken, the writer's buffer, a block that is sealed, and what its home keeps.
fn memory(bodies: &Bodies, bytes: u64) -> u64 {
    if bytes <= INLINE_BYTES_MAX as u64 {
        return 2 * bytes;
    }
    (2 * BATCH_BYTES + BUFFER_BYTES + BLOCK_BYTES) as u64 + bodies.home.upload_bytes(sealed_bytes(bytes))
}

fn refused(code: Code, message: impl Into<String>) -> Error {
    Error::Refused(error::Error::new(code, message))
}

/// The client's side.
struct Source<'a, E> {
    stream: Pin<Box<dyn Stream<Item = Result<Bytes, E>> + Send + 'a>>,
    /// Bytes that are still to come; that may, where their number is a bound.
    left: u64,
    is_bound: bool,
    /// Bytes that came.
    read: u64,
    ended: bool,
    /// What of a piece was more than the batch needed.
    over: BytesMut,
}

impl<E: Display> Source<'_, E> {
    /// The next batch, full unless the body ends with it; empty at the end. A client that is slower than a batch in its time is given up.
    async fn batch(&mut self) -> Result<Bytes, Error> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(BATCH_BYTES);
        let read = tokio::time::timeout(BATCH_TIMEOUT, self.fill(wanted)).await;
        let batch = read.unwrap_or_else(|_| {
            let text = "Your socket connection to the server was not read from or written to within the timeout period.";
            Err(refused(Code::RequestTimeout, text))
        })?;
        self.left -= batch.len() as u64;
        self.read += batch.len() as u64;
        Ok(batch)
    }

    async fn fill(&mut self, wanted: usize) -> Result<Bytes, Error> {
        let mut batch = std::mem::take(&mut self.over);
        // The end is looked for even when nothing is left: only then has a signed body been compared, and have trailers come.
        while !self.ended && (batch.len() < wanted || wanted as u64 == self.left) {
            match self.stream.next().await {
                Some(Ok(piece)) => batch.extend_from_slice(&piece),
                Some(Err(error)) => return Err(broken(&error.to_string())),
                None => self.ended = true,
            }
            if batch.len() as u64 > self.left {
                if self.is_bound {
                    let text = "Your proposed upload exceeds the maximum allowed size";
                    return Err(refused(Code::EntityTooLarge, text));
                }
                return Err(refused(
                    Code::IncompleteBody,
                    "The body is longer than its Content-Length says.",
                ));
            }
        }
        self.over = batch.split_off(batch.len().min(wanted));
        Ok(batch.freeze())
    }

    fn check_end(&self) -> Result<(), Error> {
        if (self.left == 0 || self.is_bound) && self.over.is_empty() {
            return Ok(());
        }
        let text = format!(
            "You did not provide the number of bytes specified by the Content-Length HTTP header: {} are missing.",
            self.left
        );
        Err(refused(Code::IncompleteBody, text))
    }
}

/// The text of a stream's error where it is not a client's, but reads what is kept here.
pub const SOURCE_UNREADABLE: &str = "the source of a copy cannot be read";

/// Errors of a body come from the protocol's library, whose types are its own; their texts begin with them.
fn broken(text: &str) -> Error {
    let has = |name: &str| text.contains(name);
    if has(SOURCE_UNREADABLE) {
        return Error::Refused(crate::damage::refusal());
    }
    if has("SlowDown: ") {
        return refused(Code::SlowDown, "Please reduce your request rate.");
    }
    if has("Sha256Mismatch") {
        let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return refused(Code::XAmzContentSHA256Mismatch, text);
    }
    if has("SignatureMismatch") {
        return refused(Code::SignatureDoesNotMatch, "The signature of a chunk of the body does not match.");
    }
    if let Some((_, reason)) = text.split_once("InvalidRequest: ") {
        return refused(Code::InvalidRequest, reason);
    }
    if has("FormatError") || has("TooLarge") || has("TooMany") {
        return refused(Code::InvalidRequest, format!("The body is not aws-chunked as it should be: {text}"));
    }
    refused(Code::IncompleteBody, "The request body ended before its length.")
}

/// The disk's side. What it has is on a thread of the pool or here, and is dropped on such a thread, since that removes a chunk.
struct Intake<'a> {
    pool: &'a Pool,
    sink: Option<Sink>,
}

/// What a body goes through.
struct Sink {
    md5: EtagHasher,
    checksum: Option<Hasher>,
    target: Target,
    seal: Option<Seal>,
}

enum Target {
    Memory(BytesMut),
    Chunk(Box<Writer>),
    Sealed(Box<Sealing>),
}

impl<'a> Intake<'a> {
    async fn begin(bodies: &'a Bodies, announced: &Announced) -> Result<Self, Error> {
        let bytes = announced.bytes;
        let target = if bytes <= INLINE_BYTES_MAX as u64 {
            Target::Memory(BytesMut::with_capacity(bytes as usize))
        } else {
            let (home, id) = (bodies.home.clone(), bodies.ids.new_id().await?);
            let key = announced.seal.as_ref().map(|seal| seal.key.clone());
            let target = move || match key {
                None => Writer::create(&*home, id, bytes).map(|writer| Target::Chunk(Box::new(writer))),
                Some(key) => {
                    Sealing::create(&*home, id, bytes, key).map(|writer| Target::Sealed(Box::new(writer)))
                }
            };
            bodies.pool.run(target).await??
        };
        let checksum = announced.checksum.as_ref().map(|(algorithm, _)| Hasher::new(*algorithm));
        let sink = Sink { md5: EtagHasher::default(), checksum, target, seal: announced.seal.clone() };
        Ok(Self { pool: &bodies.pool, sink: Some(sink) })
    }

    /// Runs work on so many bytes: what may block or takes long on a thread, what is short right here, since handing it over would take longer. Given up, work on a
    /// thread goes on and its sink is dropped where it ran.
    async fn work<T: Send + 'static>(
        &mut self,
        bytes: usize,
        work: impl FnOnce(&mut Sink) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let mut sink = self.sink.take().ok_or(Error::Lost)?;
        if matches!(sink.target, Target::Memory(_)) && bytes <= DIGESTED_AT_ONCE_BYTES_MAX {
            let done = work(&mut sink);
            self.sink = Some(sink);
            return Ok(done);
        }
        let (sink, done) = self
            .pool
            .run(move || {
                let done = work(&mut sink);
                (sink, done)
            })
            .await?;
        self.sink = Some(sink);
        Ok(done)
    }

    async fn take(&mut self, batch: Bytes) -> Result<(), Error> {
        Ok(self.work(batch.len(), move |sink| sink.take(&batch)).await??)
    }

    /// The digests of what was taken. What is left of them is a block each.
    fn digests(&mut self) -> Result<([u8; 16], Option<Value>), Error> {
        let sink = self.sink.as_mut().ok_or(Error::Lost)?;
        Ok((std::mem::take(&mut sink.md5).finish(), sink.checksum.take().map(Hasher::finish)))
    }

    async fn finish(mut self) -> Result<Kept, Error> {
        let sink = self.sink.take().ok_or(Error::Lost)?;
        match (sink.target, sink.seal) {
            (Target::Memory(bytes), Some(seal)) if !bytes.is_empty() => {
                Ok(Kept::SealedInline(seal.inline(&bytes)))
            }
            (Target::Memory(bytes), _) => Ok(Kept::Inline(bytes.freeze())),
            (Target::Chunk(writer), _) => Ok(Kept::Chunk(self.pool.run(move || writer.finish()).await??)),
            (Target::Sealed(writer), seal) => {
                let written = self.pool.run(move || writer.finish()).await??;
                Ok(Kept::SealedChunk(written, seal.ok_or(Error::Lost)?.cipher))
            }
        }
    }
}

impl Drop for Intake<'_> {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.take()
            && !matches!(sink.target, Target::Memory(_))
        {
            self.pool.spawn(move || drop(sink));
        }
    }
}

impl Sink {
    fn take(&mut self, batch: &[u8]) -> Result<(), chunks::Error> {
        self.md5.update(batch);
        if let Some(checksum) = &mut self.checksum {
            checksum.update(batch);
        }
        match &mut self.target {
            Target::Memory(bytes) => bytes.extend_from_slice(batch),
            Target::Chunk(writer) => writer.push(batch)?,
            Target::Sealed(writer) => writer.push(batch)?,
        }
        Ok(())
    }
}
