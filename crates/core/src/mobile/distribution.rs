//! Distribution rows and the cultural contact (TIXNGO contract §6.5).
//!
//! Rows whose `distributionRef` does not begin with `tng:` are neither read nor changed. At most one row of ours is open
//! per ticket, at every moment: what has to be closed is closed before a row is opened.

use super::box_office::{ContactNumber, Distribution, RowStatus};
use super::item::Item;
use super::mobile_data::{digest, push_hex};
use super::personal::Email;
use super::plan::{Party, UpsertDistribution, Write};
use super::status::TransferStage;

/// Longest ticket id that stands in a reference as it is, in bytes; a longer one is replaced by its hash.
const MAX_ID_IN_REF: usize = 120;

/// Who gives the ticket to whom.
pub(super) struct Transferring<'i> {
    pub(super) target: &'i Email<'i>,
    pub(super) old: Option<Party>,
    pub(super) new: Party,
}

impl From<TransferStage> for RowStatus {
    fn from(stage: TransferStage) -> Self {
        match stage {
            TransferStage::Pending => Self::Pending,
            TransferStage::Cancelled => Self::Cancelled,
            TransferStage::Confirmed => Self::Confirmed,
        }
    }
}

/// Name of the row of one transfer: `tng:{ticket id}:{32 hex}`, at most 157 characters. A function of ticket, begin of
/// the transfer (or, marked as such, the item's instant) and target.
pub fn distribution_ref(item: &Item<'_>, target: &Email<'_>) -> String {
    let (kind, instant) = match item.transfer.initiated_at {
        Some(at) => ("initiatedAt", at),
        None => ("updatedAt", item.mobile.status_date),
    };
    let hash = digest(&(&item.ticket_id, kind, instant, target));
    let mut reference = String::from("tng:");
    if item.ticket_id.len() <= MAX_ID_IN_REF {
        reference.push_str(&item.ticket_id);
    } else {
        push_hex(&mut reference, &digest(&item.ticket_id));
    }
    reference.push(':');
    push_hex(&mut reference, hash.get(..16).unwrap_or(&hash));
    reference
}

/// The writes of step 4 to 6 for a transfer with a target, in order.
pub(super) fn row_writes<'i>(
    item: &'i Item<'_>,
    stage: TransferStage,
    parties: &Transferring<'_>,
    rows: &[Distribution],
) -> Vec<Write<'i>> {
    let reference = distribution_ref(item, parties.target);
    let status = RowStatus::from(stage);
    let row = row_of(item, &reference, &parties.new, rows);
    let mut writes = cancel_open(item, rows, row);
    match row {
        Some(row) if row.status == status || row.status == RowStatus::Confirmed => {}
        Some(row) => writes.extend(moved(item, row, status)),
        None if parties.old.as_ref() == Some(&parties.new) => {}
        None => writes.push(Write::UpsertDistribution(UpsertDistribution {
            distribution_ref: reference,
            ticket_id: &item.ticket_id,
            old_contact_number: parties.old.clone(),
            new_contact_number: Some(parties.new.clone()),
            action: "Distribute",
            status,
            at: item.mobile.status_date,
            is_new: true,
        })),
    }
    writes
}

/// Closes each open row of ours but `except`.
pub(super) fn cancel_open<'i>(
    item: &'i Item<'_>,
    rows: &[Distribution],
    except: Option<&Distribution>,
) -> Vec<Write<'i>> {
    open_rows(rows)
        .filter(|row| except.is_none_or(|kept| kept.our_ref() != row.our_ref()))
        .filter_map(|row| moved(item, row, RowStatus::Cancelled))
        .collect()
}

/// The open rows of ours.
pub(super) fn open_rows(rows: &[Distribution]) -> impl Iterator<Item = &Distribution> {
    ours(rows).filter(|row| row.status == RowStatus::Pending)
}

fn ours(rows: &[Distribution]) -> impl Iterator<Item = &Distribution> {
    rows.iter().filter(|row| row.our_ref().is_some())
}

/// The row of this transfer: the one with its reference; or an open one to the same contact; or one to the same contact
/// with the item's instant, which an earlier attempt of this item has left.
fn row_of<'v>(item: &Item<'_>, reference: &str, new: &Party, rows: &'v [Distribution]) -> Option<&'v Distribution> {
    let is_new = |row: &&Distribution| match new {
        Party::Known(number) => row.new_contact_number.as_ref() == Some(number),
        Party::Created => false,
    };
    ours(rows)
        .find(|row| row.our_ref() == Some(reference))
        .or_else(|| open_rows(rows).find(is_new))
        .or_else(|| ours(rows).filter(is_new).find(|row| row.at == Some(item.mobile.status_date)))
}

/// The row with another status as of this item; its contacts stay.
fn moved<'i>(item: &'i Item<'_>, row: &Distribution, status: RowStatus) -> Option<Write<'i>> {
    let party = |number: &Option<ContactNumber>| number.clone().map(Party::Known);
    Some(Write::UpsertDistribution(UpsertDistribution {
        distribution_ref: row.our_ref()?.to_owned(),
        ticket_id: &item.ticket_id,
        old_contact_number: party(&row.old_contact_number),
        new_contact_number: party(&row.new_contact_number),
        action: "Distribute",
        status,
        at: item.mobile.status_date,
        is_new: false,
    }))
}
