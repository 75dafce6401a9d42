//! The pure rules of ticketbridge: no I/O, no async, no clock and no randomness of its own.
//!
//! Time comes in as [`time::Now`], randomness as a seed, everything that has to happen goes out as a value.
//! If a rule needs a socket to be tested, it does not belong here.
//!
//! * [`mobile`]: TIXNGO diff pages → what to write to the box office S-360.
//! * [`network`]: CSV rows → samples → incidents → aggregations → tickets.
//! * [`ticket`]: what a ticket is, its states, what intake accepts.
//! * [`effect`]: the intended changes on a platform, their outcomes, and what can be asked of a platform.
//! * [`error_code`]: the codes of errors that operators meet, with their pages.
//! * [`delivery`]: every scheduling decision of the lifecycle, as one state machine.

pub mod delivery;
pub mod effect;
pub mod error_code;
pub mod mobile;
pub mod network;
pub mod ticket;
pub mod time;
