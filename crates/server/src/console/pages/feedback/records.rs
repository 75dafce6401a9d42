//! Mobile tickets, contacts and distributions, masked: of one ticket, of an organizer, or all.

use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use ticketbridge_core::mobile::RowStatus;
use ticketbridge_engine::view::mobile::{
    self, ContactView, DistributionView, Listing, MobileTicketView, RecordQuery, Window,
};

use super::words::{RECORDS, pager};
use crate::console::layout::{Page, Place};
use crate::console::visitor::{Fields, Visitor};
use crate::console::{PAGE, parts};
use crate::problem::Problem;

/// What is asked for, and which part of each list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    organizer: String,
    ticket_id: String,
    tickets: usize,
    contacts: usize,
    distributions: usize,
}

impl Asked {
    fn query(&self) -> RecordQuery {
        let given = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        RecordQuery { organizer: given(&self.organizer), ticket_id: given(&self.ticket_id) }
    }

    /// The same question, with one of the lists at another part.
    fn part(&self, list: &str, offset: usize) -> String {
        let at = |name: &str, present: usize| match if name == list { offset } else { present } {
            0 => String::new(),
            offset => offset.to_string(),
        };
        let pairs = [
            ("organizer", self.organizer.trim()),
            ("ticket_id", self.ticket_id.trim()),
            ("tickets", &at("tickets", self.tickets)),
            ("contacts", &at("contacts", self.contacts)),
            ("distributions", &at("distributions", self.distributions)),
        ];
        parts::address(RECORDS, &pairs)
    }

    /// Where a list can be had as CSV.
    fn csv(&self, path: &str) -> String {
        let pairs = [
            ("format", "csv"),
            ("organizer", self.organizer.trim()),
            ("ticket_id", self.ticket_id.trim()),
            ("limit", "1000"),
        ];
        parts::address(path, &pairs)
    }
}

/// `GET /console/feedback/mobile-tickets`.
pub(super) async fn show(visitor: Visitor, Fields(asked): Fields<Asked>) -> Result<Response, Problem> {
    let store = &**visitor.desk.app.feedback.store();
    let query = asked.query();
    let part = |offset| Window { offset, limit: PAGE };
    let tickets = mobile::mobile_tickets(store, &query, part(asked.tickets)).await?;
    let contacts = mobile::box_contacts(store, &query, part(asked.contacts)).await?;
    let distributions = mobile::box_distributions(store, &query, part(asked.distributions)).await?;
    let say = |english, spanish| visitor.say(english, spanish);
    let body = html! {
        (filters(&visitor, &asked))
        p.hint { (say("E-mails and names are masked.", "Los correos y nombres se ocultan.")) }
        div #records data-live {
            h2 { (say("Mobile tickets", "Tickets móviles")) }
            (ticket_table(&visitor, &tickets))
            (ways(&visitor, &asked, ("tickets", "/api/v1/mobile-tickets"), asked.tickets, tickets.next))
            h2 { (say("Contacts", "Contactos")) }
            (contact_table(&visitor, &contacts))
            (ways(&visitor, &asked, ("contacts", "/api/v1/contacts"), asked.contacts, contacts.next))
            h2 { (say("Distributions", "Distribuciones")) }
            (distribution_table(&visitor, &distributions))
            (ways(&visitor, &asked, ("distributions", "/api/v1/distributions"), asked.distributions, distributions.next))
        }
    };
    let title = say("Mobile tickets", "Tickets móviles");
    Ok(Page { place: Place::Feedback, title: Some(title), live: "feedback", body }.show(&visitor))
}

fn filters(visitor: &Visitor, asked: &Asked) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    let mut organizers: Vec<&str> =
        visitor.desk.app.feedback.functions().map(|(function, _)| &*function.organizer).collect();
    organizers.sort_unstable();
    organizers.dedup();
    html! {
        form.filters method="get" action=(RECORDS) role="search" {
            label { (say("Organizer", "Organizador"))
                select name="organizer" data-submits {
                    option value="" { (say("all", "todos")) }
                    @for organizer in organizers { option selected[organizer == asked.organizer] { (organizer) } }
                }
            }
            label.wide { (say("Ticket id", "Id del ticket")) input type="search" name="ticket_id" value=(asked.ticket_id) maxlength="256"; }
            button type="submit" { (say("Filter", "Filtrar")) }
            a.button.quiet href=(RECORDS) { (say("All", "Todos")) }
        }
    }
}

