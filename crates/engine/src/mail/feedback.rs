//! What people are told of a feedback run that failed or has failed tickets (TIXNGO contract §7.3): the error and its
//! origin, by ticket id and code. No personal data: a ticket is named by its id alone, and what looks like an e-mail
//! address in the text of an error is masked.

use std::fmt::Write;

use ticketbridge_core::mobile::{RunError, RunResult};

use super::{MailMessage, clean};

/// Failed items that a mail names at most.
pub const MAX_NAMED_ITEMS: usize = 50;
/// Longest ticket id in characters (TIXNGO contract §4.2).
const MAX_ID: usize = 256;
/// Longest name or code in characters.
const MAX_NAME: usize = 100;
/// Longest text of an error in characters.
const MAX_ERROR: usize = 2_000;

/// A ticket that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedItem<'a> {
    /// Its id, if it has one. May be any text.
    pub ticket_id: Option<&'a str>,
    /// The code.
    pub code: &'a str,
}

/// What a run that people have to be told of did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedbackNews<'a> {
    /// The organizer.
    pub organizer: &'a str,
    /// The function.
    pub internal_name: &'a str,
    /// Number of the run.
    pub run: i64,
    /// Its result.
    pub result: RunResult,
    /// What ended it before its time.
    pub error: Option<RunError>,
    /// The same in words.
    pub text: Option<&'a str>,
    /// Tickets that failed, or the first of them.
    pub failed: &'a [FailedItem<'a>],
    /// Number of all that failed.
    pub failed_count: u64,
    /// Number of those that wait for another try.
    pub pending_count: u64,
}

/// The mail about a run.
pub fn feedback_message(news: &FeedbackNews<'_>) -> MailMessage {
    let organizer = clean::line(news.organizer, MAX_NAME);
    let (run, result) = (news.run, news.result.as_str());
    let failed_count = news.failed_count.max(news.failed.len() as u64);
    let subject = match failed_count {
        0 => format!("ticketbridge: feedback {organizer}: {result} in run {run}"),
        1 => format!("ticketbridge: feedback {organizer}: {result} in run {run}, 1 ticket failed"),
        count => format!("ticketbridge: feedback {organizer}: {result} in run {run}, {count} tickets failed"),
    };
    let mut text = format!(
        "Organizer: {organizer}\nFunction: {}\nRun: {run}\nResult: {result}\n",
        clean::line(news.internal_name, MAX_NAME)
    );
    if let Some(words) = news.text {
        append(&mut text, format_args!("Error: {}\n", clean::without_addresses(&clean::line(words, MAX_ERROR))));
    }
    if failed_count > 0 {
        append(&mut text, format_args!("\nFailed tickets ({failed_count}), id and code:\n"));
        for item in news.failed.iter().take(MAX_NAMED_ITEMS) {
            let id = item.ticket_id.map_or_else(|| String::from("(no id)"), |id| clean::line(id, MAX_ID));
            append(&mut text, format_args!("  {id}  {}\n", clean::line(item.code, MAX_NAME)));
        }
        let named = news.failed.len().min(MAX_NAMED_ITEMS) as u64;
        if failed_count > named {
            append(&mut text, format_args!("  and {} more\n", failed_count - named));
        }
    }
    if news.pending_count > 0 {
        append(&mut text, format_args!("\nWaiting for another try: {}\n", news.pending_count));
    }
    append(&mut text, format_args!("\nWhat to do\n{}", advice(news, &argument(&organizer), failed_count > 0)));
    MailMessage { subject, text }
}

fn advice(news: &FeedbackNews<'_>, organizer: &str, has_failed: bool) -> String {
    let mut advice = String::new();
    if let Some(error) = news.error {
        advice.push_str(match error {
            RunError::DiffCall => {
                "* The changes could not be read from TIXNGO. Nothing is lost: the key has not moved, and the next run asks \
                 again. If it goes on: check address, API key and network of the source platform.\n"
            }
            RunError::BoxOfficeSetUp => {
                "* S-360 refuses whole calls. The tickets wait and nothing is lost. Check address, token and rights of the \
                 box office platform.\n"
            }
            RunError::StrictStop => {
                "* The function stops at the first ticket that fails (continue_on_sync_error = false). Each next run tries \
                 it first: mend it in S-360, or put it on the skip list.\n"
            }
            RunError::UnreadableFile => {
                "* The uploaded file is no diff page; nothing of it was stored. Check the file and start the run again.\n"
            }
            RunError::LeaseLost => {
                "* Another process took over, or this one stood still for too long. What was stored is carried on by the \
                 next run. If it happens again: set a longer `lease`.\n"
            }
            RunError::Store => {
                "* The store refused a write. Look at the log of ticketbridge for the reason (disk, database).\n"
            }
        });
    }
    if has_failed {
        append(
            &mut advice,
            format_args!(
                "* `ticketbridge feedback failed {organizer}` lists the failed tickets with their reasons. A failed ticket is \
                 not tried again by itself; it comes back with its next change.\n"
            ),
        );
    }
    append(&mut advice, format_args!("* `ticketbridge feedback run {organizer}` starts a run now.\n"));
    advice
}

