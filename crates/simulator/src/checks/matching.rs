//! No ticket is created beside one that people opened long before: a create goes by a look at the open tickets that is
//! not older than `match_ttl`, and whole.

use super::Violation;

/// A ticket that people opened, and that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub number: String,
    /// For how long it has been there, in milliseconds.
    pub age: u64,
}

/// Judges a create of a key on a platform. `most`: the age from which on it must have been seen, in milliseconds.
pub fn check(platform: &str, key: &str, opened: &Opened, most: u64) -> Option<Violation> {
    (opened.age > most).then(|| {
        let Opened { number, age } = opened;
        let text = format!("{platform} gets a new ticket of this key, and people opened {number} {age} ms ago");
        Violation::new("match", Some(key), text)
    })
}
