//! The relationship between a ticket and its work order (Cherwell contract §9, §10): a GET that writes, and may be sent
//! again.
//!
//! Guarantees:
//! * It follows the work order's number, item by item; an item is applied when both are done. "It is there already" is
//!   success.
//! * A site without the second version of the call is asked by the first, from then on for every link.
//! * A link that fails by itself leaves its neighbours alone. Where the platform is at fault the rest is not asked any more,
//!   and sent again later.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ticketbridge_core::effect::{CallClass, LookUpFault, Operation, Outcome, Refusal};

use super::answer::{Said, call_class};
use super::classify::{self, Problem, Trouble};
use super::settings::WorkOrderWay;
use super::site::Site;
use super::{Shared, write};
use crate::{Answer, Decoded, Dialogue, HttpCall, Item, Transport, Verdict};

/// Begins to link the work orders whose numbers were written; nothing to link: all is known.
pub(super) fn begin(shared: &Arc<Shared>, site: &Site, items: &[Item], said: Vec<Said>) -> Verdict {
    let paths: VecDeque<_> = said
        .iter()
        .zip(items)
        .enumerate()
        .filter(|(_, (said, _))| matches!(said, Said::Saved(_)))
        .filter_map(|(place, (_, item))| Some((place, path(shared, site, item)?)))
        .collect();
    if paths.is_empty() {
        return write::done(Operation::LinkWorkOrder, said);
    }
    Verdict::More(Box::new(Links { shared: Arc::clone(shared), said, waiting: paths, by_v1: false, call: None }))
}

/// The call that links a ticket and its work order, below its version; `None`: nothing is to be linked.
fn path(shared: &Shared, site: &Site, item: &Item) -> Option<String> {
    let settings = shared.settings.work_order.as_ref().filter(|order| order.way == WorkOrderWay::BatchThenLink)?;
    settings.relationship.as_ref()?;
    let order = site.work_order.as_ref()?;
    let relationship = order.relationship.as_ref()?;
    let ticket = item.ticket.as_ref()?.record.as_ref()?;
    let record = item.work_order_record.as_ref()?;
    let safe = |id: &str| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string();
    Some(format!(
        "linkrelatedbusinessobject/parentbusobid/{}/parentbusobrecid/{}/relationshipid/{}/busobid/{}/busobrecid/{}",
        safe(&site.ticket.object.id),
        safe(ticket),
        safe(relationship),
        safe(&order.object.id),
        safe(record)
    ))
}

struct Links {
    shared: Arc<Shared>,
    said: Vec<Said>,
    /// Place of the item, and its call; the first is being asked.
    waiting: VecDeque<(usize, String)>,
    /// The second version was missing just now.
    by_v1: bool,
    /// What the platform is at fault of, instead of the outcomes.
    call: Option<CallClass>,
}

impl Dialogue<Decoded> for Links {
    fn next_call(&mut self) -> Result<Option<HttpCall>, LookUpFault> {
        let version = if self.is_by_v1() { "V1" } else { "V2" };
        Ok(self.waiting.front().map(|(_, path)| self.shared.get(&format!("{version}/{path}"))))
    }

    fn absorb(&mut self, transport: &Transport) -> Result<(), LookUpFault> {
        let by_v1 = self.is_by_v1();
        let result = judge(transport, by_v1);
        if !by_v1 && matches!(&result, Err(problem) if problem.trouble == Trouble::Path) {
            self.by_v1 = true;
            return Ok(());
        }
        let Some((place, _)) = self.waiting.pop_front() else { return Ok(()) };
        if by_v1
            && !matches!(&result, Err(problem) if is_of_the_platform(problem) || problem.trouble == Trouble::Unclear)
        {
            self.shared.links_by_v1.store(true, Ordering::Relaxed);
        }
        match result {
            Ok(()) => {}
            Err(problem) if problem.trouble == Trouble::Duplicate => {}
            Err(problem) if is_of_the_platform(&problem) => self.stop(place, problem),
            Err(problem) => self.settle(place, outcome(problem)),
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Decoded, LookUpFault> {
        if let Some(call) = self.call {
            return Ok(Decoded { call, outcomes: Vec::new() });
        }
        let outcomes = self.said.into_iter().map(|said| match said {
            Said::Saved(new) => Outcome::Applied { ids: write::ids(Operation::LinkWorkOrder, &new) },
            Said::Outcome(outcome) => outcome,
        });
        Ok(Decoded { call: CallClass::Answered, outcomes: outcomes.collect() })
    }
}

impl Links {
    fn is_by_v1(&self) -> bool {
        self.by_v1 || self.shared.links_by_v1.load(Ordering::Relaxed)
    }

    fn settle(&mut self, place: usize, outcome: Outcome) {
        if let Some(said) = self.said.get_mut(place) {
            *said = Said::Outcome(outcome);
        }
    }

    /// The rest would fare no better. Unless something was done, the batch as a whole says so: pause and breaker hear
    /// of it.
    fn stop(&mut self, place: usize, problem: Problem) {
        if problem.trouble == Trouble::Names {
            self.shared.forget();
        }
        let why = format!("the number is written, the link to the work order is not: {}", problem.why);
        let waiting = std::mem::take(&mut self.waiting);
        for place in std::iter::once(place).chain(waiting.into_iter().map(|(place, _)| place)) {
            self.settle(place, Outcome::Unavailable { why: why.clone() });
        }
        let unsettled =
            |said: &Said| matches!(said, Said::Outcome(Outcome::Unavailable { .. } | Outcome::Unknown { .. }));
        if self.said.iter().all(unsettled) || problem.needs_operator() {
            self.call = Some(call_class(problem, Operation::LinkWorkOrder));
        }
    }
}

/// Whether the call worked.
fn judge(transport: &Transport, by_v1: bool) -> Result<(), Problem> {
    if let (true, Transport::Answered(Answer { status, body, .. })) = (by_v1, transport)
        && status.is_success()
        && body.trim_ascii().is_empty()
    {
        return Ok(());
    }
    let body = classify::body(transport)?;
    match classify::own_problem(transport, &body) {
        Some(problem) => Err(problem),
        None if matches!(body, Value::Object(_)) || by_v1 => Ok(()),
        None => Err(classify::without_results(transport, &body)),
    }
}

/// Whether other links would fail as well.
fn is_of_the_platform(problem: &Problem) -> bool {
    let ill =
        matches!(problem.trouble, Trouble::NotSent(_) | Trouble::NoAnswer(_) | Trouble::Busy | Trouble::Throttled);
    ill || problem.needs_operator()
}

/// What a link that failed by itself means for its item.
fn outcome(problem: Problem) -> Outcome {
    let why = format!("the number is written, the link to the work order is not: {}", problem.why);
    match problem.trouble {
        Trouble::Unclear => Outcome::Unavailable { why },
        _ => Outcome::Refused { refusal: Refusal::Item, code: problem.code, message: why },
    }
}
