//! What the checks know: leases, intents, pages, answers of the wallet, claims and creations, as they were seen at the
//! seams; and what people have touched, so that its end says nothing about the program.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use ticketbridge_core::mobile::{Email, Item, KeyMove, MoveReason, Page, PaginationKey, Reading, SkipList, WriteKind};
use ticketbridge_platforms::HttpCall;
use ticketbridge_platforms::s360::MAX_WRITES;
use ticketbridge_store::{
    CallId, Claim, ClaimAnswer, FeedbackWrites, ItemChange, ItemId, NewPage, PageId, RunFence, RunGrant, RunId,
    SentBefore,
};

use super::process::Who;
use super::setting::ORGANIZERS;
use super::sometimes::Sometimes;
use super::teeth::Guard;
use super::world::World;
use crate::checks::Violation;

/// Failures that the item brings with it; all others come from the box office.
const OWN_FAULTS: [&str; 6] =
    ["BAD_ITEM", "UNKNOWN_STATUS", "BAD_FIELD", "UNKNOWN_TICKET", "TAX_NUMBER_MISMATCH", "UNKNOWN_ORGANIZATION"];

#[derive(Debug, Default)]
struct Lease {
    token: i64,
    run: i64,
    until: u64,
    open: bool,
    /// When the run read the skip list last.
    list_read: u64,
    life: u64,
    /// Its end was refused, so that the lease must run out.
    end_refused: bool,
}

#[derive(Debug)]
struct Intent {
    who: Who,
    token: i64,
    kind: WriteKind,
    items: Vec<ItemId>,
    hash: [u8; 32],
    left: bool,
}

/// One item of a stored page, as far as the checks look at it.
#[derive(Debug, Clone, Default)]
pub(super) struct ItemRecord {
    pub(super) ticket: Option<Box<str>>,
    pub(super) tax_number: Option<Box<str>>,
    pub(super) emails: Vec<Box<str>>,
}

/// A stored page.
#[derive(Debug)]
pub(super) struct PageRecord {
    pub(super) organizer: usize,
    pub(super) body: Bytes,
    pub(super) items: Vec<ItemRecord>,
    hash: [u8; 32],
}

#[derive(Debug)]
struct Answered {
    sent: PaginationKey,
    next: Option<PaginationKey>,
    hash: [u8; 32],
    body: Bytes,
}

/// A creation whose answer was unclear: whose claim it was, and whether it was sent again since.
#[derive(Debug)]
struct Doubt {
    organizer: usize,
    sent_again: bool,
}

/// A contact of ours, by the e-mail that it was created with.
#[derive(Debug)]
struct Created {
    request_ref: String,
    /// The program knows of it.
    is_known: bool,
    /// People gave it another e-mail.
    is_moved: bool,
}

#[derive(Debug)]
struct SkipEntry {
    organizer: usize,
    entry: String,
    list: SkipList,
    since: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    leases: Vec<Lease>,
    intents: Vec<Intent>,
    pub(super) pages: BTreeMap<i64, PageRecord>,
    answered: Vec<Vec<Answered>>,
    moves: Vec<u64>,
    /// Items by what names their content.
    pub(super) contents: BTreeMap<String, Bytes>,
    doubts: BTreeMap<[u8; 32], Doubt>,
    created: BTreeMap<String, Created>,
    skips: Vec<SkipEntry>,
    in_flight: Vec<usize>,
    /// Tickets of whose end nothing can be said: skipped, dismissed, refused for good by a fault.
    pub(super) out: BTreeSet<Box<str>>,
    /// Tickets and e-mails that people have worked on, so that contacts and rows may differ.
    pub(super) loose: BTreeSet<Box<str>>,
    pub(super) loose_emails: BTreeSet<Box<str>>,
}