/// To other parts of a list, and to its CSV.
fn ways(visitor: &Visitor, asked: &Asked, (list, path): (&str, &str), offset: usize, next: Option<usize>) -> Markup {
    html! {
        (pager(visitor, offset, next, |offset| asked.part(list, offset)))
        p.table-note { a href=(asked.csv(path)) download={ (list) ".csv" } { (visitor.say("Save as CSV", "Guardar como CSV")) } }
    }
}

fn none(visitor: &Visitor) -> Markup {
    parts::nothing(visitor.say("Nothing was written that fits.", "Nada de lo escrito cumple el filtro."))
}

/// A link to all that is known of a ticket.
fn ticket_link(organizer: &str, ticket: &str) -> Markup {
    html! { a href=(parts::address(RECORDS, &[("organizer", organizer), ("ticket_id", ticket)])) { (ticket) } }
}

fn ticket_table(visitor: &Visitor, found: &Listing<MobileTicketView>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if found.items.is_empty() {
        return none(visitor);
    }
    let heads = [
        say("Ticket", "Ticket"),
        say("Organizer", "Organizador"),
        say("Number", "Número"),
        say("Status", "Estado"),
        say("Status since", "Estado desde"),
        say("Owner", "Titular"),
        say("Beneficiary", "Beneficiario"),
        say("Page", "Página"),
        say("Written", "Escrito"),
    ];
    let rows = html! {
        @for ticket in &found.items {
            tr {
                td { (ticket_link(&ticket.organizer, &ticket.ticket_id)) }
                td { (ticket.organizer) }
                td.number { (parts::or_none(ticket.tax_number.as_deref())) }
                td { (ticket.status) }
                td { (parts::instant(&ticket.status_date)) }
                td { (parts::or_none(ticket.owner_email.as_deref())) }
                td { (parts::or_none(ticket.beneficiary.as_deref())) }
                td.number { (ticket.page.0) }
                td { (parts::instant(&ticket.at)) }
            }
        }
    };
    parts::table(say("Mobile tickets", "Tickets móviles"), &heads, &rows)
}

fn contact_table(visitor: &Visitor, found: &Listing<ContactView>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if found.items.is_empty() {
        return none(visitor);
    }
    let heads = [
        say("Contact", "Contacto"),
        say("Platform", "Plataforma"),
        say("Organizer", "Organizador"),
        say("E-mail", "Correo"),
        say("What", "Qué"),
        say("For the ticket", "Por el ticket"),
        say("Written", "Escrito"),
    ];
    let rows = html! {
        @for contact in &found.items {
            tr {
                td.number { (contact.contact_number) }
                td { (contact.box_office) }
                td { (contact.organizer) }
                td { (parts::or_none(contact.email.as_deref())) }
                td { @if contact.created { (say("created", "creado")) } @else { (say("completed", "completado")) } }
                td { (ticket_link(&contact.organizer, &contact.ticket_id)) }
                td { (parts::instant(&contact.at)) }
            }
        }
    };
    parts::table(say("Contacts", "Contactos"), &heads, &rows)
}

fn distribution_table(visitor: &Visitor, found: &Listing<DistributionView>) -> Markup {
    let say = |english, spanish| visitor.say(english, spanish);
    if found.items.is_empty() {
        return none(visitor);
    }
    let heads = [
        say("Reference", "Referencia"),
        say("Organizer", "Organizador"),
        say("Ticket", "Ticket"),
        say("From contact", "Del contacto"),
        say("To contact", "Al contacto"),
        say("Status", "Estado"),
        say("Changed", "Cambiado"),
        say("Written", "Escrito"),
    ];
    let rows = html! {
        @for row in &found.items {
            tr {
                td.long { code { (row.distribution_ref) } }
                td { (row.organizer) }
                td { (ticket_link(&row.organizer, &row.ticket_id)) }
                td.number { (parts::or_none(row.old_contact.as_deref())) }
                td.number { (parts::or_none(row.new_contact.as_deref())) }
                td { (row_status(visitor, row.status)) }
                td { (parts::instant(&row.row_at)) }
                td { (parts::instant(&row.at)) }
            }
        }
    };
    parts::table(say("Distributions", "Distribuciones"), &heads, &rows)
}

fn row_status(visitor: &Visitor, status: RowStatus) -> Markup {
    match status {
        RowStatus::Pending => parts::badge("busy", visitor.say("open", "abierta")),
        RowStatus::Cancelled => parts::badge("off", visitor.say("cancelled", "anulada")),
        RowStatus::Confirmed => parts::badge("good", visitor.say("confirmed", "confirmada")),
        RowStatus::Other => parts::badge("off", visitor.say("other", "otra")),
    }
}
