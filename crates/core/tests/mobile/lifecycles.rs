//! Random lives of tickets among few people: however the items are paged, batched, delivered again, refused for a while or
//! cut off by crashes, the end is the one of applying them one after another.

use proptest::prelude::*;
use serde_json::{Value, json};
use ticketbridge_core::mobile::{Counters, ItemOutcome};

use crate::office::Office;
use crate::run::{Fault, apply, apply_side_by_side, rules};
use crate::world::{contact, temporary};

const TICKETS: usize = 4;
const PEOPLE: [&str; 6] = [
    "ann@example.org",
    "norm@example.org",
    "temp@example.org",
    "shared@example.org",
    "new@example.org",
    "éva@example.org",
];

/// What happens to a ticket.
#[derive(Debug, Clone, Copy)]
enum Event {
    Download,
    Assign,
    Offer(usize),
    Accept,
    Reject,
    TimeOut,
    Activate,
    Control,
    Delete,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => Just(Event::Download),
        1 => Just(Event::Assign),
        6 => (0..PEOPLE.len()).prop_map(Event::Offer),
        4 => Just(Event::Accept),
        1 => Just(Event::Reject),
        1 => Just(Event::TimeOut),
        1 => Just(Event::Activate),
        1 => Just(Event::Control),
        1 => Just(Event::Delete),
    ]
}

/// The wallet's side of one ticket.
#[derive(Debug, Clone, Copy)]
struct Wallet {
    owner: usize,
    /// Recipient and begin of the latest transfer, and its sender.
    transfer: Option<(usize, usize, usize)>,
    is_open: bool,
}

/// The items of a history of `(ticket, event, spelling)`, in order; impossible events happen to nobody.
fn items(history: &[(usize, Event, u8)]) -> Vec<Value> {
    let mut wallets = [Wallet { owner: 0, transfer: None, is_open: false }; TICKETS];
    let mut items = Vec::new();
    for (second, (ticket, event, spelling)) in history.iter().enumerate() {
        let wallet = &mut wallets[*ticket];
        let Some(status) = wallet.happens(*event, second) else { continue };
        items.push(wallet.item(*ticket, status, second, *spelling));
    }
    items
}

impl Wallet {
    fn happens(&mut self, event: Event, second: usize) -> Option<&'static str> {
        match event {
            Event::Offer(recipient) => {
                self.transfer = Some((recipient, second, self.owner));
                self.is_open = true;
                Some(if second.is_multiple_of(5) { "PENDING" } else { "PENDING_TRANSFER" })
            }
            Event::Accept | Event::Reject | Event::TimeOut if !self.is_open => None,
            Event::Accept => {
                self.owner = self.transfer?.0;
                self.is_open = false;
                Some("TRANSFERRED")
            }
            Event::Reject | Event::TimeOut => {
                self.is_open = false;
                Some(if matches!(event, Event::Reject) { "FAILURE_TRANSFER" } else { "FAILURE" })
            }
            Event::Download => Some("DOWNLOADED"),
            Event::Assign => Some("ASSIGNED"),
            Event::Activate => Some("ONLINE_ACTIVATED"),
            Event::Control => Some("CONTROLLED"),
            Event::Delete => Some("DELETED"),
        }
    }

    /// The item; the bits of `spelling` leave things out or write e-mails differently.
    fn item(&self, ticket: usize, status: &str, second: usize, spelling: u8) -> Value {
        let spelled =
            |email: &str| if spelling & 1 == 0 { email.to_owned() } else { format!(" {}", email.to_uppercase()) };
        let owner = PEOPLE[self.owner];
        let details = json!({"firstName": format!("First {owner}"), "email": spelled(owner),
            "lastName": if spelling & 6 == 6 { Value::Null } else { json!(format!("Last {owner}")) },
            "nationality": if spelling & 8 == 0 { Value::Null } else { json!("ch") }});
        let transfer = self.transfer.map(|(recipient, begun, sender)| {
            json!({"recipientEmail": spelled(PEOPLE[recipient]),
                "senderEmail": if spelling & 0x30 == 0x30 { Value::Null } else { json!(PEOPLE[sender]) },
                "initiatedAt": if spelling & 0xC0 == 0xC0 { Value::Null } else { json!(instant(begun)) }})
        });
        json!({"ticketId": format!("T{ticket}"), "status": status, "updatedAt": instant(second),
            "spectatorDetails": details, "transfer": transfer})
    }
}

fn instant(second: usize) -> String {
    format!("2026-05-04T08:{:02}:{:02}Z", second / 60, second % 60)
}

