//! A story as text for a terminal: at most 80 columns, readable without colour.
//!
//! Whatever a sender or platform wrote, no control character and no letter that turns the direction of writing reaches
//! the terminal. Bodies are shown up to [`BODY_LINES`] lines each; what is left out is said.

use std::fmt::Write as _;

use super::{CameFrom, Compared, Entry, Found, LookUp, Story, Wait};
use crate::exchanges::ExchangeDetail;
use crate::plain::escaped;
use crate::view::TimelineEntry;
use ticketbridge_core::delivery::Settled;

/// Width of the text.
const WIDTH: usize = 80;
/// Lines of one body.
const BODY_LINES: usize = 24;
/// Where the words of an entry begin: behind its instant.
const WORDS: usize = 26;

/// The story as text.
pub fn text(story: &Story) -> String {
    let mut page = Page::default();
    let ticket = &story.ticket;
    page.line(0, &format!("Ticket {}", ticket.id));
    page.line(
        0,
        &format!("{} ({}), backend {} on {}", ticket.dedupe_key, ticket.kind, ticket.backend, ticket.platform),
    );
    page.line(0, &format!("{}: {}", ticket.state, story.now.text));
    page.heading("Where it came from");
    came_from(&mut page, &story.came_from);
    page.heading("What happened");
    let mut entries = story.story.iter().peekable();
    while let Some(entry) = entries.next() {
        match entry {
            Entry::Happened(happened) => page.told(instant_of(happened), &happened_words(happened)),
            Entry::Request { request, exchanges, not_kept } => {
                page.told(instant_of(request), &happened_words(request));
                for exchange in exchanges {
                    page.exchange(exchange);
                }
                if let Some(why) = not_kept {
                    page.line(WORDS, &format!("not kept: {why}"));
                }
            }
            Entry::Wait(wait) => wait_words(&mut page, wait),
            Entry::Compared(Compared { at, platform, exchange, found, .. }) => {
                let seen = if *found { "one with its key is open" } else { "none has its key" };
                page.told(
                    at,
                    &format!("compared with the open tickets of `{platform}`: {seen} (exchange {})", exchange.0),
                );
            }
            Entry::LookUp(first) => {
                // Look-ups that say the same are one line.
                let (mut count, mut last) = (1, first);
                while let Some(Entry::LookUp(next)) = entries.peek()
                    && (next.purpose, next.found, next.fault.is_some())
                        == (first.purpose, first.found, first.fault.is_some())
                {
                    (count, last) = (count + 1, next);
                    entries.next();
                }
                page.told(&first.at, &look_up_words(first, count, last));
            }
        }
    }
    page.heading("What comes next");
    match &story.now.next {
        Some(next) => page.line(2, next),
        None => page.line(2, "nothing: it is at its end"),
    }
    if let Some(due) = &story.now.due_at {
        page.line(2, &format!("not before {due}"));
    }
    for command in &story.now.commands {
        page.whole(4, command);
    }
    page.0
}

fn came_from(page: &mut Page, came_from: &CameFrom) {
    let evidence = match came_from {
        CameFrom::Sender { message_id, received_at } => {
            page.line(2, &format!("message `{message_id}` of a sender, received {received_at}"));
            return;
        }
        CameFrom::Workflow(evidence) => evidence,
    };
    let (source, kpi, impact) = (&evidence.source, &evidence.kpi, &evidence.impact);
    let name = evidence.group_name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    page.line(2, &format!("workflow manager `{}`, ticket {}", source.instance, evidence.ticket_id));
    page.line(2, &format!("row {}{name} of {}, as of {}", source.group_id, source.aggregation.as_str(), source.as_of));
    let number = |value: Option<f64>| value.map_or_else(|| String::from("-"), |value| format!("{value:.1}"));
    let sign = if kpi.comparison == "lt" { "below" } else { "at or above" };
    page.line(
        2,
        &format!(
            "{} in {}: worst {}, last {}, mean {}; critical {sign} {}",
            kpi.name,
            kpi.unit,
            number(kpi.worst),
            number(kpi.last),
            number(kpi.avg_24h),
            number(kpi.threshold)
        ),
    );
    page.line(2, &format!("window {} to {}", evidence.window.from, evidence.window.to));
    page.line(2, &format!("{} of {} channels affected", impact.channels_affected, impact.channels_total));
    page.line(2, &format!("critical incidents: {} of {}", evidence.incidents.len(), evidence.incidents_total));
    for incident in &evidence.incidents {
        let end = incident.closed_at.map_or_else(|| String::from("still open"), |at| format!("until {at}"));
        let modulation = incident.modulation.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
        page.line(
            4,
            &format!(
                "{} {}: {:.1} at {}, threshold {:.1}{modulation}; from {} {end}",
                incident.id,
                incident.object_id,
                incident.worst,
                incident.worst_at,
                incident.threshold,
                incident.opened_at
            ),
        );
    }
    match &evidence.run {
        Some(run) => page.line(
            2,
            &format!(
                "run by {} as of {}: rows {}, critical {}, tickets built {}",
                run.trigger, run.as_of, run.rows, run.triggered, run.tickets
            ),
        ),
        None => page.line(2, "the record of its run is not in this store"),
    }
}

