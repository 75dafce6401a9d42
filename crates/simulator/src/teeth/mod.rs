//! Teeth: a guard is switched off, and the checks must find out within [`MOST_SEEDS`] seeds. The switches are here, never
//! in the product: a [`Saboteur`] stands between the state machine and what it relies on.
//!
//! A tooth that is not found says that a fault or a check is missing, or that its guard is redundant.

mod saboteurs;
mod table;

use ticketbridge_core::delivery::{Settings, Writes};
use ticketbridge_core::effect::{Found, LookUpFault, Operation, Query};
use ticketbridge_platforms::{Decoded, Item, Transport, Verdict};

pub use self::table::{Bite, MOST_SEEDS, Tooth, bite, teeth};
pub use crate::store::Amnesia;

/// What the world around the state machine leaves undone or allows; all false in a sound world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Neglect {
    /// Nobody looks at the lease before a write leaves.
    pub ignores_lease: bool,
    /// A Cherwell may answer the results of a batch in another order.
    pub reorders_cherwell: bool,
    /// The same key goes to every ticket platform.
    pub mixes_platforms: bool,
    /// The known ticket of a look-up is taken for seen, whatever was found.
    pub vouches_for_known: bool,
}

/// What spoils a guard. Each method is called at the one place where its guard acts; what a saboteur leaves alone stays
/// sound.
pub trait Saboteur: Send + Sync {
    /// What the store forgets.
    fn store(&self) -> Amnesia {
        Amnesia::default()
    }

    /// What the world leaves undone.
    fn neglect(&self) -> Neglect {
        Neglect::default()
    }

    /// Changes the settings that the state machine decides with; the checks know the sound ones.
    fn settings(&self, _settings: &mut Settings) {}

    /// Changes what a transaction writes.
    fn writes(&self, _writes: &mut Writes) {}

    /// Changes the items of a request before it is encoded.
    fn items(&self, _operation: Operation, _items: &mut [Item]) {}

    /// Changes an answer before it is decoded.
    fn answer(&self, _operation: Operation, _items: &[Item], _transport: &mut Transport) {}

    /// Changes what is made of an answer.
    fn verdict(&self, _operation: Operation, _items: &[Item], _transport: &Transport, verdict: Verdict) -> Verdict {
        verdict
    }

    /// Changes what an answer means, after all that followed it.
    fn decoded(&self, _decoded: &mut Decoded) {}

    /// Changes what was found.
    fn found(&self, _query: &Query, _result: &mut Result<Found, LookUpFault>) {}
}
