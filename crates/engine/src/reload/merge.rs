//! What holds: the file, and what is left over of the configuration before it.

use ticketbridge_config::Config;
use ticketbridge_config::sections::{Backend, BackendState};
use ticketbridge_core::ticket::{BackendName, PlatformName};

/// The file with the backends of before that it does not have and that may not go yet, each with its platforms. They keep
/// their settings, but an active one takes no new keys.
pub(crate) fn over(file: &Config, before: &Config, stays: impl Fn(&BackendName) -> bool) -> Config {
    let mut merged = file.clone();
    for backend in &before.backends {
        let is_configured = file.backends.iter().any(|known| known.name == backend.name);
        if is_configured || !stays(&backend.name) || !has_platforms(before, file, backend) {
            continue;
        }
        for name in [&backend.tickets, &backend.work_orders] {
            if let (false, Some(platform)) = (merged.platforms.contains_key(name), before.platforms.get(name)) {
                merged.platforms.insert(name.clone(), platform.clone());
            }
        }
        let state = if backend.state == BackendState::Active { BackendState::Draining } else { backend.state };
        merged.backends.push(Backend { state, ..backend.clone() });
    }
    merged
}

fn has_platforms(before: &Config, file: &Config, backend: &Backend) -> bool {
    let is_there = |name: &PlatformName| file.platforms.contains_key(name) || before.platforms.contains_key(name);
    is_there(&backend.tickets) && is_there(&backend.work_orders)
}

/// As [`over`], for a start: what is left over is what still has tickets.
pub(crate) fn at_start(file: &Config, before: Option<&Config>, has_open: impl Fn(&BackendName) -> bool) -> Config {
    before.map_or_else(|| file.clone(), |before| over(file, before, has_open))
}
