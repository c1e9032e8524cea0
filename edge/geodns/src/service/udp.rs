//! Datagrams: several sockets of one address, each with a task and buffers of its own; the system spreads clients over them.

use crate::answer::{Outcome, Transport};
use crate::error::{Error, Result};
use crate::limits;
use crate::service::Service;
use bole_net::Shutdown;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// Datagrams that are answered before others get a turn.
const TURN: usize = 64;
/// Bytes that the system keeps for a socket, if it lets us.
const SYSTEM_BUFFER_BYTES: usize = 4 << 20;

/// Binds `count` sockets to `address`; port 0 takes a free one, the same for all.
pub(super) fn bind(address: SocketAddr, count: usize) -> Result<Vec<UdpSocket>> {
    let mut sockets: Vec<UdpSocket> = Vec::with_capacity(count);
    let mut address = address;
    for _ in 0..count {
        let socket = open(address, count > 1).map_err(|source| refused(address, source))?;
        address = socket.local_addr().map_err(|source| refused(address, source))?;
        sockets.push(socket);
    }
    Ok(sockets)
}

fn refused(address: SocketAddr, source: io::Error) -> Error {
    let (service, option) = ("dns", "dns.listen");
    Error::Net(match source.kind() {
        io::ErrorKind::AddrInUse => bole_net::Error::AddressTaken { service, option, address },
        _ => bole_net::Error::Bind { service, option, address, source },
    })
}

fn open(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_port(true)?;
    }
    // The system may allow less.
    drop(socket.set_recv_buffer_size(SYSTEM_BUFFER_BYTES));
    drop(socket.set_send_buffer_size(SYSTEM_BUFFER_BYTES));
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Answers until a stop is asked for.
pub(super) async fn serve(socket: UdpSocket, service: Arc<Service>, shutdown: Shutdown) {
    let mut random = service.random();
    let mut message = vec![0_u8; limits::UDP_QUERY_BYTES_MAX];
    let mut out = Vec::with_capacity(u16::MAX as usize);
    let mut requested = std::pin::pin!(shutdown.requested());
    loop {
        tokio::select! {
            () = &mut requested => return,
            ready = socket.readable() => {
                if ready.is_err() {
                    continue;
                }
            }
        }
        let content = service.content();
        for _ in 0..TURN {
            let (length, peer) = match socket.try_recv_from(&mut message) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // An answer to somebody who has gone; the next datagram is another's.
                Err(_) => continue,
            };
            let client = service.client(peer.ip(), Transport::Udp);
            if let Outcome::Sent(_) =
                service.answer(&content, &message[..length], &client, &mut random, &mut out)
            {
                // A full buffer drops the answer, as the network might.
                drop(socket.try_send_to(&out, peer));
            }
        }
        drop(content);
        tokio::task::yield_now().await;
    }
}
