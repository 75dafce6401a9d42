//! From where each ticket stands to what people read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ticketbridge_core::delivery::{Decision, Settings, Standing};
use ticketbridge_core::effect::{Operation, RemoteTicket};
use ticketbridge_core::ticket::{BackendName, OriginId, TicketId, TicketReference};
use uuid::Uuid;

use super::collect::{Candidate, Collected};
use super::keep::KeptTicket;
use super::rehearse::Rehearsal;
use super::requests::{self, Outgoing};
use super::settings::is_active;
use super::{Intended, PlanError, PlanOptions, PlannedRequest, PlannedTicket, SeenTicket, Verdict};

/// All that a plan says of its tickets.
pub(super) struct Told {
    pub(super) tickets: Vec<PlannedTicket>,
    pub(super) requests: Vec<PlannedRequest>,
    pub(super) remarks: Vec<String>,
    pub(super) applicable: Vec<KeptTicket>,
}

struct Teller<'a> {
    options: &'a PlanOptions,
    settings: &'a Settings,
    /// Backends whose processing is off.
    off: &'a BTreeSet<BackendName>,
    rehearsal: &'a Rehearsal,
    /// All rows of the plan by number.
    origins: BTreeMap<TicketId, OriginId>,
    under_way: BTreeSet<TicketId>,
}

/// Says of every ticket what becomes of it.
pub(super) async fn tell(
    options: &PlanOptions,
    settings: &Settings,
    off: &BTreeSet<BackendName>,
    collected: &Collected,
    rehearsal: &Rehearsal,
) -> Result<Told, PlanError> {
    let all = || collected.under_way.iter().chain(&collected.candidates);
    let teller = Teller {
        options,
        settings,
        off,
        rehearsal,
        origins: all().map(|candidate| (candidate.row.id, candidate.row.origin)).collect(),
        under_way: collected.under_way.iter().map(|candidate| candidate.row.id).collect(),
    };
    let mut told: BTreeMap<TicketId, PlannedTicket> = BTreeMap::new();
    for candidate in &collected.candidates {
        told.insert(candidate.row.id, teller.candidate(candidate, collected).await?);
    }
    let (requests, mut applicable) = teller.encode(collected, &mut told);
    teller.wait_behind(collected, &mut told, &mut applicable);
    for candidate in &collected.under_way {
        told.insert(candidate.row.id, Teller::told_under_way(candidate));
    }
    for candidate in &collected.in_error {
        told.insert(candidate.row.id, Teller::told_in_error(candidate));
    }
    let tickets: Vec<PlannedTicket> = told.into_values().collect();
    let remarks = teller.remarks(collected, &tickets);
    applicable.sort_by_key(|ticket| ticket.row);
    Ok(Told { tickets, requests, remarks, applicable })
}

