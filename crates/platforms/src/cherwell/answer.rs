//! The answer to a save, per item: by position, since it carries no key of ours (Cherwell contract §6, §7, §12).
//!
//! Guarantees:
//! * The items are read, not the top of the answer, which mirrors one of them.
//! * Where positions may have slipped (too many results, an update that names another record, one record for two items)
//!   nothing is concluded from them. Of an answer that is too short only that counts which can be verified.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use ticketbridge_core::effect::{CallClass, Operation, Outcome, Refusal};

use super::classify::{self, Problem, Trouble};
use super::site::{Field, Site, short_id};
use super::wire::{SaveResponse, ValidationError};
use super::{Shared, write};
use crate::fault::shorten;
use crate::{Decoded, Item, Transport};

/// The ids of a record that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct New {
    /// `busObRecId`.
    pub(super) record: String,
    /// `busObPublicId`, for people.
    pub(super) public_id: String,
}

/// What the answer says of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It was saved.
    Saved(New),
    /// Anything else, which stands.
    Outcome(Outcome),
}

/// One result, judged by itself.
enum Judged {
    Saved(New),
    Refused {
        refusal: Refusal,
        code: String,
        message: String,
    },
    /// Refused for something that only an operator can mend.
    Held(String),
    Unclear(String),
}

/// What the answer says of each item, or what it is as a whole.
pub(super) fn read(
    shared: &Shared,
    site: Option<&Site>,
    operation: Operation,
    items: &[Item],
    transport: &Transport,
) -> Result<Vec<Said>, Decoded> {
    let call = Call { shared, site, operation, items };
    let rows = match classify::body(transport) {
        Ok(body) if write::is_single(shared, operation) => vec![body],
        Ok(body) => call.rows(body, transport)?,
        Err(problem) => return Err(call.refused_whole(problem, transport)),
    };
    if rows.len() > items.len() {
        let why =
            format!("the answer has {} results for {} items: which is whose can't be told", rows.len(), items.len());
        return Err(unknown_all(items.len(), &why));
    }
    let mut judged: Vec<Judged> =
        rows.into_iter().zip(items).map(|(row, item)| call.judge(row, item)).collect::<Result<_, _>>()?;
    same_record_twice(operation, &mut judged);
    call.said(judged)
}

/// One request and who asks.
struct Call<'a> {
    shared: &'a Shared,
    site: Option<&'a Site>,
    operation: Operation,
    items: &'a [Item],
}

