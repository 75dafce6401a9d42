//! What people do, at the box office and with the program; and strokes of fate. What makes an end differ is noted, so that
//! the last comparison leaves it out.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use ticketbridge_core::time::Wall;
use ticketbridge_sandbox::s360::{Contact, ContactAct, RowStatus, State, TicketAct};
use ticketbridge_store::{FeedbackPage, FeedbackStore, ItemId, RewindAnswer};
use tokio::time::sleep;

use super::ledger::normalised;
use super::setting::ORGANIZERS;
use super::sometimes::Sometimes;
use super::world::{START, Sim, World};

/// A time around a mean.
fn around(world: &mut World, mean: u64) -> Duration {
    Duration::from_millis(world.dice.random_range(1..=mean * 2))
}

/// Tickets live on, until the world is calm.
pub(super) async fn live_on(sim: Arc<Sim>) {
    loop {
        let pause = around(&mut sim.world(), sim.setting.lives);
        sleep(pause).await;
        let mut world = sim.world();
        if world.calm {
            return;
        }
        let organizer = world.dice.random_range(0..sim.setting.organizers.len());
        let tickets = usize::from(world.dice.random_range(0..6) == 0);
        let steps = world.dice.random_range(1..=6);
        world.live_on(organizer, tickets, steps);
    }
}

/// People act, until the world is calm.
pub(super) async fn act(sim: Arc<Sim>) {
    if sim.setting.rates.people == 0 {
        return;
    }
    loop {
        let pause = around(&mut sim.world(), sim.setting.rates.people);
        sleep(pause).await;
        let (organizer, draw) = {
            let mut world = sim.world();
            if world.calm {
                return;
            }
            (world.dice.random_range(0..sim.setting.organizers.len()), world.dice.random_range(0..100))
        };
        match draw {
            0..14 => rewind(&sim, organizer).await,
            14..24 => skip(&sim, organizer).await,
            24..30 => unskip(&sim).await,
            30..42 => settle_failed(&sim, organizer).await,
            42..48 => {
                let mut world = sim.world();
                world.strict[organizer] = !world.strict[organizer];
            }
            _ => sim.world().work_at_box_office(organizer, draw),
        }
    }
}

async fn rewind(sim: &Sim, organizer: usize) {
    let name = ORGANIZERS[organizer];
    let newest = sim.store.key_history(name, FeedbackPage { offset: 0, limit: 1 }).await.unwrap_or_default();
    let newest = newest.first().map_or(0, |step| step.n);
    let (to, at) = {
        let mut world = sim.world();
        let to = (newest > 0 && world.dice.random_bool(0.7)).then(|| world.dice.random_range(1..=newest));
        (to, Wall(START + world.now as i64))
    };
    sim.pass_time();
    let answer = sim.store.rewind_key(name, to, "operator", at).await;
    let mut world = sim.world();
    if let Ok(RewindAnswer::Done(step)) = answer {
        world.tally.saw(Sometimes::Rewound);
        world.rewound[organizer] = true;
        let now = world.now;
        world.trace.mark(&[9, now, step.n]);
        world.trace.tell(now, || (Vec::new(), format!("the key of {name} is rewound as move {}", step.n)));
        let wrong = world.ledger.rewound(organizer, now);
        world.judge(wrong);
    }
}

async fn skip(sim: &Sim, organizer: usize) {
    let entry = {
        let mut world = sim.world();
        let tickets = world.lives[organizer].tickets.len();
        let place = world.dice.random_range(0..tickets.max(1));
        let Some((ticket, tax_number)) = world.lives[organizer].tickets.get(place).cloned() else { return };
        world.give_up_ticket(&ticket);
        if world.dice.random_bool(0.5) { format!("id:{ticket}") } else { tax_number }
    };
    sim.pass_time();
    if sim.store.set_skip_entry(ORGANIZERS[organizer], &entry, true).await == Ok(true) {
        let mut world = sim.world();
        let now = world.now;
        world.trace.tell(now, || (Vec::new(), format!("{entry} is put on the skip list")));
        world.ledger.skip(organizer, &entry, now);
    }
}

