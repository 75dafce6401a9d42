//! Reading the box office: whatever the decisions of a wave ask for, in as few calls as its limits allow.

use std::collections::BTreeSet;

use ticketbridge_core::mobile::{Decision, Email, Item, Needs, View, decide};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::s360::{self, LookUp};
use ticketbridge_platforms::{CallFault, CallFaultKind, Transport};

use super::fetch::TRIES;
use super::run::{Runner, Stop};

/// Rounds of look-ups after which every item is decided.
const ROUNDS: usize = 3;

impl Runner<'_> {
    /// Decides items on what the box office shows now; one decision per item, in their order.
    pub(super) async fn decide_all<'i>(
        &mut self,
        items: &[&'i Item<'i>],
        view: &mut View,
    ) -> Result<Vec<Decision<'i>>, Stop> {
        let mut decisions: Vec<Option<Decision<'i>>> = items.iter().map(|_| None).collect();
        for _ in 0..=ROUNDS {
            let mut needs = Wanted::default();
            for (item, place) in items.iter().zip(&mut decisions).filter(|(_, place)| place.is_none()) {
                match decide(item, view, &self.rules) {
                    Ok(decision) => *place = Some(decision),
                    Err(missing) => needs.add(&missing),
                }
            }
            if needs.is_empty() {
                break;
            }
            self.look_up(&needs, view).await?;
        }
        let decided: Option<Vec<_>> = decisions.into_iter().collect();
        decided.ok_or_else(|| Stop::Down(String::from("the box office's answers leave items undecided")))
    }

    async fn look_up(&mut self, wanted: &Wanted<'_>, view: &mut View) -> Result<(), Stop> {
        let tickets: Vec<&str> = wanted.tickets.iter().copied().collect();
        for part in LookUp::Tickets(&tickets).parts() {
            let found = self.read(&part, s360::read_tickets).await?;
            view.tickets_answered(part.values().iter().copied(), found);
        }
        self.look_up_contacts(wanted.emails.iter().copied(), view).await?;
        let rows: Vec<&str> = wanted.rows.iter().copied().collect();
        for part in LookUp::Distributions(&rows).parts() {
            let found = self.read(&part, s360::read_distributions).await?;
            view.rows_answered(part.values().iter().copied(), found);
        }
        Ok(())
    }

    /// Looks up contacts by e-mail.
    pub(super) async fn look_up_contacts<'e>(
        &mut self,
        emails: impl IntoIterator<Item = &'e Email<'e>>,
        view: &mut View,
    ) -> Result<(), Stop> {
        let emails: BTreeSet<&Email<'_>> = emails.into_iter().collect();
        let emails: Vec<&Email<'_>> = emails.into_iter().collect();
        let texts: Vec<&str> = emails.iter().map(|email| email.as_str()).collect();
        let mut asked = emails.iter().copied();
        for part in LookUp::ContactsByEmail(&texts).parts() {
            let found = self.read(&part, s360::read_contacts).await?;
            view.contacts_answered(asked.by_ref().take(part.values().len()), found);
        }
        Ok(())
    }

    /// One look-up with its tries. A read that fails is never taken for "not there": applying stops.
    pub(super) async fn read<T>(
        &mut self,
        look_up: &LookUp<'_>,
        decode: fn(&Transport, Wall) -> Result<Vec<T>, CallFault>,
    ) -> Result<Vec<T>, Stop> {
        let call = look_up.call();
        for tries in 1.. {
            let transport = self.parts.box_office.send(&call, self.function.timeout, Box::new(|| true)).await;
            let fault = match decode(&transport, self.parts.time.now().wall) {
                Ok(found) => return Ok(found),
                Err(fault) => fault,
            };
            let asked = match fault.kind {
                CallFaultKind::SetUp { .. } => return Err(Stop::SetUp(fault.why)),
                CallFaultKind::Transient { retry_after } => retry_after,
                CallFaultKind::NotSent => None,
            };
            let pause = if tries < TRIES { self.pauses.after(tries, asked) } else { None };
            let Some(pause) = pause else { return Err(Stop::Down(fault.why)) };
            tokio::time::sleep(pause).await;
            self.go_on()?;
        }
        Err(Stop::Down(String::from("the look-up was given up")))
    }
}

/// What the decisions of a wave ask for.
#[derive(Default)]
struct Wanted<'i> {
    tickets: BTreeSet<&'i str>,
    emails: BTreeSet<&'i Email<'i>>,
    rows: BTreeSet<&'i str>,
}

impl<'i> Wanted<'i> {
    fn add(&mut self, needs: &Needs<'i>) {
        self.tickets.extend(needs.ticket);
        self.emails.extend(needs.emails.iter().copied());
        self.rows.extend(needs.rows);
    }

    fn is_empty(&self) -> bool {
        self.tickets.is_empty() && self.emails.is_empty() && self.rows.is_empty()
    }
}
