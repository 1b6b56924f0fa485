//! How much memory may still be taken: what the system has, and no more than a control group or `ulimit -v` leaves of it.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that this process may take now, as far as the kernel says: the least of what is available to all, of what its control groups leave and
/// of what its limit of address space leaves.
pub fn available_memory() -> Option<u64> {
    [of_system(), of_groups(), of_address_space()].into_iter().flatten().min()
}

fn of_system() -> Option<u64> {
    kib(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")
}

/// The number behind a word that begins a line, in KiB, as bytes.
fn kib(text: &str, word: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(word))?;
    Some(value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// A limit of the address space minus what is mapped.
fn of_address_space() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let limit: u64 =
        limits.lines().find_map(|line| line.strip_prefix("Max address space"))?.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kib(&fs::read_to_string("/proc/self/status").ok()?, "VmSize:")?))
}

/// The least that a control group or one above it leaves; `None` without limits.
fn of_groups() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    own.lines()
        .filter_map(|line| line.split_once(':')?.1.split_once(':'))
        .filter_map(|(controllers, path)| left(controllers, path))
        .min()
}

fn left(controllers: &str, path: &str) -> Option<u64> {
    let (root, limit, usage) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
        names if names.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
        }
        _ => return None,
    };
    let place: PathBuf = Path::new(root).join(path.trim_start_matches('/'));
    // In a container the path may be the host's, of which only the root can be seen.
    let groups = place.ancestors().take_while(|group| group.starts_with(root));
    groups.filter_map(|group| of_group(group, limit, usage)).min()
}

fn of_group(group: &Path, limit: &str, usage: &str) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok();
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    // Files that were read and not used since are given up for whoever needs the memory.
    let cached = ["total_inactive_file ", "inactive_file "]
        .iter()
        .find_map(|word| stat.lines().find_map(|line| line.strip_prefix(word)?.trim().parse::<u64>().ok()));
    Some(number(limit)?.saturating_sub(number(usage)?.saturating_sub(cached.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel() {
        let text = "MemTotal:       24000 kB\nMemAvailable:    1000 kB\n";
        assert_eq!((kib(text, "MemAvailable:"), kib(text, "MemFree:")), (Some(1_024_000), None));
        assert_eq!(kib("MemAvailable: 12", "MemAvailable:"), None);
    }

    #[test]
    fn a_group_leaves_its_limit_minus_what_is_in_use_but_for_old_files() {
        let group = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(group.path().join(name), text).unwrap();
        write("memory.max", "1000\n");
        write("memory.current", "900\n");
        assert_eq!(of_group(group.path(), "memory.max", "memory.current"), Some(100));
        write("memory.stat", "anon 300\ninactive_file 500\n");
        assert_eq!(of_group(group.path(), "memory.max", "memory.current"), Some(600));
        write("memory.max", "max\n");
        assert_eq!(of_group(group.path(), "memory.max", "memory.current"), None);
    }

    #[test]
    fn this_machine_has_some() {
        assert!(available_memory().is_none_or(|bytes| bytes > 0));
    }
}
