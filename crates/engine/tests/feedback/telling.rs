//! Who is told of runs: one mail per run that ended with an error or has failed tickets, none otherwise; and nobody's mail
//! server changes a run. (What goes over the wire to a mail server: `tests/mail`.)

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use ticketbridge_config::types::EmailAddress;
use ticketbridge_core::mobile::RunResult;
use ticketbridge_engine::feedback::{Feedback, RunRequest};
use ticketbridge_engine::mail::{MailError, MailMessage, Notify};
use ticketbridge_sandbox::faults::Knob;
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;
use ticketbridge_store::Trigger;

use crate::world::{World, injected, item, transferred, with};

/// Keeps what it was to send; may fail.
#[derive(Default)]
struct Post {
    sent: Mutex<Vec<(Vec<String>, MailMessage)>>,
    fails: bool,
}

impl Post {
    fn sent(&self) -> Vec<(Vec<String>, MailMessage)> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

#[async_trait]
impl Notify for Post {
    async fn send(&self, to: &[EmailAddress], message: &MailMessage) -> Result<(), MailError> {
        let to = to.iter().map(ToString::to_string).collect();
        self.sent.lock().unwrap().push((to, message.clone()));
        if self.fails { Err(MailError::Unwritable { why: String::from("no ink") }) } else { Ok(()) }
    }
}

fn feedback(world: &World, recipients: &[&str], post: &Arc<Post>) -> Feedback {
    let mut function = world.function.clone();
    function.error_recipients = recipients.iter().map(|address| address.parse().unwrap()).collect();
    let functions = [(function, world.wallet_wire(DEFAULT_ORGANIZER), world.office_wire())];
    Feedback::with_wires(functions, Arc::clone(&world.store) as _, Arc::clone(&world.time) as _)
        .notifying(Arc::clone(post) as _)
}

async fn run(feedback: &Feedback) -> RunResult {
    feedback.run(DEFAULT_ORGANIZER, RunRequest::by(Trigger::Manual)).await.unwrap().result
}

#[tokio::test(start_paused = true)]
async fn one_mail_per_run_with_failed_tickets_and_none_on_ok() {
    let world = World::new().with_tickets(3);
    let post = Arc::new(Post::default());
    let feedback = feedback(&world, &["noc@example.org", "ops@example.org"], &post);
    world.change(&injected(1, 2));
    assert_eq!(run(&feedback).await, RunResult::Ok);
    assert_eq!(post.sent(), []);

    let unknown = with(item(3, "INJECTED", 5), "status", json!("MOVED"));
    world.change(&[unknown, item(4, "INJECTED", 6), transferred(1, 7, "secret.person@example.org")]);
    assert_eq!(run(&feedback).await, RunResult::Warning);
    let sent = post.sent();
    let [(to, message)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(to, &["noc@example.org", "ops@example.org"]);
    for text in [DEFAULT_ORGANIZER, "T3", "UNKNOWN_STATUS", "T4", "UNKNOWN_TICKET"] {
        assert!(message.text.contains(text), "`{text}` is missing: {}", message.text);
    }
    assert!(!message.text.contains("secret.person"), "{}", message.text);

    assert_eq!(run(&feedback).await, RunResult::Ok);
    assert_eq!(post.sent(), [], "the next run has no failed ticket of its own");
}

#[tokio::test(start_paused = true)]
async fn one_mail_per_run_that_ended_with_an_error() {
    let world = World::new().with_tickets(1);
    let post = Arc::new(Post::default());
    let feedback = feedback(&world, &["noc@example.org"], &post);
    world.change(&injected(1, 1));
    world.wallet_fault(Knob::HtmlAnswer { status: 403, effect: false });
    for _ in 0..2 {
        assert_eq!(run(&feedback).await, RunResult::Error);
        let sent = post.sent();
        assert_eq!(sent.len(), 1);
        assert!(sent[0].1.text.contains("403"), "{}", sent[0].1.text);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_tickets_and_refused_runs_are_told_to_nobody() {
    let world = World::new().with_tickets(2);
    let post = Arc::new(Post::default());
    let feedback = feedback(&world, &["noc@example.org"], &post);
    world.change(&injected(1, 2));
    world.office.set_away(true);
    assert_eq!(run(&feedback).await, RunResult::Warning);
    world.office.set_away(false);
    world.gates.hold_at_named("before GET /diff", 1);
    let (first, second) = tokio::join!(run(&feedback), async {
        world.gates.reached().await;
        let second = run(&feedback).await;
        world.gates.release();
        second
    });
    assert_eq!((first, second), (RunResult::Ok, RunResult::Refused));
    assert_eq!(post.sent(), []);
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_cannot_be_sent_changes_no_run() {
    let world = World::new().with_tickets(1);
    let post = Arc::new(Post { fails: true, ..Post::default() });
    let feedback = feedback(&world, &["noc@example.org"], &post);
    world.change(&[item(1, "INJECTED", 1), item(9, "INJECTED", 2)]);
    assert_eq!(run(&feedback).await, RunResult::Warning);
    assert_eq!(post.sent().len(), 1);
    assert_eq!(world.runs().await[0].end.as_ref().map(|end| end.result), Some(RunResult::Warning));
}

#[tokio::test(start_paused = true)]
async fn without_recipients_nobody_is_told() {
    let world = World::new().with_tickets(1);
    let post = Arc::new(Post::default());
    let feedback = feedback(&world, &[], &post);
    world.change(&[item(9, "INJECTED", 2)]);
    assert_eq!(run(&feedback).await, RunResult::Warning);
    assert_eq!(post.sent(), []);
}
