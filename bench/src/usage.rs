//! What a server process costs, as Linux tells it: CPU time and resident memory.

use anyhow::{Context, Result};

/// Clock ticks a second in `/proc/PID/stat`: `USER_HZ`, which Linux fixes at 100 for programs (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of the process, user and system, those of children that ended (a forked rewrite of a log) included.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse_stat(&text).with_context(|| format!("{path} is not understood: {text:?}"))
}

/// Fields 14 to 17 of proc(5); the name in field 2 may hold anything, so the count starts behind its parenthesis.
fn parse_stat(text: &str) -> Option<f64> {
    let (_, behind_name) = text.rsplit_once(')')?;
    let ticks = behind_name.split_whitespace().skip(11).take(4).map(str::parse::<u64>);
    let ticks = ticks.collect::<Result<Vec<_>, _>>().ok().filter(|ticks| ticks.len() == 4)?;
    Some(ticks.iter().sum::<u64>() as f64 / TICKS_PER_SECOND)
}

/// Resident memory of the process in bytes.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse_line(&text, "VmRSS:").with_context(|| format!("{path} has no VmRSS"))
}

/// Begins to look for the most that the process has resident: `5` in `clear_refs` of proc(5).
pub fn reset_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, "5").with_context(|| format!("cannot write {path}"))
}

/// The most that the process had resident since then.
pub fn peak_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse_line(&text, "VmHWM:").with_context(|| format!("{path} has no VmHWM"))
}

/// The process and its children, theirs included.
pub fn family(pid: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the listing and the look at it.
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        parents.extend(parse_parent(&stat).map(|parent| (child, parent)));
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&member) = family.get(next) {
        next += 1;
        family.extend(parents.iter().filter(|(_, parent)| *parent == member).map(|(child, _)| *child));
    }
    Ok(family)
}

/// CPU seconds of the process and its family. One that ends while they are counted is reaped by its parent, which has its time then, so they are counted anew.
pub fn family_cpu_seconds(pid: u32) -> Result<f64> {
    const TRIES: usize = 20;
    let count = || family(pid)?.into_iter().map(cpu_seconds).sum::<Result<f64>>();
    let mut counted = count();
    for _ in 1..TRIES {
        if counted.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        counted = count();
    }
    counted
}

/// Field 4 of proc(5).
fn parse_parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Resident memory of several processes in bytes, where each of those that share a page counts its part of it.
pub fn proportional_bytes(pids: &[u32]) -> Result<u64> {
    let of = |pid: &u32| {
        let path = format!("/proc/{pid}/smaps_rollup");
        // One that ended meanwhile needs nothing.
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let total = pids.iter().map(of).sum();
    anyhow::ensure!(total > 0, "nothing is known of the memory of {pids:?}");
    Ok(total)
}

/// A number of KiB in `/proc/PID/status`, as bytes.
fn parse_line(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_and_status_are_read() {
        let stat = "7 (a) name) S 1 7 7 0 -1 4194560 100 200 0 0 150 50 20 30 20 0 4 0 12345 1000 10";
        assert_eq!(parse_stat(stat), Some(2.5));
        assert_eq!(parse_stat("7 (name) S 1"), None);
        assert_eq!(parse_line("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n", "VmRSS:"), Some(2 * 1024 * 1024));
        assert_eq!(parse_line("VmPeak:\t 9 kB\n", "VmRSS:"), None);
    }

    #[test]
    fn this_process_has_a_cost() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 0);
        reset_peak(pid).unwrap();
        assert!(peak_bytes(pid).unwrap() > 0);
        assert!(cpu_seconds(pid).unwrap() >= 0.0);
        assert_eq!(family(pid).unwrap()[0], pid);
        assert!(family_cpu_seconds(pid).unwrap() >= 0.0);
        assert!(proportional_bytes(&[pid]).unwrap() > 0);
        assert_eq!(parse_parent("7 (a) name) S 12 7 7"), Some(12));
    }
}
