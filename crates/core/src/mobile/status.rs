//! The 19 lifecycle statuses (TIXNGO contract §4.3), what they mean for contacts and rows (§6.5), and the mapping of V4
//! items to them (§4.4).

use serde::{Deserialize, Serialize};

use super::json;
use super::personal::Email;

/// A lifecycle status. Compared exactly, stored verbatim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Status {
    Injected,
    Downloaded,
    Assigned,
    Controlled,
    PendingTransfer,
    FailureTransfer,
    Transferred,
    BtActivated,
    ManualActivated,
    OfflineActivated,
    OnlineActivated,
    DeletionPending,
    Deleted,
    Activated,
    Deactivated,
    Default,
    Invalid,
    Pending,
    Failure,
}

/// What a status says about a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferStage {
    /// Under way: `PENDING_TRANSFER`, and `PENDING`, which behaves like it.
    Pending,
    /// Came to nothing: `FAILURE`, `FAILURE_TRANSFER`.
    Cancelled,
    /// Done: `TRANSFERRED`.
    Confirmed,
}

impl Status {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 19] = [
        Self::Injected,
        Self::Downloaded,
        Self::Assigned,
        Self::Controlled,
        Self::PendingTransfer,
        Self::FailureTransfer,
        Self::Transferred,
        Self::BtActivated,
        Self::ManualActivated,
        Self::OfflineActivated,
        Self::OnlineActivated,
        Self::DeletionPending,
        Self::Deleted,
        Self::Activated,
        Self::Deactivated,
        Self::Default,
        Self::Invalid,
        Self::Pending,
        Self::Failure,
    ];

    /// As it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Injected => "INJECTED",
            Self::Downloaded => "DOWNLOADED",
            Self::Assigned => "ASSIGNED",
            Self::Controlled => "CONTROLLED",
            Self::PendingTransfer => "PENDING_TRANSFER",
            Self::FailureTransfer => "FAILURE_TRANSFER",
            Self::Transferred => "TRANSFERRED",
            Self::BtActivated => "BT_ACTIVATED",
            Self::ManualActivated => "MANUAL_ACTIVATED",
            Self::OfflineActivated => "OFFLINE_ACTIVATED",
            Self::OnlineActivated => "ONLINE_ACTIVATED",
            Self::DeletionPending => "DELETION_PENDING",
            Self::Deleted => "DELETED",
            Self::Activated => "ACTIVATED",
            Self::Deactivated => "DEACTIVATED",
            Self::Default => "DEFAULT",
            Self::Invalid => "INVALID",
            Self::Pending => "PENDING",
            Self::Failure => "FAILURE",
        }
    }

    /// The status with exactly this name.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// What it says about a transfer; `None` for the 14 statuses that move no ticket.
    pub fn transfer_stage(self) -> Option<TransferStage> {
        match self {
            Self::PendingTransfer | Self::Pending => Some(TransferStage::Pending),
            Self::Failure | Self::FailureTransfer => Some(TransferStage::Cancelled),
            Self::Transferred => Some(TransferStage::Confirmed),
            _ => None,
        }
    }
}

/// The lifecycle status of a V4 item: the first line of contract §4.4 that fits. `None`: unknown.
///
/// Read literally, the lines with an instant (CONTROLLED, ACTIVATED, ASSIGNED) fit whatever the status says. Arguments
/// are raw JSON: `attributes` and `previous_owner` may be anything.
pub(super) fn from_v4(status: &str, attributes: Option<&str>, previous_owner: Option<&str>) -> Option<Status> {
    let names = ["controlledAt", "activatedAt", "assignedAt"];
    let [controlled, activated, assigned] =
        attributes.and_then(|raw| json::members(raw, &names)).unwrap_or([None; 3]).map(is_set);
    match status {
        "DELETED" => Some(Status::Deleted),
        "DELETION_PENDING" => Some(Status::DeletionPending),
        _ if controlled => Some(Status::Controlled),
        "PENDING_TRANSFER" => Some(Status::PendingTransfer),
        _ if activated => Some(Status::Activated),
        _ if assigned => Some(Status::Assigned),
        "NOT_DOWNLOADED" => Some(Status::Injected),
        "DOWNLOADED" if is_email(previous_owner) => Some(Status::Transferred),
        "DOWNLOADED" => Some(Status::Downloaded),
        _ => None,
    }
}

/// A string that is not empty.
fn is_set(raw: Option<&str>) -> bool {
    raw.is_some_and(|raw| raw.starts_with('"') && raw != "\"\"")
}

fn is_email(raw: Option<&str>) -> bool {
    raw.and_then(json::string).is_some_and(|text| Email::normalised(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_19_reads_back_and_serializes_as_its_name() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).expect("JSON"), status.as_str());
        }
    }

    #[test]
    fn names_are_compared_exactly() {
        for text in ["", "injected", "INJECTED ", "TELEPORTED", "NOT_DOWNLOADED"] {
            assert_eq!(Status::named(text), None, "{text}");
        }
    }

    #[test]
    fn v4_takes_the_first_line_that_fits() {
        const ALL_SET: &str = r#"{"controlledAt":"x","activatedAt":"x","assignedAt":"x"}"#;
        const ACTIVATED: &str = r#"{"controlledAt":"","activatedAt":"x","assignedAt":"x"}"#;
        const ASSIGNED: &str = r#"{"controlledAt":null,"activatedAt":0,"assignedAt":"x"}"#;
        for (status, attributes, previous, expected) in [
            ("DELETED", Some(ALL_SET), None, Some(Status::Deleted)),
            ("DELETION_PENDING", Some(ALL_SET), None, Some(Status::DeletionPending)),
            ("PENDING_TRANSFER", Some(ALL_SET), None, Some(Status::Controlled)),
            ("DOWNLOADED", Some(ALL_SET), Some("\"a@b\""), Some(Status::Controlled)),
            ("PENDING_TRANSFER", Some(ACTIVATED), None, Some(Status::PendingTransfer)),
            ("DOWNLOADED", Some(ACTIVATED), Some("\"a@b\""), Some(Status::Activated)),
            ("NOT_DOWNLOADED", Some(ASSIGNED), None, Some(Status::Assigned)),
            ("NOT_DOWNLOADED", Some("{}"), Some("\"a@b\""), Some(Status::Injected)),
            ("DOWNLOADED", None, Some("\" A@b \""), Some(Status::Transferred)),
            ("DOWNLOADED", Some("[]"), Some("\"nobody\""), Some(Status::Downloaded)),
            ("DOWNLOADED", Some("7"), Some("7"), Some(Status::Downloaded)),
            ("DOWNLOADED", None, None, Some(Status::Downloaded)),
            ("TRANSFERRED", None, None, None),
            ("downloaded", None, None, None),
        ] {
            assert_eq!(from_v4(status, attributes, previous), expected, "{status} {attributes:?} {previous:?}");
        }
    }
}
