//! One connection: whole frames, versions that both sides know, answers in the order of their requests.
//!
//! Every wait has a bound. A request that is dropped before its answer leaves the connection unusable, because the answer
//! would be taken for the next one's: drop the connection too.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bole_streams::protocol::header::request_frame;
use bole_streams::protocol::messages::api_versions;
use bole_streams::protocol::{Decoder, ErrorCode, Message as _, Request, ResponseHeader, Text, Versions};
use bole_streams::sasl::Mechanism;
use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::door::{Door, Login, Password};
use super::error::check;
use super::login::{self, Chosen};
use super::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, Error};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Memory is made for so many bytes of an answer at a time, so that a length alone costs nothing.
const READ_BYTES: usize = 1 << 20;

/// How this client calls itself.
const CLIENT_ID: Text = Text::from_static("bole");

/// The first two bytes of a TLS alert: what a TLS door says to a request in clear.
const TLS_ALERT: [u8; 2] = [21, 3];

/// Bytes in both directions, in clear or through TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Debug> Stream for S {}

/// A connection whose server has told its versions, and knows who it talks to if the door has a login.
#[derive(Debug)]
pub struct Connection {
    door: Arc<Door>,
    stream: Box<dyn Stream>,
    /// Whether the server has told its versions.
    told_versions: bool,
    /// Whether it has answered something else.
    accepted: bool,
    read: BytesMut,
    versions: BTreeMap<i16, Versions>,
    next_id: i32,
    /// The requests that wait for an answer: correlation id, version, and how long their answers may take.
    waiting: VecDeque<(i32, i16, Duration)>,
}

impl Connection {
    /// Connects to `addr` (`HOST:PORT`) in clear and asks for versions.
    pub async fn open(addr: &str) -> Result<Self, Error> {
        Self::through(Arc::new(Door::plain(addr))).await
    }

    /// Connects, asks for versions, and says who comes.
    pub async fn through(door: Arc<Door>) -> Result<Self, Error> {
        let connection = Self::unnamed(&door).await?;
        match &door.login {
            None => Ok(connection),
            Some(Login::Password(password)) => connection.named(password).await,
            Some(Login::Token(token)) => connection.vouched(token).await,
        }
    }

    /// Another connection through the same door.
    pub async fn another(&self) -> Result<Self, Error> {
        Self::through(Arc::clone(&self.door)).await
    }

    async fn unnamed(door: &Arc<Door>) -> Result<Self, Error> {
        let socket = connect(&door.addr).await?;
        let stream: Box<dyn Stream> = match &door.tls {
            None => Box::new(socket),
            Some(tls) => match timeout(CONNECT_TIMEOUT, tls.connect(socket, door.host())).await {
                Ok(secured) => {
                    Box::new(secured.map_err(|source| Error::Secure { addr: door.addr.clone(), source })?)
                }
                Err(_) => {
                    return Err(Error::Silent {
                        addr: door.addr.clone(),
                        api: "TLS",
                        timeout: CONNECT_TIMEOUT,
                    });
                }
            },
        };
        Self::begin(door, stream).await
    }

    /// Over a stream that is there already, and whose other end knows who comes. `name` is told in errors in place of an address.
    pub async fn over<S>(stream: S, name: &str) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + Debug + 'static,
    {
        Self::begin(&Arc::new(Door::plain(name)), Box::new(stream)).await
    }

    async fn begin(door: &Arc<Door>, stream: Box<dyn Stream>) -> Result<Self, Error> {
        let mut connection = Self {
            door: Arc::clone(door),
            stream,
            told_versions: false,
            accepted: false,
            read: BytesMut::new(),
            versions: BTreeMap::new(),
            next_id: 0,
            waiting: VecDeque::new(),
        };
        connection.learn_versions().await?;
        connection.told_versions = true;
        Ok(connection)
    }

    /// The same connection, or a new one where the server ends those that ask for a mechanism that it does not offer.
    async fn named(mut self, login: &Password) -> Result<Self, Error> {
        let secured = self.door.tls.is_some();
        let mut mechanism = login::first(login, secured)?;
        if let Chosen::Offered(offered) = login::choose(&mut self, mechanism).await? {
            mechanism = login::next(login, secured, mechanism, &offered, self.addr())?;
            self = Self::unnamed(&self.door).await?;
            if let Chosen::Offered(offered) = login::choose(&mut self, mechanism).await? {
                return Err(login::not_offered(self.addr(), &offered));
            }
        }
        login::authenticate(&mut self, login, mechanism).await?;
        Ok(self)
    }