impl Teller<'_> {
    fn base(candidate: &Candidate, verdict: Verdict, why: String) -> PlannedTicket {
        let row = &candidate.row;
        PlannedTicket {
            id: (!candidate.of_folder).then_some(row.origin),
            dedupe_key: row.key.clone(),
            kind: row.kind.to_string(),
            backend: row.backend.clone(),
            platform: candidate.platform.clone(),
            verdict,
            why,
            ticket: None,
            after: None,
            then: Vec::new(),
            body_hash: None,
            request: None,
        }
    }

    async fn candidate(&self, candidate: &Candidate, collected: &Collected) -> Result<PlannedTicket, PlanError> {
        if let Some(why) = self.obstacle(candidate) {
            return Ok(Self::base(candidate, Verdict::Blocked, why));
        }
        let standing = self.rehearsal.standings.get(&candidate.row.id);
        let met = self.rehearsal.platforms.get(&candidate.platform);
        let failed = met.and_then(|met| met.error.as_ref());
        Ok(match (standing, failed) {
            (Some(Standing::Decided(Decision::Create)), _) => self.create(candidate, collected),
            (Some(Standing::Decided(Decision::Note(target))), _) => self.note(candidate, target).await?,
            (Some(Standing::Decided(Decision::Own(target))), _) => self.own(candidate, target),
            // Told when all others are.
            (Some(Standing::Behind(_)), _) => Self::base(candidate, Verdict::Blocked, String::new()),
            (_, Some(error)) => {
                let why = format!("`{}` could not be asked for its open tickets: {error}", candidate.platform);
                Self::base(candidate, Verdict::Failed, why)
            }
            _ => {
                let why = self.rehearsal.held_up.get(&candidate.row.id).cloned();
                let nothing = || String::from("the look-ups did not tell what to do; a run goes on asking");
                Self::base(candidate, Verdict::Blocked, why.unwrap_or_else(nothing))
            }
        })
    }

    /// What keeps a ticket from being worked on at all.
    fn obstacle(&self, candidate: &Candidate) -> Option<String> {
        let backend = &candidate.row.backend;
        if !self.settings.backends.contains_key(backend) {
            return Some(format!("its backend `{backend}` is not configured any more"));
        }
        let active = is_active(&self.options.config, backend);
        (!active).then(|| format!("its backend `{backend}` is paused or stopped (`state` under `[[backends]]`)"))
    }

    fn create(&self, candidate: &Candidate, collected: &Collected) -> PlannedTicket {
        let slot = (candidate.platform.clone(), candidate.row.key.clone());
        let met = self.rehearsal.platforms.get(&candidate.platform);
        if let Some(stopped) = met.and_then(|met| met.stopped.as_ref()) {
            return Self::base(candidate, Verdict::Blocked, format!("no ticket is created there: {stopped}"));
        }
        let why = match collected.ledger.get(&slot) {
            Some(known) => format!(
                "no open ticket has its key; {}, known from before, is not open any more",
                known.reference.number
            ),
            None => String::from("no open ticket has its key"),
        };
        PlannedTicket { then: self.after_create(candidate), ..Self::base(candidate, Verdict::Create, why) }
    }

    fn after_create(&self, candidate: &Candidate) -> Vec<String> {
        let work_orders = self.settings.backends.get(&candidate.row.backend).map(|backend| &backend.work_orders);
        let work_orders = work_orders.unwrap_or(&candidate.platform);
        vec![
            format!("{} on {work_orders}", Operation::CreateWorkOrder),
            format!("{} on {}", Operation::LinkWorkOrder, candidate.platform),
        ]
    }

    async fn note(&self, candidate: &Candidate, target: &TicketReference) -> Result<PlannedTicket, PlanError> {
        let slot = (candidate.platform.clone(), candidate.row.key.clone());
        let open = self.rehearsal.open.get(&slot).map_or(&[][..], Vec::as_slice);
        let remote = open.iter().find(|ticket| ticket.reference == *target);
        let mut others: Vec<String> = open
            .iter()
            .filter(|ticket| ticket.reference != *target)
            .map(|ticket| ticket.reference.number.clone())
            .collect();
        others.sort_unstable();
        others.dedup();
        let ours = self.is_ours(remote).await?;
        let number = &target.number;
        let mut why = match remote {
            Some(remote) if remote.adopted => format!("{number} is open and has no key; `adopt` gives it this one"),
            _ if ours => format!("{number} is open and has its key; an earlier ticket of ours made it"),
            _ => format!("{number} is open and has its key"),
        };
        if !others.is_empty() {
            let others = others.join(", ");
            why = format!("{why}; so are {others}: the oldest gets the note, close the others (TB0305)");
        }
        let found_by = if remote.is_some_and(|remote| remote.adopted) { "adopt" } else { "key" };
        let seen = seen(target, remote, found_by, ours, others);
        Ok(PlannedTicket { ticket: Some(seen), ..Self::base(candidate, Verdict::Note, why) })
    }

    /// Whether a row of this store made a remote ticket.
    async fn is_ours(&self, remote: Option<&RemoteTicket>) -> Result<bool, PlanError> {
        let origin = remote.and_then(|remote| remote.origin.as_deref()).and_then(|text| text.parse::<Uuid>().ok());
        let Some(origin) = origin else { return Ok(false) };
        Ok(self.options.store.ticket(OriginId(origin)).await?.is_some())
    }

    fn own(&self, candidate: &Candidate, target: &TicketReference) -> PlannedTicket {
        let slot = (candidate.platform.clone(), candidate.row.key.clone());
        let open = self.rehearsal.open.get(&slot).map_or(&[][..], Vec::as_slice);
        let remote = open.iter().find(|ticket| ticket.reference == *target);
        let is_done = remote.is_none_or(|remote| remote.work_order.is_some());
        let (then, rest) = if is_done {
            (Vec::new(), "nothing is left to do")
        } else {
            (self.after_create(candidate), "its work order follows")
        };
        let why = format!("{} carries this ticket's own id, so it was made before; {rest}", target.number);
        let seen = seen(target, remote, "origin", true, Vec::new());
        PlannedTicket { ticket: Some(seen), then, ..Self::base(candidate, Verdict::Own, why) }
    }

    /// Encodes what is created and noted. What cannot be encoded is blocked.
    fn encode(
        &self,
        collected: &Collected,
        told: &mut BTreeMap<TicketId, PlannedTicket>,
    ) -> (Vec<PlannedRequest>, Vec<KeptTicket>) {
        let (mut outgoing, mut applicable) = (Vec::new(), Vec::new());
        for candidate in &collected.candidates {
            let Some(planned) = told.get_mut(&candidate.row.id) else { continue };
            let target = planned.ticket.as_ref().map(|seen| (seen.number.clone(), seen.record.clone()));
            let intended = match (planned.verdict, target) {
                (Verdict::Create, _) => Intended::Create,
                (Verdict::Note, Some((number, record))) => Intended::Note { number, record },
                (Verdict::Own, Some((number, record))) => Intended::Own { number, record },
                _ => continue,
            };
            if let Some(one) = outgoing_of(candidate, &intended) {
                match self.hash_alone(&one) {
                    Ok(hash) => planned.body_hash = Some(hash),
                    Err(why) => {
                        planned.verdict = Verdict::Blocked;
                        planned.why = format!("its request cannot be built: {why}");
                        planned.then.clear();
                        continue;
                    }
                }
                outgoing.push(one);
            }
            applicable.extend(kept(candidate, intended, planned.body_hash.clone()));
        }
        let (requests, places) =
            requests::requests(&self.options.config, self.settings, &self.options.platforms, &outgoing);
        for (id, place) in places {
            if let Some(planned) = told.get_mut(&id) {
                planned.request = Some(place);
            }
        }
        (requests, applicable)
    }

    fn hash_alone(&self, outgoing: &Outgoing) -> Result<String, String> {
        let platform = self.options.platforms.usable(&outgoing.platform)?;
        requests::hash_alone(&self.options.config, &platform, outgoing)
    }

    /// Those that wait behind another of their key.
    fn wait_behind(
        &self,
        collected: &Collected,
        told: &mut BTreeMap<TicketId, PlannedTicket>,
        applicable: &mut Vec<KeptTicket>,
    ) {
        for candidate in &collected.candidates {
            let Some(Standing::Behind(first)) = self.rehearsal.standings.get(&candidate.row.id) else { continue };
            if self.obstacle(candidate).is_some() {
                continue;
            }
            let (runs, of_folder) = match told.get(first) {
                Some(planned) => (Some(planned.verdict), planned.id.is_none()),
                None => (None, false),
            };
            let name = match self.origins.get(first) {
                Some(origin) if !of_folder => origin.to_string(),
                _ => String::from("another one of the folder"),
            };
            let (verdict, why) = match runs {
                Some(Verdict::Create | Verdict::Note) => {
                    (Verdict::After, format!("waits until {name} of the same key is done, and notes its ticket"))
                }
                _ if self.under_way.contains(first) => {
                    (Verdict::Blocked, format!("waits for {name} of the same key, which is under way"))
                }
                Some(Verdict::Failed) => {
                    (Verdict::Failed, format!("waits for {name} of the same key; its platform could not be asked"))
                }
                Some(Verdict::Own) => {
                    let why = format!("waits for {name} of the same key, which has a ticket already; plan again then");
                    (Verdict::Blocked, why)
                }
                _ => (Verdict::Blocked, format!("waits for {name} of the same key, which cannot go on")),
            };
            let after = self.origins.get(first).copied().filter(|_| !of_folder);
            let planned = PlannedTicket { after, ..Self::base(candidate, verdict, why) };
            if let (Verdict::After, Some(behind)) = (verdict, after) {
                applicable.extend(kept(candidate, Intended::After { behind }, None));
            }
            told.insert(candidate.row.id, planned);
        }
    }

    fn told_under_way(candidate: &Candidate) -> PlannedTicket {
        let row = &candidate.row;
        let words = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Self::base(candidate, Verdict::UnderWay, format!("{}{words}", row.state))
    }

    fn told_in_error(candidate: &Candidate) -> PlannedTicket {
        let row = &candidate.row;
        let words = row.reason.clone().unwrap_or_else(|| String::from("no reason is kept"));
        let why = format!("{words}; `ticketbridge tickets retry {}` brings it back", row.origin);
        Self::base(candidate, Verdict::Error, why)
    }

    /// What concerns more than one ticket.
    fn remarks(&self, collected: &Collected, tickets: &[PlannedTicket]) -> Vec<String> {
        let mut remarks = collected.problems.clone();
        let going = |ticket: &&PlannedTicket| {
            matches!(ticket.verdict, Verdict::Create | Verdict::Note | Verdict::Own | Verdict::After)
        };
        let backends: BTreeSet<_> = tickets.iter().filter(going).map(|ticket| &ticket.backend).collect();
        for backend in &self.options.config.backends {
            let on = self.settings.backends.get(&backend.name).filter(|_| backends.contains(&backend.name));
            let Some(settings) = on else { continue };
            if self.off.contains(&backend.name) {
                let name = &backend.name;
                remarks.push(format!(
                    "processing of `{name}` is off: `apply` takes its tickets only with --with-processing-off"
                ));
            }
            if let Err(why) = self.options.platforms.usable(&settings.work_orders) {
                remarks
                    .push(format!("`{}` cannot be used, so no work order is made there: {why}", settings.work_orders));
            }
            let lists =
                self.settings.platforms.get(&settings.tickets).and_then(|platform| platform.capabilities.as_ref());
            if lists.is_some_and(|can| !can.finds_notes) {
                let platform = &settings.tickets;
                remarks.push(format!("notes on `{platform}` cannot be looked up: each is written at least once"));
            }
        }
        if tickets.iter().any(|ticket| ticket.id.is_none()) {
            remarks.push(String::from(
                "the tickets of the folder are not in the store: they are shown, with made-up ids in their bodies, and not applied",
            ));
        }
        remarks.sort_unstable();
        remarks.dedup();
        remarks
    }
}

