//! What the operating system knows of this process. 0 where it does not tell.

use std::fs::read_to_string;

/// Clock ticks in `/proc/self/stat`: Linux fixes them at 100 a second for programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// Bytes of memory.
pub(in crate::commands) struct Memory {
    /// Resident now.
    pub(in crate::commands) resident: u64,
    /// The most that was resident.
    pub(in crate::commands) resident_peak: u64,
}

/// A line such as `VmRSS:   123 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |value| value * 1_024)
}

/// The process's memory.
pub(in crate::commands) fn memory() -> Memory {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    Memory { resident: kilobytes(&status, "VmRSS"), resident_peak: kilobytes(&status, "VmHWM") }
}

/// The machine's memory in bytes.
pub(super) fn system_memory() -> u64 {
    kilobytes(&read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal")
}

/// Seconds of processor time: in the kernel, and outside.
pub(super) fn cpu_seconds() -> (f64, f64) {
    cpu_of(&read_to_string("/proc/self/stat").unwrap_or_default())
}

/// After the name in brackets, which may hold spaces, the 12th and 13th fields are user and system time.
fn cpu_of(stat: &str) -> (f64, f64) {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = |nth| fields.split_whitespace().nth(nth).and_then(|text| text.parse::<f64>().ok());
    let seconds = |nth| ticks(nth).unwrap_or(0.0) / TICKS_PER_SECOND;
    (seconds(12), seconds(11))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_writes() {
        assert_eq!(kilobytes("VmHWM:\t  20 kB\nVmRSS:\t    12 kB\n", "VmRSS"), 12 * 1_024);
        assert_eq!(kilobytes("VmHWM:\t  20 kB\n", "VmRSS"), 0);
        assert_eq!(cpu_of("1 (a) b) S 1 1 1 0 -1 1 2 3 4 5 250 75 0 0"), (0.75, 2.5));
        assert_eq!(cpu_of(""), (0.0, 0.0));
        assert!(memory().resident > 0 && system_memory() > 0);
    }
}
