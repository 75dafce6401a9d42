//! The three ways in which backends use platforms, rough weather over them, and what must be true when it is over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use ticketbridge_sandbox::Running;
use ticketbridge_sandbox::cherwell;
use ticketbridge_sandbox::faults::{Knob, Rule};

use crate::bridge::Bridge;
use crate::place::{
    Backend, CHERWELL_SAVES, Place, Settings, cherwell_faults, faults, older, on_cherwell_saves, on_writes, sandbox,
    seed,
};

/// Which platforms the backends use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Everything on SFyC.
    Sfyc,
    /// The usual pair: tickets on Cherwell, work orders on SFyC.
    Pair,
    /// Everything on Cherwell.
    Cherwell,
}

/// Both stand-ins, with every fifth ticket there before us.
pub(crate) struct Scene {
    pub(crate) sandbox: Running,
    layout: Layout,
    prefix: &'static str,
    count: usize,
    /// Numbers of the tickets that were there.
    seeded: BTreeSet<String>,
}

impl Scene {
    /// A scene for `count` tickets `{prefix}-0001…`; every fifth is open already, half of those with an origin of
    /// somebody else.
    pub(crate) async fn new(layout: Layout, prefix: &'static str, count: usize) -> Self {
        Self::seeded(layout, prefix, count, |number| number % 2 == 0).await
    }

    /// As [`Scene::new`], but every ticket that is open already has an origin of somebody else. Of one without any, a
    /// restored store cannot tell whether it made it itself (TB0306): an operator has to.
    pub(crate) async fn with_origins(layout: Layout, prefix: &'static str, count: usize) -> Self {
        Self::seeded(layout, prefix, count, |_| true).await
    }

    async fn seeded(layout: Layout, prefix: &'static str, count: usize, has_origin: impl Fn(usize) -> bool) -> Self {
        let sandbox = sandbox(7).await;
        let existing: Vec<_> = (0..count / 5)
            .map(|number| {
                let origin = has_origin(number).then(|| format!("older-{number}"));
                (format!("SNR|{prefix}-{:04}", number * 5 + 1), origin)
            })
            .collect();
        let seeded = if layout == Layout::Sfyc {
            seed(&sandbox, existing.iter().map(|(key, origin)| older(key, origin.as_deref())).collect())
        } else {
            let seeds = existing.iter().map(|(key, origin)| older_incident(key, origin.as_deref())).collect();
            sandbox.with_cherwell(|model, now| model.seed_tickets(now, seeds)).expect("seeds that fit")
        };
        Self { sandbox, layout, prefix, count, seeded: seeded.into_iter().collect() }
    }

    /// Tickets that are to be handed over.
    pub(crate) fn tickets(&self) -> Vec<Value> {
        crate::place::tickets(self.prefix, self.count)
    }

    /// A lagging search, slow answers, writes that stall after their effect or are reset before or after it, logins
    /// that end.
    pub(crate) fn rough(&self) {
        let common = [
            Rule::from(Knob::IndexLag { ms: 50, jitter_ms: 250 }),
            Rule::from(Knob::AnswerDelay { ms: 1, max_ms: Some(60) }),
        ];
        let writes = [
            Knob::CommitThenStall { answer_after_ms: None },
            Knob::ResetBeforeCommit { after_ms: 5 },
            Knob::ResetAfterCommit { after_ms: 5 },
        ];
        if self.layout != Layout::Cherwell {
            faults(&self.sandbox, common.clone());
            faults(&self.sandbox, writes.clone().map(|knob| on_writes(knob, 0.06)));
        }
        if self.layout != Layout::Sfyc {
            cherwell_faults(&self.sandbox, common);
            cherwell_faults(&self.sandbox, writes.map(|knob| on_cherwell_saves(knob, 0.06)));
            cherwell_faults(
                &self.sandbox,
                [
                    Rule::from(Knob::TokenRevoked {}).on("search").on("read_batch").probability(0.05),
                    CHERWELL_SAVES
                        .iter()
                        .fold(Rule::from(Knob::SessionsRevoked {}), |rule, name| rule.on(name))
                        .probability(0.03),
                ],
            );
        }
    }

    /// Three backends, and time-outs that the weather outlasts. A ticket that stood alone in a request without effect
    /// has used one attempt: there are so many that dice cannot decide.
    pub(crate) fn settings(&self) -> Settings {
        let (tickets, work_orders) = match self.layout {
            Layout::Sfyc => ("sfyc", "sfyc"),
            Layout::Pair => ("cherwell", "sfyc"),
            Layout::Cherwell => ("cherwell", "cherwell"),
        };
        let backend = |name, max_tickets_per_request| Backend {
            name,
            tickets,
            work_orders,
            max_retries: 10,
            max_tickets_per_request,
        };
        Settings {
            backends: vec![backend("be-1", 50), backend("be-2", 7), backend("be-3", 3)],
            request_timeout: "300ms",
            in_doubt_for: "1s",
            ..Settings::default()
        }
    }

    /// Requests that reached the stand-ins.
    pub(crate) fn requests(&self) -> u64 {
        self.sandbox.sfyc_stats().traffic.all_requests() + self.sandbox.cherwell_stats().traffic.all_requests()
    }

    /// All effects are there.
    pub(crate) fn done(&self) -> bool {
        self.effects() >= self.count
    }

    /// Tickets that the platform shows with their work order or note.
    pub(crate) fn effects(&self) -> usize {
        let (linked, notes) = if self.layout == Layout::Sfyc {
            let stats = self.sandbox.sfyc_stats();
            (stats.linked, stats.notes)
        } else {
            let stats = self.sandbox.cherwell_stats();
            (stats.linked, stats.notes)
        };
        linked + notes
    }

