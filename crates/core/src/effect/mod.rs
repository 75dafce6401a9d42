//! Effects: intended changes on a platform, what may become of them, and what a platform can be asked.

mod operation;
mod outcome;
mod query;

pub use operation::Operation;
pub use outcome::{CallClass, Outcome, Refusal, RemoteIds};
pub use query::{
    Capabilities, Found, LookUpFault, NoteLookUp, Query, RemoteNote, RemoteTicket, RemoteWorkOrder, TicketLookUp,
    WorkOrderLookUp,
};