fn seen(
    target: &TicketReference,
    remote: Option<&RemoteTicket>,
    found_by: &'static str,
    ours: bool,
    others: Vec<String>,
) -> SeenTicket {
    SeenTicket {
        number: target.number.clone(),
        record: target.record.clone(),
        status: remote.map(|remote| remote.status.clone()).unwrap_or_default(),
        created_at: remote.and_then(|remote| remote.created_at.clone()),
        found_by,
        ours,
        others,
    }
}

/// A row with its target in it, as its request needs it. `None`: it sends nothing at first.
pub(super) fn outgoing_of(candidate: &Candidate, intended: &Intended) -> Option<Outgoing> {
    let mut row = candidate.row.clone();
    let operation = match intended {
        Intended::Create => Operation::CreateTicket,
        Intended::Note { number, record } => {
            row.ticket = Some(TicketReference { number: number.clone(), record: record.clone() });
            Operation::AddNote
        }
        Intended::Own { .. } | Intended::After { .. } => return None,
    };
    Some(Outgoing { row, platform: candidate.platform.clone(), operation, body: Arc::clone(&candidate.body) })
}

/// What is kept of a ticket; nothing of one that is not in the store.
fn kept(candidate: &Candidate, intended: Intended, body_hash: Option<String>) -> Option<KeptTicket> {
    let row = &candidate.row;
    (!candidate.of_folder).then(|| KeptTicket {
        id: row.origin,
        row: row.id,
        key: row.key.clone(),
        generation: row.generation,
        backend: row.backend.clone(),
        intended,
        body_hash,
    })
}