impl Call<'_> {
    /// The results of a batch; an answer without any is one about the batch as a whole.
    fn rows(&self, mut body: Value, transport: &Transport) -> Result<Vec<Value>, Decoded> {
        match body.get_mut("responses").map(Value::take) {
            Some(Value::Array(rows)) if !rows.is_empty() => Ok(rows),
            _ => Err(self.refused_whole(classify::without_results(transport, &body), transport)),
        }
    }

    /// One result, by itself.
    fn judge(&self, row: Value, item: &Item) -> Result<Judged, Decoded> {
        let response = match SaveResponse::deserialize(row) {
            Ok(response) => response,
            Err(error) => return Ok(Judged::Unclear(format!("its result can't be read: {error}"))),
        };
        let (asked, update) = (item.ticket.as_ref().and_then(|ticket| ticket.record.as_deref()), self.is_update());
        let same = asked.is_some_and(|asked| asked.eq_ignore_ascii_case(response.record.trim()));
        if update && !response.record.trim().is_empty() && !same {
            let why = format!(
                "the answer names record {} where {} was written: its results are not in the order of the request",
                shorten(&response.record),
                asked.unwrap_or("another")
            );
            return Err(unknown_all(self.items.len(), &why));
        }
        let error = self.error(&response);
        let record = response.record.trim().to_owned();
        Ok(match error {
            Some(_) if !update && !record.is_empty() => {
                Judged::Unclear(format!("the answer gives both an error and a record, {}", shorten(&record)))
            }
            Some(error) => error,
            None if record.is_empty() => {
                Judged::Unclear(String::from("the answer gives neither an error nor a record"))
            }
            None => Judged::Saved(New { record, public_id: response.public_id.trim().to_owned() }),
        })
    }

    fn is_update(&self) -> bool {
        self.operation == Operation::LinkWorkOrder
    }

    /// What a result's error means; `None`: it has none. Flag, code and refused values are looked at each by itself.
    fn error(&self, response: &SaveResponse) -> Option<Judged> {
        let envelope = &response.envelope;
        let (code, message) = (envelope.error_code.trim(), envelope.error_message.trim());
        if !envelope.has_error && code.is_empty() && response.validation.is_empty() {
            return None;
        }
        let trouble = classify::of_item(code, message, !response.validation.is_empty());
        let said = if code.is_empty() { shorten(message) } else { shorten(&format!("{code}: {message}")) };
        let refused = |refusal| Judged::Refused { refusal, code: shorten(code), message: words(message, code) };
        Some(match trouble {
            Trouble::Invalid => Judged::Refused {
                refusal: Refusal::ItemForGood,
                code: first_code(response),
                message: self.refused_values(response),
            },
            // A new ticket refers to nothing of ours that could be gone.
            Trouble::Gone if self.operation != Operation::CreateTicket => refused(Refusal::TargetGone),
            Trouble::Duplicate if !self.is_update() => {
                Judged::Unclear(format!("the platform says that it is there already ({said})"))
            }
            Trouble::Names => {
                self.shared.forget();
                Judged::Held(format!("TB0203: {said}; a name that was found before is gone: all are looked up again"))
            }
            Trouble::Rights => Judged::Held(format!("TB0202: {said}")),
            _ => refused(Refusal::Item),
        })
    }

    /// Which values were refused and why, by the names of their fields.
    fn refused_values(&self, response: &SaveResponse) -> String {
        if response.validation.is_empty() {
            return words(&response.envelope.error_message, &response.envelope.error_code);
        }
        let one =
            |error: &ValidationError| format!("{}: {}", self.field(&error.field_id), words(&error.error, &error.code));
        shorten(&response.validation.iter().map(one).collect::<Vec<_>>().join("; "))
    }

    /// A field by its id, in words.
    fn field(&self, id: &str) -> String {
        let short = short_id(id);
        match self
            .site
            .and_then(|site| known_fields(site, self.operation).into_iter().find(|field| field.short == short))
        {
            Some(field) => format!("field {}", field.name),
            None if short.is_empty() => String::from("a field that is not named"),
            None => format!("field {short} (not written by us)"),
        }
    }

    /// What is said of all items together: an answer that is too short, or that only an operator can mend.
    fn said(&self, judged: Vec<Judged>) -> Result<Vec<Said>, Decoded> {
        let short = judged.len() < self.items.len();
        if !short && judged.iter().all(|one| matches!(one, Judged::Held(_))) {
            let why = judged.into_iter().find_map(|one| if let Judged::Held(why) = one { Some(why) } else { None });
            return Err(unavailable(why.unwrap_or_default()));
        }
        let (got, sent) = (judged.len(), self.items.len());
        let doubt = format!("the answer has {got} results for {sent} items: which is missing can't be told");
        let mut said: Vec<Said> = judged
            .into_iter()
            .map(|one| match one {
                // Notes are not read back, so nothing shows that a result stands at its own place.
                Judged::Saved(new) if !short || self.operation != Operation::AddNote => Said::Saved(new),
                Judged::Unclear(why) => unknown(&why),
                _ if short => unknown(&doubt),
                Judged::Refused { refusal, code, message } => {
                    Said::Outcome(Outcome::Refused { refusal, code, message })
                }
                Judged::Held(why) => Said::Outcome(Outcome::Unavailable { why }),
                Judged::Saved(new) => Said::Saved(new),
            })
            .collect();
        said.resize_with(sent, || unknown(&doubt));
        Ok(said)
    }

    /// The call as a whole did not go well.
    fn refused_whole(&self, problem: Problem, transport: &Transport) -> Decoded {
        if problem.trouble == Trouble::Names {
            self.shared.forget();
        }
        if self.items.len() == 1 && matches!(problem.trouble, Trouble::Gone | Trouble::Invalid | Trouble::Duplicate) {
            return self.refused_alone(&problem, transport);
        }
        Decoded { call: call_class(problem, self.operation), outcomes: Vec::new() }
    }

    /// One item alone, and a code that says what is wrong with it: no need to guess.
    fn refused_alone(&self, problem: &Problem, transport: &Transport) -> Decoded {
        let body = match transport {
            Transport::Answered(answer) => serde_json::from_slice::<SaveResponse>(&answer.body).ok(),
            _ => None,
        };
        let outcome = match problem.trouble {
            Trouble::Gone if self.operation != Operation::CreateTicket => Outcome::Refused {
                refusal: Refusal::TargetGone,
                code: problem.code.clone(),
                message: problem.message.clone(),
            },
            Trouble::Duplicate if !self.is_update() => {
                Outcome::Unknown { why: format!("the platform says that it is there already ({})", problem.why) }
            }
            Trouble::Invalid => Outcome::Refused {
                refusal: Refusal::ItemForGood,
                code: body.as_ref().map_or_else(|| problem.code.clone(), first_code),
                message: body
                    .filter(|body| !body.validation.is_empty())
                    .map_or_else(|| problem.message.clone(), |body| self.refused_values(&body)),
            },
            _ => Outcome::Refused {
                refusal: Refusal::Item,
                code: problem.code.clone(),
                message: problem.message.clone(),
            },
        };
        Decoded { call: CallClass::Answered, outcomes: vec![outcome] }
    }
}

