//! Things that must happen sometimes in a sweep of mobile tickets.

use std::collections::BTreeMap;

macro_rules! sometimes {
    ($($name:ident = $text:literal,)*) => {
        /// One thing that must happen sometimes; its text says what.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the texts say it")]
        pub enum Sometimes { $($name,)* }

        impl Sometimes {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in a summary.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

sometimes! {
    LeaseTakenOver = "a lease that had run out was taken over",
    StaleFencedOff = "a stale holder was fenced off",
    LeaseLost = "a run ended because its lease was lost",
    LeaseHeldBack = "a request was held back by its lease",
    RunRefused = "a run was refused",
    KeyNotAdvanced = "items came without a new key",
    DiffFailed = "a diff call failed for good",
    PageStored = "a page was stored",
    CreationFound = "a contact was found after an unclear creation",
    CreationSentAgain = "a contact was sent again after its creation was found undone",
    ClaimBusy = "an e-mail was claimed by another organizer",
    ClaimInherited = "a claim went from one organizer to another",
    Halved = "a call was sent again in parts",
    HeldBack = "an item that waited held another one back",
    StrictStop = "a run stopped at a failed item",
    BoxOfficeDown = "the box office counted as away",
    SetUpFault = "the box office refused whole calls",
    RefusedForGood = "the box office refused a write for good",
    Rewound = "the key was rewound",
    ReplayedUnchanged = "a rewound page came back unchanged",
    FileReplayed = "a file was processed",
    FileUnreadable = "a file was no page",
    Previewed = "a preview ran",
    Skipped = "a ticket was skipped",
    Stale = "an item was stale",
    Retried = "an operator let failed items try again",
    Dismissed = "an operator dismissed a failed item",
    ContactCreated = "a contact was created",
    ContactCompleted = "a temporary contact was completed",
    RowClosed = "an open row was closed",
    PeopleCreatedContact = "people created a contact by hand",
    Locked = "a record was locked by people",
    ContactMoved = "people changed the e-mail of a new contact",
    DiedBeforeCommit = "a process died before its transaction",
    DiedAfterCommit = "a process died before it learned of its transaction",
    DiedBeforeRequest = "a process died between intent and request",
    DiedWithRequestOnWire = "a process died with a request on the wire",
    DiedAnywhere = "a process died at no place in particular",
    StoreRefused = "a transaction was refused",
    LongStall = "a process stood still for longer than its lease",
    WallJumpedBack = "a wall clock jumped back",
    Stopped = "a process went down in order",
    ConnectionRefused = "a connection was refused",
    RequestLost = "a request was lost on the wire",
    AnswerLost = "an answer was lost on the wire",
    TimedOut = "a time-out ran out",
    LateEffect = "a contact appeared after its caller had given up",
}

/// How often each of them happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally(Vec<u64>);

impl Default for Tally {
    fn default() -> Self {
        Self(vec![0; Sometimes::ALL.len()])
    }
}

impl Tally {
    pub(super) fn saw(&mut self, what: Sometimes) {
        if let Some(count) = self.0.get_mut(what as usize) {
            *count += 1;
        }
    }

    /// Adds, for every one of them, whether the other saw it at all: the sum counts runs.
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum += u64::from(*count > 0);
        }
    }

    pub(super) fn by_name(&self) -> BTreeMap<&'static str, u64> {
        Sometimes::ALL.iter().zip(&self.0).map(|(what, count)| (what.as_str(), *count)).collect()
    }
}
