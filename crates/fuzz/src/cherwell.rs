//! Cherwell's answers, through the real adapter: learning names, look-ups, writes with what follows them.
//!
//! Input: `learn`, or a question, or `OPERATION ITEMS`; then after each `---` an answer: `STATUS [HEADER: VALUE]`, a line
//! end, the body. All but `learn` begin with the site of `data/cherwell-learning.txt` learned.

use ticketbridge_core::effect::{Found, LookUpFault, Operation, Outcome};
use ticketbridge_platforms::cherwell::{Cherwell, CherwellSettings, WorkOrderSettings};
use ticketbridge_platforms::{Decoded, Dialogue, HttpCall, Item, Platform, Transport, Verdict};

use crate::parts::{first_line, parts, text};
use crate::sample::{MAX_WORDS, items, query, transport};
use crate::sfyc_look_ups::rows_of;

/// Words of the answers.
pub const DICTIONARY: &[&str] = &[
    "\"hasError\":",
    "\"errorCode\":",
    "\"errorMessage\":",
    "\"busObId\":",
    "\"busObRecId\":",
    "\"busObPublicId\":",
    "\"fields\":",
    "\"fieldId\":",
    "\"displayName\":",
    "\"value\":",
    "\"totalRows\":",
    "\"businessObjects\":",
    "\"responses\":",
    "\"notifications\":",
    "\"RECORDNOTFOUND\"",
    "\"11/21/2026 2:02:03 AM\"",
    "\"21.11.2026 02:02:03\"",
    "\"2026-11-21T02:02:03-06:00\"",
    "\"1/1/0001\"",
    "\"00000000-0000-7000-8000-000000000001\"",
    "\"SNR|USSG-1\"",
    "\"T1\"",
    "\"New\"",
    "\"Closed\"",
    "true",
    "false",
    "null",
    "0",
    "401",
    "500",
    "429 Retry-After: 5",
    "timeout",
    "\n---\n200\n",
    "learn",
    "open_tickets",
    "tickets",
    "notes",
    "work_orders",
    "create_ticket 2",
    "add_note 2",
    "create_work_order 2",
    "link_work_order 2",
    "\"maximumSize\":",
    "\"name\":",
    "\"../../x\"",
    "\"a/b?c=d\"",
];
/// Most answers of an input.
const MAX_PARTS: usize = 64;
/// Most requests of one dialogue; more would be a loop that nothing ends.
const MAX_CALLS: usize = 400;
/// Longest fault of learning: it lists all that is missing.
const MAX_FINDINGS: usize = 64 * 1024;
/// What an honest site answers while its names are learned.
const LEARNING: &[u8] = include_bytes!("../data/cherwell-learning.txt");

/// Answers in their order; the last one is repeated.
struct Answers<'a> {
    parts: Vec<&'a [u8]>,
    next: usize,
    /// All bodies that were handed in.
    said: String,
}

impl<'a> Answers<'a> {
    fn of(parts: Vec<&'a [u8]>) -> Self {
        Self { parts, next: 0, said: String::new() }
    }

    fn next(&mut self, call: &HttpCall) -> Transport {
        assert!(call.target.starts_with("/api/") && call.target.is_ascii(), "{}", call.target);
        assert!(!call.target.split(['/', '?']).any(|part| part == ".."), "{}", call.target);
        let part = self.parts.get(self.next).or_else(|| self.parts.last()).copied().unwrap_or_default();
        self.next += 1;
        let (line, body) = first_line(part);
        self.said.push_str(&text(body));
        transport(&line, body)
    }

