//! New records, read back before they count (Cherwell contract §7).
//!
//! The answer to a batch carries no key of ours, so its results are matched by position; what is read back shows whether
//! the positions held. Guarantees:
//! * An item is applied only if the record that was given to it carries exactly its origin id.
//! * If a record carries the origin id of another item of the batch, positions slipped, and nothing of the whole answer
//!   is believed.
//! * A failed or incomplete read leaves the items in question Unknown; refusals stand.
//!
//! Limits: one request, for at most the records of one batch.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use ticketbridge_core::effect::{CallClass, LookUpFault, Operation, Outcome};

use super::answer::{New, Said, unknown, unknown_all};
use super::classify::{self, Trouble};
use super::site::{Field, Site};
use super::wire::{BatchRead, ReadRequest, Record};
use super::{Shared, write};
use crate::fault::shorten;
use crate::{Decoded, Dialogue, HttpCall, Item, Transport, Verdict};

/// Begins to read the new records of a batch.
pub(super) fn begin(
    shared: &Arc<Shared>,
    site: Option<&Site>,
    operation: Operation,
    items: &[Item],
    said: Vec<Said>,
) -> Verdict {
    let fields = site.and_then(|site| match operation {
        Operation::CreateTicket => Some((site.ticket.object.id.clone(), site.ticket.origin_id.clone())),
        Operation::CreateWorkOrder => {
            site.work_order.as_ref().map(|order| (order.object.id.clone(), order.external_ref.clone()))
        }
        Operation::AddNote | Operation::LinkWorkOrder => None,
    });
    let Some((object, field)) = fields else {
        let why = "the new records can't be read back: the names of the site are being learned anew";
        return write::done(operation, said.into_iter().map(|said| doubted(said, why)).collect());
    };
    Verdict::More(Box::new(ReadBack {
        shared: Arc::clone(shared),
        operation,
        object,
        field,
        origins: items.iter().map(|item| item.origin.to_string()).collect(),
        said,
        progress: Progress::ToAsk,
    }))
}

/// What was saved is not sure.
fn doubted(said: Said, why: &str) -> Said {
    match said {
        Said::Saved(_) => unknown(why),
        Said::Outcome(outcome) => Said::Outcome(outcome),
    }
}

struct ReadBack {
    shared: Arc<Shared>,
    operation: Operation,
    object: String,
    /// The field that carries our origin id.
    field: Field,
    /// Per item.
    origins: Vec<String>,
    said: Vec<Said>,
    progress: Progress,
}

enum Progress {
    ToAsk,
    Asked,
    /// The records that came, by record id in lower case; several under one id contradict each other.
    Read(HashMap<String, Vec<Record>>),
    Failed(String),
}

/// What a record that was read back shows of its item.
enum Shown {
    Ours(New),
    OfAnother(String),
    Nothing(String),
}

impl Dialogue<Decoded> for ReadBack {
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        if !matches!(self.progress, Progress::ToAsk) {
            return Ok(None);
        }
        self.progress = Progress::Asked;
        let request = |new: &New| ReadRequest { object: self.object.clone(), record: new.record.clone() };
        let read_requests = self.said.iter().filter_map(saved).map(request).collect();
        let body = BatchRead { read_requests, stop_on_error: false };
        self.shared.post("V1/getbusinessobjectbatch", &body).map(Some)
    }

    /// A read that failed is no fault of the dialogue: refusals of the answer before it stand.
    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let mut body = match classify::body(transport) {
            Ok(body) => body,
            Err(problem) => {
                if problem.trouble == Trouble::Names {
                    self.shared.forget();
                }
                self.progress = Progress::Failed(problem.why);
                return Ok(());
            }
        };
        self.progress = match body.get_mut("responses").map(Value::take) {
            Some(Value::Array(rows)) => Progress::Read(by_record(rows)),
            _ => Progress::Failed(classify::without_results(transport, &body).why),
        };
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Decoded, LookUpFault> {
        let records = match &self.progress {
            Progress::Read(records) => records,
            Progress::Failed(why) => return Ok(self.doubted(why)),
            Progress::ToAsk | Progress::Asked => return Ok(self.doubted("there is no answer")),
        };
        let mut outcomes = Vec::with_capacity(self.said.len());
        for (place, said) in self.said.iter().enumerate() {
            let new = match said {
                Said::Outcome(outcome) => {
                    outcomes.push(outcome.clone());
                    continue;
                }
                Said::Saved(new) => new,
            };
            outcomes.push(match self.shown(records, place, new) {
                Shown::Ours(new) => Outcome::Applied { ids: write::ids(self.operation, &new) },
                Shown::Nothing(why) => Outcome::Unknown { why },
                Shown::OfAnother(why) => return Ok(unknown_all(self.said.len(), &why)),
            });
        }
        Ok(Decoded { call: CallClass::Answered, outcomes })
    }
}

