//! Asking wallet and box office whether they can be worked with, without writing anything.
//!
//! The box office is asked for a ticket that cannot exist. The wallet is not asked: at most one diff call per organizer is
//! in flight, and only a run's lease sees to that. A preview of a rewind has the lease and changes nothing.

use std::time::Duration;

use ticketbridge_config::Config;
use ticketbridge_config::sections::PlatformKind;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::http::SendOptions;
use ticketbridge_platforms::s360::{self, LookUp};

use super::CheckLine;
use crate::identity;
use crate::platforms::{Environment, mobile};

/// Longest time for the box office's answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Whether a platform is a wallet or a box office.
pub fn is_mobile(config: &Config, name: &PlatformName) -> bool {
    config.platforms.get(name).is_some_and(|platform| !platform.kind().carries_tickets())
}

/// Wallets and box offices that cannot be used as they are configured, and why.
pub fn unusable_mobile_platforms(config: &Config, environment: &Environment) -> Vec<(PlatformName, String)> {
    let mobile = config.platforms.iter().filter(|(_, platform)| !platform.kind().carries_tickets());
    mobile
        .filter_map(|(name, platform)| Some((name.clone(), mobile::load(name, platform, environment, None).err()?)))
        .collect()
}

/// Reads from a box office; of a wallet only the configuration is looked at.
pub async fn check_mobile_platform(
    config: &Config,
    name: &PlatformName,
    environment: &Environment,
    now: Wall,
) -> Vec<CheckLine> {
    let line = |what: &str, seen: String, good| CheckLine { what: what.to_owned(), seen, good };
    let Some(platform) = config.platforms.get(name) else {
        return vec![line("configuration", format!("no platform `{name}` is configured"), false)];
    };
    let client = match mobile::load(name, platform, environment, None) {
        Ok(client) => client,
        Err(why) => return vec![line("configuration", why, false)],
    };
    let mut lines = vec![line("configuration", String::from("usable"), true)];
    if platform.kind() == PlatformKind::Tixngo {
        lines.push(line("reachable, logged in", wallet(config, name), true));
        return lines;
    }
    let nobody = format!("check-{}", identity::holder());
    let call = LookUp::Tickets(&[&nobody]).call();
    let transport = client.send(&call, SendOptions::within(TIMEOUT)).await.transport;
    match s360::read_tickets(&transport, now) {
        Ok(found) if found.is_empty() => {
            lines.push(line("reachable, logged in", String::from("yes"), true));
            lines.push(line("tickets", String::from("an id that cannot exist is not found, as it must be"), true));
        }
        Ok(found) => {
            let seen =
                format!("an id that cannot exist gave {} tickets: the filter `ticketId` does nothing", found.len());
            lines.push(line("tickets", seen, false));
        }
        Err(fault) => lines.push(line("reachable, logged in", fault.why, false)),
    }
    lines
}

fn wallet(config: &Config, name: &PlatformName) -> String {
    match config.feedback.iter().find(|function| function.source == *name && function.active) {
        Some(function) => format!(
            "not asked: only one call at a time may be in flight; `ticketbridge feedback cursor rewind {} --to-start \
             --preview --pages 1` asks it under the organizer's lease and changes nothing",
            function.organizer
        ),
        None => String::from("not asked: no active function of `[[feedback]]` reads from it"),
    }
}
