//! What every platform is to the engine.

use ticketbridge_core::effect::{CallClass, Capabilities, Found, LookUpFault, Operation, Outcome, Query};
use ticketbridge_core::ticket::{DedupeKey, OriginId, TicketId, TicketReference};

use crate::{HttpCall, Transport};

/// One item of a batch, with all that a request may need.
#[derive(Debug, Clone)]
pub struct Item {
    /// The row.
    pub id: TicketId,
    /// Our id for it.
    pub origin: OriginId,
    /// What it is about.
    pub key: DedupeKey,
    /// Its kind, as received.
    pub kind: String,
    /// The remote ticket; always there but for [`Operation::CreateTicket`].
    pub ticket: Option<TicketReference>,
    /// The work-order number; there for [`Operation::LinkWorkOrder`].
    pub work_order: Option<String>,
    /// The work order's record id, if the work order lives on this very platform and has one.
    pub work_order_record: Option<String>,
    /// The note's text with its marker; there for [`Operation::AddNote`].
    pub note: Option<String>,
    /// The ticket as compact JSON, as received.
    pub body: std::sync::Arc<str>,
}

/// An item that cannot be put into a request: it is at fault itself, its neighbours are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeFault {
    /// The item; `None`: the operation as a whole can't be encoded (configuration).
    pub item: Option<TicketId>,
    /// What is wrong and what to do, for people.
    pub why: String,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// About the call as a whole.
    pub call: CallClass,
    /// One outcome per item sent, in the order sent, attributed by key. Only looked at if `call` is
    /// [`CallClass::Answered`].
    pub outcomes: Vec<Outcome>,
}

/// What an answer means, or what has to be asked before that can be said.
pub enum Verdict {
    /// All is known.
    Done(Decoded),
    /// The answer alone does not tell: more requests of the same batch follow, and they decide. Only reads and
    /// idempotent writes may follow; a failed follow-up leaves every item Unknown.
    More(Box<dyn Dialogue<Decoded>>),
}

/// A platform: pure halves with an HTTP client between them. Built once per configuration, used by many tasks.
pub trait Platform: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Whether it supports an operation at all (a connector may leave some out).
    fn supports(&self, operation: Operation) -> bool;

    /// Begins to learn what must be known of the platform before anything is asked of it or sent to it (names become
    /// ids, versions, offsets). `None`: nothing has to be learned, or all is known. Asked before every request, so it
    /// must be quick. What was learned holds until the adapter finds it outdated, or [`Platform::forget`] is called.
    fn prepare(&self) -> Option<Box<dyn Dialogue<Vec<Learned>>>> {
        None
    }

    /// What was learned is to be learned anew at the next request.
    fn forget(&self) {}

    /// The request for a batch.
    fn encode(&self, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault>;

    /// What the answer to it means.
    fn decode(&self, operation: Operation, items: &[Item], transport: &Transport) -> Verdict;

    /// Begins a look-up, which may take several requests.
    fn look_up(&self, query: &Query) -> Result<Box<dyn Dialogue<Found>>, LookUpFault>;

    /// The request that ends a login, for platforms where a login costs something. Sent at a clean stop, if there is a
    /// login to end.
    fn farewell(&self) -> Option<HttpCall> {
        None
    }
}

/// One thing that was learned while a platform was prepared, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Learned {
    /// What it is about: `version`, `field dedupe_key`.
    pub what: String,
    /// What was seen.
    pub seen: String,
    /// It works, and an operator should look at it all the same.
    pub warning: bool,
}

/// Requests that build on each other: ask for the next one, hand in its answer, until there is none left.
pub trait Dialogue<Answer>: Send {
    /// The next request; `None`: all answers are in, call [`Dialogue::finish`].
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault>;

    /// Takes the answer to the request of the last [`Dialogue::next_call`]. An answer that is unclear or does not add
    /// up is a fault: the whole dialogue failed.
    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault>;

    /// The complete answer.
    fn finish(self: Box<Self>) -> Result<Answer, LookUpFault>;
}
