//! Mobile tickets: what a change in TIXNGO's wallets means for the box office S-360 (TIXNGO contract §2, §4 to §7).
//!
//! A page's way: [`Page::read`] cuts it into items, [`turn`] says what it does to the pagination key, [`Item::read`] cleans
//! one item, [`Queue`] says which may run side by side, [`decide`] asks for look-ups until it can answer a [`Plan`]: the
//! writes, one after another, of which storing `mobile` is the last and the mark that the item is done. Items are applied
//! at least once; deciding again on S-360's present state leads to the same end after any crash.
//!
//! Reading and deciding never panic, whatever the JSON is, and copy a text only where they change it: an [`Item`] borrows
//! from its JSON, a [`Plan`] from its item.
//!
//! What the contract leaves open, and how it is read here:
//! * A ticket id of more than 256 characters is a `BAD_ITEM`. An empty tax number is none.
//! * Country and language are not trimmed; instants need `T` and `Z` in upper case.
//! * V4: a line of the mapping that names an instant fits whatever the status says.
//! * A `nextPageKey` that is neither a text nor null is a failed call, not a missing key.
//! * Marks of the schedule begin anew at each midnight UTC.
//! * An owner who is not the cultural contact is a discrepancy only if the ticket has one.

mod box_office;
mod clean;
mod contacts;
mod cursor;
mod decide;
mod distribution;
mod erase;
mod instant;
mod item;
mod json;
mod mobile_data;
mod order;
mod outcome;
mod page;
mod personal;
mod plan;
mod schedule;
mod skip_list;
mod status;

pub use box_office::{
    Authorizations, Contact, ContactNumber, Distribution, MAX_CONTACT_NUMBER, NotAContactNumber, RowStatus,
    StoredMobile, Ticket, View,
};
pub use clean::{Flaw, MAX_FIRST_NAME, MAX_LAST_NAME, MAX_TEXT, Warning};
pub use contacts::{TEMPORARY_FIRST_NAME, TEMPORARY_LAST_NAME, resolve};
pub use cursor::{KeyMove, MoveReason, PageSource, PaginationKey, RewindError, Turn, rewind, turn};
pub use decide::{Decision, Needs, Rules, decide};
pub use distribution::distribution_ref;
pub use erase::{ErasedPage, erase};
pub use instant::UtcInstant;
pub use item::{Item, MAX_TICKET_ID, Reading};
pub use mobile_data::{Beneficiary, ExtraInfo, Mobile, Owner, Transfer, change_ref};
pub use order::{Keys, Pace, Queue};
pub use outcome::{
    AfterWrite, Counters, FailureCode, ItemOutcome, ItemState, RunError, RunResult, RunStep, WriteAnswer, run_result,
    settle, tells_recipients,
};
pub use page::{MAX_KEY_BYTES, MAX_PAGE_BYTES, MAX_PAGE_ITEMS, Page, PageError};
pub use personal::{BirthDate, Email, Name, Number, PrivateText};
pub use plan::{
    ContactFields, CreateContact, Discrepancy, Effect, NumberMissing, Party, Plan, SetCulturalContact, StoreMobile,
    UpdateContact, UpsertDistribution, Write, WriteKind,
};
pub use schedule::{Frequency, Schedule};
pub use skip_list::SkipList;
pub use status::{Status, TransferStage};
