//! Things by key, of which each has its latest version only, in the order in which they were written last.

use std::collections::BTreeMap;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Latest<K, T> {
    numbers: BTreeMap<K, u64>,
    things: BTreeMap<u64, T>,
}

impl<K, T> Default for Latest<K, T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), things: BTreeMap::new() }
    }
}

impl<K: Ord, T> Latest<K, T> {
    /// Writes a thing, and makes it the last one.
    pub(super) fn put(&mut self, key: K, thing: T) {
        let number = self.things.keys().next_back().map_or(1, |last| last + 1);
        if let Some(old) = self.numbers.insert(key, number) {
            self.things.remove(&old);
        }
        self.things.insert(number, thing);
    }

    /// Removes a thing; false: there is none.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        let number = self.numbers.remove(key);
        number.is_some_and(|number| self.things.remove(&number).is_some())
    }

    /// All of them, the last written first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &T> {
        self.things.values().rev()
    }

    /// All of them, to be changed in place.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut T> {
        self.things.values_mut()
    }

    /// All keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.numbers.keys()
    }
}
