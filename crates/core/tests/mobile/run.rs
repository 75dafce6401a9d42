//! Applying items to the box office: one by one, or side by side as the order allows, with faults on demand.

use serde_json::Value;
use ticketbridge_core::mobile::{
    AfterWrite, Counters, Decision, FailureCode, Item, ItemOutcome, Keys, Needs, Pace, Plan, Queue, Reading, Rules,
    SkipList, View, WriteAnswer, decide,
};

use crate::office::Office;

/// What S-360 does with one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Not done, to be tried later.
    Locked,
    /// Done, but the answer is lost.
    AnswerLost,
    /// Not done, and the answer is lost.
    RequestLost,
}

/// Gives the fault of each write in turn.
pub(crate) type Faults<'f> = &'f mut dyn FnMut() -> Fault;

pub(crate) fn rules() -> Rules {
    Rules { skip: SkipList::default(), organizations: ["ORG-A".into()].into(), distribute: true }
}

/// Applies one item of a page, alone and without faults.
pub(crate) fn apply(office: &mut Office, item: &Value, rules: &Rules, counters: &mut Counters) -> ItemOutcome {
    apply_json(office, &item.to_string(), rules, counters, &mut || Fault::None)
}

/// Applies one item given as JSON text.
pub(crate) fn apply_json(
    office: &mut Office,
    json: &str,
    rules: &Rules,
    counters: &mut Counters,
    faults: Faults<'_>,
) -> ItemOutcome {
    let outcome = match Item::read(json, &rules.skip) {
        Reading::Skipped { .. } => ItemOutcome::Skipped,
        Reading::Failed { code, .. } => ItemOutcome::Failed(code),
        Reading::Item(item) => {
            let mut view = View::default();
            look_up_all(office, &[&*item], &mut view, rules);
            match decide(&item, &view, rules).expect("all was looked up") {
                Decision::Failed(code) => ItemOutcome::Failed(code),
                Decision::Unchanged => ItemOutcome::Unchanged,
                Decision::Stale => ItemOutcome::Stale,
                Decision::Update(mut plan) => {
                    let mut outcome = None;
                    while outcome.is_none() {
                        outcome = step(office, &mut plan, counters, faults);
                    }
                    counters.count_discrepancies(&plan.discrepancies);
                    outcome.expect("the loop ends with one")
                }
            }
        }
    };
    counters.count_outcome(&outcome);
    outcome
}

/// Sends the next write of a plan; answers the item's outcome if it has one now.
fn step(office: &mut Office, plan: &mut Plan<'_>, counters: &mut Counters, faults: Faults<'_>) -> Option<ItemOutcome> {
    let Some(write) = plan.next() else { return Some(ItemOutcome::Updated) };
    let (answer, created) = match faults() {
        Fault::Locked => (WriteAnswer::Refused { code: "LOCKED".into(), retryable: true }, None),
        Fault::RequestLost => (WriteAnswer::Ambiguous, None),
        fault => match office.write(write) {
            _ if fault == Fault::AnswerLost => (WriteAnswer::Ambiguous, None),
            Ok(created) => (WriteAnswer::Confirmed, created),
            Err(code) => (WriteAnswer::Refused { code: code.into(), retryable: false }, None),
        },
    };
    match answer.judge() {
        AfterWrite::Fail(code) => Some(ItemOutcome::Failed(code)),
        AfterWrite::Wait | AfterWrite::StopRun => Some(ItemOutcome::Pending),
        AfterWrite::GoOn => {
            let effect = plan.confirm(created.as_ref()).expect("a number").expect("a write");
            counters.count_effect(effect);
            None
        }
    }
}