#[cfg(test)]
mod tests {
    use ticketbridge_config::Config;
    use ticketbridge_core::ticket::{DedupeKey, PlatformName, TicketRow};
    use ticketbridge_store::MemoryStore;

    use super::*;
    use crate::clock::Clock;
    use crate::delivery::delivery_settings;
    use crate::platforms::PlatformSet;

    const CONFIG: &str = r#"
        [platforms.sfyc]
        type = "connector"
        file = "builtin:sfyc"
        host = "127.0.0.1"
        auth = "none"
        [[backends]]
        name = "be-1"
        tickets = "sfyc"
        work_orders = "sfyc"
    "#;

    #[tokio::test]
    async fn a_ticket_that_goes_on_with_its_own_is_told_that_processing_is_off() {
        let config = Config::parse(CONFIG, "test", std::iter::empty()).unwrap().config;
        let options = PlanOptions {
            store: Arc::new(MemoryStore::new(1)),
            platforms: Arc::new(PlatformSet::load(&config, &|_| None, None)),
            config: Arc::new(config),
            clock: Clock::start(),
            data: None,
        };
        let settings = delivery_settings(&options.config, &options.platforms, &*options.store).await.unwrap();
        let backend = BackendName::new("be-1");
        let (origin, key) = (OriginId(Uuid::from_u128(1)), DedupeKey::new("SNR|A").unwrap());
        let row = TicketRow::received(TicketId(1), origin, key, "SNR".into(), backend.clone());
        let platform = PlatformName::new("sfyc");
        let candidate = Candidate { row, platform, body: Arc::from("{}"), of_folder: false };
        let teller = Teller {
            options: &options,
            settings: &settings,
            off: &BTreeSet::from([backend]),
            rehearsal: &Rehearsal::default(),
            origins: BTreeMap::new(),
            under_way: BTreeSet::new(),
        };
        for verdict in [Verdict::Create, Verdict::Note, Verdict::Own, Verdict::After] {
            let remarks = teller.remarks(&Collected::default(), &[Teller::base(&candidate, verdict, String::new())]);
            assert!(
                remarks.iter().any(|text| text.contains("processing of `be-1` is off")),
                "{verdict:?}: {remarks:?}"
            );
        }
        let blocked = Teller::base(&candidate, Verdict::Blocked, String::new());
        assert_eq!(teller.remarks(&Collected::default(), &[blocked]), Vec::<String>::new());
    }
}