fn digest(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

impl ItemRecord {
    fn read(json: &str) -> (Self, Option<String>) {
        match Item::read(json, &SkipList::default()) {
            Reading::Item(item) => {
                let emails = [item.target_email(), item.sender_email(), item.owner_email()];
                let emails = emails.into_iter().flatten().map(|email| email.as_str().into()).collect();
                let ticket = Some((&*item.ticket_id).into());
                (Self { ticket, tax_number: item.tax_number.as_deref().map(Into::into), emails }, Some(item.change_ref))
            }
            Reading::Skipped { .. } => (Self::default(), None),
            Reading::Failed { ticket_id, .. } => {
                (Self { ticket: ticket_id.as_deref().map(Into::into), ..Self::default() }, None)
            }
        }
    }
}

impl Ledger {
    pub(super) fn new(organizers: usize) -> Self {
        Self {
            leases: (0..organizers).map(|_| Lease::default()).collect(),
            intents: Vec::new(),
            pages: BTreeMap::new(),
            answered: (0..organizers).map(|_| Vec::new()).collect(),
            moves: vec![0; organizers],
            contents: BTreeMap::new(),
            doubts: BTreeMap::new(),
            created: BTreeMap::new(),
            skips: Vec::new(),
            in_flight: vec![0; organizers],
            out: BTreeSet::new(),
            loose: BTreeSet::new(),
            loose_emails: BTreeSet::new(),
        }
    }

    // ---- leases (I9) ----

    /// A write to the store that was carried out shows the newest token.
    pub(super) fn check_fence(&self, fence: &RunFence, is_lost: bool, what: &str) -> Option<Violation> {
        let lease = self.leases.get(World::place_of(&fence.organizer))?;
        let is_stale = lease.token != fence.token;
        (is_stale && !is_lost).then(|| {
            let text = format!(
                "run {} with the stale token {} {what}; the newest is {}",
                fence.run.0, fence.token, lease.token
            );
            Violation::new("I9", None, text)
        })
    }

    pub(super) fn newest_fence(&self, fence: &RunFence) -> RunFence {
        let lease = &self.leases[World::place_of(&fence.organizer)];
        if lease.open {
            RunFence { organizer: fence.organizer.clone(), run: RunId(lease.run), token: lease.token }
        } else {
            fence.clone()
        }
    }

    pub(super) fn renewed(&mut self, fence: &RunFence, until: u64) {
        let lease = &mut self.leases[World::place_of(&fence.organizer)];
        if lease.token == fence.token {
            lease.until = until;
        }
    }

    pub(super) fn ended(&mut self, fence: &RunFence) {
        let lease = &mut self.leases[World::place_of(&fence.organizer)];
        lease.open &= lease.token != fence.token;
    }

    pub(super) fn end_refused(&mut self, fence: &RunFence) {
        let lease = &mut self.leases[World::place_of(&fence.organizer)];
        lease.end_refused |= lease.token == fence.token;
    }

    /// A process is done with a run: the lease is given back, unless the store would not have it.
    pub(super) fn check_release(&self, who: Who) -> Option<Violation> {
        let lease = &self.leases[who.organizer];
        let is_kept = lease.open && lease.life == who.life && !lease.end_refused;
        is_kept.then(|| {
            let text = format!("run {} of {} is over, and keeps its lease", lease.run, ORGANIZERS[who.organizer]);
            Violation::new("release", None, text)
        })
    }

    /// An operator has fenced the last run off.
    pub(super) fn rewound(&mut self, organizer: usize, now: u64) -> Option<Violation> {
        let lease = &mut self.leases[organizer];
        let wrong = (lease.open && lease.until > now)
            .then(|| Violation::new("I9", None, format!("the key was rewound during run {}", lease.run)));
        lease.token += 1;
        lease.open = false;
        wrong
    }

    // ---- diff calls (I9) and answers ----

    /// A diff call leaves.
    pub(super) fn diff_leaves(&mut self, who: Who, now: u64) -> Option<Violation> {
        let organizer = who.organizer;
        self.in_flight[organizer] += 1;
        let lease = &self.leases[organizer];
        if lease.life != who.life || !lease.open || lease.until <= now {
            return Some(Violation::new("I9", None, format!("{who} sends a diff call although its lease is over")));
        }
        (self.in_flight[organizer] > 1).then(|| {
            let text = format!("{} diff calls of {} are in flight", self.in_flight[organizer], ORGANIZERS[organizer]);
            Violation::new("I9", None, text)
        })
    }

    pub(super) fn diff_over(&mut self, organizer: usize) {
        self.in_flight[organizer] -= 1;
    }

    /// The wallet answers a call with this key.
    pub(super) fn answered(&mut self, organizer: usize, sent: PaginationKey, body: &Bytes) {
        let Ok(page) = Page::read(body) else { return };
        if page.items.is_empty() {
            return;
        }
        let next = page.next_key.clone();
        self.answered[organizer].push(Answered { sent, next, hash: digest(body), body: body.clone() });
    }

    /// One of the pages that the wallet answered.
    pub(super) fn any_answer(&self, organizer: usize, draw: u64) -> Option<Bytes> {
        let all = &self.answered[organizer];
        let place = draw.checked_rem(all.len() as u64)?;
        all.get(place as usize).map(|one| one.body.clone())
    }

    // ---- pages and key (I8) ----

    /// Each move of the key that is new comes with a page that the wallet answered under the old key.
    pub(super) fn check_moves(&mut self, organizer: usize, newest_first: &[KeyMove]) -> Option<Violation> {
        let seen = self.moves[organizer];
        self.moves[organizer] = newest_first.first().map_or(seen, |step| step.n.max(seen));
        newest_first.iter().filter(|step| step.n > seen && step.reason == MoveReason::Page).find_map(|step| {
            let came = |one: &&Answered| one.sent == step.old && one.next.as_ref() == Some(&step.new);
            let stored =
                |one: &Answered| self.pages.values().any(|page| page.organizer == organizer && page.hash == one.hash);
            let is_stored = self.answered[organizer].iter().filter(came).any(stored);
            (!is_stored).then(|| {
                let text =
                    format!("move {} of the key of {} passes a page that is not stored", step.n, ORGANIZERS[organizer]);
                Violation::new("I8", None, text)
            })
        })
    }

    pub(super) fn stored(&mut self, organizer: usize, id: PageId, page: &NewPage) {
        let mut items = Vec::new();
        if let Ok(read) = Page::read(&page.body) {
            for json in read.items {
                let (record, change_ref) = ItemRecord::read(json);
                if let Some(change_ref) = change_ref {
                    self.contents.insert(change_ref, Bytes::copy_from_slice(json.as_bytes()));
                }
                items.push(record);
            }
        }
        let hash = digest(&page.body);
        self.pages.insert(id.0, PageRecord { organizer, body: page.body.clone(), items, hash });
    }

    pub(super) fn newest_pages(&self, organizer: usize, most: usize) -> Vec<PageId> {
        let of_organizer = self.pages.iter().rev().filter(|(_, page)| page.organizer == organizer);
        of_organizer.take(most).map(|(id, _)| PageId(*id)).collect()
    }

    pub(super) fn item(&self, id: ItemId) -> Option<&ItemRecord> {
        self.pages.get(&id.page.0)?.items.get(id.position as usize)
    }

    // ---- the skip list (I10) ----

    pub(super) fn skip(&mut self, organizer: usize, entry: &str, since: u64) {
        let list = SkipList::parse(entry);
        self.skips.push(SkipEntry { organizer, entry: entry.to_owned(), list, since });
    }

    pub(super) fn unskip(&mut self, organizer: usize, entry: &str) {
        self.skips.retain(|one| one.organizer != organizer || one.entry != entry);
    }

    pub(super) fn any_skip(&self, draw: u64) -> Option<(usize, String)> {
        let place = draw.checked_rem(self.skips.len() as u64)?;
        self.skips.get(place as usize).filter(|one| one.since > 0).map(|one| (one.organizer, one.entry.clone()))
    }

    fn check_skip(&self, organizer: usize, items: &[ItemId]) -> Option<Violation> {
        let read = self.leases[organizer].list_read;
        let skips = || self.skips.iter().filter(|one| one.organizer == organizer && one.since <= read);
        items.iter().filter_map(|id| self.item(*id)).find_map(|item| {
            let ticket = item.ticket.as_deref()?;
            let is_skipped = skips().any(|one| one.list.contains(ticket, item.tax_number.as_deref()));
            is_skipped.then(|| Violation::new("I10", Some(ticket), format!("the skipped ticket {ticket} is written")))
        })
    }

    // ---- contacts ----

    /// No contact of ours is created for an e-mail that has one.
    pub(super) fn check_creation(&mut self, email: &str, request_ref: &str) -> Option<Violation> {
        let is_over = |known: &&Created| known.is_moved && known.is_known && known.request_ref != request_ref;
        let known = self.created.get(email).filter(|known| !is_over(known));
        let wrong = known.map(|known| {
            let text = format!("a second contact is created for {email}: {request_ref} after {}", known.request_ref);
            Violation::new("once", Some(email), text)
        });
        let created = Created { request_ref: request_ref.to_owned(), is_known: false, is_moved: false };
        self.created.insert(email.to_owned(), created);
        wrong
    }

    /// E-mails of contacts of ours that are where they were created, those that the program does not know of first.
    pub(super) fn movable(&self) -> Option<(String, String)> {
        let at_home = || self.created.iter().filter(|(_, one)| !one.is_moved);
        let found = at_home().find(|(_, one)| !one.is_known).or_else(|| at_home().next());
        found.map(|(email, one)| (email.clone(), one.request_ref.clone()))
    }

    pub(super) fn moved(&mut self, email: &str) {
        if let Some(created) = self.created.get_mut(email) {
            created.is_moved = true;
        }
    }

    /// Whether a creation for it is unclear.
    pub(super) fn is_in_doubt(&self, email: &str) -> bool {
        self.created.get(email).is_some_and(|created| !created.is_known)
    }

    /// Of its end nothing can be said, nor of the contacts that it names.
    pub(super) fn give_up(&mut self, id: ItemId) {
        let Some(item) = self.item(id).cloned() else { return };
        self.out.extend(item.ticket);
        self.loose_emails.extend(item.emails);
    }
}

impl World {
    pub(super) fn begun(&mut self, who: Who, grant: &RunGrant, life: u64) {
        let now = self.now;
        let fence = &grant.fence;
        self.trace.mark(&[7, now, who.life, fence.token as u64]);
        self.trace.mention(now, || {
            (Vec::new(), format!("{who}: run {} begins, {} open pages", fence.run.0, grant.open_pages.len()))
        });
        let lease = &mut self.ledger.leases[who.organizer];
        let is_alive = lease.open && lease.until > now;
        let wrong = (is_alive || fence.token <= lease.token).then(|| {
            let text = format!(
                "run {} begins with token {} beside run {} with token {}",
                fence.run.0, fence.token, lease.run, lease.token
            );
            Violation::new("I9", None, text)
        });
        let took_over = lease.open && !is_alive;
        *lease = Lease {
            token: fence.token,
            run: fence.run.0,
            until: now + life,
            open: true,
            list_read: now,
            life: who.life,
            end_refused: false,
        };
        if took_over {
            self.tally.saw(Sometimes::LeaseTakenOver);
        }
        self.judge(wrong);
        if self.without == Some(Guard::Order) {
            self.keep_beginning(who.organizer);
        }
    }

    /// A process reads the skip list.
    pub(super) fn list_read(&mut self, who: Who) {
        let lease = &mut self.ledger.leases[who.organizer];
        if lease.life == who.life {
            lease.list_read = self.now;
        }
    }

    /// A decision of a run was committed.
    pub(super) fn written(&mut self, who: Who, fence: &RunFence, writes: &FeedbackWrites, ids: &[CallId]) {
        for write in &writes.items {
            if let ItemChange::Failed(failure) = &write.change
                && !OWN_FAULTS.contains(&&*failure.code)
            {
                self.tally.saw(Sometimes::RefusedForGood);
                self.ledger.give_up(write.item);
            }
        }
        let ledger = &mut self.ledger;
        let of_email: Vec<String> = ledger.created.keys().cloned().collect();
        for email in of_email {
            if writes.released_claims.contains(&digest(email.as_bytes()))
                && let Some(created) = ledger.created.get_mut(&email)
            {
                created.is_known = true;
            }
        }
        for email in &writes.sent_claims {
            if let Some(doubt) = ledger.doubts.get_mut(email) {
                doubt.sent_again = true;
                self.tally.saw(Sometimes::CreationSentAgain);
            } else {
                ledger.doubts.insert(*email, Doubt { organizer: who.organizer, sent_again: true });
            }
        }
        for email in &writes.released_claims {
            if ledger.doubts.remove(email).is_some_and(|doubt| !doubt.sent_again) {
                self.tally.saw(Sometimes::CreationFound);
            }
        }
        for (place, intent) in writes.intents.iter().enumerate() {
            let is_half = |earlier: &Intent| {
                earlier.token == fence.token
                    && earlier.who.organizer == who.organizer
                    && earlier.kind == intent.kind
                    && earlier.items.len() > intent.items.len()
                    && intent.items.iter().all(|item| earlier.items.contains(item))
            };
            if ledger.intents.iter().any(is_half) {
                self.tally.saw(Sometimes::Halved);
            }
            // Without the guard there is no number, and nothing is known of it.
            if ids.get(place).is_some() {
                ledger.intents.push(Intent {
                    who,
                    token: fence.token,
                    kind: intent.kind,
                    items: intent.items.clone(),
                    hash: intent.body_hash,
                    left: false,
                });
            }
        }
    }

    pub(super) fn claimed(&mut self, organizer: usize, claim: &Claim, answer: &ClaimAnswer) {
        match answer {
            ClaimAnswer::Busy => self.tally.saw(Sometimes::ClaimBusy),
            ClaimAnswer::Granted { sent_before: SentBefore::Ours | SentBefore::Others, .. } => {
                let doubt = self.ledger.doubts.entry(claim.email).or_insert(Doubt { organizer, sent_again: false });
                doubt.sent_again = false;
                if doubt.organizer != organizer {
                    doubt.organizer = organizer;
                    self.tally.saw(Sometimes::ClaimInherited);
                }
            }
            ClaimAnswer::Granted { sent_before: SentBefore::No, .. } => {
                self.ledger.doubts.remove(&claim.email);
            }
        }
    }

    /// A write leaves: I3, I9, I10 and the limit of its size.
    pub(super) fn check_departure(&mut self, who: Who, call: &HttpCall) -> Option<Violation> {
        let body = call.body.as_ref()?;
        let hash = digest(body);
        let now = self.now;
        let fits = |intent: &&mut Intent| !intent.left && intent.who == who && intent.hash == hash;
        let Some(intent) = self.ledger.intents.iter_mut().rev().find(fits) else {
            let text = format!("{who} sends {} {} without its committed intent", call.method, call.target);
            return Some(Violation::new("I3", None, text));
        };
        intent.left = true;
        let (token, items) = (intent.token, intent.items.clone());
        let lease = &self.ledger.leases[who.organizer];
        if lease.token != token || !lease.open || lease.until <= now {
            let text = format!("{who} sends {} with token {token} although its lease is over", call.target);
            return Some(Violation::new("I9", None, text));
        }
        let count = serde_json::from_slice::<Value>(body).ok().and_then(|body| Some(body["items"].as_array()?.len()));
        if count != Some(items.len()) || items.len() > MAX_WRITES {
            let text = format!("{} carries {count:?} items; its intent names {}", call.target, items.len());
            return Some(Violation::new("I3", None, text));
        }
        if body.windows(11).any(|part| part == b"printStatus") {
            return Some(Violation::new("print-status", None, format!("{} writes `printStatus`", call.target)));
        }
        self.ledger.check_skip(who.organizer, &items)
    }
}

/// An e-mail in its normalised form, or as it is.
pub(super) fn normalised(email: &str) -> String {
    Email::normalised(email.into()).map_or_else(|| email.to_owned(), |email| email.as_str().to_owned())
}
