//! Notes of a ticket, found again by their marker (Cherwell contract §9). There is no search over the notes of all
//! tickets, so each ticket's journals are read, with the text and nothing else.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ticketbridge_core::effect::LookUpFault;
use ticketbridge_core::ticket::TicketReference;
use uuid::Uuid;

use super::Shared;
use super::classify::{self, ReadFault};
use super::search::{Fields, Question, Source, member};
use super::site::Site;
use super::wire::Record;
use crate::fault::{fault, misconfigured};
use crate::{HttpCall, Transport};

/// How a marker begins; it ends with `]`.
const MARKER: &str = "[ref:";
/// Longest spelling of an id in a marker.
const LONGEST_ID: usize = 64;

/// All journals of a ticket.
pub(super) fn question(site: &Site, number: &str, record: &str) -> Question {
    let note = &site.note;
    Question {
        what: format!("the notes of ticket {number}"),
        source: Source::Related {
            parent: site.ticket.object.clone(),
            parent_record: record.to_owned(),
            relationship: note.relationship.clone(),
        },
        fields: Fields::These(vec![note.text.clone(), note.record_id.clone()]),
        record_id: note.record_id.clone(),
    }
}

/// The markers in one journal. A journal that says that it is no note (mail, history) may lack the text of notes.
pub(super) fn markers(shared: &Shared, site: &Site, journal: &Record) -> Result<Vec<Uuid>, LookUpFault> {
    let object = &journal.object;
    let is_note = [&site.note.object.id, &site.note.group.id].into_iter().any(|id| id.eq_ignore_ascii_case(object));
    if !object.is_empty() && !is_note && journal.value(&site.note.text).is_none() {
        return Ok(Vec::new());
    }
    member(shared, &site.note.object, journal, &site.note.text).map(markers_in)
}

/// Asks for the ticket itself, since its journals are said to be missing.
pub(super) fn parent(shared: &Shared, site: &Site, ticket: &TicketReference) -> HttpCall {
    let record = utf8_percent_encode(ticket.record.as_deref().unwrap_or_default(), NON_ALPHANUMERIC).to_string();
    shared.get(&format!("V1/getbusinessobject/busobid/{}/busobrecid/{record}", site.ticket.object.id))
}

/// A ticket that is gone has no notes. If it is there, `RECORDNOTFOUND` was said of something else, and "no notes"
/// would make the note twice.
pub(super) fn parent_is_gone(
    shared: &Shared,
    site: &Site,
    ticket: &TicketReference,
    transport: &Transport,
) -> Result<(), LookUpFault> {
    let number = &ticket.number;
    match classify::read(shared, transport) {
        Err(ReadFault::Missing) => Ok(()),
        Err(ReadFault::Fault(fault)) => Err(fault),
        Ok(body) if body["busObRecId"].as_str().is_some_and(|record| !record.is_empty()) => {
            shared.forget();
            Err(misconfigured(format!(
                "TB0203: Ticket {number} is there, but its notes are not found over the relationship `{}`: all names are \
                 looked up again; check `note.relationship` and the user's rights.",
                site.note.relationship
            )))
        }
        Ok(body) => {
            Err(fault(format!("Ticket {number} was asked for, and the answer names no record: {}", brief(&body))))
        }
    }
}

fn brief(body: &Value) -> String {
    crate::fault::shorten(&body.to_string())
}

/// Every marker in a text.
fn markers_in(text: &str) -> Vec<Uuid> {
    let id = |behind: &str| {
        let window = behind.get(..behind.floor_char_boundary(LONGEST_ID)).unwrap_or_default();
        window.split_once(']').and_then(|(id, _)| Uuid::try_parse(id.trim()).ok())
    };
    text.split(MARKER).skip(1).filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marker_is_found_and_nothing_else() {
        let (first, second) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let text = format!("línea [ref:{first}] y [ref:{second}]\n(ref:{second}] [ref:x] [ref:] [ref:{second}");
        assert_eq!(markers_in(&text), [first, second]);
        assert_eq!(markers_in(&format!("[ref:[ref:{first}]")), [first]);
        assert_eq!(markers_in(&format!("[ref:{}", "á".repeat(100))), Vec::<Uuid>::new());
        assert_eq!(markers_in(""), Vec::<Uuid>::new());
    }
}
