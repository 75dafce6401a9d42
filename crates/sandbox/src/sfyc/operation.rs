//! Which operation a call is.

use http::Method;

use crate::call::Call;
use crate::faults::{Catalogue, OperationClass};

/// The operations of SFyC by the names that fault rules and counters use.
pub static CATALOGUE: Catalogue = Catalogue {
    platform: "sfyc",
    operations: &[
        ("retrieve_tickets", OperationClass::List),
        ("find_tickets", OperationClass::Find),
        ("add_notes", OperationClass::Create),
        ("find_notes", OperationClass::Find),
        ("create_tickets", OperationClass::Create),
        ("create_work_orders", OperationClass::Create),
        ("find_work_orders", OperationClass::Find),
        ("link_work_orders", OperationClass::Update),
        ("health", OperationClass::Health),
    ],
};

/// One of the contract's operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `GET /tickets` without a key.
    RetrieveTickets,
    /// `GET /tickets?externalRef=`.
    FindTickets,
    /// `POST /notes`.
    AddNotes,
    /// `GET /notes?noteRef=`.
    FindNotes,
    /// `POST /tickets`.
    CreateTickets,
    /// `POST /work-orders`.
    CreateWorkOrders,
    /// `GET /work-orders?externalRef=` or `?ticketNumber=`.
    FindWorkOrders,
    /// `POST /tickets/work-order`.
    LinkWorkOrders,
    /// `GET /health`.
    Health,
}

/// Why a call is no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// The path does not exist.
    Path,
    /// The path exists, but only with these methods.
    Method { allowed: &'static str },
}

impl Operation {
    /// The operation's name in fault rules and counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::RetrieveTickets => "retrieve_tickets",
            Self::FindTickets => "find_tickets",
            Self::AddNotes => "add_notes",
            Self::FindNotes => "find_notes",
            Self::CreateTickets => "create_tickets",
            Self::CreateWorkOrders => "create_work_orders",
            Self::FindWorkOrders => "find_work_orders",
            Self::LinkWorkOrders => "link_work_orders",
            Self::Health => "health",
        }
    }

    pub(super) fn of(call: &Call) -> Result<Self, Miss> {
        let get = call.method == Method::GET;
        let post = call.method == Method::POST;
        match call.path.as_str() {
            "/tickets" if get && call.query.iter().any(|(name, _)| name == "externalRef") => Ok(Self::FindTickets),
            "/tickets" if get => Ok(Self::RetrieveTickets),
            "/tickets" if post => Ok(Self::CreateTickets),
            "/notes" if get => Ok(Self::FindNotes),
            "/notes" if post => Ok(Self::AddNotes),
            "/work-orders" if get => Ok(Self::FindWorkOrders),
            "/work-orders" if post => Ok(Self::CreateWorkOrders),
            "/tickets/work-order" if post => Ok(Self::LinkWorkOrders),
            "/health" if get => Ok(Self::Health),
            "/tickets" | "/notes" | "/work-orders" => Err(Miss::Method { allowed: "GET, POST" }),
            "/tickets/work-order" => Err(Miss::Method { allowed: "POST" }),
            "/health" => Err(Miss::Method { allowed: "GET" }),
            _ => Err(Miss::Path),
        }
    }
}