impl ReadBack {
    fn doubted(&self, why: &str) -> Decoded {
        let why = format!("saved, as the platform says, and reading it back failed: {why}");
        let outcomes = self.said.iter().map(|said| match said {
            Said::Saved(_) => Outcome::Unknown { why: why.clone() },
            Said::Outcome(outcome) => outcome.clone(),
        });
        Decoded { call: CallClass::Answered, outcomes: outcomes.collect() }
    }

    /// What was read of the record that the answer gave to the item at `place`.
    fn shown(&self, records: &HashMap<String, Vec<Record>>, place: usize, new: &New) -> Shown {
        let record = shorten(&new.record);
        let nothing = |why: String| Shown::Nothing(format!("record {record}, as the platform says, {why}"));
        let read = match records.get(&new.record.to_ascii_lowercase()).map(Vec::as_slice) {
            Some([read]) => read,
            Some(_) => return nothing(String::from("was read back twice in one answer")),
            None => return nothing(String::from("but it was not there when it was read back")),
        };
        let name = &self.field.name;
        let Some(found) = read.value(&self.field) else {
            return nothing(format!("but what was read back has no field {name}"));
        };
        let wanted = self.origins.get(place).map_or("", String::as_str);
        if found == wanted && !wanted.is_empty() {
            let public_id = if read.public_id.trim().is_empty() { &new.public_id } else { read.public_id.trim() };
            if public_id.is_empty() {
                return nothing(String::from("has no number"));
            }
            return Shown::Ours(New { record: new.record.clone(), public_id: public_id.to_owned() });
        }
        if found.trim().is_empty() {
            return nothing(format!("but its field {name} is empty where our origin id was written"));
        }
        // Before the others are looked at: cut short enough, origin ids of one batch look alike.
        if same_but_altered(found, wanted) {
            return nothing(format!(
                "but its field {name} reads `{}` where `{wanted}` was written: the field alters values; give it room and \
                 take rules off it",
                shorten(found)
            ));
        }
        if self.origins.iter().any(|origin| same_but_altered(found, origin)) {
            return Shown::OfAnother(format!(
                "record {record} carries the origin id of another item ({}): the results are not in the order of the \
                 request, so none of them is believed",
                shorten(found)
            ));
        }
        nothing(format!("but its field {name} holds another's origin id, `{}`", shorten(found)))
    }
}

/// Whether `found` is what a field makes of `origin` that trims, cuts or changes case.
fn same_but_altered(found: &str, origin: &str) -> bool {
    let (found, origin) = (found.trim().to_ascii_lowercase(), origin.to_ascii_lowercase());
    !found.is_empty() && origin.starts_with(&found)
}

fn saved(said: &Said) -> Option<&New> {
    match said {
        Said::Saved(new) => Some(new),
        Said::Outcome(_) => None,
    }
}

/// Records by their id. What can't be read, failed, or names no record shows nothing.
fn by_record(rows: Vec<Value>) -> HashMap<String, Vec<Record>> {
    let mut records: HashMap<String, Vec<Record>> = HashMap::new();
    for record in rows.into_iter().filter_map(|row| Record::deserialize(row).ok()) {
        let id = record.record.trim().to_ascii_lowercase();
        if !id.is_empty() && !record.envelope.has_error && record.envelope.error_code.trim().is_empty() {
            records.entry(id).or_default().push(record);
        }
    }
    records
}
