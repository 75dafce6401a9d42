//! What an answer means as a whole (Cherwell contract §12).

use http::StatusCode;
use serde_json::Value;
use ticketbridge_core::effect::LookUpFault;

use super::Shared;
use crate::LoginFault;
use crate::Transport;
use crate::fault::fault;

/// Why a read has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadFault {
    /// `RECORDNOTFOUND`: the record (or the parent) is not there.
    Missing,
    /// Anything else.
    Fault(LookUpFault),
}

impl From<ReadFault> for LookUpFault {
    fn from(read: ReadFault) -> Self {
        match read {
            ReadFault::Missing => fault("the record is not there"),
            ReadFault::Fault(fault) => fault,
        }
    }
}

/// The JSON body of a read that worked. Names that the site does not know any more are learned anew.
pub(super) fn read(_shared: &Shared, _transport: &Transport) -> Result<Value, ReadFault> {
    Err(ReadFault::Fault(fault("being written")))
}

/// What a refused login means.
pub(super) fn login(_status: StatusCode, _error: &str, _description: &str) -> LoginFault {
    LoginFault::Refused
}