    /// As [`Scene::check_effects`], and the journal tells the same.
    pub(crate) async fn check(&self, bridge: &Bridge) {
        self.check_effects(bridge).await;
        for ticket in bridge.tickets().await.values() {
            self.check_remote(ticket);
            let id = ticket["id"].as_str().expect("an id");
            check_story(&bridge.get(&format!("/api/v1/tickets/{id}")).await, ticket);
        }
    }

    /// Nothing is lost and nothing is there twice: every ticket is Completed, those that were there have one note
    /// each, the others one ticket, one work order and the link between them. What a restored store found done by a
    /// life that it forgot is not in its journal.
    pub(crate) async fn check_effects(&self, bridge: &Bridge) {
        bridge.completed(self.count).await;
        let (sfyc, cherwell) = (self.sandbox.sfyc_stats(), self.sandbox.cherwell_stats());
        assert_eq!(sfyc.duplicates.total, 0, "{:?}", sfyc.duplicates);
        assert_eq!(cherwell.duplicates.total, 0, "{:?}", cherwell.duplicates);
        let (all, old) = (self.count, self.seeded.len());
        let new = all - old;
        let on_sfyc = (sfyc.tickets, sfyc.open_tickets, sfyc.notes, sfyc.linked, sfyc.work_orders);
        let on_cherwell =
            (cherwell.tickets, cherwell.open_tickets, cherwell.notes, cherwell.linked, cherwell.work_orders);
        let (nothing, tickets) = ((0, 0, 0, 0), (all, all, old, new));
        let with = |(a, b, c, d): (usize, usize, usize, usize), work_orders: usize| (a, b, c, d, work_orders);
        let wanted = match self.layout {
            Layout::Sfyc => (with(tickets, new), with(nothing, 0)),
            Layout::Pair => (with(nothing, new), with(tickets, 0)),
            Layout::Cherwell => (with(nothing, 0), with(tickets, new)),
        };
        assert_eq!((on_sfyc, on_cherwell), wanted, "tickets, open, notes, linked, work orders");
    }

    /// The platform shows what the store says of a ticket.
    fn check_remote(&self, ticket: &Value) {
        let number = ticket["ticket_number"].as_str().expect("a number");
        let remote = self.remote(number);
        let old = self.seeded.contains(number);
        assert_eq!(remote.key, ticket["dedupe_key"], "{ticket}");
        assert_eq!(ticket["created"], !old, "{ticket}");
        assert_eq!(remote.notes, usize::from(old), "{ticket}");
        if old {
            assert_eq!(remote.work_order, "", "{ticket}");
        } else {
            assert!(!remote.work_order.is_empty(), "{ticket}");
            assert_eq!(remote.work_order, ticket["ot_number"], "{ticket}");
        }
    }

    fn remote(&self, number: &str) -> Remote {
        if self.layout == Layout::Sfyc {
            return self.sandbox.with_sfyc(|model, _| {
                let ticket = model.ticket(number).expect("it is there");
                Remote {
                    key: ticket.content.external_ref.clone().unwrap_or_default().into(),
                    work_order: ticket.work_order_number.clone().unwrap_or_default().into(),
                    notes: model.notes().iter().filter(|note| *note.content.ticket_number == *number).count(),
                }
            });
        }
        let row = self.sandbox.with_cherwell(|model, _| model.dump_ticket(number)).expect("it is there");
        let field = |name: &str| row["fields"][name].as_str().unwrap_or_default().to_owned();
        Remote {
            key: field("DedupeKey"),
            work_order: field("WorkOrderNumber"),
            notes: row["notes"].as_array().expect("a list").len(),
        }
    }

    /// What the command line shows of a few tickets is what the API showed.
    pub(crate) async fn check_shown(&self, place: &Place, bridge: &Bridge) {
        let all = bridge.tickets().await;
        for ticket in all.values().step_by(self.count / 3) {
            let id = ticket["id"].as_str().expect("an id");
            let shown = place.good(&["tickets", "show", id, "--json"]).await.json();
            assert_eq!(shown, bridge.get(&format!("/api/v1/tickets/{id}")).await);
        }
    }
}

/// What a platform has of a ticket.
struct Remote {
    key: String,
    work_order: String,
    notes: usize,
}

/// The journal of a Completed ticket: each step was applied once, and nothing is unknown any more.
fn check_story(shown: &Value, ticket: &Value) {
    let mut applied: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in shown["timeline"].as_array().expect("a timeline") {
        if entry["entry"] != "request" {
            continue;
        }
        assert!(entry["outcome"].is_string(), "what became of it is not known: {entry} of {shown:#}");
        if entry["outcome"] == "applied" {
            *applied.entry(entry["operation"].as_str().expect("an operation")).or_default() += 1;
        }
    }
    let steps: &[&str] = if ticket["created"] == true {
        &["create_ticket", "create_work_order", "link_work_order"]
    } else {
        &["add_note"]
    };
    let wanted: BTreeMap<&str, usize> = steps.iter().map(|step| (*step, 1)).collect();
    assert_eq!(applied, wanted, "{shown:#}");
}

/// An older ticket of a key on Cherwell, with or without somebody's origin.
fn older_incident(key: &str, origin: Option<&str>) -> cherwell::SeedTicket {
    let mut fields = vec![("DedupeKey", key), ("TicketKind", "SNR"), ("ShortDescription", "opened before")];
    fields.extend(origin.map(|origin| ("OriginId", origin)));
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    cherwell::SeedTicket { fields, ..cherwell::SeedTicket::default() }
}
