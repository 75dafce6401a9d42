//! The platforms: what `platform check` does, and then the look-up canary: tickets that the ledger knows must be found by
//! the look-up over all states, and a random key must not.
//!
//! Of tickets that were opened by others only our own note shows the key, so they are no canaries. One that was made less
//! than the platform's `in_doubt_for` or `settling_time` ago is none either: a search may lag, and delivery believes no
//! absence before that.

use std::time::Duration;

use futures_util::future::join_all;
use ticketbridge_config::Config;
use ticketbridge_config::sections::platforms::Common;
use ticketbridge_core::delivery::MISSING_STOPS;
use ticketbridge_core::effect::{Found, Query, TicketLookUp};
use ticketbridge_core::ticket::{DedupeKey, PlatformName, TicketReference};
use ticketbridge_core::time::Wall;
use ticketbridge_store::inspect::KnownOn;

use super::{Area, Finding, PLATFORM_LIMIT, Seen, Subject};
use crate::check::{CheckLine, check_handle, check_mobile_platform, is_mobile};
use crate::identity;
use crate::platforms::{PlatformHandle, PlatformSet};

/// Known tickets that are looked for.
const CANARIES: usize = 5;

/// What the look-up for known tickets and a random key answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Canary {
    /// Numbers of the known tickets, and whether each was found.
    known: Vec<(String, bool)>,
    /// Rows that nobody asked for.
    strange: usize,
    /// The random key was among them.
    random: bool,
    /// The store was not read: which tickets are known was not looked into.
    unread: bool,
}

