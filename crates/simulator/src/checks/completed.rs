//! I4: Completed by creation has a ticket number and a work order number, and the remote ticket shows that work order.

use ticketbridge_core::ticket::{State, TicketRow};

use super::Violation;

/// The remote ticket as its platform holds it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// It shows this work order.
    Shows(Option<String>),
    /// People worked on it: it may be closed, gone or merged, and is not judged.
    InPeoplesHands,
    /// There is no such ticket.
    Missing,
}

/// Judges a row that has just become Completed. One that says why it has no work order is not judged.
pub fn check(row: &TicketRow, remote: &Remote) -> Option<Violation> {
    if row.state != State::Completed || !row.created || row.reason.is_some() {
        return None;
    }
    let wrong = |text: &str| Some(Violation::new("I4", Some(row.key.as_str()), format!("row {}: {text}", row.id.0)));
    let (Some(_), Some(order)) = (&row.ticket, &row.work_order) else {
        return wrong("Completed without ticket number or work order number");
    };
    match remote {
        Remote::InPeoplesHands => None,
        Remote::Missing => wrong("Completed, and its remote ticket does not exist"),
        Remote::Shows(Some(shown)) if shown == order => None,
        Remote::Shows(shown) => wrong(&format!(
            "Completed with work order {order}, and its remote ticket shows {}",
            shown.as_deref().unwrap_or("none")
        )),
    }
}