/// The organizer as a shell takes it as one word.
fn argument(organizer: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if !organizer.is_empty() && !organizer.starts_with('-') && organizer.chars().all(is_plain) {
        organizer.to_owned()
    } else {
        format!("'{}'", organizer.replace('\'', "'\\''"))
    }
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a text cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news<'a>() -> FeedbackNews<'a> {
        FeedbackNews {
            organizer: "opera",
            internal_name: "day shift",
            run: 17,
            result: RunResult::Warning,
            error: None,
            text: None,
            failed: &[],
            failed_count: 0,
            pending_count: 0,
        }
    }

    #[test]
    fn failed_tickets_are_named_with_their_codes() {
        let failed = [
            FailedItem { ticket_id: Some("9000000100"), code: "UNKNOWN_TICKET" },
            FailedItem { ticket_id: None, code: "BAD_ITEM" },
        ];
        let mail = feedback_message(&FeedbackNews { failed: &failed, failed_count: 2, pending_count: 3, ..news() });
        insta::assert_snapshot!(format!("{}\n---\n{}", mail.subject, mail.text));
    }

    #[test]
    fn an_error_says_what_to_do_and_shows_nobodys_address() {
        let text = Some("GET /diff: 401 for ann@example.org,\r\nplease");
        let error = Some(RunError::DiffCall);
        let organizer = "op'era house";
        let news = FeedbackNews { organizer, result: RunResult::Error, error, text, ..news() };
        let mail = feedback_message(&news);
        insta::assert_snapshot!(format!("{}\n---\n{}", mail.subject, mail.text));
    }

    #[test]
    fn every_error_has_its_advice() {
        let all = [
            RunError::DiffCall,
            RunError::BoxOfficeSetUp,
            RunError::StrictStop,
            RunError::UnreadableFile,
            RunError::LeaseLost,
            RunError::Store,
        ];
        let advices: std::collections::BTreeSet<String> =
            all.iter().map(|error| feedback_message(&FeedbackNews { error: Some(*error), ..news() }).text).collect();
        assert_eq!(advices.len(), all.len());
    }

    #[test]
    fn fifty_are_named_and_the_rest_counted() {
        let ids: Vec<String> = (0..1_000).map(|number| format!("T-{number:04}")).collect();
        let failed: Vec<_> = ids.iter().map(|id| FailedItem { ticket_id: Some(id), code: "BAD_FIELD" }).collect();
        let with = |failed: &[FailedItem<'_>], failed_count| {
            feedback_message(&FeedbackNews { failed, failed_count, ..news() }).text
        };
        let text = with(&failed, 4_711);
        assert!(text.contains("  T-0049  BAD_FIELD\n  and 4661 more\n") && !text.contains("T-0050"), "{text}");
        let text = with(&failed[..50], 50);
        assert!(text.contains("T-0049") && !text.contains(" more\n"), "{text}");
        let text = with(&failed[..51], 0);
        assert!(text.contains("(51)") && text.contains("  and 1 more\n"), "{text}");
    }

    #[test]
    fn an_id_may_be_any_text() {
        let long = "ñ".repeat(300);
        let failed = [
            FailedItem { ticket_id: Some("1\r\n.\r\nSubject: x\u{2028}y\u{0}"), code: "BAD\nITEM" },
            FailedItem { ticket_id: Some(&long), code: "BAD_ITEM" },
        ];
        let organizer = "o\r\nBcc: evil@example.org";
        let mail = feedback_message(&FeedbackNews { organizer, failed: &failed, failed_count: 2, ..news() });
        assert!(!mail.subject.contains(['\r', '\n']), "{}", mail.subject);
        assert!(mail.text.contains("  1  .  Subject: x y   BAD ITEM\n"), "{}", mail.text);
        assert!(mail.text.contains(&format!("  {}…  BAD_ITEM\n", "ñ".repeat(256))), "{}", mail.text);
    }
}