/// Looks up all that the items need, in bulk, until each can be decided.
pub(crate) fn look_up_all(office: &Office, items: &[&Item<'_>], view: &mut View, rules: &Rules) {
    for round in 0..3 {
        let needs: Vec<Needs<'_>> = items.iter().filter_map(|item| decide(item, view, rules).err()).collect();
        if needs.is_empty() {
            return;
        }
        assert!(round < 2, "two rounds are enough");
        let tickets: Vec<&str> = needs.iter().filter_map(|needs| needs.ticket).collect();
        let rows: Vec<&str> = needs.iter().filter_map(|needs| needs.rows).collect();
        let emails: Vec<_> = needs.iter().flat_map(|needs| needs.emails.iter().copied()).collect();
        view.tickets_answered(tickets.iter().copied(), office.find_tickets(&tickets));
        view.rows_answered(rows.iter().copied(), office.find_rows(&rows));
        for emails in emails.chunks(200) {
            view.contacts_answered(emails.iter().copied(), office.find_contacts(emails));
        }
    }
}

/// Applies items side by side until none is left that can be applied; those that wait stay in `pending`.
///
/// Within a wave the writes of the items go out in lockstep, last item first: nothing may depend on that order.
pub(crate) fn apply_side_by_side(
    office: &mut Office,
    pending: &mut Vec<String>,
    rules: &Rules,
    counters: &mut Counters,
    faults: Faults<'_>,
) {
    let readings: Vec<Reading<'_>> = pending.iter().map(|json| Item::read(json, &rules.skip)).collect();
    let keys = readings.iter().map(|reading| match reading {
        Reading::Item(item) => item.keys(rules),
        _ => Keys::default(),
    });
    let mut queue = Queue::new(keys, Pace::SideBySide);
    let mut waits = vec![true; readings.len()];
    loop {
        let wave = queue.take(1000);
        if wave.is_empty() {
            break;
        }
        for (place, outcome) in apply_wave(office, &readings, &wave, rules, counters, faults) {
            if outcome != ItemOutcome::Pending {
                waits[place] = false;
                queue.release(place);
            }
        }
    }
    let mut place = 0..;
    pending.retain(|_| waits[place.next().expect("a place")]);
}

fn apply_wave(
    office: &mut Office,
    readings: &[Reading<'_>],
    wave: &[usize],
    rules: &Rules,
    counters: &mut Counters,
    faults: Faults<'_>,
) -> Vec<(usize, ItemOutcome)> {
    let item = |place: &usize| match &readings[*place] {
        Reading::Item(item) => Some(&**item),
        _ => None,
    };
    let mut view = View::default();
    look_up_all(office, &wave.iter().filter_map(item).collect::<Vec<_>>(), &mut view, rules);
    let mut outcomes = Vec::new();
    let mut plans = Vec::new();
    for place in wave {
        let settled = match &readings[*place] {
            Reading::Skipped { .. } => ItemOutcome::Skipped,
            Reading::Failed { code, .. } => ItemOutcome::Failed(code.clone()),
            Reading::Item(item) => match decide(item, &view, rules).expect("all was looked up") {
                Decision::Failed(code) => ItemOutcome::Failed(code),
                Decision::Unchanged => ItemOutcome::Unchanged,
                Decision::Stale => ItemOutcome::Stale,
                Decision::Update(plan) => {
                    plans.push((*place, plan));
                    continue;
                }
            },
        };
        outcomes.push((*place, settled));
    }
    while !plans.is_empty() {
        for at in (0..plans.len()).rev() {
            let (place, plan) = &mut plans[at];
            if let Some(outcome) = step(office, plan, counters, faults) {
                counters.count_discrepancies(&plan.discrepancies);
                outcomes.push((*place, outcome));
                plans.remove(at);
            }
        }
    }
    for (_, outcome) in &outcomes {
        counters.count_outcome(outcome);
    }
    outcomes
}

/// As the worked sample spells it.
pub(crate) fn spelled(outcome: &ItemOutcome) -> String {
    match outcome {
        ItemOutcome::Updated => "updated".to_owned(),
        ItemOutcome::Unchanged => "unchanged".to_owned(),
        ItemOutcome::Stale => "stale".to_owned(),
        ItemOutcome::Skipped => "skipped".to_owned(),
        ItemOutcome::Pending => "pending".to_owned(),
        ItemOutcome::Failed(code) => format!("error:{code}"),
    }
}

/// The code of an item that failed.
pub(crate) fn code(outcome: ItemOutcome) -> FailureCode {
    match outcome {
        ItemOutcome::Failed(code) => code,
        other => panic!("not failed but {other:?}"),
    }
}