    /// The same connection, for whom the token names.
    async fn vouched(mut self, token: &str) -> Result<Self, Error> {
        if self.door.tls.is_none() {
            return Err(Error::Clear("OAUTHBEARER"));
        }
        if let Chosen::Offered(offered) = login::choose(&mut self, Mechanism::OauthBearer).await? {
            return Err(login::not_offered(self.addr(), &offered));
        }
        login::show_token(&mut self, token).await?;
        Ok(self)
    }

    /// Where it leads.
    pub fn addr(&self) -> &str {
        &self.door.addr
    }

    /// Asks in the newest version. A server that lacks it answers in the form of version 0 and says which it has.
    async fn learn_versions(&mut self) -> Result<(), Error> {
        const KEY: i16 = api_versions::Request::KEY;
        let body = api_versions::Request {
            client_software_name: CLIENT_ID,
            client_software_version: Text::from_static(env!("CARGO_PKG_VERSION")),
        };
        let newest = api_versions::Request::VERSIONS;
        self.versions = BTreeMap::from([(KEY, newest)]);
        self.send(&body).await?;
        let (frame, version) = self.answer(api_versions::Request::NAME).await?;
        // The error stands between the correlation id and the rest, in every version.
        let refused = frame.get(4..6) == Some(&ErrorCode::UnsupportedVersion.number().to_be_bytes()[..]);
        let told: api_versions::Response = self.decode(frame, if refused { 0 } else { version })?;
        let ranges =
            told.api_keys.iter().map(|row| (row.api_key, Versions::new(row.min_version, row.max_version)));
        self.versions = ranges.collect();
        if !refused {
            return check("the server's versions", told.error_code, None);
        }
        let told = self.request(&body).await?;
        check("the server's versions", told.error_code, None)?;
        let ranges =
            told.api_keys.iter().map(|row| (row.api_key, Versions::new(row.min_version, row.max_version)));
        self.versions = ranges.collect();
        Ok(())
    }

    /// Whether the server answers requests of this type.
    pub fn serves<R: Request>(&self) -> bool {
        self.version_of::<R>().is_ok()
    }

    /// The highest version that both sides know. Errors: `NotServed`, `Versions`.
    pub fn version_of<R: Request>(&self) -> Result<i16, Error> {
        let (addr, api) = (self.door.addr.clone(), R::NAME);
        let Some(&theirs) = self.versions.get(&R::KEY) else {
            return Err(Error::NotServed { addr, api });
        };
        common(R::VERSIONS, theirs).ok_or(Error::Versions { addr, api, theirs, ours: R::VERSIONS })
    }

    /// Sends a request and waits for its answer. Nothing else may be on its way.
    pub async fn request<R: Request>(&mut self, body: &R) -> Result<R::Response, Error> {
        self.request_within(body, Duration::ZERO).await
    }

    /// The same for a request that the server may let wait for `wait`.
    pub async fn request_within<R: Request>(
        &mut self,
        body: &R,
        wait: Duration,
    ) -> Result<R::Response, Error> {
        self.send_within(body, wait).await?;
        self.receive::<R>().await
    }

    /// Sends a request whose answer is taken with [`Connection::receive`], in the order of the requests.
    pub async fn send<R: Request>(&mut self, body: &R) -> Result<(), Error> {
        self.send_within(body, Duration::ZERO).await
    }

    async fn send_within<R: Request>(&mut self, body: &R, wait: Duration) -> Result<(), Error> {
        let version = self.write(body).await?;
        self.waiting.push_back((self.next_id, version, ANSWER_TIMEOUT + wait));
        Ok(())
    }

    /// Sends a request that the server does not answer: a produce without acknowledgements.
    pub async fn send_unanswered<R: Request>(&mut self, body: &R) -> Result<(), Error> {
        self.write(body).await.map(drop)
    }

    /// Writes a request under the next correlation id; its version.
    async fn write<R: Request>(&mut self, body: &R) -> Result<i16, Error> {
        let version = self.version_of::<R>()?;
        self.next_id = self.next_id.wrapping_add(1);
        let frame = request_frame(body, version, self.next_id, Some(&CLIENT_ID))?;
        let writing = async {
            for chunk in frame.chunks() {
                self.stream.write_all(chunk).await?;
            }
            // TLS may hold back what was written.
            self.stream.flush().await
        };
        match timeout(ANSWER_TIMEOUT, writing).await {
            Ok(written) => written.map_err(|source| self.broken(source)).map(|()| version),
            Err(_) => Err(self.silent(R::NAME, ANSWER_TIMEOUT)),
        }
    }

