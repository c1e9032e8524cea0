//! Tells secondaries that a zone has another serial number (NOTIFY, RFC 1996): a datagram for each zone and secondary, again until it is
//! answered, six times at most. That they come for the zone is theirs to do, and what they may have is decided when they do.

use crate::limits;
use crate::service::Service;
use crate::wire::{CLASS_IN, Name, RecordType, flags};
use bole_net::Shutdown;
use rand::RngCore;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// How often is looked whether a serial number changed.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long the first answer is waited for; twice as long each time after.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// How often a secondary is told.
const TRIES: u32 = 6;
/// The operation NOTIFY in a header's flags.
const NOTIFY: u16 = 4 << 11;

/// Tells of each change until a stop is asked for.
pub(super) async fn follow(service: Arc<Service>, shutdown: Shutdown) {
    let mut requested = std::pin::pin!(shutdown.requested());
    let (mut generation, mut told) = (None, BTreeMap::<Name, u32>::new());
    let mut waiting: VecDeque<(Name, u32, SocketAddr)> = VecDeque::new();
    let mut telling = JoinSet::new();
    loop {
        if generation != Some(service.generation()) {
            generation = Some(service.generation());
            let now = service.transferable();
            for (zone, serial) in now.iter().filter(|(zone, serial)| told.get(*zone) != Some(*serial)) {
                // Who was not told yet of the number before is told of this one only.
                waiting.retain(|(other, ..)| other != zone);
                waiting.extend(service.config.notify.iter().map(|to| (zone.clone(), *serial, *to)));
            }
            told = now;
        }
        while telling.len() < limits::NOTIFIES_AT_ONCE_MAX
            && let Some((zone, serial, to)) = waiting.pop_front()
        {
            telling.spawn(tell(zone, serial, to));
        }
        tokio::select! {
            () = &mut requested => return,
            Some(_) = telling.join_next(), if !telling.is_empty() => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}

/// The message: the zone's SOA is asked about, nothing is answered (RFC 1996 section 3.7 lets the record be left out).
fn message(id: u16, zone: &Name) -> Vec<u8> {
    let mut message = Vec::new();
    message.extend(id.to_be_bytes());
    message.extend((NOTIFY | flags::AA).to_be_bytes());
    message.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend_from_slice(zone.wire());
    message.extend(RecordType::SOA.0.to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    message
}

async fn tell(zone: Name, serial: u32, to: SocketAddr) {
    let from: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let id = rand::rng().next_u32() as u16;
    let message = message(id, &zone);
    let exchange = async {
        let socket = UdpSocket::bind(from).await?;
        socket.connect(to).await?;
        let mut wait = FIRST_WAIT;
        for _ in 0..TRIES {
            // A refusal of the machine there comes with the next call; it is as no answer.
            drop(socket.send(&message).await);
            match tokio::time::timeout(wait, answer(&socket, id)).await {
                Ok(rcode) => return std::io::Result::Ok(Some(rcode)),
                Err(_) => wait *= 2,
            }
        }
        Ok(None)
    };
    match exchange.await {
        Ok(Some(0)) => tracing::debug!("{to} knows that {zone} has the serial number {serial}"),
        Ok(Some(rcode)) => tracing::warn!("{to} was told of {zone}, and refuses it with code {rcode}"),
        Ok(None) => tracing::warn!("{to} was told of {zone} {TRIES} times, and does not answer"),
        Err(error) => tracing::warn!("{to} cannot be told of {zone}: {error}"),
    }
}

/// The code of the answer to this message; others are passed over.
async fn answer(socket: &UdpSocket, id: u16) -> u8 {
    let mut buffer = [0; limits::PLAIN_UDP_BYTES];
    loop {
        match socket.recv(&mut buffer).await {
            Ok(length) if length >= 4 => {
                let is_answer = buffer[..2] == id.to_be_bytes()
                    && u16::from_be_bytes([buffer[2], buffer[3]]) & (flags::QR | flags::OPCODE)
                        == flags::QR | NOTIFY;
                if is_answer {
                    return buffer[3] & 0xF;
                }
            }
            Ok(_) => {}
            // Nobody listens there now; the time to wait is not over.
            Err(_) => tokio::time::sleep(LOOK_INTERVAL).await,
        }
    }
}
