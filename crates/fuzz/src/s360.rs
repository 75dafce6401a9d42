//! S-360's answers. Input: a kind of write or of look-up, and how many writes, `---`, `STATUS [HEADER: VALUE]`, a line end,
//! the body.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde_json::{Value, json};
use ticketbridge_core::mobile::{
    ContactFields, ContactNumber, CreateContact, Email, Item, Party, Reading, RowStatus, SetCulturalContact, SkipList,
    StoreMobile, UpdateContact, UpsertDistribution, UtcInstant, Write, WriteAnswer, WriteKind,
};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::s360::{
    WriteResult, read_contacts, read_distributions, read_tickets, read_write, write_call,
};
use ticketbridge_platforms::{CallFault, CallFaultKind, Transport};

use crate::parts::{first_line, parts, text};
use crate::sample::{CANARY, LONGEST_WISH, MAX_WORDS, transport};

/// Words of the answers.
pub const DICTIONARY: &[&str] = &[
    "create_contact",
    "update_contact",
    "upsert_distribution",
    "set_cultural_contact",
    "store_mobile",
    "tickets",
    "contacts",
    "distributions",
    "\"results\":",
    "\"items\":",
    "\"ok\":",
    "true",
    "false",
    "null",
    "\"error\":",
    "\"code\":",
    "\"retryable\":",
    "\"LOCKED\"",
    "\"UNKNOWN_TICKET\"",
    "\"ticketId\":",
    "\"T0\"",
    "\"contactNumber\":",
    "\"1000\"",
    "\"requestRef\":",
    "\"tng:0\"",
    "\"distributionRef\":",
    "\"changeRef\":",
    "\"tng:change\"",
    "\"mobile\":",
    "\"statusDate\":",
    "\"2026-05-04T08:06:00.000Z\"",
    "\"authorizations\":",
    "\"email\":",
    "\"status\":",
    "\"\\ud800\"",
    "\u{feff}",
    "400",
    "429 Retry-After: 99999999999",
    "504",
    CANARY,
];

const NOW: Wall = Wall(1_795_248_000_000);
const KINDS: [(&str, WriteKind); 5] = [
    ("create_contact", WriteKind::CreateContact),
    ("update_contact", WriteKind::UpdateContact),
    ("upsert_distribution", WriteKind::UpsertDistribution),
    ("set_cultural_contact", WriteKind::SetCulturalContact),
    ("store_mobile", WriteKind::StoreMobile),
];

/// One answer per write: Confirmed only if a result with its key says `ok`, whatever the order of the results. Rows of a
/// look-up each once, or a fault; no fault shows a piece of the body.
pub fn target(data: &[u8]) {
    measure(data);
}

/// As [`target`]; answers how many writes were confirmed or rows read.
pub fn measure(data: &[u8]) -> usize {
    let input = parts(data, 2);
    let head = text(input[0]);
    let (name, count) = head.trim().split_once(' ').unwrap_or_else(|| (head.trim(), "3"));
    let (line, body) = first_line(input.get(1).copied().unwrap_or_default());
    let answer = transport(&line, body);
    match name {
        "tickets" => rows(&read_tickets(&answer, NOW), &answer, |row| Some(row.ticket_id.to_string())),
        "contacts" => rows(&read_contacts(&answer, NOW), &answer, |row| Some(row.contact_number.as_str().to_owned())),
        "distributions" => rows(&read_distributions(&answer, NOW), &answer, |row| row.our_ref().map(str::to_owned)),
        _ => {
            let kind =
                KINDS.iter().find(|(known, _)| *known == name).map_or(KINDS[data.len() % 5].1, |(_, kind)| *kind);
            writes(kind, count.trim().parse().unwrap_or(3_usize).clamp(1, 20), &answer, body)
        }
    }
}

fn rows<T: Debug>(read: &Result<Vec<T>, CallFault>, answer: &Transport, key: impl Fn(&T) -> Option<String>) -> usize {
    match read {
        Ok(rows) => {
            assert!(matches!(answer, Transport::Answered(answer) if answer.status.as_u16() == 200));
            let keys: Vec<String> = rows.iter().filter_map(key).collect();
            assert_eq!(keys.len(), keys.iter().collect::<BTreeSet<_>>().len(), "each once");
            rows.len()
        }
        Err(fault) => {
            check(fault);
            0
        }
    }
}

fn check(fault: &CallFault) {
    assert!(fault.why.len() < MAX_WORDS && !fault.why.contains(CANARY), "{fault}");
    assert!(!matches!(fault.kind, CallFaultKind::Transient { retry_after: Some(wish) } if wish > LONGEST_WISH));
}