pub(super) async fn look(subject: &Subject<'_>, seen: &Seen, now: Wall) -> Vec<Finding> {
    let set = PlatformSet::load(subject.config, subject.environment, None);
    let asked = subject.config.platforms.iter().map(|(name, platform)| {
        let known = match seen.contents() {
            Some(contents) => {
                let known = contents.known.get(name).map_or(&[][..], Vec::as_slice);
                Some(canaries(known, settled(&platform.common), now))
            }
            None => seen.is_new().then(Vec::new),
        };
        one(subject, &set, name, known, now)
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Tickets that are younger than this may not be in sight of a search yet.
fn settled(platform: &Common) -> Duration {
    platform.in_doubt_for.get().max(platform.settling_time.get())
}

/// Tickets that are known to exist.
type Known = Vec<(DedupeKey, TicketReference)>;

/// The tickets to look for.
fn canaries(known: &[KnownOn], settled: Duration, now: Wall) -> Known {
    let settled = |at: Option<Wall>| at.is_none_or(|at| at.after(settled) < now);
    let ours = known.iter().filter(|known| known.ticket.origin.is_some() && settled(known.at));
    ours.take(CANARIES).map(|known| (known.ticket.key.clone(), known.ticket.reference.clone())).collect()
}

async fn one(
    subject: &Subject<'_>,
    set: &PlatformSet,
    name: &PlatformName,
    known: Option<Known>,
    now: Wall,
) -> Vec<Finding> {
    let work = async {
        if is_mobile(subject.config, name) {
            let lines = check_mobile_platform(subject.config, name, subject.environment, now).await;
            return lines.iter().map(|line| judge_line(name, line)).collect();
        }
        ticketing(subject.config, set, name, known).await
    };
    tokio::time::timeout(PLATFORM_LIMIT, work).await.unwrap_or_else(|_| {
        let seen = format!("did not answer all questions within {} s", PLATFORM_LIMIT.as_secs());
        vec![failed(name, "answers", seen)]
    })
}

async fn ticketing(config: &Config, set: &PlatformSet, name: &PlatformName, known: Option<Known>) -> Vec<Finding> {
    let handle = match set.usable(name) {
        Ok(handle) => handle,
        Err(why) => return vec![failed(name, "configuration", why)],
    };
    let lines = check_handle(&handle, &config.delivery.kinds).await;
    let mut findings: Vec<Finding> = lines.iter().map(|line| judge_line(name, line)).collect();
    if lines.iter().all(|line| line.good) && handle.platform.capabilities().finds_tickets {
        findings.push(match ask(&handle, known.as_deref().unwrap_or_default()).await {
            Ok(canary) => judge_canary(name, &Canary { unread: known.is_none(), ..canary }),
            Err(why) => failed(name, "look-up canary", why),
        });
    }
    handle.farewell(name).await;
    findings
}

async fn ask(handle: &PlatformHandle, known: &[(DedupeKey, TicketReference)]) -> Result<Canary, String> {
    let random = identity::holder().to_string();
    let random_key = DedupeKey::new(&random).map_err(|error| error.to_string())?;
    let most = handle.platform.capabilities().max_keys.saturating_sub(1).max(1);
    let known = &known[..known.len().min(most)];
    let look_up = |(key, _): &(DedupeKey, TicketReference)| TicketLookUp { key: key.clone(), origin: None };
    let query = Query::Tickets {
        wanted: known.iter().skip(1).map(look_up).collect(),
        known: known.first().map(look_up),
        random: random_key,
    };
    let Found::Tickets { tickets } = handle.ask(&query).await.map_err(|fault| fault.why)? else {
        return Err(String::from("the adapter answered another question"));
    };
    let is_known = |found: Option<&str>| known.iter().any(|(key, _)| found == Some(key.as_str()));
    Ok(Canary {
        known: known
            .iter()
            .map(|(key, reference)| {
                let found = tickets.iter().any(|row| row.key.as_deref() == Some(key.as_str()));
                (reference.number.clone(), found)
            })
            .collect(),
        strange: tickets.iter().filter(|row| !is_known(row.key.as_deref())).count(),
        random: tickets.iter().any(|row| row.key.as_deref() == Some(&random)),
        unread: false,
    })
}

fn judge_canary(name: &PlatformName, canary: &Canary) -> Finding {
    let what = format!("{name}: look-up canary");
    let again = format!("Mend the search; see `ticketbridge error TB0302` and `ticketbridge platform check {name}`.");
    if canary.random {
        let seen = "TB0302: a random key was found: the search matches anything";
        return Finding::failed(Area::Platforms, what, seen, again);
    }
    if canary.strange > 0 {
        let seen = format!("TB0302: {} rows that were not asked for: the platform ignores the filter", canary.strange);
        return Finding::failed(Area::Platforms, what, seen, again);
    }
    let missing: Vec<&str> =
        canary.known.iter().filter(|(_, found)| !found).map(|(number, _)| number.as_str()).collect();
    let all = canary.known.len();
    if missing.is_empty() {
        let seen = if canary.unread {
            String::from("known tickets were not looked into: the store was not read; a random key is not found")
        } else if all == 0 {
            String::from("no ticket of ours is known there yet; a random key is not found")
        } else {
            format!("{all} of {all} known tickets found, a random key is not")
        };
        return Finding::ok(Area::Platforms, what, seen);
    }
    let numbers = missing.join(", ");
    let seen = format!("TB0301: {} of {all} known tickets are not found over all states: {numbers}", missing.len());
    if missing.len() >= MISSING_STOPS.min(all) {
        let next = format!(
            "Search one by hand with our account; mend the search, or, if they are gone: `ticketbridge error TB0301`, then \
             `platform accept-loss {name}`."
        );
        return Finding::failed(Area::Platforms, what, seen, next);
    }
    Finding::warning(
        Area::Platforms,
        what,
        seen,
        "Nothing if they were deleted by hand; else search them with our account.",
    )
}

fn judge_line(name: &PlatformName, line: &CheckLine) -> Finding {
    let what = format!("{name}: {}", line.what);
    let words = "warning: ";
    match line.seen.strip_prefix(words) {
        _ if !line.good => failed(name, &line.what, line.seen.clone()),
        Some(seen) => {
            Finding::warning(Area::Platforms, what, seen, "It works; have whoever runs the platform look at it.")
        }
        None => Finding::ok(Area::Platforms, what, line.seen.clone()),
    }
}

fn failed(name: &PlatformName, what: &str, seen: String) -> Finding {
    let next =
        format!("Mend what the message names; tickets wait meanwhile. Then: `ticketbridge platform check {name}`.");
    Finding::failed(Area::Platforms, format!("{name}: {what}"), seen, next)
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;
    use ticketbridge_core::delivery::KnownTicket;
    use ticketbridge_core::ticket::OriginId;

    fn canary(known: &[bool]) -> Canary {
        let known = known.iter().enumerate().map(|(number, found)| (format!("T-{number}"), *found)).collect();
        Canary { known, strange: 0, random: false, unread: false }
    }

    #[test]
    fn a_ticket_is_looked_for_when_delivery_would_believe_its_absence() {
        let text = "[platforms.x]\ntype = \"connector\"\nfile = \"builtin:sfyc\"\nhost = \"h\"\ntoken = \"env:X\"\n\
                    in_doubt_for = \"5m\"\nsettling_time = \"3m\"\n\
                    [[backends]]\nname = \"b\"\ntickets = \"x\"\nwork_orders = \"x\"\n";
        let config = Config::parse(text, "test", []).unwrap_or_else(|error| panic!("{error}")).config;
        let common = config.platforms.into_values().next().unwrap().common;
        assert_eq!(settled(&common), Duration::from_mins(5));
        let now = Wall(1_790_000_000_000);
        let known = |minutes: i64, origin: Option<u128>| KnownOn {
            ticket: KnownTicket {
                key: DedupeKey::new(&format!("SNR|{minutes}")).unwrap(),
                reference: TicketReference { number: format!("T-{minutes}"), record: None },
                origin: origin.map(|id| OriginId(uuid::Uuid::from_u128(id))),
            },
            at: Some(Wall(now.0 - minutes * 60_000)),
        };
        let all = [known(1, Some(1)), known(4, Some(2)), known(6, Some(3)), known(7, None)];
        let looked_for = canaries(&all, settled(&common), now);
        assert_eq!(looked_for.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["SNR|6"]);
    }

    #[track_caller]
    fn judged(canary: &Canary, level: Level, said: &str) {
        let finding = judge_canary(&PlatformName::new("sfyc"), canary);
        assert!(finding.level == level && finding.seen.contains(said), "{finding:?}");
    }

    #[test]
    fn a_search_that_shows_what_exists_and_nothing_else_is_well() {
        judged(&canary(&[]), Level::Ok, "no ticket of ours");
        judged(&canary(&[true, true]), Level::Ok, "2 of 2");
        judged(&Canary { unread: true, ..canary(&[]) }, Level::Ok, "not looked into");
    }

    #[test]
    fn missing_tickets_fail_when_delivery_would_stop_and_warn_before() {
        judged(
            &canary(&[true, true, true, true, false]),
            Level::Warning,
            "1 of 5 known tickets are not found over all states: T-4",
        );
        judged(&canary(&[true, false, false]), Level::Warning, "2 of 3");
        judged(&canary(&[false, false, false, true, true]), Level::Failed, "TB0301: 3 of 5");
        judged(&canary(&[false]), Level::Failed, "1 of 1");
        judged(&canary(&[false, false]), Level::Failed, "2 of 2");
    }

    #[test]
    fn a_search_that_finds_what_cannot_be_there_fails() {
        judged(&Canary { random: true, ..canary(&[true]) }, Level::Failed, "TB0302: a random key");
        judged(&Canary { strange: 7, ..canary(&[true]) }, Level::Failed, "TB0302: 7 rows");
    }

    #[test]
    fn lines_of_the_check_keep_their_sense() {
        let line = |seen: &str, good| CheckLine { what: String::from("x"), seen: seen.to_owned(), good };
        let level = |line: &CheckLine| judge_line(&PlatformName::new("p"), line).level;
        assert_eq!(level(&line("fine", true)), Level::Ok);
        assert_eq!(level(&line("warning: old", true)), Level::Warning);
        assert_eq!(level(&line("gone", false)), Level::Failed);
    }
}
