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

/// A platform: pure halves with an HTTP client between them. Built once per configuration, used by many tasks.
pub trait Platform: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Whether it supports an operation at all (a connector may leave some out).
    fn supports(&self, operation: Operation) -> bool;

    /// The request for a batch.
    fn encode(&self, operation: Operation, items: &[Item]) -> Result<HttpCall, EncodeFault>;

    /// What the answer to it means.
    fn decode(&self, operation: Operation, items: &[Item], transport: &Transport) -> Decoded;

    /// Begins a look-up, which may take several requests.
    fn look_up(&self, query: &Query) -> Result<Box<dyn LookUp>, LookUpFault>;
}

/// A look-up under way: ask for the next request, hand in its answer, until it is done.
pub trait LookUp: Send {
    /// The next request; `None`: all pages are in, call [`LookUp::finish`].
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault>;

    /// Takes the answer to the request of the last [`LookUp::next_call`]. An answer that is unclear or does not add
    /// up is a fault: the whole look-up failed.
    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault>;

    /// The complete answer.
    fn finish(self: Box<Self>) -> Result<Found, LookUpFault>;
}