async fn unskip(sim: &Sim) {
    let drawn = {
        let mut world = sim.world();
        let draw = world.dice.random();
        world.ledger.any_skip(draw)
    };
    let Some((organizer, entry)) = drawn else { return };
    sim.pass_time();
    if sim.store.set_skip_entry(ORGANIZERS[organizer], &entry, false).await == Ok(true) {
        sim.world().ledger.unskip(organizer, &entry);
    }
}

/// Failed items are tried again, or taken off the list.
pub(super) async fn settle_failed(sim: &Sim, organizer: usize) {
    let name = ORGANIZERS[organizer];
    let retry = sim.world().dice.random_bool(0.5);
    sim.pass_time();
    if retry {
        if sim.store.retry_failed(name, None).await.unwrap_or_default() > 0 {
            sim.world().tally.saw(Sometimes::Retried);
        }
    } else {
        dismiss_failed(sim, organizer).await;
    }
}

/// Takes all failed items of an organizer off the list.
pub(super) async fn dismiss_failed(sim: &Sim, organizer: usize) {
    let name = ORGANIZERS[organizer];
    let failed = sim.store.failed_items(Some(name), FeedbackPage { offset: 0, limit: 100 }).await.unwrap_or_default();
    let items: Vec<ItemId> = failed.iter().map(|failed| failed.item).collect();
    if sim.store.dismiss_failed(name, &items).await.unwrap_or_default() > 0 {
        let mut world = sim.world();
        world.tally.saw(Sometimes::Dismissed);
        for item in items {
            world.ledger.give_up(item);
        }
    }
}

impl World {
    fn give_up_ticket(&mut self, ticket: &str) {
        self.ledger.out.insert(ticket.into());
    }

    /// Somebody works at the box office.
    fn work_at_box_office(&mut self, organizer: usize, draw: u32) {
        let now = START + self.now as i64;
        let email_place = self.dice.random_range(0..self.lives[organizer].emails.len().max(1));
        let ticket_place = self.dice.random_range(0..self.lives[organizer].tickets.len().max(1));
        let email = self.lives[organizer].emails.get(email_place).cloned();
        let Some((ticket, _)) = self.lives[organizer].tickets.get(ticket_place).cloned() else { return };
        let contact = self.any_contact();
        match draw {
            48..58 => {
                if let Some(email) = email {
                    self.create_by_hand(&email);
                }
            }
            58..66 => self.lock(&ticket, contact.as_deref()),
            66..74 => self.unlock(),
            74..79 => {
                let act = TicketAct::SetCulturalContact { contact_number: contact.map(|number| number.to_string()) };
                if self.box_office.operate_ticket(now, &ticket, &act).is_ok() {
                    self.ledger.loose.insert(ticket.into());
                }
            }
            79..85 => {
                let Some(new_contact_number) = contact.map(String::from) else { return };
                let act = TicketAct::AddRow {
                    old_contact_number: None,
                    new_contact_number,
                    status: RowStatus::Pending,
                    at: None,
                };
                if self.box_office.operate_ticket(now, &ticket, &act).is_ok() {
                    self.foreign_rows += 1;
                }
            }
            85..90 => {
                let act = if draw == 85 { TicketAct::Control {} } else { TicketAct::Invalidate {} };
                if self.box_office.operate_ticket(now, &ticket, &act).is_ok()
                    && let Some(ticket) = self.box_office.ticket(&ticket)
                {
                    self.print_statuses.insert(ticket.ticket_id.clone(), ticket.print_status);
                }
            }
            _ => self.move_contact(),
        }
    }

    fn any_contact(&mut self) -> Option<Box<str>> {
        let place = self.dice.random_range(0..self.box_office.contacts().len().max(1));
        self.box_office.contacts().get(place).map(|contact| contact.contact_number.clone())
    }

