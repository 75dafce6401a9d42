//! The clock of leases: one for all processes of a host, that the wall clock's jumps do not touch, and that goes on
//! while a process stands still or the machine sleeps. It begins anew with each boot, so an instant means something only
//! together with the boot it is of.
//!
//! Linux: `CLOCK_BOOTTIME` and the kernel's boot id. Other Unixes: `CLOCK_MONOTONIC`, which need not count sleep,
//! without a boot id: there a lease with more life than it was given is of another boot. Elsewhere the wall clock.

use std::sync::OnceLock;

/// An instant of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HostTime {
    /// Names the boot; empty where the system does not.
    pub(super) boot: &'static str,
    /// Milliseconds since then.
    pub(super) millis: i64,
}

impl HostTime {
    /// Now.
    pub(super) fn now() -> Self {
        static BOOT: OnceLock<String> = OnceLock::new();
        Self { boot: BOOT.get_or_init(boot), millis: millis() }
    }
}

#[cfg(target_os = "linux")]
fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(not(target_os = "linux"))]
fn boot() -> String {
    String::new()
}

#[cfg(unix)]
fn millis() -> i64 {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let now = Duration::try_from(clock_gettime(clock)).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(not(unix))]
#[expect(clippy::disallowed_methods, reason = "no clock that processes share is at hand here without unsafe code")]
fn millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_does_not_go_back_and_its_boot_stays() {
        let first = HostTime::now();
        let second = HostTime::now();
        assert!(second.millis >= first.millis && first.millis >= 0);
        assert_eq!(first.boot, second.boot);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn on_linux_the_boot_has_a_name_and_the_clock_counts_from_it() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let since_boot: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let now = HostTime::now();
        assert_eq!(now.boot.len(), 36, "{}", now.boot);
        assert!(now.millis as f64 >= since_boot * 1_000.0 - 20.0, "{} {since_boot}", now.millis);
    }
}
