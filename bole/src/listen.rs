//! Opening the doors of the binary's own; a taken port names the option to change.

use std::io;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

/// Listens on `address`, which the option `option` gave.
pub async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| match address.port() {
        0 => format!("cannot listen on {address} ({option})"),
        port => {
            format!("cannot listen on {address}; is port {port} taken? change it with --set {option}=IP:PORT")
        }
    })
}

/// Whether an accept error says that the process or the machine is short of something, so that trying again at once
/// would only burn the processor.
pub fn is_shortage(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_its_option() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = holder.local_addr().unwrap();
        let error = bind(taken, "admin.listen").await.unwrap_err();
        let message = format!("{error:#}");
        assert!(message.contains("--set admin.listen=IP:PORT"), "{message}");
        assert!(message.contains(&taken.to_string()), "{message}");
    }
}
