//! Delivery in real time: the shell around the state machine of `core::delivery`.
//!
//! One loop takes one event after the other, hands it to `Delivery::handle` and performs the commands. It holds no
//! `if` on business state: what is to be done, when and whether is decided in core, and the same decisions run in a
//! simulator. Here is only how: encode and commit, send, look up, load, wake, tell.
//!
//! * Commits of one lane reach the store in the order of the decisions; many may be under way (group commit).
//! * A request is written only with a permit, and only while the lease outlives the call's time-out.
//! * Bounds: 1,024 events waiting; requests in flight as the state machine allows.

mod changes;
mod commit;
mod exchange;
mod lanes;
mod record;
mod settings;
mod shell;
mod switch;

pub(crate) use commit::item;
pub use lanes::stop_document;
pub use record::{FlightRecorder, Recorded, replay};
pub use settings::{BackendView, Overrides, SETTING_NAMES, delivery_settings, effective_backends, with_overrides};
pub(crate) use settings::{InForce, drop_outdated_overrides};
pub use shell::{DeliveryHandle, DeliveryOptions, DeliveryService};
pub(crate) use switch::begun;
