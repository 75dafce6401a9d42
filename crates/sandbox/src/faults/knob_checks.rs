//! What each knob may be set to, and on which operations it acts.
//!
//! Limits: times up to one hour, texts of 1 to 1,000 characters, at most 100 filter names.

use super::OperationClass::{Create, Describe, Find, Health, List, Login, Related, Search, Update};
use super::{FaultError, Knob, OperationClass, OriginChange};

pub(super) const MAX_MILLIS: u64 = 3_600_000;
const MAX_SECONDS: u64 = 86_400;
const MAX_TEXT: usize = 1_000;
const MAX_FILTERS: usize = 100;
const MAX_REDELIVERED: usize = 10_000;

impl Knob {
    /// The name in JSON and in the counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IndexLag { .. } => "index_lag",
            Self::AnswerDelay { .. } => "answer_delay",
            Self::CommitThenStall { .. } => "commit_then_stall",
            Self::DelayedEffect { .. } => "delayed_effect",
            Self::ResetBeforeCommit { .. } => "reset_before_commit",
            Self::ResetAfterCommit { .. } => "reset_after_commit",
            Self::ServerError { .. } => "server_error",
            Self::HtmlAnswer { .. } => "html_answer",
            Self::CutJson { .. } => "cut_json",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::ShortResults { .. } => "short_results",
            Self::ReorderedResults {} => "reordered_results",
            Self::DuplicatedResults { .. } => "duplicated_results",
            Self::PartialFailure { .. } => "partial_failure",
            Self::PoisonItem { .. } => "poison_item",
            Self::PoisonCall { .. } => "poison_call",
            Self::ClosedTicketRefused {} => "closed_ticket_refused",
            Self::EmptyLookups {} => "empty_lookups",
            Self::UnknownFilterIgnored { .. } => "unknown_filter_ignored",
            Self::OriginField { .. } => "origin_field",
            Self::EmptyPage { .. } => "empty_page",
            Self::TokenRevoked {} => "token_revoked",
            Self::Forbidden {} => "forbidden",
            Self::Unavailable { .. } => "unavailable",
            Self::CallFailure { .. } => "call_failure",
            Self::ShortBatch { .. } => "short_batch",
            Self::ValidationError { .. } => "validation_error",
            Self::DuplicatePublicId {} => "duplicate_public_id",
            Self::RelatedCut { .. } => "related_cut",
            Self::TokenLife { .. } => "token_life",
            Self::SessionsRevoked {} => "sessions_revoked",
            Self::ThrottledLogin { .. } => "throttled_login",
            Self::Redelivery { .. } => "redelivery",
            Self::KeyNotAdvanced {} => "key_not_advanced",
            Self::NextKeyMissing { .. } => "next_key_missing",
            Self::KeepAliveClosed {} => "keep_alive_closed",
        }
    }

    /// Whether the knob decides the whole answer; only one such knob is used per call.
    pub fn is_exclusive(&self) -> bool {
        matches!(
            self,
            Self::CommitThenStall { .. }
                | Self::DelayedEffect { .. }
                | Self::ResetBeforeCommit { .. }
                | Self::ResetAfterCommit { .. }
                | Self::ServerError { .. }
                | Self::HtmlAnswer { .. }
                | Self::CutJson { .. }
                | Self::TooManyRequests { .. }
                | Self::PoisonCall { .. }
                | Self::TokenRevoked {}
                | Self::Forbidden {}
                | Self::Unavailable { .. }
                | Self::CallFailure { .. }
                | Self::KeepAliveClosed {}
        )
    }

    /// Whether the knob has a meaning on a platform, whatever the operation.
    pub(super) fn fits(&self, platform: &str) -> bool {
        match self {
            Self::ShortBatch { .. }
            | Self::ValidationError { .. }
            | Self::DuplicatePublicId {}
            | Self::RelatedCut { .. }
            | Self::TokenLife { .. }
            | Self::SessionsRevoked {}
            | Self::ThrottledLogin { .. } => platform == "cherwell",
            Self::Redelivery { .. } | Self::KeyNotAdvanced {} | Self::NextKeyMissing { .. } => platform == "tixngo",
            // What S-360 has stored is seen at once, its references have one form, and nothing of it is ever closed.
            Self::IndexLag { .. }
            | Self::OriginField { .. }
            | Self::ClosedTicketRefused {}
            | Self::EmptyPage { .. } => platform != "s360",
            _ => true,
        }
    }

    /// The operations on which the knob acts if the rule names none.
    pub(super) fn usual_classes(&self) -> &'static [OperationClass] {
        match self {
            Self::CommitThenStall { .. }
            | Self::ResetAfterCommit { .. }
            | Self::ShortResults { .. }
            | Self::ReorderedResults {}
            | Self::DuplicatedResults { .. } => &[Create, Update],
            Self::EmptyLookups {} | Self::UnknownFilterIgnored { .. } => &[Find, Search],
            Self::EmptyPage { .. } => &[List, Search],
            _ => self.possible_classes(),
        }
    }

    /// The operations on which the knob can act at all.
    pub(super) fn possible_classes(&self) -> &'static [OperationClass] {
        match self {
            Self::IndexLag { .. } | Self::OriginField { .. } | Self::DuplicatePublicId {} => &[Create],
            Self::DelayedEffect { .. }
            | Self::PartialFailure { .. }
            | Self::PoisonItem { .. }
            | Self::PoisonCall { .. }
            | Self::ShortBatch { .. }
            | Self::ValidationError { .. }
            | Self::ClosedTicketRefused {} => &[Create, Update],
            Self::ShortResults { .. } | Self::ReorderedResults {} | Self::DuplicatedResults { .. } => {
                &[List, Find, Search, Related, Create, Update]
            }
            Self::EmptyLookups {} | Self::UnknownFilterIgnored { .. } | Self::EmptyPage { .. } => &[List, Find, Search],
            Self::Redelivery { .. } | Self::KeyNotAdvanced {} | Self::NextKeyMissing { .. } => &[List],
            Self::RelatedCut { .. } => &[Related],
            Self::TokenLife { .. } | Self::ThrottledLogin { .. } => &[Login],
            Self::TokenRevoked {} | Self::Forbidden {} | Self::SessionsRevoked {} => {
                &[Describe, List, Find, Search, Related, Create, Update, Health]
            }
            _ => &[Login, Describe, List, Find, Search, Related, Create, Update, Health],
        }
    }

    /// Checks every field against its range.
    pub(super) fn check(&self) -> Result<(), FaultError> {
        let refuse = |field, problem: String| Err(FaultError::OutOfRange { knob: self.name(), field, problem });
        let time = |field, ms: u64| {
            if ms > MAX_MILLIS { refuse(field, format!("must be at most {MAX_MILLIS}")) } else { Ok(()) }
        };
        let text = |field, text: &str| {
            let length = text.chars().count();
            if length == 0 || length > MAX_TEXT {
                refuse(field, format!("must have 1 to {MAX_TEXT} characters"))
            } else {
                Ok(())
            }
        };
        let status = |fits: bool, problem: &str| if fits { Ok(()) } else { refuse("status", problem.to_owned()) };
        match self {
            Self::IndexLag { ms, jitter_ms } => time("ms", *ms).and_then(|()| time("jitter_ms", *jitter_ms)),
            Self::AnswerDelay { ms, max_ms } => {
                if max_ms.is_some_and(|max| max < *ms) {
                    return refuse("max_ms", "must not be less than `ms`".to_owned());
                }
                time("ms", *ms).and_then(|()| time("max_ms", max_ms.unwrap_or(0)))
            }
            Self::CommitThenStall { answer_after_ms } => time("answer_after_ms", answer_after_ms.unwrap_or(0)),
            Self::DelayedEffect { effect_after_ms, .. } => time("effect_after_ms", *effect_after_ms),
            Self::ResetBeforeCommit { after_ms } | Self::ResetAfterCommit { after_ms } => time("after_ms", *after_ms),
            Self::ServerError { status: given, .. } => {
                status(*given == 409 || (500..=599).contains(given), "must be 409 or one of 500 to 599")
            }
            Self::HtmlAnswer { status: given, .. } => {
                status(*given == 200 || (400..=599).contains(given), "must be 200 or one of 400 to 599")
            }
            Self::PoisonCall { text: given, status: code } => {
                status([400, 413, 422, 500].contains(code), "must be 400, 413, 422 or 500")?;
                text("text", given)
            }
            Self::TooManyRequests { retry_after_s, .. } if *retry_after_s > MAX_SECONDS => {
                refuse("retry_after_s", format!("must be at most {MAX_SECONDS}"))
            }
            Self::Unavailable { retry_after_s: Some(seconds) } if *seconds > MAX_SECONDS => {
                refuse("retry_after_s", format!("must be at most {MAX_SECONDS}"))
            }
            Self::TokenLife { seconds } if !(1..=MAX_SECONDS).contains(seconds) => {
                refuse("seconds", format!("must be from 1 to {MAX_SECONDS}"))
            }
            Self::CallFailure { status: given, code, message, .. } => {
                status((400..=599).contains(given), "must be one of 400 to 599")?;
                text("code", code)?;
                text("message", message)
            }
            Self::ValidationError { share, .. } if !(0.0..=1.0).contains(share) => {
                refuse("share", "must be between 0 and 1".to_owned())
            }
            Self::ShortBatch { drop: 0, .. } | Self::ShortResults { drop: 0 } => {
                refuse("drop", "must be at least 1".to_owned())
            }
            Self::Redelivery { items } if !(1..=MAX_REDELIVERED).contains(items) => {
                refuse("items", format!("must be from 1 to {MAX_REDELIVERED}"))
            }
            Self::DuplicatedResults { copies: 0 } => refuse("copies", "must be at least 1".to_owned()),
            Self::EmptyPage { from_page: 0, .. } => refuse("from_page", "must be at least 1".to_owned()),
            Self::PartialFailure { share, code, message, .. } => {
                if !(0.0..=1.0).contains(share) {
                    return refuse("share", "must be between 0 and 1".to_owned());
                }
                text("code", code)?;
                text("message", message)
            }
            Self::PoisonItem { text: given, code, message, .. } => {
                text("text", given)?;
                text("code", code)?;
                text("message", message)
            }
            Self::UnknownFilterIgnored { filters } if filters.len() > MAX_FILTERS => {
                refuse("filters", format!("must have at most {MAX_FILTERS} names"))
            }
            Self::OriginField { change, length, .. } => match (change, length) {
                (OriginChange::Truncated, None) => refuse("length", "is needed for `truncated`".to_owned()),
                (OriginChange::Truncated, Some(_)) | (_, None) => Ok(()),
                (_, Some(_)) => refuse("length", "only goes with `truncated`".to_owned()),
            },
            _ => Ok(()),
        }
    }
}
