//! How much memory the services may share: as set, or half of what the machine or the cgroup has.

use std::fs;
use std::path::{Path, PathBuf};

/// What is assumed when neither the cgroup nor the machine says.
const UNKNOWN_BYTES: u64 = 1 << 30;

/// The memory budget of the node in bytes; `set` is the option `node.memory`.
pub fn budget(set: Option<u64>) -> u64 {
    set.unwrap_or_else(|| available(Path::new("/")) / 2)
}

/// What the process may use: the smaller of the machine's memory and the limit of each cgroup above the process.
/// `root` is where `/proc` and `/sys` are.
fn available(root: &Path) -> u64 {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| meminfo_total(&text));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_limits(root, line));
    limits.chain(machine).min().unwrap_or(UNKNOWN_BYTES)
}

/// `MemTotal` in bytes (proc(5)).
fn meminfo_total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The limits of one hierarchy of `/proc/self/cgroup` (`0::/path` is version 2, `n:memory:/path` version 1), from
/// the process's group up to the root. In a container the path may be one of the host's: then the root's own counts.
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':');
    let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (mount, file): (PathBuf, &str) = if number == "0" && controllers.is_empty() {
        (root.join("sys/fs/cgroup"), "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        (root.join("sys/fs/cgroup/memory"), "memory.limit_in_bytes")
    } else {
        return Vec::new();
    };
    let group = mount.join(path.trim_start_matches('/'));
    let groups = group.ancestors().take_while(|group| group.starts_with(&mount));
    groups.filter_map(|group| fs::read_to_string(group.join(file)).ok()?.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory with these files under a root.
    fn with(files: &[(&str, &str)]) -> u64 {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        available(root.path())
    }

    #[test]
    fn the_smallest_limit_counts() {
        let machine = ("proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n");
        let v2 = ("proc/self/cgroup", "0::/a/b\n");
        let v1 = ("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/1\n");
        assert_eq!(with(&[]), UNKNOWN_BYTES);
        assert_eq!(with(&[machine]), 8 << 30);
        assert_eq!(with(&[machine, v2, ("sys/fs/cgroup/a/b/memory.max", "max\n")]), 8 << 30);
        assert_eq!(with(&[machine, v2, ("sys/fs/cgroup/a/memory.max", "1073741824\n")]), 1 << 30);
        assert_eq!(
            with(&[machine, v1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n")]),
            2 << 30
        );
        let unlimited = "9223372036854771712\n";
        assert_eq!(
            with(&[machine, v1, ("sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", unlimited)]),
            8 << 30
        );
    }

    #[test]
    fn a_set_budget_counts_as_it_is() {
        assert_eq!(budget(Some(5)), 5);
        assert!(budget(None) > 0);
    }
}