fn office() -> Office {
    let tickets: Vec<Value> = (0..TICKETS)
        .map(|n| {
            json!({"ticketId": format!("T{n}"), "taxNumber": null, "organizationCode": "ORG-A", "mobile": null,
                "culturalContactNumber": if n == 0 { Value::Null } else { json!("1001") }})
        })
        .collect();
    Office::from_json(&json!({"tickets": tickets, "contacts": [
        contact("1001", PEOPLE[0], "Ann", "Buyer", true),
        contact("1002", PEOPLE[1], "Norm", "Normal", false),
        temporary("1003", PEOPLE[2]),
        contact("1005", PEOPLE[3], "Sue", "Second", false),
        contact("1004", " SHARED@example.org", "Sam", "First", false),
    ]}))
}

fn one_by_one(items: &[Value]) -> Office {
    let mut office = office();
    for item in items {
        let outcome = apply(&mut office, item, &rules(), &mut Counters::default());
        assert_eq!(outcome, ItemOutcome::Updated, "{item}");
    }
    office
}

/// Applies `items` in pages of the given sizes, side by side, with faults, and some earlier page again after each.
fn in_pages(items: &[Value], sizes: &[usize], replays: &[usize], faults: &[u8]) -> Office {
    let mut office = office();
    let mut faults = faults.iter();
    let mut fault = || match faults.next() {
        Some(0) => Fault::Locked,
        Some(1) => Fault::AnswerLost,
        Some(2) => Fault::RequestLost,
        _ => Fault::None,
    };
    let mut pages: Vec<Vec<String>> = Vec::new();
    let mut rest = items;
    for turn in 0.. {
        let size = sizes[turn % sizes.len()].min(rest.len());
        let (page, after) = rest.split_at(size);
        pages.push(page.iter().map(Value::to_string).collect());
        let replayed = pages[replays[turn % replays.len()] % pages.len()].clone();
        let mut pending = pages.last().cloned().unwrap_or_default();
        let mut counters = Counters::default();
        apply_side_by_side(&mut office, &mut pending, &rules(), &mut counters, &mut fault);
        // What waits comes before what is delivered later.
        pending.extend(replayed);
        while !pending.is_empty() {
            apply_side_by_side(&mut office, &mut pending, &rules(), &mut counters, &mut fault);
        }
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    office
}

/// Only the latest item of each ticket within each window, as two polls with changes between them see it.
fn coalesced(items: &[Value], window: usize) -> Vec<Value> {
    let mut seen = Vec::new();
    for window in items.chunks(window) {
        for (place, item) in window.iter().enumerate() {
            if !window[place + 1..].iter().any(|later| later["ticketId"] == item["ticketId"]) {
                seen.push(item.clone());
            }
        }
    }
    seen
}

fn history() -> impl Strategy<Value = Vec<(usize, Event, u8)>> {
    prop::collection::vec((0..TICKETS, event(), any::<u8>()), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pages_batches_redelivery_and_faults_make_no_difference(
        history in history(),
        sizes in prop::collection::vec(1_usize..20, 1..4),
        replays in prop::collection::vec(0_usize..8, 1..6),
        faults in prop::collection::vec(0_u8..8, 0..80),
        window in 1_usize..12,
    ) {
        for items in [items(&history), coalesced(&items(&history), window)] {
            if items.is_empty() {
                continue;
            }
            let expected = one_by_one(&items);
            let found = in_pages(&items, &sizes, &replays, &faults);
            prop_assert_eq!(&found.refusals, &Vec::<String>::new());
            prop_assert_eq!(found.normalised(), expected.normalised());
        }
    }

    #[test]
    fn what_two_polls_miss_changes_no_mobile_data_and_leaves_order_in_the_rows(
        history in history(),
        window in 1_usize..40,
    ) {
        let items = items(&history);
        let (all, few) = (one_by_one(&items), one_by_one(&coalesced(&items, window)));
        for (id, ticket) in &few.tickets {
            prop_assert_eq!(&ticket["mobile"], &all.tickets[id]["mobile"]);
            // The latest item says that a transfer is done: the ticket belongs to the owner, whatever was missed.
            if ticket["mobile"]["status"] == "TRANSFERRED" {
                let owner = |office: &Office, ticket: &Value| {
                    let number = &ticket["culturalContactNumber"];
                    let contact = office.contacts.iter().find(|contact| contact["contactNumber"] == *number);
                    contact.expect("a contact")["email"].as_str().expect("an e-mail").trim().to_lowercase()
                };
                let expected = ticket["mobile"]["owner"]["email"].as_str().expect("an owner").to_owned();
                prop_assert_eq!(&owner(&few, ticket), &expected);
                prop_assert_eq!(owner(&all, &all.tickets[id]), expected);
            }
        }
        for person in &PEOPLE[4..] {
            prop_assert!(few.contacts_of(person).len() <= 1, "two contacts for {}", person);
        }
    }
}
