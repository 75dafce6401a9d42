//! Teeth: a guard is switched off, and the checks must find out. The switches are here, never in the product: a
//! [`Saboteur`] stands between the state machine and what it relies on.

use ticketbridge_core::delivery::Settings;
use ticketbridge_core::effect::{Found, LookUpFault, Operation, Query};
use ticketbridge_platforms::{Decoded, Item};

pub use crate::store::Amnesia;

/// What spoils a guard. Each method is called at the one place where its guard acts; what a saboteur leaves alone stays
/// sound.
pub trait Saboteur: Send + Sync {
    /// What the store forgets.
    fn store(&self) -> Amnesia {
        Amnesia::default()
    }

    /// Changes the settings that the state machine decides with (in-doubt time, settling time, match lifetime).
    fn settings(&self, _settings: &mut Settings) {}

    /// Changes the items of a request before it is encoded (a blank origin id).
    fn items(&self, _operation: Operation, _items: &mut [Item]) {}

    /// Changes what an answer means (attribution by position, Unknown taken for Unavailable).
    fn decoded(&self, _operation: Operation, _items: &[Item], _decoded: &mut Decoded) {}

    /// Changes what is asked (no canary, no random key, a state filter).
    fn asked(&self, _query: &mut Query) {}

    /// Changes what was found (nothing, whatever there is).
    fn found(&self, _query: &Query, _result: &mut Result<Found, LookUpFault>) {}
}
