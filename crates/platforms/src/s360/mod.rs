//! S-360, the box office: look-ups and writes for mobile tickets (S-360 contract). Calls and answers as data: no clock, no
//! socket.
//!
//! Guarantees:
//! * A look-up whose answer is not wholly readable is a fault, never an empty answer.
//! * The answer to a write is found by its key. [`Confirmed`](ticketbridge_core::mobile::WriteAnswer::Confirmed) is said only
//!   of a write that the answer names as done; all that is unclear is
//!   [`Ambiguous`](ticketbridge_core::mobile::WriteAnswer::Ambiguous).
//! * No fault shows a piece of an answer but error codes: answers hold personal data.
//!
//! Limits: 1,000 tickets or 200 contacts per look-up and 16 KiB of path and query, 500 writes per call; answers of 16 MiB
//! with 100,000 rows or 2,064 results.

mod answer;
mod look_up;
mod read;
mod results;
mod write;

pub use look_up::{LookUp, MAX_CONTACTS, MAX_TARGET, MAX_TICKETS};
pub use read::{MAX_ROWS, read_contacts, read_distributions, read_tickets};
pub use results::{WriteReading, WriteResult, read_write};
pub use write::{EncodeError, MAX_WRITES, write_call};

pub use answer::MAX_BODY;
