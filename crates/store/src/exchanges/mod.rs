//! What was exchanged with platforms, and how platforms were, for people: a SQLite file of its own beside the main store,
//! which may be lost.
//!
//! * **Second class.** Nothing is decided from it. One that is damaged, of a version that is not known, or gone is set
//!   aside and made anew; the answer of [`ExchangeStore::open`] says so. `synchronous=NORMAL`: a power cut may take the last seconds.
//! * **Bounded** by age and by bytes on disk ([`Bounds`]), the oldest first; together with its WAL the file stays
//!   below the bound (4 MiB at least) but for one [`ExchangeStore::append`]. Platform events: the newest [`MAX_EVENTS`].
//! * **One writer**, [`ExchangeStore`]; any number of [`ExchangeReader`]s, also in other processes. Everything blocks.
//! * Numbers of exchanges ascend and never come twice in one file, so that they are pages' keys.
//! * Texts are kept as they are handed over: who hands them over has masked them.

mod database;
mod read;
mod record;
mod write;

use std::path::{Path, PathBuf};

pub use database::APPLICATION_ID;
pub use read::{ExchangeFilter, ExchangeReader, MAX_EXCHANGES};
pub use record::{About, EventKind, Exchange, ExchangeBodies, ExchangeId, Kept, NewExchange, PlatformEvent, Subject};
pub use write::{Bounds, ExchangeStore, MAX_EVENTS, Opened};

/// The file of exchanges that belongs to the main SQLite file `database`: `ticketbridge.db` →
/// `ticketbridge.exchanges.db`, anything else with `.exchanges.db` behind it.
pub fn path_beside(database: &Path) -> PathBuf {
    let base = if database.extension().is_some_and(|extension| extension == "db") {
        database.with_extension("")
    } else {
        database.to_owned()
    };
    with_end(&base, ".exchanges.db")
}

/// A path with a text behind it.
fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    path.into()
}
