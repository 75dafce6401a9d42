//! The faults of one call in the form in which the rules ask for them.

use rand::{Rng, RngExt};

use super::answer::ItemError;
use super::write::Item;
use crate::clock::Millis;
use crate::faults::{Knob, Twist};
use crate::shaping::{Shaping, draw};

/// Everything that fired on a call and does not decide its whole answer. Where two rules of one knob fire, the later one
/// wins; refusals of items add up, and a refusal with a key acts on the items of that key alone.
#[derive(Debug, Default)]
pub(super) struct Twists<'a> {
    delay: Option<(u64, u64)>,
    refusals: Vec<(Refused<'a>, Option<&'a str>, ItemError)>,
    pub(super) shaping: Shaping,
    pub(super) empty_lookups: bool,
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
        for Twist { knob, dedupe_key } in fired {
            let key = dedupe_key.as_deref();
            match knob {
                Knob::AnswerDelay { ms, max_ms } => twists.delay = Some((*ms, max_ms.unwrap_or(*ms))),
                Knob::ShortResults { drop } => twists.shaping.drop = *drop,
                Knob::ReorderedResults {} => twists.shaping.reorder = true,
                Knob::DuplicatedResults { copies } => twists.shaping.copies = *copies,
                Knob::PartialFailure { share, code, message, retryable } => {
                    twists.refusals.push((Refused::Share(*share), key, error(code, message, *retryable)));
                }
                Knob::PoisonItem { text, code, message, retryable } => {
                    twists.refusals.push((Refused::Text(text), key, error(code, message, *retryable)));
                }
                Knob::EmptyLookups {} => twists.empty_lookups = true,
                Knob::UnknownFilterIgnored { filters } => twists.ignored_filters = Some(filters),
                _ => {}
            }
        }
        twists
    }

    /// How much later than usual the answer leaves.
    pub(super) fn draw_delay(&self, dice: &mut dyn Rng) -> Millis {
        draw(self.delay, dice)
    }

    /// Whether a read ignores this filter.
    pub(super) fn ignores(&self, filter: &str) -> bool {
        self.ignored_filters.is_some_and(|names| names.is_empty() || names.iter().any(|name| name == filter))
    }

    /// Whether a fault refuses an item.
    pub(super) fn refuse_item(&self, item: &Item, dice: &mut dyn Rng) -> Option<ItemError> {
        let refused = self.refusals.iter().find(|(refused, key, _)| {
            key.is_none_or(|key| item.has_key(key))
                && match refused {
                    Refused::Share(share) => dice.random_bool(*share),
                    Refused::Text(text) => item.contains(text),
                }
        });
        refused.map(|(_, _, error)| error.clone())
    }
}

fn error(code: &str, message: &str, retryable: bool) -> ItemError {
    ItemError { code: code.to_owned(), message: message.to_owned(), retryable }
}
