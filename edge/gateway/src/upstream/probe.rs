//! Probes: whether an instance takes a connection, answers a path, or says by gRPC that it serves. Each ends within its time.

use crate::upstream::peer::Template;
use crate::upstream::set::Live;
use bole_gateway_document::service::{Probe, Protocol};
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// A probe that was bad.
#[derive(Debug, thiserror::Error)]
pub enum Bad {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// HTTP/2 failed.
    #[error(transparent)]
    Http2(#[from] h2::Error),
    /// It answered, but not that it is well.
    #[error("it answered {0}")]
    Answer(String),
    /// It did not answer in time.
    #[error("it did not answer within {0:?}")]
    Timeout(Duration),
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Makes one probe.
///
/// # Errors
/// The instance is not well.
pub async fn probe(live: &Live, template: &Template) -> Result<(), Bad> {
    let health = template.service().health.clone().unwrap_or_default();
    let limit = health.timeout.0;
    match tokio::time::timeout(limit, ask(live, template, &health)).await {
        Ok(answer) => answer,
        Err(_) => Err(Bad::Timeout(limit)),
    }
}

async fn ask(
    live: &Live,
    template: &Template,
    health: &bole_gateway_document::service::Health,
) -> Result<(), Bad> {
    let mut address = live.member.address;
    address.set_port(health.port.unwrap_or(address.port()));
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    if health.probe == Probe::Tcp && template.probe.is_none() {
        return Ok(());
    }
    let (io, h2) = secure(socket, live, template).await?;
    match &health.probe {
        Probe::Tcp => Ok(()),
        Probe::Http { path, host, statuses } => {
            let host = host.clone().unwrap_or_else(|| address.to_string());
            let status =
                if h2 { http2(io, path, &host, template).await? } else { http1(io, path, &host).await? };
            if fits(status, statuses) { Ok(()) } else { Err(Bad::Answer(format!("with status {status}"))) }
        }
        Probe::Grpc { service } => grpc(io, service, address, template).await,
    }
}

/// TLS as the service has it, and whether HTTP/2 is spoken.
async fn secure(socket: TcpStream, live: &Live, template: &Template) -> Result<(Box<dyn Io>, bool), Bad> {
    let protocol = template.service().protocol;
    let Some(config) = &template.probe else { return Ok((Box::new(socket), protocol == Protocol::Http2)) };
    let wrong =
        || io::Error::new(io::ErrorKind::InvalidInput, "the instance's name cannot be in a certificate");
    let name = template.probe_name(&live.member).ok_or_else(wrong)?;
    let mut config = rustls::ClientConfig::clone(config);
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
        Protocol::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    let stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, socket).await?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((Box::new(stream), h2))
}

/// `200` or `200-299`; those without.
fn fits(status: u16, statuses: &[String]) -> bool {
    let within = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let bound = |text: &str| text.trim().parse::<u16>().ok();
        bound(first).zip(bound(last)).is_some_and(|(first, last)| (first..=last).contains(&status))
    };
    if statuses.is_empty() {
        (200..300).contains(&status)
    } else {
        statuses.iter().any(|range| within(range))
    }
}

async fn http1(mut io: Box<dyn Io>, path: &str, host: &str) -> Result<u16, Bad> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bole-gateway-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    io.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < ANSWER_BYTES_MAX {
        if io.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    status_of(&answer).ok_or_else(|| Bad::Answer("what is not HTTP".to_owned()))
}

