//! I4: Completed by creation has a ticket number and a work order number, and the remote ticket is that of the row and
//! shows that work order. Completed by a note: the ticket is one of the row's key.

use ticketbridge_core::ticket::{State, TicketRow};

use super::Violation;

/// The remote ticket as its platform holds it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// As it is shown.
    Shows(Shown),
    /// People worked on it: it may be closed, gone or merged, and is not judged.
    InPeoplesHands,
    /// There is no such ticket.
    Missing,
}

/// What a ticket shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its dedupe key.
    pub key: Option<String>,
    /// Its origin id.
    pub origin: Option<String>,
    /// Its work order.
    pub work_order: Option<String>,
}

/// Judges a row that has just become Completed. Of one that says why it has no work order only the ticket is judged.
pub fn check(row: &TicketRow, remote: &Remote) -> Option<Violation> {
    if row.state != State::Completed {
        return None;
    }
    let wrong = |text: &str| Some(Violation::new("I4", Some(row.key.as_str()), format!("row {}: {text}", row.id.0)));
    let number = row.ticket.as_ref().map_or("", |ticket| ticket.number.as_str());
    if let Remote::Shows(shown) = remote {
        let (what, theirs, ours) = if row.created {
            ("origin id", &shown.origin, row.origin.to_string())
        } else {
            ("dedupe key", &shown.key, row.key.to_string())
        };
        if theirs.as_ref() != Some(&ours) {
            let theirs = theirs.as_deref().unwrap_or("none");
            return wrong(&format!("Completed with ticket {number}, whose {what} is {theirs}"));
        }
    }
    if !row.created || row.reason.is_some() {
        return None;
    }
    let (Some(_), Some(order)) = (&row.ticket, &row.work_order) else {
        return wrong("Completed without ticket number or work order number");
    };
    match remote {
        Remote::InPeoplesHands => None,
        Remote::Missing => wrong("Completed, and its remote ticket does not exist"),
        Remote::Shows(shown) if shown.work_order.as_ref() == Some(order) => None,
        Remote::Shows(shown) => wrong(&format!(
            "Completed with work order {order}, and its remote ticket shows {}",
            shown.work_order.as_deref().unwrap_or("none")
        )),
    }
}
