//! What may happen to a ticket.

use rand::{Rng, RngExt};

use super::people::People;
use crate::clock::Millis;

/// How many former owners a ticket remembers, to go back to one of them.
const MEMORY: usize = 3;

/// One ticket and what it is now.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) ticket_id: Box<str>,
    pub(super) tax_number: Box<str>,
    pub(super) is_v4: bool,
    pub(super) status: &'static str,
    pub(super) buyer: usize,
    pub(super) owner: usize,
    /// Those who handed it on, the last one last.
    pub(super) former: Vec<usize>,
    pub(super) holder: Option<usize>,
    /// The latest transfer: sender, recipient, begin.
    pub(super) transfer: Option<(usize, usize, Millis)>,
    pub(super) beacon: Option<&'static str>,
    pub(super) deletion_reason: Option<&'static str>,
    pub(super) extra_info: Option<u32>,
    /// What V4 items tell apart from the status.
    pub(super) attributes: Attributes,
    /// The latest change that nobody was told of.
    pub(super) changed: Option<Change>,
    steps: u32,
}

/// A change of a ticket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) at: Millis,
    /// The seed of its dirt, if it has some.
    pub(super) dirt: Option<u64>,
}

/// Instants of a V4 item.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub(super) injected: Option<Millis>,
    pub(super) delivered: Option<Millis>,
    pub(super) assigned: Option<Millis>,
    pub(super) activated: Option<Millis>,
    pub(super) controlled: Option<Millis>,
}

const ACTIVATIONS: [&str; 5] =
    ["ONLINE_ACTIVATED", "OFFLINE_ACTIVATED", "BT_ACTIVATED", "MANUAL_ACTIVATED", "ACTIVATED"];

impl Life {
    pub(super) fn new(seed: u32, number: usize, buyer: usize, is_v4: bool) -> Self {
        Self {
            ticket_id: format!("7{seed:06}{number:07}").into(),
            tax_number: format!("00{seed:06}{number:07}").into(),
            is_v4,
            status: "INJECTED",
            buyer,
            owner: buyer,
            former: Vec::new(),
            holder: None,
            transfer: None,
            beacon: None,
            deletion_reason: None,
            extra_info: None,
            attributes: Attributes::default(),
            changed: None,
            steps: 0,
        }
    }

    /// Whether nothing can happen to it any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status, "CONTROLLED" | "DELETED")
    }

    /// Moves it one step on.
    pub(super) fn step(&mut self, now: Millis, people: &People, dice: &mut dyn Rng) {
        self.steps += 1;
        let chance = dice.random_range(0..100);
        match self.status {
            "DELETION_PENDING" => self.status = "DELETED",
            "PENDING_TRANSFER" | "PENDING" => self.go_on_with_transfer(chance, now, people, dice),
            status if ACTIVATIONS.contains(&status) && chance < 70 => self.status = "CONTROLLED",
            status if ACTIVATIONS.contains(&status) => {
                self.status = if self.is_v4 { "DOWNLOADED" } else { "DEACTIVATED" };
                self.beacon = None;
            }
            "INJECTED" if chance < 90 => self.status = "DOWNLOADED",
            "INVALID" => self.delete("invalidated"),
            _ => match chance {
                0..45 => self.begin_transfer(now, people, dice),
                45..62 => {
                    self.status = "ASSIGNED";
                    self.holder = Some(people.draw_other(self.owner, dice));
                }
                62..70 => {
                    self.status = "DOWNLOADED";
                    self.holder = None;
                }
                70..76 => self.extra_info = Some(self.steps),
                76..79 if !self.is_v4 => self.status = if chance == 76 { "INVALID" } else { "DEFAULT" },
                79..94 => {
                    self.status =
                        if self.is_v4 { "ACTIVATED" } else { ACTIVATIONS[dice.random_range(0..ACTIVATIONS.len())] };
                    self.beacon = (self.status == "BT_ACTIVATED").then_some("gate-4");
                }
                _ => self.delete(if dice.random_bool(0.5) { "reprint" } else { "cancelled" }),
            },
        }
    }

    /// Notes what V4 items tell about the state.
    pub(super) fn settle(&mut self, now: Millis) {
        let attributes = &mut self.attributes;
        attributes.injected.get_or_insert(now);
        match self.status {
            "DOWNLOADED" | "TRANSFERRED" => {
                attributes.delivered.get_or_insert(now);
                (attributes.assigned, attributes.activated) = (None, None);
            }
            "ASSIGNED" => attributes.assigned = Some(now),
            "CONTROLLED" => attributes.controlled = Some(now),
            status if ACTIVATIONS.contains(&status) => attributes.activated = Some(now),
            _ => {}
        }
    }

    /// Four of ten go back to somebody who had it, as soon as there is one.
    fn begin_transfer(&mut self, now: Millis, people: &People, dice: &mut dyn Rng) {
        let is_return = !self.former.is_empty() && dice.random_bool(0.4);
        let recipient = if is_return {
            self.former[dice.random_range(0..self.former.len())]
        } else {
            people.draw_other(self.owner, dice)
        };
        self.transfer = Some((self.owner, recipient, now));
        self.status = if !self.is_v4 && dice.random_bool(0.1) { "PENDING" } else { "PENDING_TRANSFER" };
    }

    fn go_on_with_transfer(&mut self, chance: u32, now: Millis, people: &People, dice: &mut dyn Rng) {
        match chance {
            0..55 => {
                if let Some((sender, recipient, _)) = self.transfer {
                    self.former.retain(|former| *former != recipient);
                    self.former.push(sender);
                    if self.former.len() > MEMORY {
                        self.former.remove(0);
                    }
                    self.owner = recipient;
                }
                self.holder = None;
                self.status = "TRANSFERRED";
            }
            // V4 has no word for it: the ticket is just with its owner again.
            55..85 if self.is_v4 => self.status = "DOWNLOADED",
            55..72 => self.status = "FAILURE_TRANSFER",
            72..85 => self.status = "FAILURE",
            85..96 => self.begin_transfer(now, people, dice),
            _ => self.delete("cancelled"),
        }
    }

    fn delete(&mut self, reason: &'static str) {
        self.status = "DELETION_PENDING";
        self.deletion_reason = Some(reason);
    }
}
