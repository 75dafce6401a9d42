//! SFyC's answers to writes, through the built-in connector file.
//! Input: `OPERATION ITEMS`, `---`, `STATUS [HEADER: VALUE]`, a line end, the body.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use ticketbridge_core::effect::{CallClass, Operation, Outcome};
use ticketbridge_platforms::connector::{Connector, ConnectorSettings};
use ticketbridge_platforms::{Decoded, Item, Platform, Transport, Verdict};

use crate::parts::{first_line, parts, text};
use crate::sample::{MAX_WORDS, items, transport};

/// Words of the answers.
pub const DICTIONARY: &[&str] = &[
    "\"results\":",
    "\"ok\":",
    "true",
    "false",
    "\"externalRef\":",
    "\"ticketNumber\":",
    "\"workOrderNumber\":",
    "\"noteRef\":",
    "\"originRef\":",
    "\"error\":",
    "\"code\":",
    "\"retryable\":",
    "\"SNR|USSG-1\"",
    "\"T1\"",
    "\"T2\"",
    "\"OT1\"",
    "\"00000000-0000-7000-8000-000000000001\"",
    "\"TICKET_CLOSED\"",
    "\"UNKNOWN_TICKET\"",
    "\" \"",
    "create_ticket",
    "add_note",
    "link_work_order",
    "create_work_order",
    "500",
    "400",
    "429 Retry-After: 99999999999",
    "409",
    "204",
];

/// The built-in connector.
pub(crate) fn sfyc() -> &'static Connector {
    static SFYC: OnceLock<Connector> = OnceLock::new();
    SFYC.get_or_init(|| match Connector::load("builtin:sfyc", &ConnectorSettings::default()) {
        Ok(connector) => connector,
        Err(error) => unreachable!("{error}"),
    })
}

fn decode(operation: Operation, items: &[Item], transport: &Transport) -> Decoded {
    match sfyc().decode(operation, items, transport) {
        Verdict::Done(decoded) => decoded,
        Verdict::More(_) => panic!("a connector asks nothing more"),
    }
}

/// One outcome per item; Applied only if the answer says `ok` to a key of the item, and gives the number of a create;
/// and the order of the results does not matter.
pub fn target(data: &[u8]) {
    measure(data);
}

/// As [`target`]; answers how many items were applied.
pub fn measure(data: &[u8]) -> usize {
    let input = parts(data, 2);
    let head = text(input[0]);
    let (name, count) = head.trim().split_once(' ').unwrap_or_else(|| (head.trim(), "3"));
    let operation: Operation = name.parse().unwrap_or(Operation::ALL[data.len() % 4]);
    let items = items(count.trim().parse().unwrap_or(3_u32).clamp(1, 20));
    let (line, body) = first_line(input.get(1).copied().unwrap_or_default());
    let answered = transport(&line, body);
    let decoded = decode(operation, &items, &answered);
    assert_eq!(decoded, decode(operation, &items, &answered), "the same each time");
    let is_answered = matches!(decoded.call, CallClass::Answered);
    assert_eq!(decoded.outcomes.len(), if is_answered { items.len() } else { 0 });
    assert!(wish(&decoded.call).is_none_or(|wish| wish <= Duration::from_hours(24)));
    assert!(format!("{:?}", decoded.call).len() < MAX_WORDS * 4);
    if !matches!(&answered, Transport::Answered(answer) if answer.status.is_success()) {
        assert!(!decoded.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Applied { .. })), "{decoded:?}");
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    for (item, outcome) in items.iter().zip(&decoded.outcomes) {
        assert!(format!("{outcome:?}").len() < MAX_WORDS * 4, "{outcome:?}");
        if let Outcome::Applied { ids } = outcome {
            let number = ids.ticket_number.as_ref().or(ids.work_order_number.as_ref());
            let has_result = answer["results"].as_array().into_iter().flatten();
            let has_result = has_result.chain(answer["results"].as_object().into_iter().flat_map(|map| map.values()));
            assert!(
                has_result.into_iter().any(|result| applies(operation, item, result, number)),
                "{item:?}: {outcome:?}"
            );
        }
    }
    if let Some(reversed) = reversed(&answer).filter(|_| is_answered) {
        let reversed = transport(&line, reversed.to_string().as_bytes());
        let other = decode(operation, &items, &reversed);
        assert_eq!(kinds(&decoded.outcomes), kinds(&other.outcomes), "the order of results does not matter");
    }
    decoded.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Applied { .. })).count()
}

fn wish(call: &CallClass) -> Option<Duration> {
    match call {
        CallClass::Unavailable { retry_after, .. } | CallClass::Unknown { retry_after, .. } => *retry_after,
        _ => None,
    }
}

/// Whether a result says that the item was done (SFyC contract: result objects).
fn applies(operation: Operation, item: &Item, result: &Value, number: Option<&String>) -> bool {
    let reads = |member: &str| match &result[member] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let keys = [
        Some(item.key.as_str().to_owned()),
        Some(item.origin.to_string()),
        item.ticket.as_ref().map(|ticket| ticket.number.clone()),
    ];
    let named = ["externalRef", "ticketNumber", "noteRef"].into_iter().filter_map(reads);
    let is_ours = named.into_iter().any(|name| keys.contains(&Some(name)));
    let given = match operation {
        Operation::CreateTicket => reads("ticketNumber"),
        Operation::CreateWorkOrder => reads("workOrderNumber"),
        Operation::AddNote | Operation::LinkWorkOrder => None,
    };
    result["ok"] == Value::Bool(true)
        && is_ours
        && given.as_ref() == number
        && given.is_none_or(|text| !text.trim().is_empty())
}

fn reversed(answer: &Value) -> Option<Value> {
    let mut other = answer.clone();
    other.get_mut("results")?.as_array_mut()?.reverse();
    Some(other)
}

fn kinds(outcomes: &[Outcome]) -> Vec<String> {
    let kind = |outcome: &Outcome| match outcome {
        Outcome::Applied { ids } => format!("{ids:?}"),
        Outcome::Refused { refusal, .. } => format!("{refusal:?}"),
        Outcome::Unavailable { .. } => String::from("unavailable"),
        Outcome::Unknown { .. } => String::from("unknown"),
    };
    outcomes.iter().map(kind).collect()
}