fn instant_of(entry: &TimelineEntry) -> &str {
    match entry {
        TimelineEntry::Received { at, .. } | TimelineEntry::Request { at, .. } | TimelineEntry::Act { at, .. } => at,
    }
}

fn happened_words(entry: &TimelineEntry) -> String {
    match entry {
        TimelineEntry::Received { message_id, .. } => format!("received as `{message_id}`"),
        TimelineEntry::Act { who, act, reason, backend, .. } => {
            let to = backend.as_ref().map(|backend| format!(" to {backend}")).unwrap_or_default();
            let why = reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{act}{to} by {who}{why}")
        }
        TimelineEntry::Request {
            operation,
            platform,
            batch,
            batch_size,
            outcome,
            code,
            message,
            ids,
            known_by,
            next_state,
            ..
        } => {
            let tickets = if *batch_size == 1 { "alone" } else { &format!("one of {batch_size}") };
            let mut words = format!("{operation} on `{platform}`, {tickets} in request {batch}: ");
            words.push_str(outcome.unwrap_or("not known yet"));
            if let Some(ids) = ids {
                for number in [&ids.ticket_number, &ids.work_order_number].into_iter().flatten() {
                    let _infallible = write!(words, " {number}");
                }
            }
            if let Some(code) = code {
                let _infallible = write!(words, " {code}");
            }
            if let Some(message) = message {
                let _infallible = write!(words, " ({message})");
            }
            if *known_by == Some(Settled::LookUp) {
                words.push_str(", told by a look-up");
            }
            if let Some(state) = next_state {
                let _infallible = write!(words, " → {state}");
            }
            words
        }
    }
}

fn wait_words(page: &mut Page, wait: &Wait) {
    let length = length(wait.seconds);
    let begin = if wait.until.is_some() { format!("waited {length}") } else { format!("waits, for {length} now") };
    let mut reasons = wait.reasons.iter();
    let first = reasons.next().map(|reason| reason.text.as_str()).unwrap_or_default();
    page.told(&wait.at, &format!("{begin}: {first}"));
    for reason in reasons {
        page.line(WORDS, &format!("and: {}", reason.text));
    }
}

fn look_up_words(first: &LookUp, count: usize, last: &LookUp) -> String {
    let found = match (first.found, &first.fault) {
        (Some(Found::Ours), _) => String::from("found, with its origin id"),
        (Some(Found::Another), _) => String::from("found one with its key, and not its origin id"),
        (Some(Found::Nothing), _) => String::from("not found"),
        (None, Some(fault)) => format!("no answer ({fault})"),
        (None, None) => String::from("what it found is not kept"),
    };
    let what = match first.purpose {
        ticketbridge_store::exchanges::About::Notes => "notes",
        ticketbridge_store::exchanges::About::WorkOrders => "work orders",
        _ => "tickets",
    };
    let place = format!("look-up of {what} on `{}`: {found}", first.platform);
    if count == 1 {
        format!("{place} (exchange {})", first.exchange.0)
    } else {
        format!("{place}; {count} times until {} (exchanges {} to {})", last.at, first.exchange.0, last.exchange.0)
    }
}