/// What a call that did not go well says about its platform. A write that can be repeated without harm is, where one
/// that can't is looked up first.
pub(super) fn call_class(problem: Problem, operation: Operation) -> CallClass {
    let (throttled, configuration) = (problem.is_throttling(), problem.needs_operator());
    let Problem { trouble, code, message, retry_after, why } = problem;
    match trouble {
        // Also where it may be repeated: that the time ran out is known to this class alone.
        Trouble::NoAnswer(timed_out) => CallClass::Unknown { why, timed_out, retry_after },
        Trouble::Busy | Trouble::Unclear if !operation.is_idempotent() => {
            CallClass::Unknown { why, timed_out: false, retry_after }
        }
        Trouble::TooLarge => CallClass::BatchRefused { atomic: true, code, message },
        Trouble::BadRequest | Trouble::Failed | Trouble::Gone | Trouble::Invalid | Trouble::Duplicate => {
            CallClass::BatchRefused { atomic: false, code, message }
        }
        _ => CallClass::Unavailable { why, retry_after, throttled, configuration },
    }
}

/// One record can't be two items: neither of them is sure of it.
fn same_record_twice(operation: Operation, judged: &mut [Judged]) {
    if operation == Operation::LinkWorkOrder {
        return;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for one in judged.iter() {
        if let Judged::Saved(new) = one {
            *seen.entry(new.record.to_ascii_lowercase()).or_default() += 1;
        }
    }
    for one in judged.iter_mut() {
        if let Judged::Saved(new) = one
            && seen.get(&new.record.to_ascii_lowercase()).is_some_and(|count| *count > 1)
        {
            *one = Judged::Unclear(format!("the answer gives record {} to several items", shorten(&new.record)));
        }
    }
}

/// The fields that an operation writes.
fn known_fields(site: &Site, operation: Operation) -> Vec<&Field> {
    let (ticket, note) = (&site.ticket, &site.note);
    match operation {
        Operation::CreateTicket => {
            let own = [
                &ticket.dedupe_key,
                &ticket.origin_id,
                &ticket.kind,
                &ticket.title,
                &ticket.description,
                &ticket.work_order,
                &ticket.state,
            ];
            own.into_iter().chain(ticket.constants.iter().map(|(field, _)| field)).collect()
        }
        Operation::LinkWorkOrder => vec![&ticket.work_order, &ticket.state],
        Operation::AddNote => {
            vec![&note.text, &note.type_id, &note.type_name, &note.parent_type, &note.parent_record]
        }
        Operation::CreateWorkOrder => site.work_order.as_ref().map_or_else(Vec::new, |order| {
            let optional = [
                &order.ticket_number,
                &order.ticket_rec_id,
                &order.ticket_type,
                &order.kind,
                &order.title,
                &order.description,
            ];
            std::iter::once(&order.external_ref).chain(optional.into_iter().flatten()).collect()
        }),
    }
}

/// The code of the first refused value, else that of the result.
fn first_code(response: &SaveResponse) -> String {
    let own = response.envelope.error_code.trim();
    let first = response.validation.iter().map(|error| error.code.trim()).find(|code| !code.is_empty());
    shorten(first.unwrap_or(own))
}

/// Words, or at least a code, or that there are none.
fn words(message: &str, code: &str) -> String {
    match (message.trim(), code.trim()) {
        ("", "") => String::from("the platform gives no reason"),
        ("", code) => shorten(code),
        (message, _) => shorten(message),
    }
}

pub(super) fn unknown(why: &str) -> Said {
    Said::Outcome(Outcome::Unknown { why: why.to_owned() })
}

/// Nothing is known of any item, though there is an answer.
pub(super) fn unknown_all(items: usize, why: &str) -> Decoded {
    Decoded { call: CallClass::Answered, outcomes: vec![Outcome::Unknown { why: why.to_owned() }; items] }
}

/// Nothing was done, and nobody but an operator can mend it.
fn unavailable(why: String) -> Decoded {
    let call = CallClass::Unavailable { why, retry_after: None, throttled: false, configuration: true };
    Decoded { call, outcomes: Vec::new() }
}
