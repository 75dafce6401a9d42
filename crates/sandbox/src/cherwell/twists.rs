//! The faults of one call in the form in which the rules ask for them.

use rand::{Rng, RngExt};

use super::answer::{Failure, FieldError};
use crate::clock::Millis;
use crate::faults::{Knob, OriginChange, OriginField, Twist};

/// Everything that fired on a call and does not decide its whole answer. A twist with a dedupe key acts on the items of that
/// key alone.
#[derive(Debug, Default)]
pub(super) struct Twists<'a> {
    twists: &'a [Twist],
}

/// An item of a write, as twists see it.
pub(super) trait Twisted {
    /// Whether one of its texts contains `text`.
    fn contains(&self, text: &str) -> bool;
    /// The dedupe key of the ticket that it makes, changes or belongs to.
    fn dedupe_key(&self) -> Option<&str>;
    /// The field with this name, or the first, as `(id, value)`.
    fn field(&self, name: Option<&str>) -> Option<(String, String)>;
    /// Whether it is about a ticket that nobody works on any more.
    fn is_about_closed(&self) -> bool;
}

impl<'a> Twists<'a> {
    pub(super) fn of(twists: &'a [Twist]) -> Self {
        Self { twists }
    }

    /// What the last fired knob of a sort says.
    fn last<T>(&self, pick: impl Fn(&'a Knob) -> Option<T>) -> Option<T> {
        self.twists.iter().rev().find_map(|twist| pick(&twist.knob))
    }

    fn of_item(&self, key: Option<&str>) -> impl DoubleEndedIterator<Item = &'a Knob> {
        let concerns = move |twist: &&Twist| twist.dedupe_key.as_deref().is_none_or(|wanted| Some(wanted) == key);
        self.twists.iter().filter(concerns).map(|twist| &twist.knob)
    }

    /// How much later than usual the answer leaves.
    pub(super) fn draw_delay(&self, dice: &mut dyn Rng) -> Millis {
        let range = self.last(|knob| match knob {
            Knob::AnswerDelay { ms, max_ms } => Some((*ms, max_ms.unwrap_or(*ms))),
            _ => None,
        });
        draw(range, dice)
    }

    /// How long searches do not show a new record of a ticket with this dedupe key.
    pub(super) fn draw_index_lag(&self, key: Option<&str>, dice: &mut dyn Rng) -> Millis {
        let range = self.of_item(key).rev().find_map(|knob| match knob {
            Knob::IndexLag { ms, jitter_ms } => Some((*ms, ms + jitter_ms)),
            _ => None,
        });
        draw(range, dice)
    }

    /// The failure with which a fault refuses an item.
    pub(super) fn refuse_item(&self, item: &impl Twisted, dice: &mut dyn Rng) -> Option<Failure> {
        for knob in self.of_item(item.dedupe_key()) {
            let failure = match knob {
                Knob::PartialFailure { share, code, message, .. } if dice.random_bool(*share) => named(code, message),
                Knob::PoisonItem { text, code, message, .. } if item.contains(text) => named(code, message),
                Knob::ValidationError { share, has_error, field } if dice.random_bool(*share) => {
                    invalid(item.field(field.as_deref()), *has_error)
                }
                Knob::ClosedTicketRefused {} if item.is_about_closed() => {
                    Failure::new("GENERALFAILURE", "The record is closed and cannot be changed")
                }
                _ => continue,
            };
            return Some(failure);
        }
        None
    }

    /// Whether a new record gets the public id of the one before it.
    pub(super) fn doubles_public_id(&self, key: Option<&str>) -> bool {
        self.of_item(key).any(|knob| matches!(knob, Knob::DuplicatePublicId {}))
    }

    /// What is stored where `given` was sent in the field of this name; `None` for nothing.
    pub(super) fn stored(&self, field: &str, given: &str, key: Option<&str>) -> Option<String> {
        let is_key = field == "DedupeKey";
        let is_origin = matches!(field, "OriginId" | "ExternalRef" | "Details");
        let change = self.of_item(key).rev().find_map(|knob| match knob {
            Knob::OriginField { change, length, field } => match field {
                OriginField::Origin if is_origin => Some((*change, *length)),
                OriginField::Key if is_key => Some((*change, *length)),
                OriginField::Both if is_key || is_origin => Some((*change, *length)),
                _ => None,
            },
            _ => None,
        });
        match change {
            None => Some(given.to_owned()),
            Some((OriginChange::Trimmed, _)) => Some(given.trim().to_owned()),
            Some((OriginChange::Dropped, _)) => None,
            Some((OriginChange::UpperCased, _)) => Some(given.to_uppercase()),
            Some((OriginChange::Truncated, length)) => Some(given.chars().take(length.unwrap_or(usize::MAX)).collect()),
        }
    }

