//! What an idle connection costs: resident memory of the server with many of them, each of which has asked something,
//! less what it was before.

use super::contender::{Contender, Node};
use anyhow::{Result, bail};
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long the connections may take to open.
const OPEN_TIMEOUT: Duration = Duration::from_mins(3);
/// How long memory may take to settle after that.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two readings of it.
const READING: Duration = Duration::from_millis(250);
/// Readings in a row that must be alike.
const ALIKE: u32 = 8;

/// What one contender needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) contender: Contender,
    pub(super) connections: u32,
    pub(super) bytes_per_connection: f64,
    pub(super) before_bytes: u64,
}

pub(super) fn measure(node: &Node, connections: u32) -> Result<Memory> {
    node.psql(&["SELECT 1"])?;
    let before = node.resident_bytes()?;
    let mut script = tempfile::NamedTempFile::new()?;
    script.write_all(b"SELECT 1;\n\\sleep 600 s\n")?;
    let mut pgbench = node.client("pgbench");
    pgbench.args(["-n", "-M", "simple", "-t", "1", "-j", "1", "-c", &connections.to_string(), "-f"]);
    let mut child = pgbench.arg(script.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let opened = wait_until_open(node.port(), connections, &mut child);
    let after = settled(node);
    drop(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status());
    drop(child.wait());
    opened?;
    let bytes_per_connection = after?.saturating_sub(before) as f64 / f64::from(connections);
    println!("memory of {}: {bytes_per_connection:.0} bytes a connection", node.contender.name());
    Ok(Memory { contender: node.contender, connections, bytes_per_connection, before_bytes: before })
}

/// Resident memory when it has stayed the same, to a thousandth, for some readings.
fn settled(node: &Node) -> Result<u64> {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    let (mut last, mut alike) = (node.resident_bytes()?, 0);
    while alike < ALIKE {
        if Instant::now() > deadline {
            bail!("memory of {} still changes: {last} bytes", node.contender.name());
        }
        std::thread::sleep(READING);
        let now = node.resident_bytes()?;
        alike = if now.abs_diff(last) <= last / 1_000 { alike + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}

fn wait_until_open(port: u16, connections: u32, child: &mut std::process::Child) -> Result<()> {
    let deadline = Instant::now() + OPEN_TIMEOUT;
    loop {
        let open = established(&std::fs::read_to_string("/proc/net/tcp")?, port);
        if open >= connections {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("pgbench ended with {open} of {connections} connections: {status}");
        }
        if Instant::now() > deadline {
            bail!("{open} of {connections} connections are open");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Connections to a port in `/proc/net/tcp`: its second column is the local address in hexadecimal, its fourth the
/// state, where 01 is established (proc(5)).
fn established(table: &str, port: u16) -> u32 {
    let local = format!(":{port:04X}");
    let counts = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next().is_some_and(|address| address.ends_with(&local)) && fields.nth(1) == Some("01")
    };
    table.lines().filter(counts).count() as u32
}

#[cfg(test)]
mod tests {
    use super::established;

    #[test]
    fn connections_are_counted() {
        let table = "  sl  local_address rem_address   st\n   0: 0100007F:1538 00000000:0000 0A\n   \
                     1: 0100007F:1538 0100007F:A000 01\n   2: 0100007F:A000 0100007F:1538 01\n";
        assert_eq!(established(table, 0x1538), 1);
        assert_eq!(established(table, 80), 0);
    }
}