/// The status of an answer's first line.
fn status_of(answer: &[u8]) -> Option<u16> {
    let rest = answer.strip_prefix(b"HTTP/1.")?;
    let digits = rest.get(2..5).filter(|_| rest.get(1) == Some(&b' '))?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn request(method: &str, path: &str, host: &str, template: &Template) -> Result<http::Request<()>, Bad> {
    let scheme = if template.probe.is_some() { "https" } else { "http" };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{scheme}://{host}{path}"))
        .version(http::Version::HTTP_2)
        .header("user-agent", "bole-gateway-probe");
    request
        .body(())
        .map_err(|error| Bad::Answer(format!("nothing, because the probe is no request: {error}")))
}

async fn http2(io: Box<dyn Io>, path: &str, host: &str, template: &Template) -> Result<u16, Bad> {
    let (sender, connection) = h2::client::handshake(io).await?;
    let request = request("GET", path, host, template)?;
    let asked = async {
        let (response, _) = sender.ready().await?.send_request(request, true)?;
        Ok(response.await?.status().as_u16())
    };
    tokio::select! {
        status = asked => status,
        ended = connection => {
            ended?;
            Err(Bad::Answer("nothing, and closed the connection".to_owned()))
        }
    }
}

/// `grpc.health.v1.Health/Check`: field 1 of the request is the service's name, field 1 of the answer is 1 if it serves.
async fn grpc(io: Box<dyn Io>, service: &str, address: SocketAddr, template: &Template) -> Result<(), Bad> {
    let (sender, connection) = h2::client::handshake(io).await?;
    let mut request = request("POST", "/grpc.health.v1.Health/Check", &address.to_string(), template)?;
    request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert("te", http::HeaderValue::from_static("trailers"));
    let asked = async {
        let (response, mut body) = sender.ready().await?.send_request(request, false)?;
        body.send_data(check_request(service), true)?;
        let response = response.await?;
        let status = response.status().as_u16();
        let code =
            |headers: &http::HeaderMap| headers.get("grpc-status").map(|code| code.as_bytes().to_vec());
        let early = code(response.headers());
        let mut stream = response.into_body();
        let mut answer = Vec::new();
        while let Some(piece) = stream.data().await {
            let piece = piece?;
            stream.flow_control().release_capacity(piece.len())?;
            answer.extend_from_slice(&piece[..piece.len().min(ANSWER_BYTES_MAX - answer.len())]);
        }
        let late = stream.trailers().await?.as_ref().and_then(code);
        let code = early.or(late).unwrap_or_default();
        if status == 200 && code == b"0" && serves(&answer) {
            return Ok(());
        }
        let code = String::from_utf8_lossy(&code).into_owned();
        Err(Bad::Answer(format!("with status {status}, grpc-status {code:?} and not that it serves")))
    };
    tokio::select! {
        answer = asked => answer,
        ended = connection => {
            ended?;
            Err(Bad::Answer("nothing, and closed the connection".to_owned()))
        }
    }
}

/// A message of gRPC: compression flag, length, then the field.
fn check_request(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0A);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend((message.len() as u32).to_be_bytes());
    framed.extend(message);
    framed.into()
}

fn serves(answer: &[u8]) -> bool {
    matches!(answer, [0, _, _, _, _, 0x08, 0x01, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fit_their_ranges() {
        let ranges = ["200-204".to_owned(), "404".to_owned()];
        for (status, listed, plain) in
            [(200, true, true), (204, true, true), (205, false, true), (404, true, false)]
        {
            assert_eq!((fits(status, &ranges), fits(status, &[])), (listed, plain), "{status}");
        }
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.0 503\r\n", Some(503)),
            ("HTTP/1.1  20", None),
            ("SSH-2.0", None),
            ("HTTP/1.1", None),
        ] {
            assert_eq!(status_of(answer.as_bytes()), status, "{answer}");
        }
    }

    #[test]
    fn grpc_messages_are_framed() {
        assert_eq!(check_request(""), vec![0, 0, 0, 0, 0]);
        assert_eq!(check_request("ab"), vec![0, 0, 0, 0, 4, 0x0A, 2, b'a', b'b']);
        assert_eq!(check_request(&"x".repeat(200))[5..8], [0x0A, 0xC8, 0x01]);
        assert!(
            serves(&[0, 0, 0, 0, 2, 8, 1]) && !serves(&[0, 0, 0, 0, 2, 8, 2]) && !serves(&[0, 0, 0, 0, 0])
        );
    }
}
