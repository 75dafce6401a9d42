//! Whether a `serve` runs on this store, and answers.
//!
//! Who holds the store's lock is read from the kernel's list, without touching the lock. Then its address is asked for
//! `/healthz`, which needs no login. No running service is a warning: commands work without one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::Method;
use ticketbridge_platforms::http::{ClientSettings, HttpClient, SendOptions};
use ticketbridge_platforms::{HttpCall, Transport};
use ticketbridge_store::inspect::LockHolder;

use super::{Area, Finding, Seen, Subject};

/// Longest time for its answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What its address says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Health {
    /// It lives.
    Alive,
    /// Somebody answers, but not as a service of ours does.
    Other(String),
    /// Nobody answers.
    Silent(String),
    /// The port is chosen at the start, so nobody can be asked.
    NoAddress,
}

pub(super) async fn look(subject: &Subject<'_>, seen: &Seen) -> Vec<Finding> {
    let address = address(subject.config.server.listen);
    let health = match address {
        Some(address) => ask(address).await,
        None => Health::NoAddress,
    };
    vec![judge(&seen.lock, address, &health)]
}

/// Where a service on this machine is asked. `None`: its port is chosen at the start.
fn address(listen: SocketAddr) -> Option<SocketAddr> {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    (listen.port() != 0).then(|| SocketAddr::new(ip, listen.port()))
}

async fn ask(address: SocketAddr) -> Health {
    let mut settings = ClientSettings::new("service", &format!("http://{address}"));
    settings.bypass_proxy = true;
    let client = match HttpClient::new(settings) {
        Ok(client) => client,
        Err(error) => return Health::Silent(error.to_string()),
    };
    let call = HttpCall { method: Method::GET, target: String::from("/healthz"), body: None };
    match client.send(&call, SendOptions::within(TIMEOUT)).await.transport {
        Transport::Answered(answer) => {
            let body: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
            let alive = answer.status.is_success() && body.is_some_and(|body| body["status"] == "ok");
            if alive { Health::Alive } else { Health::Other(answer.status.to_string()) }
        }
        Transport::NotSent { why, .. } | Transport::NoAnswer { why, .. } => Health::Silent(why),
    }
}

fn judge(lock: &LockHolder, address: Option<SocketAddr>, health: &Health) -> Finding {
    let what = "serve";
    let at = address.map_or_else(String::new, |address| format!(" on http://{address}"));
    let holder = match lock {
        LockHolder::Process(process) => format!("process {process} serves this store"),
        LockHolder::Nobody => String::from("no process of this machine serves this store"),
        LockHolder::Unknown => String::from("this system does not say who serves this store"),
    };
    let served = !matches!(lock, LockHolder::Nobody);
    let finding = |level: fn(Area, &'static str, String, &'static str) -> Finding, seen: String, next: &'static str| {
        level(Area::Service, what, seen, next)
    };
    match health {
        Health::Alive if served => Finding::ok(Area::Service, what, format!("{holder} and answers{at}")),
        Health::Alive => finding(
            Finding::warning,
            format!("{holder}, but one answers{at}: of another store, or in another container"),
            "See which configuration it runs with; `server.listen` and `store.url` belong together.",
        ),
        Health::NoAddress if served => {
            Finding::ok(Area::Service, what, format!("{holder}; its port is chosen at the start and was not asked"))
        }
        Health::Other(status) => finding(
            Finding::failed,
            format!("{holder}; another program answers{at} ({status})"),
            "Give `server.listen` a port of its own.",
        ),
        Health::Silent(why) if matches!(lock, LockHolder::Process(_)) => finding(
            Finding::failed,
            format!("{holder}, but does not answer{at}: {why}"),
            "It starts, stops or hangs: see its log, then look again.",
        ),
        Health::Silent(_) | Health::NoAddress => finding(
            Finding::warning,
            format!("{holder}: nothing is taken in and nothing is sent"),
            "Start it: `ticketbridge serve`, or `systemctl start ticketbridge`.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_service_is_judged_by_its_lock_and_its_answer() {
        let at: Option<SocketAddr> = Some(([127, 0, 0, 1], 8080).into());
        let held = LockHolder::Process(String::from("4711"));
        let silent = Health::Silent(String::from("no connection"));
        let level = |lock: &LockHolder, health: &Health| judge(lock, at, health).level;
        assert_eq!(level(&held, &Health::Alive), Level::Ok);
        assert_eq!(level(&LockHolder::Unknown, &Health::Alive), Level::Ok);
        assert_eq!(level(&LockHolder::Nobody, &Health::Alive), Level::Warning);
        assert_eq!(level(&held, &silent), Level::Failed);
        assert_eq!(level(&LockHolder::Nobody, &silent), Level::Warning);
        assert_eq!(level(&LockHolder::Unknown, &silent), Level::Warning);
        assert_eq!(level(&held, &Health::NoAddress), Level::Ok);
        assert_eq!(level(&LockHolder::Nobody, &Health::NoAddress), Level::Warning);
        assert_eq!(level(&held, &Health::Other(String::from("404"))), Level::Failed);
    }

    #[test]
    fn every_address_is_asked_on_this_machine() {
        let of = |text: &str| address(text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(of("0.0.0.0:80"), Some(String::from("127.0.0.1:80")));
        assert_eq!(of("[::]:80"), Some(String::from("[::1]:80")));
        assert_eq!(of("10.1.2.3:80"), Some(String::from("10.1.2.3:80")));
        assert_eq!(of("127.0.0.1:0"), None);
    }
}