    /// How many results of a batch are missing at its end, and whether their items are done.
    pub(super) fn short_batch(&self) -> Option<(usize, bool)> {
        self.last(|knob| match knob {
            Knob::ShortBatch { drop, tail_done } => Some((*drop, *tail_done)),
            _ => None,
        })
    }

    /// Drops, doubles, then moves results; reordering leaves none of two or more in its place.
    pub(super) fn shape<T: Clone>(&self, rows: &mut Vec<T>, dice: &mut dyn Rng) {
        for knob in self.twists.iter().map(|twist| &twist.knob) {
            match knob {
                Knob::ShortResults { drop } => {
                    for _ in 0..(*drop).min(rows.len()) {
                        rows.remove(dice.random_range(0..rows.len()));
                    }
                }
                Knob::DuplicatedResults { copies } => {
                    let whole = rows.len();
                    for _ in 0..(*copies).min(whole) {
                        rows.push(rows[dice.random_range(0..whole)].clone());
                    }
                }
                _ => {}
            }
        }
        if self.last(|knob| matches!(knob, Knob::ReorderedResults {}).then_some(())).is_some() {
            for place in (1..rows.len()).rev() {
                rows.swap(place, dice.random_range(0..place));
            }
        }
    }

    /// Whether nothing more is done to tickets that nobody works on any more.
    pub(super) fn refuses_closed(&self) -> bool {
        self.last(|knob| matches!(knob, Knob::ClosedTicketRefused {}).then_some(())).is_some()
    }

    /// Whether look-ups answer nothing.
    pub(super) fn empty_lookups(&self) -> bool {
        self.last(|knob| matches!(knob, Knob::EmptyLookups {}).then_some(())).is_some()
    }

    /// From which page on pages are empty, and whether they claim that more come.
    pub(super) fn empty_page(&self) -> Option<(usize, bool)> {
        self.last(|knob| match knob {
            Knob::EmptyPage { from_page, more } => Some((*from_page, *more)),
            _ => None,
        })
    }

    /// The names of the filters that are ignored; empty for all.
    pub(super) fn ignored_filters(&self) -> Option<&'a [String]> {
        self.last(|knob| match knob {
            Knob::UnknownFilterIgnored { filters } => Some(filters.as_slice()),
            _ => None,
        })
    }

    /// How many related records are left, and whether the total is cut too.
    pub(super) fn related_cut(&self) -> Option<(usize, bool)> {
        self.last(|knob| match knob {
            Knob::RelatedCut { keep, hide_total } => Some((*keep, *hide_total)),
            _ => None,
        })
    }

    /// How many seconds a new access token lives.
    pub(super) fn token_life(&self) -> Option<u64> {
        self.last(|knob| match knob {
            Knob::TokenLife { seconds } => Some(*seconds),
            _ => None,
        })
    }

    /// Whether a token call is refused as one of too many.
    pub(super) fn throttles_login(&self) -> bool {
        self.last(|knob| matches!(knob, Knob::ThrottledLogin { .. }).then_some(())).is_some()
    }

    /// Whether all tokens end with this call.
    pub(super) fn revokes_sessions(&self) -> bool {
        self.last(|knob| matches!(knob, Knob::SessionsRevoked {}).then_some(())).is_some()
    }
}

fn draw(range: Option<(u64, u64)>, dice: &mut dyn Rng) -> Millis {
    match range {
        None => 0,
        Some((least, most)) if least == most => least as Millis,
        Some((least, most)) => dice.random_range(least..=most) as Millis,
    }
}

/// The knobs' common default code is none of Cherwell's.
fn named(code: &str, message: &str) -> Failure {
    Failure::new(if code == "INVALID_FIELD" { "GENERALFAILURE" } else { code }, message)
}

fn invalid(field: Option<(String, String)>, has_error: bool) -> Failure {
    let (field_id, value) = field.unwrap_or_default();
    let error = format!("Value '{}' is not valid", value.chars().take(100).collect::<String>());
    let (code, message) = if has_error { ("ValueNotValid", error.as_str()) } else { ("", "") };
    Failure {
        fields: vec![FieldError { error: error.clone(), error_code: "ValueNotValid", field_id }],
        ..Failure::new(code, message)
    }
}
