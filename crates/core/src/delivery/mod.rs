//! All scheduling decisions of the lifecycle, as one state machine without clock, lock or socket.

mod writes;

pub use writes::{
    Audit, BatchId, Fence, Intent, ItemResult, KnownTicket, LaneId, OpenTicket, Problem, Receipt, RowUpdate, Settle,
    Settled, UnsettledBatch, Writes,
};
