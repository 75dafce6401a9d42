//! Creating contacts: the one write of this job that must not be sent twice (TIXNGO contract §7.1, S-360 contract).
//!
//! 1. The e-mail is claimed, in a transaction of its own: from then on nobody else creates a contact for it.
//! 2. The claim keeps the `requestRef` of its first try. Only under the claim are reference and e-mail looked up, in this
//!    order, and the item decided anew. A contact with the reference is the item's, whatever its e-mail is by now.
//! 3. If a try was sent and has no clear answer, a contact that is not there is created again only when that try can no
//!    longer take effect: `in_doubt_for` after its call was over, after this run began if an earlier run sent it, or after
//!    the claim came over from a run of another organizer.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use ticketbridge_core::mobile::{Contact, ContactNumber, Decision, Email, Item, View, Write, decide};
use ticketbridge_core::time::Mono;
use ticketbridge_platforms::s360::{self, LookUp};
use ticketbridge_store::{Claim, ClaimAnswer, SentBefore};

use super::run::{Runner, Stop, held};
use super::wave::{Active, Left, Tally};

/// SHA-256 of a normalised e-mail.
pub(super) type ClaimedEmail = [u8; 32];

/// Creations of this run without a clear answer.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    sent: HashMap<ClaimedEmail, Mono>,
    over_at: Option<Mono>,
}

impl Doubts {
    /// When the last of them can no longer take effect; `None`: there are none.
    pub(super) fn over_at(&self) -> Option<Mono> {
        self.over_at
    }

    /// A creation was sent, at `at` or before.
    pub(super) fn sent(&mut self, email: ClaimedEmail, at: Mono) {
        self.sent.insert(email, at);
    }

    fn note(&mut self, until: Mono) {
        self.over_at = self.over_at.max(Some(until));
    }
}

impl Runner<'_> {
    /// Claims the e-mails whose contacts are to be created, and decides their items anew. Answers what may be written.
    pub(super) async fn claim_contacts<'p>(
        &mut self,
        active: Vec<Active<'p>>,
        view: &mut View,
        tally: &mut Tally,
        left: &mut Vec<Left<'p>>,
    ) -> Result<Vec<Active<'p>>, Stop> {
        let (creating, mut ready): (Vec<_>, Vec<_>) = active.into_iter().partition(|one| to_create(one).is_some());
        if creating.is_empty() {
            return Ok(ready);
        }
        let claims = creating.iter().filter_map(|one| {
            let (email, request_ref) = to_create(one)?;
            Some(Claim { email: hash(email), request_ref: request_ref.into() })
        });
        let box_office = &self.function.box_office;
        let answers = self.parts.store.claim_contacts(&self.fence, box_office, claims.collect()).await?;
        let answers = held(answers)?;
        // In this order: what appears in between is found by its e-mail, and decided upon like any other contact.
        let made = self.look_up_earlier(&answers).await?;
        let emails = creating.iter().filter_map(|one| to_create(one).map(|(email, _)| email));
        self.look_up_contacts(emails, view).await?;
        for (one, answer) in creating.into_iter().zip(answers) {
            match answer {
                ClaimAnswer::Busy => left.push(Left {
                    one: one.one,
                    reason: "a run of another organizer is creating the contact".into(),
                    retry_after: None,
                }),
                ClaimAnswer::Granted { request_ref, sent_before } => {
                    let earlier = match (made.get(&*request_ref), sent_before) {
                        (Some(number), _) => Earlier::Made(number.clone()),
                        (None, SentBefore::No) => Earlier::None,
                        (None, SentBefore::Ours) => Earlier::NotSeen,
                        (None, SentBefore::Others) => {
                            // Its holder may have sent it a moment ago.
                            let now = self.parts.time.now().mono;
                            self.doubts.sent.extend(to_create(&one).map(|(email, _)| (hash(email), now)));
                            Earlier::NotSeen
                        }
                    };
                    ready.extend(self.decide_claimed(one, &request_ref, earlier, view, tally, left));
                }
            }
        }
        Ok(ready)
    }

    /// The contacts that earlier tries have made, by reference. Also where no try is known: a try of this item may have
    /// been settled before its process died, and people may have changed the e-mail since.
    async fn look_up_earlier(&mut self, answers: &[ClaimAnswer]) -> Result<HashMap<Box<str>, ContactNumber>, Stop> {
        let granted = answers.iter().filter_map(|answer| match answer {
            ClaimAnswer::Granted { request_ref, .. } => Some(&**request_ref),
            ClaimAnswer::Busy => None,
        });
        let mut made: HashMap<Box<str>, ContactNumber> = HashMap::new();
        let references: Vec<&str> = granted.collect();
        for part in LookUp::ContactsByRequestRef(&references).parts() {
            let found = self.read(&part, s360::read_contacts).await?;
            for Contact { contact_number, request_ref, .. } in found {
                let Some(reference) = request_ref else { continue };
                let known = made.entry(reference).or_insert_with(|| contact_number.clone());
                *known = contact_number.min(known.clone());
            }
        }
        Ok(made)
    }

    /// An item under its claim, on what the box office shows since.
    fn decide_claimed<'p>(
        &mut self,
        active: Active<'p>,
        request_ref: &str,
        earlier: Earlier,
        view: &View,
        tally: &mut Tally,
        left: &mut Vec<Left<'p>>,
    ) -> Option<Active<'p>> {
        let Active { one, plan, .. } = active;
        let email = one.item.target_email().map(hash)?;
        let item: &'p Item<'p> = one.item;
        let Ok(decision) = decide(item, view, &self.rules) else {
            left.push(Left { one, reason: "the box office's answers leave it undecided".into(), retry_after: None });
            return None;
        };
        let plan = match decision {
            Decision::Update(plan) => plan,
            other => {
                drop(plan);
                self.writes.released_claims.push(email);
                return self.take_decision(one, other, tally);
            }
        };
        let mut active = Active { one, plan, claim: Some(email) };
        if to_create(&active).is_none() {
            self.writes.released_claims.push(email);
            active.claim = None;
            return Some(active);
        }
        active.plan.refer(request_ref);
        match earlier {
            Earlier::None => Some(active),
            Earlier::Made(number) => {
                self.confirm(&mut active, Some(&number));
                Some(active)
            }
            Earlier::NotSeen => {
                let sent_at = self.doubts.sent.get(&email).copied().unwrap_or(self.begun);
                let until = sent_at.after(self.function.in_doubt_for);
                if self.parts.time.now().mono >= until {
                    return Some(active);
                }
                self.doubts.note(until);
                let reason = "its contact may still appear: the request to create it had no clear answer".into();
                left.push(Left { one: active.one, reason, retry_after: None });
                None
            }
        }
    }
}

/// What is known of an earlier try to create a contact.
enum Earlier {
    /// None is known, and it has made no contact.
    None,
    /// It has made this contact.
    Made(ContactNumber),
    /// One was sent, and no contact is there; it may still appear.
    NotSeen,
}

/// E-mail and reference of the contact that an item creates next.
pub(super) fn to_create<'a>(active: &'a Active<'_>) -> Option<(&'a Email<'a>, &'a str)> {
    match active.plan.next()? {
        Write::CreateContact(write) => Some((&write.email, &write.request_ref)),
        _ => None,
    }
}

fn hash(email: &Email<'_>) -> ClaimedEmail {
    Sha256::digest(email.as_str()).into()
}
