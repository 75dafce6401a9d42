//! I7: processing off: no new request starts, and receiving goes on.

use ticketbridge_core::delivery::Settings;
use ticketbridge_core::ticket::{BackendName, PlatformName};

use super::Violation;

/// Judges a write by the switches that its process knows.
pub fn check_write(settings: &Settings, backend: &BackendName, key: Option<&str>) -> Option<Violation> {
    let on = settings.backends.get(backend).is_some_and(|backend| backend.processing);
    (!on).then(|| Violation::new("I7", key, format!("a request leaves for {backend} with processing off")))
}

/// Judges a look-up: some backend that works must need the platform.
pub fn check_look_up(settings: &Settings, platform: &PlatformName) -> Option<Violation> {
    let needed = settings
        .backends
        .values()
        .any(|backend| backend.processing && (backend.tickets == *platform || backend.work_orders == *platform));
    (!needed).then(|| Violation::new("I7", None, format!("{platform} is asked, and processing is off for all of it")))
}
