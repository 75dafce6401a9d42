//! Things that must happen sometimes: a sweep that never meets one of them tests less than it says.

/// Makes the list of what must happen sometimes, and the tally of how often each of it did.
macro_rules! sometimes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One thing that must happen sometimes; its text says what.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Sometimes { $($(#[$doc])* #[doc = concat!("In a summary: ", $text, ".")] $name,)* }

        impl Sometimes {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name in a summary.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }

        /// How often each of them happened.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct Tally(Vec<u64>);

        impl Default for Tally {
            fn default() -> Self {
                Self(vec![0; Sometimes::ALL.len()])
            }
        }

        impl Tally {
            pub(crate) fn saw(&mut self, what: Sometimes) {
                if let Some(count) = self.0.get_mut(what as usize) {
                    *count += 1;
                }
            }

            /// Adds, for every one of them, whether the other saw it at all: the sum counts runs.
            pub(crate) fn add(&mut self, other: &Self) {
                for (sum, count) in self.0.iter_mut().zip(&other.0) {
                    *sum += u64::from(*count > 0);
                }
            }

            pub(crate) fn by_name(&self) -> std::collections::BTreeMap<&'static str, u64> {
                Sometimes::ALL.iter().zip(&self.0).map(|(what, count)| (what.as_str(), *count)).collect()
            }
        }
    };
}

#[cfg(feature = "mobile")]
pub(crate) use sometimes;

sometimes! {
    /// A look-up found what an unclear answer left open.
    DoubtFoundApplied = "an unclear effect was found applied",
    /// Look-ups that count found nothing.
    DoubtFoundNothing = "an unclear effect was found not applied",
    /// A create was sent a second time.
    CreateSentAgain = "a create was sent again",
    /// A process died with a request on the wire.
    DiedWithRequestOnWire = "a process died with a request on the wire",
    /// A process died between intent and request.
    DiedBeforeRequest = "a process died between intent and request",
    /// A process died before its transaction reached the disk.
    DiedBeforeCommit = "a process died before its transaction was durable",
    /// A process died before it learned that its transaction was durable.
    DiedBeforeReceipt = "a process died before it learned that its transaction was durable",
    /// A lane went from one living process to another.
    LaneChangedHands = "a lane changed hands between living processes",
    /// A stale token was turned down.
    FenceHeld = "a stale token wrote nothing",
    /// The last look at the lease held a request back.
    LeaseHeldBack = "a request was held back by its lease",
    /// A row was changed by an operator under a transaction.
    StaleRow = "a transaction met a row that an operator had changed",
    /// A transaction failed.
    CommitFailed = "a transaction could not be carried out",
    /// A breaker opened.
    BreakerOpened = "a breaker opened",
    /// A breaker closed.
    BreakerClosed = "a breaker closed",
    /// A platform asked for a pause.
    Paused = "a platform asked for a pause",
    /// An operation was held back.
    OperationHeld = "an operation was held back",
    /// A refused batch was sent again in halves.
    Halved = "a batch was halved",
    /// A look-up failed.
    LookUpFailed = "a look-up failed",
    /// Creating stopped.
    CreatingStopped = "creating stopped",
    /// Creating went on.
    CreatingResumed = "creating went on",
    /// The lag was learned.
    LagLearned = "an index lag was learned",
    /// A ticket became a note.
    BecameNote = "a ticket became a note",
    /// A ticket was completed by creation.
    CompletedByCreation = "a ticket was completed by creation",
    /// A ticket ended in Error.
    EndedInError = "a ticket ended in Error",
    /// An operator let a ticket try again.
    Retried = "an operator let a ticket try again",
    /// An operator dismissed a ticket.
    Dismissed = "an operator dismissed a ticket",
    /// An effect came after its answer had failed.
    LateEffect = "an effect came after its caller had given up",
    /// An answer was lost on the wire.
    AnswerLost = "an answer was lost on the wire",
    /// A request was lost on the wire.
    RequestLost = "a request was lost on the wire",
    /// A connection was refused.
    ConnectionRefused = "a connection was refused",
    /// A time-out ran out.
    TimedOut = "a time-out ran out",
    /// The wall clock of a process jumped back.
    WallJumpedBack = "a wall clock jumped back",
    /// A process stood still for longer than its lease.
    LongStall = "a process stood still for longer than its lease",
    /// Processing was off while tickets waited.
    SwitchedOff = "processing was off while tickets waited",
    /// A store was suspect.
    SuspectStore = "a store was suspect",
    /// A problem was reported to operators.
    ProblemReported = "a problem was reported",
    /// A clean stop and a new start.
    Drained = "a process went down in order",
    /// A token was fetched.
    LoggedIn = "a token was fetched",
    /// A request that was turned down with 401 left again with a newer token.
    TokenRenewed = "a request left again with a newer token",
    /// Tickets on one platform, work orders on another.
    TwoPlatforms = "a work order was created on another platform",
}