/// A length of time for people.
fn length(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1000.0),
        0..120 => format!("{seconds:.1} s"),
        120..7_200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole / 60 % 60),
    }
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    fn heading(&mut self, words: &str) {
        self.0.push('\n');
        self.line(0, words);
    }

    /// An instant and what happened then.
    fn told(&mut self, at: &str, words: &str) {
        self.wrapped(&escaped(at), WORDS, words);
    }

    /// Words, broken at blanks.
    fn line(&mut self, indent: usize, words: &str) {
        self.wrapped("", indent, words);
    }

    fn wrapped(&mut self, begin: &str, indent: usize, words: &str) {
        let mut line = format!("{begin:indent$}");
        let mut is_empty = true;
        for word in escaped(words).split(' ') {
            let mut word = word;
            let room = |line: &str| WIDTH.saturating_sub(line.chars().count());
            if !is_empty && room(&line) <= word.chars().count() {
                self.push(&line);
                (line, is_empty) = (" ".repeat(indent), true);
            }
            if !is_empty {
                line.push(' ');
            }
            // A word longer than a line is broken: nothing is left out.
            while word.chars().count() > room(&line).max(1) {
                let cut = word.char_indices().nth(room(&line).max(1)).map_or(word.len(), |(at, _)| at);
                line.push_str(&word[..cut]);
                word = &word[cut..];
                self.push(&line);
                line = " ".repeat(indent);
            }
            line.push_str(word);
            is_empty = false;
        }
        self.push(&line);
    }

    /// A line that must stay whole, to be copied.
    fn whole(&mut self, indent: usize, words: &str) {
        self.push(&format!("{}{}", " ".repeat(indent), escaped(words)));
    }

    fn push(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn exchange(&mut self, detail: &ExchangeDetail) {
        let exchange = &detail.exchange;
        let end = match (&exchange.fault, exchange.status) {
            (Some(fault), _) => fault.clone(),
            (None, Some(status)) => format!("{status}"),
            (None, None) => String::from("no answer"),
        };
        let words = format!(
            "{} {}: {end}, {} ms (exchange {})",
            exchange.method, exchange.target, exchange.latency_ms, exchange.id.0
        );
        self.line(4, &words);
        for (name, body) in [("sent", &detail.request), ("answered", &detail.answer)] {
            if let Some(body) = body.as_deref().filter(|body| !body.is_empty()) {
                self.body(name, body);
            }
        }
    }

    fn body(&mut self, name: &str, body: &str) {
        self.line(6, &format!("{name}:"));
        let count = body.lines().count();
        for line in body.lines().take(BODY_LINES) {
            let line = escaped(line);
            let room = WIDTH - 8;
            if line.chars().count() <= room {
                self.whole(8, &line);
            } else {
                let cut = line.char_indices().nth(room - 1).map_or(line.len(), |(at, _)| at);
                self.whole(8, &format!("{}…", &line[..cut]));
            }
        }
        if count > BODY_LINES {
            self.line(8, &format!("… ({} more lines; `--json` has them)", count - BODY_LINES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, WIDTH, length};

    #[test]
    fn lines_keep_to_their_width_and_lose_nothing() {
        let mut page = Page::default();
        let long = "x".repeat(200);
        let words =
            format!("some words that are longer than a line can be {long} and more of them, until the very end");
        page.told("2026-11-21T09:32:36.529Z", &words);
        assert!(page.0.lines().all(|line| line.chars().count() <= WIDTH), "{}", page.0);
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(dense(&page.0), dense(&format!("2026-11-21T09:32:36.529Z {words}")));
    }

    #[test]
    fn lengths_are_told_in_the_unit_that_fits() {
        for (seconds, text) in
            [(0.0, "0 ms"), (0.25, "250 ms"), (1.5, "1.5 s"), (125.0, "2 min 5 s"), (7_260.0, "2 h 1 min")]
        {
            assert_eq!(length(seconds), text);
        }
    }
}