    /// Asks and answers until the dialogue ends.
    fn converse<A>(&mut self, mut dialogue: Box<dyn Dialogue<A>>) -> Result<A, LookUpFault> {
        for _ in 0..MAX_CALLS {
            let absorbed = match dialogue.next_call() {
                Ok(None) => return dialogue.finish(),
                Ok(Some(call)) => dialogue.absorb(&self.next(&call)),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = absorbed {
                assert!(!fault.why.is_empty() && fault.why.len() < MAX_FINDINGS, "{} bytes", fault.why.len());
                assert!(!matches!(dialogue.next_call(), Ok(Some(_))), "a failed dialogue asks on");
                assert!(dialogue.finish().is_err(), "a failed dialogue has a result");
                return Err(fault);
            }
        }
        panic!("more than {MAX_CALLS} requests, and no end");
    }
}

fn cherwell() -> Cherwell {
    let settings = CherwellSettings { work_order: Some(WorkOrderSettings::default()), ..CherwellSettings::default() };
    match Cherwell::new(settings) {
        Ok(cherwell) => cherwell,
        Err(error) => unreachable!("{error}"),
    }
}

/// Learned whole or not at all; look-ups complete or a fault; one outcome per item, and a create is applied only if our
/// origin id and its number were read.
pub fn target(data: &[u8]) {
    measure(data);
}

/// As [`target`]; answers how many names were learned, rows found, or items applied.
pub fn measure(data: &[u8]) -> usize {
    let mut input = parts(data, MAX_PARTS).into_iter();
    let head = text(input.next().unwrap_or_default());
    let mut answers = Answers::of(input.collect());
    let cherwell = cherwell();
    let Some(learning) = cherwell.prepare() else { panic!("nothing is known yet") };
    if head.trim() == "learn" {
        let learned = answers.converse(learning);
        assert_eq!(learned.is_ok(), cherwell.prepare().is_none(), "known if it was learned: {learned:?}");
        // Whatever was believed, later questions go to proper addresses.
        let asked = cherwell.look_up(&query("open_tickets"));
        drop(asked.map(|dialogue| answers.converse(dialogue)));
        return learned.map_or(0, |learned| learned.len());
    }
    let learned = Answers::of(parts(LEARNING, usize::MAX)).converse(learning);
    assert!(learned.is_ok(), "the honest site is learned: {learned:?}");
    let (name, count) = head.trim().split_once(' ').unwrap_or_else(|| (head.trim(), "2"));
    match name.parse::<Operation>() {
        Ok(operation) => {
            let most = cherwell.capabilities().batch_limit(operation).min(9) as u32;
            let items = items(count.parse().unwrap_or(2).clamp(1, most));
            write(&cherwell, operation, &items, answers)
        }
        Err(_) => look_up(&cherwell, name, answers),
    }
}

fn look_up(cherwell: &Cherwell, name: &str, mut answers: Answers<'_>) -> usize {
    let question = query(name);
    let Ok(dialogue) = cherwell.look_up(&question) else { panic!("a learned site can be asked") };
    let Ok(found) = answers.converse(dialogue) else { return 0 };
    let said = &answers.said;
    let is_said = |text: &str| !is_plain(text) || said.contains(text);
    match &found {
        Found::Tickets { tickets } => {
            for ticket in tickets {
                assert!(is_said(&ticket.reference.number) && !ticket.reference.number.trim().is_empty(), "{ticket:?}");
                assert!(
                    ticket.origin.as_deref().is_none_or(is_said) && ticket.key.as_deref().is_none_or(is_said),
                    "{ticket:?}"
                );
            }
        }
        Found::Notes { notes } => {
            assert!(notes.iter().all(|note| is_said(&note.origin)), "{notes:?}");
        }
        Found::WorkOrders { work_orders } => {
            assert!(
                work_orders.iter().all(|order| is_said(&order.number) && is_said(&order.origin)),
                "{work_orders:?}"
            );
        }
        Found::Healthy => assert_eq!(name, "health"),
    }
    rows_of(&found)
}

fn write(cherwell: &Cherwell, operation: Operation, items: &[Item], mut answers: Answers<'_>) -> usize {
    let call = match cherwell.encode(operation, items) {
        Ok(call) => call,
        Err(fault) => panic!("the items are proper: {fault:?}"),
    };
    let answer = answers.next(&call);
    let decoded = match cherwell.decode(operation, items, &answer) {
        Verdict::Done(decoded) => decoded,
        Verdict::More(dialogue) => match answers.converse(dialogue) {
            Ok(decoded) => decoded,
            // Whoever asked takes every item for Unknown.
            Err(_) => return 0,
        },
    };
    check(operation, items, &decoded, &answers.said);
    let applied = decoded.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Applied { .. })).count();
    let is_success = matches!(&answer, Transport::Answered(answer) if answer.status.is_success());
    assert!(is_success || applied == 0, "{decoded:?}");
    applied
}

fn check(operation: Operation, items: &[Item], decoded: &Decoded, said: &str) {
    assert!(decoded.outcomes.is_empty() || decoded.outcomes.len() == items.len(), "{decoded:?}");
    for (item, outcome) in items.iter().zip(&decoded.outcomes) {
        assert!(format!("{outcome:?}").len() < MAX_WORDS * 4, "{outcome:?}");
        let Outcome::Applied { ids } = outcome else { continue };
        let number = match operation {
            Operation::CreateTicket => ids.ticket_number.as_deref(),
            Operation::CreateWorkOrder => ids.work_order_number.as_deref(),
            Operation::AddNote | Operation::LinkWorkOrder => continue,
        };
        let Some(number) = number else { panic!("a create without a number: {outcome:?}") };
        assert!(!number.trim().is_empty() && (!is_plain(number) || said.contains(number)), "{outcome:?}");
        assert!(said.contains(&item.origin.to_string()), "nobody read our origin id back: {outcome:?}");
    }
}

/// A text that stands in JSON as it is.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'|'))
}