    /// The answer to the oldest request that waits for one; that request must be an `R`.
    pub async fn receive<R: Request>(&mut self) -> Result<R::Response, Error> {
        let (frame, version) = self.answer(R::NAME).await?;
        self.accepted |= self.told_versions;
        self.decode(frame, version)
    }

    /// The next frame, without its length, and the version of the request that it answers.
    async fn answer(&mut self, api: &'static str) -> Result<(Bytes, i16), Error> {
        let (id, version, wait) = self.waiting.pop_front().expect("an answer is asked for after its request");
        let frame = match timeout(wait, self.frame()).await {
            Ok(frame) => frame?,
            Err(_) => return Err(self.silent(api, wait)),
        };
        let answered = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
        if answered != Some(id) {
            let reason = format!("request {id} was answered as {answered:?}");
            return Err(Error::Protocol { addr: self.door.addr.clone(), reason });
        }
        Ok((frame, version))
    }

    async fn frame(&mut self) -> Result<Bytes, Error> {
        self.fill(4).await?;
        if self.door.tls.is_none() && self.read.starts_with(&TLS_ALERT) {
            return Err(Error::Unsecured { addr: self.door.addr.clone() });
        }
        let length = i32::from_be_bytes(*self.read.first_chunk().expect("four bytes were read"));
        let length = usize::try_from(length).ok().filter(|length| *length <= ANSWER_BYTES_MAX);
        let Some(length) = length else {
            let reason = "its answer begins with a length that no answer has".to_owned();
            return Err(Error::Protocol { addr: self.door.addr.clone(), reason });
        };
        self.read.advance(4);
        self.fill(length).await?;
        Ok(self.read.split_to(length).freeze())
    }

    /// Reads until `length` bytes are there.
    async fn fill(&mut self, length: usize) -> Result<(), Error> {
        while self.read.len() < length {
            self.read.reserve((length - self.read.len()).min(READ_BYTES));
            let read = self.stream.read_buf(&mut self.read).await;
            if read.map_err(|source| self.broken(source))? == 0 {
                return Err(self.ended());
            }
        }
        Ok(())
    }

    fn decode<M: bole_streams::protocol::Message>(&self, frame: Bytes, version: i16) -> Result<M, Error> {
        let mut decoder = Decoder::new(frame);
        let header = ResponseHeader::decode::<M>(&mut decoder, version);
        let body = header.and_then(|_| M::decode(&mut decoder, version));
        body.map_err(|error| Error::decode(&self.door.addr, &error))
    }

    /// The other side has closed. Servers that want to know who comes do so without a word.
    fn ended(&self) -> Error {
        if self.door.login.is_none() && !self.accepted && self.told_versions {
            return Error::Ended { addr: self.door.addr.clone() };
        }
        self.broken(io::ErrorKind::UnexpectedEof.into())
    }

    fn broken(&self, source: io::Error) -> Error {
        Error::Broken { addr: self.door.addr.clone(), source }
    }

    fn silent(&self, api: &'static str, timeout: Duration) -> Error {
        Error::Silent { addr: self.door.addr.clone(), api, timeout }
    }
}

/// The highest version in both ranges.
fn common(ours: Versions, theirs: Versions) -> Option<i16> {
    let version = ours.max.min(theirs.max);
    (ours.contains(version) && theirs.contains(version)).then_some(version)
}

async fn connect(addr: &str) -> Result<TcpStream, Error> {
    let late = || io::Error::from(io::ErrorKind::TimedOut);
    let found = timeout(CONNECT_TIMEOUT, tokio::net::lookup_host(addr)).await.unwrap_or_else(|_| Err(late()));
    let found = found.map_err(|source| Error::Address { addr: addr.to_owned(), source })?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in found {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await.unwrap_or_else(|_| Err(late())) {
            Ok(stream) => {
                // Without it small requests may wait for the acknowledgement of the one before.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(Error::Connect { addr: addr.to_owned(), source: last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_of_both() {
        let range = Versions::new;
        for (ours, theirs, version) in [
            (range(3, 13), range(0, 13), Some(13)),
            (range(3, 13), range(0, 9), Some(9)),
            (range(3, 13), range(0, 2), None),
            (range(0, 3), range(4, 9), None),
            (range(0, 3), range(3, 9), Some(3)),
        ] {
            assert_eq!(common(ours, theirs), version, "{ours} {theirs}");
        }
    }
}
