//! The faults of one call in the form in which the rules ask for them.

use rand::{Rng, RngExt};

use super::answer::ItemError;
use crate::clock::Millis;
use crate::faults::{Knob, OriginChange, OriginField, Twist};
use crate::shaping::{Shaping, draw};

/// Everything that fired on a call and does not decide its whole answer. Where two rules of one knob fire, the later one
/// wins; poison texts and shares add up.
#[derive(Debug, Default)]
pub(super) struct Twists<'a> {
    index_lag: Option<(u64, u64)>,
    delay: Option<(u64, u64)>,
    refusals: Vec<(Refused<'a>, ItemError)>,
    origin: Option<(OriginChange, usize, OriginField)>,
    pub(super) shaping: Shaping,
    pub(super) refuse_closed: bool,
    pub(super) empty_lookups: bool,
    pub(super) empty_page: Option<(usize, bool)>,
    pub(super) ignored_filters: Option<&'a [String]>,
}

#[derive(Debug)]
enum Refused<'a> {
    Share(f64),
    Text(&'a str),
}

impl<'a> Twists<'a> {
    pub(super) fn of(fired: &'a [Twist]) -> Self {
        let mut twists = Self::default();
        for Twist { knob, .. } in fired {
            match knob {
                Knob::IndexLag { ms, jitter_ms } => twists.index_lag = Some((*ms, ms + jitter_ms)),
                Knob::AnswerDelay { ms, max_ms } => twists.delay = Some((*ms, max_ms.unwrap_or(*ms))),
                Knob::ShortResults { drop } => twists.shaping.drop = *drop,
                Knob::ReorderedResults {} => twists.shaping.reorder = true,
                Knob::DuplicatedResults { copies } => twists.shaping.copies = *copies,
                Knob::PartialFailure { share, code, message, retryable } => {
                    twists.refusals.push((Refused::Share(*share), error(code, message, *retryable)));
                }
                Knob::PoisonItem { text, code, message, retryable } => {
                    twists.refusals.push((Refused::Text(text), error(code, message, *retryable)));
                }
                Knob::ClosedTicketRefused {} => twists.refuse_closed = true,
                Knob::EmptyLookups {} => twists.empty_lookups = true,
                Knob::UnknownFilterIgnored { filters } => twists.ignored_filters = Some(filters),
                Knob::OriginField { change, length, field } => {
                    twists.origin = Some((*change, length.unwrap_or(usize::MAX), *field));
                }
                Knob::EmptyPage { from_page, more } => twists.empty_page = Some((*from_page, *more)),
                _ => {}
            }
        }
        twists
    }

    /// How much later than usual the answer leaves.
    pub(super) fn draw_delay(&self, dice: &mut dyn Rng) -> Millis {
        draw(self.delay, dice)
    }

    /// How long searches do not show a new record.
    pub(super) fn draw_index_lag(&self, dice: &mut dyn Rng) -> Millis {
        draw(self.index_lag, dice)
    }

    /// Whether a fault refuses an item; `contains` tells whether a text is in it.
    pub(super) fn refuse_item(&self, dice: &mut dyn Rng, contains: impl Fn(&str) -> bool) -> Option<ItemError> {
        let refused = self.refusals.iter().find(|(refused, _)| match refused {
            Refused::Share(share) => dice.random_bool(*share),
            Refused::Text(text) => contains(text),
        });
        refused.map(|(_, error)| error.clone())
    }

    /// The reference that is stored where `given` was sent as an origin id.
    pub(super) fn origin(&self, given: &str) -> Option<Box<str>> {
        self.stored(given, OriginField::Key)
    }

    /// The reference that is stored where `given` was sent as a dedupe key.
    pub(super) fn key(&self, given: &str) -> Option<Box<str>> {
        self.stored(given, OriginField::Origin)
    }

    fn stored(&self, given: &str, the_other: OriginField) -> Option<Box<str>> {
        let Some((change, length, _)) = self.origin.filter(|(_, _, field)| *field != the_other) else {
            return Some(given.into());
        };
        match change {
            OriginChange::Trimmed => Some(given.trim().into()),
            OriginChange::Dropped => None,
            OriginChange::UpperCased => Some(given.to_uppercase().into()),
            OriginChange::Truncated => Some(given.chars().take(length).collect::<String>().into()),
        }
    }
}

fn error(code: &str, message: &str, retryable: bool) -> ItemError {
    ItemError { code: code.to_owned(), message: message.to_owned(), retryable }
}