fn writes(kind: WriteKind, count: usize, answer: &Transport, body: &[u8]) -> usize {
    let texts: Vec<String> = (0..count).map(item_json).collect();
    let items: Vec<Item<'_>> = texts.iter().map(|text| item(text)).collect();
    let writes: Vec<Write<'_>> = items.iter().enumerate().map(|(place, item)| write(kind, place, item)).collect();
    let writes: Vec<&Write<'_>> = writes.iter().collect();
    assert!(write_call(kind, &writes).is_ok());
    let reading = read_write(kind, &writes, answer, NOW);
    assert_eq!(reading, read_write(kind, &writes, answer, NOW), "the same each time");
    assert_eq!(reading.results.len(), count);
    assert!(!format!("{reading:?}").contains(CANARY));
    let is_confirmed = |result: &&WriteResult| result.answer == WriteAnswer::Confirmed;
    let confirmed = reading.results.iter().filter(is_confirmed).count();
    if let Some(fault) = &reading.fault {
        check(fault);
        assert_eq!(confirmed, 0);
        return 0;
    }
    assert!(matches!(answer, Transport::Answered(answer) if answer.status.as_u16() == 200));
    // What a plain reader cannot read (half a surrogate pair that nobody asks for) is not compared.
    let Ok(plain) = serde_json::from_slice::<Value>(body) else { return confirmed };
    let results = plain["results"].as_array().cloned().unwrap_or_default();
    for (write, result) in writes.iter().zip(&reading.results).filter(|(_, result)| is_confirmed(result)) {
        let says = |found: &&Value| says_done(kind, write, result, found);
        assert!(results.iter().any(|found| says(&found)), "{write:?} {result:?}");
    }
    let reversed: Vec<&Value> = results.iter().rev().collect();
    let reversed = transport("200", json!({"results": reversed}).to_string().as_bytes());
    // A plain reader merges a member given twice, so that the other answer may say more; never less.
    let other = read_write(kind, &writes, &reversed, NOW);
    if other.unmatched == reading.unmatched {
        assert_eq!(other, reading, "the order of results does not matter");
    }
    confirmed
}

fn says_done(kind: WriteKind, write: &Write<'_>, result: &WriteResult, found: &Value) -> bool {
    let (first, second) = write.key();
    let names = match kind {
        WriteKind::CreateContact => ("requestRef", "contactNumber"),
        WriteKind::UpdateContact => ("contactNumber", ""),
        WriteKind::UpsertDistribution => ("distributionRef", "ticketId"),
        WriteKind::SetCulturalContact => ("ticketId", "contactNumber"),
        WriteKind::StoreMobile => ("ticketId", "changeRef"),
    };
    let second = result.created.as_ref().map(ContactNumber::as_str).or(second);
    found["ok"] == true && found[names.0] == first && second.is_none_or(|second| found[names.1] == second)
}

fn item_json(place: usize) -> String {
    format!(r#"{{"ticketId":"T{place}","status":"ASSIGNED","updatedAt":"2026-05-04T08:06:00Z"}}"#)
}

fn item(json: &str) -> Item<'_> {
    match Item::read(json, &SkipList::parse("")) {
        Reading::Item(item) => *item,
        other => unreachable!("{other:?}"),
    }
}

fn number(place: usize) -> ContactNumber {
    ContactNumber::try_from((1000 + place).to_string()).unwrap_or_else(|error| unreachable!("{error}"))
}

fn write<'i>(kind: WriteKind, place: usize, item: &'i Item<'_>) -> Write<'i> {
    let ticket_id = &*item.ticket_id;
    match kind {
        WriteKind::CreateContact => Write::CreateContact(Box::new(CreateContact {
            request_ref: format!("tng:{place}"),
            email: Email::normalised("bo@example.com".into()).unwrap_or_else(|| unreachable!()),
            fields: ContactFields::default(),
        })),
        WriteKind::UpdateContact => Write::UpdateContact(Box::new(UpdateContact {
            contact_number: number(place),
            fields: ContactFields { language: Some("de"), ..ContactFields::default() },
        })),
        WriteKind::UpsertDistribution => Write::UpsertDistribution(UpsertDistribution {
            distribution_ref: format!("tng:{place}"),
            ticket_id,
            old_contact_number: None,
            new_contact_number: Some(Party::Known(number(place))),
            action: "Distribute",
            status: RowStatus::Pending,
            at: UtcInstant::parse("2026-05-04T08:06:00Z").unwrap_or_else(|| unreachable!()),
            is_new: true,
        }),
        WriteKind::SetCulturalContact => {
            Write::SetCulturalContact(SetCulturalContact { ticket_id, contact_number: Party::Known(number(place)) })
        }
        WriteKind::StoreMobile => {
            Write::StoreMobile(StoreMobile { ticket_id, change_ref: "tng:change", mobile: &item.mobile })
        }
    }
}
