//! Every place where a run may die or stand still: before and after each request and each transaction of the store.

use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

/// Where somebody is to be held.
enum Hold {
    Nowhere,
    /// At the place with this number, from 0.
    Place(usize),
    /// At a place with this name, after passing so many others of that name.
    Named(String, usize),
}

struct Way {
    hold: Hold,
    passed: Vec<String>,
}

/// Notes the places that runs pass, and holds one of them.
pub(crate) struct Gates {
    way: Mutex<Way>,
    reached: Notify,
    released: Notify,
}

impl Gates {
    pub(crate) fn new() -> Self {
        let way = Mutex::new(Way { hold: Hold::Nowhere, passed: Vec::new() });
        Self { way, reached: Notify::new(), released: Notify::new() }
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap()
    }

    /// Holds whoever comes to place number `place`, from 0, counted from now on.
    pub(crate) fn hold_at(&self, place: usize) {
        *self.way() = Way { hold: Hold::Place(place), passed: Vec::new() };
    }

    /// Holds whoever comes to the `nth` place with this name, from 1, counted from now on.
    pub(crate) fn hold_at_named(&self, name: &str, nth: usize) {
        *self.way() = Way { hold: Hold::Named(name.to_owned(), nth - 1), passed: Vec::new() };
    }

    /// Nobody is held any more. Whoever is held already stays so until [`release`](Self::release).
    pub(crate) fn open(&self) {
        self.way().hold = Hold::Nowhere;
    }

    /// The places that were passed since `hold_at`, the one where somebody is held included.
    pub(crate) fn passed(&self) -> Vec<String> {
        self.way().passed.clone()
    }

    /// Returns when somebody is held.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets whoever is held go on.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Somebody comes to a place.
    pub(crate) async fn pass(&self, place: String) {
        if self.way().comes_to(place) {
            self.reached.notify_one();
            self.released.notified().await;
        }
    }
}

impl Way {
    /// Notes a place; answers whether whoever came there is held.
    fn comes_to(&mut self, place: String) -> bool {
        let number = self.passed.len();
        let is_held = match &mut self.hold {
            Hold::Nowhere => false,
            Hold::Place(at) => *at == number,
            Hold::Named(name, 0) => *name == place,
            Hold::Named(name, left) => {
                *left -= usize::from(*name == place);
                false
            }
        };
        self.passed.push(place);
        if is_held {
            self.hold = Hold::Nowhere;
        }
        is_held
    }
}