    /// A contact by hand, of an e-mail that a ticket may be given to at the same moment.
    fn create_by_hand(&mut self, email: &str) {
        let number = format!("7{:010}", self.now);
        let contact = Contact {
            contact_number: number.into(),
            kind: "Individual".into(),
            role: "PUBLIC".into(),
            individual_firstname: Some("By".into()),
            individual_lastname: Some("Hand".into()),
            email: Some(email.into()),
            ..Contact::default()
        };
        if self.box_office.load(State { contacts: vec![contact], ..State::default() }).is_ok() {
            self.tally.saw(Sometimes::PeopleCreatedContact);
            self.ledger.loose_emails.insert(normalised(email).into());
            let email = email.to_owned();
            self.trace.tell(self.now, || (vec![email.clone()], format!("people create a contact for {email}")));
        }
    }

    fn lock(&mut self, ticket: &str, contact: Option<&str>) {
        let now = START + self.now as i64;
        self.tally.saw(Sometimes::Locked);
        if self.dice.random_bool(0.6) {
            drop(self.box_office.operate_ticket(now, ticket, &TicketAct::Lock {}));
            self.locked.insert((true, ticket.to_owned()));
        } else if let Some(contact) = contact {
            drop(self.box_office.operate_contact(contact, &ContactAct::Lock {}));
            self.locked.insert((false, contact.to_string()));
        }
    }

    /// All records are closed again.
    pub(super) fn unlock(&mut self) {
        let now = START + self.now as i64;
        for (is_ticket, key) in std::mem::take(&mut self.locked) {
            if is_ticket {
                drop(self.box_office.operate_ticket(now, &key, &TicketAct::Unlock {}));
            } else {
                drop(self.box_office.operate_contact(&key, &ContactAct::Unlock {}));
            }
        }
    }

    /// Somebody corrects the e-mail of a contact that was just created.
    pub(super) fn move_contact(&mut self) {
        let Some((email, request_ref)) = self.ledger.movable() else { return };
        let found = |contact: &&Contact| contact.request_ref.as_deref() == Some(&*request_ref);
        let Some(number) = self.box_office.contacts().iter().find(found).map(|contact| contact.contact_number.clone())
        else {
            return;
        };
        let other = format!("corrected.{email}");
        let act = ContactAct::SetEmail { email: Some(other.clone()) };
        if self.box_office.operate_contact(&number, &act).is_ok() {
            self.tally.saw(Sometimes::ContactMoved);
            self.ledger.moved(&email);
            self.ledger.loose_emails.extend([Box::from(&*email), Box::from(&*other)]);
            self.trace.tell(self.now, || (vec![email.clone()], format!("people change {email} of contact {number}")));
        }
    }
}

/// Strokes of fate: death and stalls at no place in particular, clocks that jump, stops in order.
pub(super) async fn strike(sim: Arc<Sim>) {
    if sim.setting.rates.fate == 0 {
        return;
    }
    loop {
        let pause = around(&mut sim.world(), sim.setting.rates.fate);
        sleep(pause).await;
        let mut world = sim.world();
        if world.calm {
            return;
        }
        let process = world.dice.random_range(0..sim.setting.processes);
        match world.dice.random_range(0..10) {
            0..4 => {
                world.tally.saw(Sometimes::DiedAnywhere);
                world.kill(process, Sometimes::DiedAnywhere.as_str());
            }
            4..7 => {
                let lease = sim.setting.lease();
                let span = world.dice.random_range(1_000..lease * 3);
                world.stall(process, span, lease);
            }
            7..9 => {
                let jump = world.dice.random_range(-90_000_000..90_000_000);
                if jump < 0 {
                    world.tally.saw(Sometimes::WallJumpedBack);
                }
                world.processes[process].wall += jump;
            }
            _ => {
                world.tally.saw(Sometimes::Stopped);
                world.processes[process].stop();
            }
        }
    }
}
