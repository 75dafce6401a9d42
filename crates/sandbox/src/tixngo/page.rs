//! What one call is answered: the part of the stream behind a key, and what faults make of it.

use bytes::{BufMut, Bytes, BytesMut};
use rand::{Rng, RngExt};
use serde_json::json;

use super::stream::{Entry, Stream};
use crate::call::Reply;
use crate::faults::{Knob, MissingKey, Twist};
use crate::shaping::{Shaping, draw};

/// One page on its way to the caller.
#[derive(Debug)]
pub(super) struct Page {
    items: Vec<Bytes>,
    /// How the items are asked for, as the answer repeats it.
    limit: usize,
    next: NextKey,
    has_more: bool,
    /// The page as it was given, as long as no fault changes it.
    as_given: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NextKey {
    Text(String),
    Missing(MissingKey),
}

/// What a call asks for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) limit: usize,
    /// The key as it came.
    pub(super) key: Option<&'a str>,
    /// The place that it stands for.
    pub(super) place: u64,
}

impl Page {
    /// The page behind a place; `key_of` names the place at its end.
    pub(super) fn cut(stream: &Stream, asked: &Asked<'_>, key_of: impl Fn(u64) -> String) -> Self {
        let kept = asked.key.map_or(NextKey::Missing(MissingKey::Null), |key| NextKey::Text(key.to_owned()));
        let mut page = Self { items: Vec::new(), limit: asked.limit, next: kept, has_more: false, as_given: None };
        let mut end = None;
        for (place, entry) in stream.after(asked.place) {
            match entry {
                Entry::Page(given) if end.is_none() => {
                    page.items.clone_from(&given.items);
                    let key = given.next_key.as_deref().map(|key| NextKey::Text(key.to_owned()));
                    page.next = key.unwrap_or(NextKey::Missing(MissingKey::Null));
                    page.as_given = Some(given.whole.clone());
                    page.has_more = stream.after(place).next().is_some();
                    return page;
                }
                Entry::Change { item, .. } if page.items.len() < asked.limit => {
                    page.items.push(item.clone());
                    end = Some(place);
                }
                _ => {
                    page.has_more = true;
                    break;
                }
            }
        }
        if let Some(end) = end {
            page.next = NextKey::Text(key_of(end));
        }
        page
    }

    /// How many items it has.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Lets the faults of this call change it.
    pub(super) fn twist(&mut self, twists: &[Twist], stream: &Stream, asked: &Asked<'_>, dice: &mut dyn Rng) {
        let mut shaping = Shaping::default();
        let had_items = !self.items.is_empty();
        for Twist { knob, .. } in twists {
            match knob {
                Knob::Redelivery { items } => self.redeliver(*items, stream, asked, dice),
                Knob::KeyNotAdvanced {} if had_items => {
                    self.next = NextKey::Text(asked.key.unwrap_or_default().to_owned());
                }
                Knob::NextKeyMissing { form } => self.next = NextKey::Missing(*form),
                Knob::EmptyPage { more, .. } => {
                    self.items.clear();
                    self.has_more = *more;
                }
                Knob::EmptyLookups {} => {
                    self.items.clear();
                    self.next =
                        asked.key.map_or(NextKey::Missing(MissingKey::Null), |key| NextKey::Text(key.to_owned()));
                    self.has_more = false;
                }
                Knob::ShortResults { drop } => shaping.drop = *drop,
                Knob::ReorderedResults {} => shaping.reorder = true,
                Knob::DuplicatedResults { copies } => shaping.copies = *copies,
                // Nothing about the page: it is answered as it was given.
                _ => continue,
            }
            self.as_given = None;
        }
        shaping.apply(&mut self.items, dice);
    }

    /// Puts items that were answered before in front, oldest change first; at the start of the stream, where there are none,
    /// copies of the page's own at its end.
    fn redeliver(&mut self, wanted: usize, stream: &Stream, asked: &Asked<'_>, dice: &mut dyn Rng) {
        let mut earlier = Vec::new();
        for entry in stream.before(asked.place) {
            match entry {
                Entry::Change { item, .. } => earlier.push(item.clone()),
                Entry::Page(given) => earlier.extend(given.items.iter().rev().cloned()),
            }
            if earlier.len() >= wanted {
                break;
            }
        }
        earlier.truncate(wanted);
        earlier.reverse();
        if earlier.is_empty() && !self.items.is_empty() {
            let own = self.items.len();
            self.items.extend((0..wanted).map(|_| self.items[dice.random_range(0..own)].clone()).collect::<Vec<_>>());
        }
        self.items.splice(0..0, earlier);
    }

    /// The answer.
    pub(super) fn into_reply(self) -> Reply {
        if let Some(whole) = self.as_given {
            return Reply::json(200, whole);
        }
        let mut pagination = json!({"limit": self.limit, "hasMore": self.has_more});
        let is_there = self.next != NextKey::Missing(MissingKey::NoPagination);
        match self.next {
            NextKey::Text(key) => pagination["nextPageKey"] = key.into(),
            NextKey::Missing(MissingKey::Null) => pagination["nextPageKey"] = json!(null),
            NextKey::Missing(MissingKey::Empty) => pagination["nextPageKey"] = "".into(),
            NextKey::Missing(MissingKey::Absent | MissingKey::NoPagination) => {}
        }
        let length: usize = self.items.iter().map(|item| item.len() + 1).sum();
        let mut body = BytesMut::with_capacity(length + 512);
        body.put_u8(b'{');
        if is_there {
            body.put_slice(format!("\"pagination\":{pagination},").as_bytes());
        }
        body.put_slice(b"\"result\":[");
        for (place, item) in self.items.iter().enumerate() {
            if place > 0 {
                body.put_u8(b',');
            }
            body.put_slice(item);
        }
        body.put_slice(b"]}");
        Reply::json(200, body.freeze())
    }
}

/// How much later than usual the answer leaves.
pub(super) fn draw_delay(twists: &[Twist], dice: &mut dyn Rng) -> crate::clock::Millis {
    let range = twists.iter().rev().find_map(|twist| match &twist.knob {
        Knob::AnswerDelay { ms, max_ms } => Some((*ms, max_ms.unwrap_or(*ms))),
        _ => None,
    });
    draw(range, dice)
}

/// Whether a fault lets the call forget where it was.
pub(super) fn ignores_key(twists: &[Twist]) -> bool {
    twists.iter().any(|twist| match &twist.knob {
        Knob::UnknownFilterIgnored { filters } => {
            filters.is_empty() || filters.iter().any(|name| name == "paginationKey")
        }
        _ => false,
    })
}
