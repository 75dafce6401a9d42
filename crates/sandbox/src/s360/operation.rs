//! Which operation a call is.

use http::Method;

use crate::call::Call;
use crate::faults::{Catalogue, OperationClass};

/// The operations of S-360 by the names that fault rules and counters use.
pub static CATALOGUE: Catalogue = Catalogue {
    platform: "s360",
    operations: &[
        ("find_tickets", OperationClass::Find),
        ("find_history", OperationClass::Find),
        ("find_contacts", OperationClass::Find),
        ("find_distributions", OperationClass::Find),
        ("write_mobile", OperationClass::Update),
        ("create_contacts", OperationClass::Create),
        ("update_contacts", OperationClass::Update),
        ("write_distributions", OperationClass::Update),
        ("set_cultural_contacts", OperationClass::Update),
    ],
};

/// One of the contract's operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `GET /tickets?ticketId=`.
    FindTickets,
    /// `GET /tickets/{ticketId}/history`; the ticket's id.
    FindHistory(String),
    /// `GET /contacts?email=` or `?requestRef=`.
    FindContacts,
    /// `GET /distributions?ticketId=`.
    FindDistributions,
    /// `POST /tickets/mobile`.
    WriteMobile,
    /// `POST /contacts`.
    CreateContacts,
    /// `POST /contacts/update`.
    UpdateContacts,
    /// `POST /distributions`.
    WriteDistributions,
    /// `POST /tickets/cultural-contact`.
    SetCulturalContacts,
}

/// Why a call is no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// The path does not exist.
    Path,
    /// The path exists, but only with these methods.
    Method { allowed: &'static str },
}

/// The part of the base path `/s360/api/v1` that belongs to the interface.
const BASE: &str = "/api/v1";

impl Operation {
    /// The operation's name in fault rules and counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FindTickets => "find_tickets",
            Self::FindHistory(_) => "find_history",
            Self::FindContacts => "find_contacts",
            Self::FindDistributions => "find_distributions",
            Self::WriteMobile => "write_mobile",
            Self::CreateContacts => "create_contacts",
            Self::UpdateContacts => "update_contacts",
            Self::WriteDistributions => "write_distributions",
            Self::SetCulturalContacts => "set_cultural_contacts",
        }
    }

    pub(super) fn of(call: &Call) -> Result<Self, Miss> {
        let get = call.method == Method::GET;
        let post = call.method == Method::POST;
        let Some(path) = call.path.strip_prefix(BASE) else { return Err(Miss::Path) };
        match path {
            "/tickets" if get => Ok(Self::FindTickets),
            "/contacts" if get => Ok(Self::FindContacts),
            "/contacts" if post => Ok(Self::CreateContacts),
            "/distributions" if get => Ok(Self::FindDistributions),
            "/distributions" if post => Ok(Self::WriteDistributions),
            "/tickets/mobile" if post => Ok(Self::WriteMobile),
            "/contacts/update" if post => Ok(Self::UpdateContacts),
            "/tickets/cultural-contact" if post => Ok(Self::SetCulturalContacts),
            "/tickets" => Err(Miss::Method { allowed: "GET" }),
            "/contacts" | "/distributions" => Err(Miss::Method { allowed: "GET, POST" }),
            "/tickets/mobile" | "/contacts/update" | "/tickets/cultural-contact" => {
                Err(Miss::Method { allowed: "POST" })
            }
            _ => match path.strip_prefix("/tickets/").and_then(|path| path.strip_suffix("/history")) {
                Some(id) if get => Ok(Self::FindHistory(id.to_owned())),
                Some(_) => Err(Miss::Method { allowed: "GET" }),
                None => Err(Miss::Path),
            },
        }
    }
}
