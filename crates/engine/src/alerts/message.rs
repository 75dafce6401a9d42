//! The mail about what is new: for each cause what it is, the reason, the newest tickets, and what to do.

use std::fmt::Write;

use ticketbridge_core::time::Wall;

use super::cause::{Example, Kind, Sighting, argument};
use super::memory::AGAIN_AFTER;
use crate::mail::MailMessage;

/// Causes that a mail tells in full.
pub const MAX_TOLD: usize = 20;

/// The mail about these causes, each with the instant when it was told before, if it was.
pub(super) fn message(news: &[(&Sighting, Option<Wall>)]) -> MailMessage {
    let first = news.first().map(|(sighting, _)| headline(sighting)).unwrap_or_default();
    let subject = match news.len() {
        0 | 1 => format!("ticketbridge: {first}"),
        more => format!("ticketbridge: {first}, and {} more", more - 1),
    };
    let mut text = String::new();
    for (place, (sighting, told)) in news.iter().take(MAX_TOLD).enumerate() {
        append(&mut text, format_args!("{}. {}\n", place + 1, headline(sighting)));
        if let Some(told) = told {
            append(&mut text, format_args!("   Told before, at {}; there are new ones.\n", told.to_rfc3339()));
        }
        append(&mut text, format_args!("   {}: {}\n", label(sighting.cause.kind), sighting.words));
        name(&mut text, sighting);
        advise(&mut text, sighting);
        text.push('\n');
    }
    if news.len() > MAX_TOLD {
        let left = news.iter().skip(MAX_TOLD);
        let tickets: u64 = left.map(|(sighting, _)| sighting.count).sum();
        let causes = news.len() - MAX_TOLD;
        append(
            &mut text,
            format_args!(
                "And {causes} more causes with {tickets} tickets: `ticketbridge tickets list --state Error`\n\n"
            ),
        );
    }
    append(
        &mut text,
        format_args!(
            "A cause is told once; again when it was over and is back, and when it\nhas new tickets after {} h.\n",
            AGAIN_AFTER.as_secs() / 3_600
        ),
    );
    MailMessage { subject, text }
}

fn headline(sighting: &Sighting) -> String {
    let (platform, what) = (&sighting.cause.platform, &sighting.cause.what);
    match sighting.cause.kind {
        Kind::Away => format!("{platform} does not answer properly (TB0201)"),
        Kind::Unusable => format!("{platform} cannot be used"),
        Kind::Held => format!("{platform} refuses requests"),
        Kind::Stopped => format!("nothing is created on {platform} any more ({what})"),
        Kind::Problem if sighting.count == 1 => format!("{what} on {platform}"),
        Kind::Problem => format!("{what} on {platform}, {} times", sighting.count),
        Kind::Errors => {
            let tickets = if sighting.count == 1 { "ticket" } else { "tickets" };
            let at = if what.is_empty() { String::new() } else { format!(", {what}") };
            format!("{} {tickets} in Error on {platform}{at}", sighting.count)
        }
    }
}

fn label(kind: Kind) -> &'static str {
    match kind {
        Kind::Away => "Since",
        Kind::Unusable | Kind::Stopped => "Why",
        Kind::Held => "Operations",
        Kind::Problem => "What",
        Kind::Errors => "Reason",
    }
}

/// The newest tickets.
fn name(text: &mut String, sighting: &Sighting) {
    if sighting.examples.is_empty() {
        return;
    }
    let named: Vec<String> = sighting
        .examples
        .iter()
        .map(|Example { id, key }| if id.is_empty() { key.clone() } else { format!("{id} ({key})") })
        .collect();
    append(text, format_args!("   About: {}", named.join("\n          ")));
    let left = sighting.count.saturating_sub(named.len() as u64);
    if left > 0 {
        append(text, format_args!("\n          and {left} more"));
    }
    text.push('\n');
}

/// What to do.
fn advise(text: &mut String, sighting: &Sighting) {
    let (platform, code) = (argument(&sighting.cause.platform), &sighting.cause.what);
    match sighting.cause.kind {
        Kind::Away => append(
            text,
            format_args!(
                "   Nothing is lost: its tickets wait, and go on by themselves when it answers.\n   \
                 ticketbridge platform check {platform}\n"
            ),
        ),
        Kind::Unusable => append(
            text,
            format_args!(
                "   Its tickets are taken and wait. Mend the configuration or its secrets.\n   ticketbridge config check\n"
            ),
        ),
        Kind::Held => append(
            text,
            format_args!(
                "   Login, rights or configuration: the tickets wait, and one of them tries it now and then.\n   \
                 ticketbridge platform check {platform}\n"
            ),
        ),
        Kind::Stopped => append(
            text,
            format_args!(
                "   Notes and work orders of tickets that exist go on. The way out:\n   ticketbridge error {code}\n   \
                 ticketbridge platform accept-loss {platform}\n"
            ),
        ),
        Kind::Problem => append(text, format_args!("   ticketbridge error {code}\n")),
        Kind::Errors => match sighting.filter.as_deref().map(argument) {
            Some(words) => append(
                text,
                format_args!(
                    "   ticketbridge tickets list --state Error --text {words}\n   and, when it is mended, \
                         all in Error whose reason says so again:\n   ticketbridge tickets redrive --text {words}\n"
                ),
            ),
            None => append(
                text,
                format_args!(
                    "   ticketbridge tickets list --state Error\n   and, when it is mended, each of them again:\n   \
                         ticketbridge tickets retry ID\n"
                ),
            ),
        },
    }
}

fn append(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a text cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}
