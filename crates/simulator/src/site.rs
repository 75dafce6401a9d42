//! A site: platforms, backends and how many processes serve them; generated from a seed, or given by whoever asks.
//!
//! Limits of a generated site: 3 platforms, 3 backends, 3 processes, 2 lanes per ticket platform.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use ticketbridge_core::delivery::{BackendSettings, OnUnresolved, PlatformSettings, Settings};
use ticketbridge_core::effect::Capabilities;
use ticketbridge_core::ticket::{BackendName, PlatformName};

/// The kind of every simulated ticket.
pub(crate) const KIND: &str = "SNR";
/// Share of generated platforms that are a Cherwell; each of the others is an SFyC.
const CHERWELL: f64 = 0.25;

/// What a platform is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// SFyC, through its built-in connector file.
    Sfyc,
    /// Cherwell, through its built-in adapter.
    Cherwell,
}

/// One platform.
#[derive(Debug, Clone, PartialEq)]
pub struct SitePlatform {
    /// Its name.
    pub name: PlatformName,
    /// What it is.
    pub sort: Sort,
    /// Longest time of a request.
    pub request_timeout: Duration,
    /// Longest time that it may go on with a request after a time-out.
    pub in_doubt_for: Duration,
    /// Least time between two look-ups that count.
    pub settling_time: Duration,
    /// What to do with a create that stays unclear.
    pub on_unresolved: OnUnresolved,
    /// First back-off.
    pub retry_initial: Duration,
    /// Longest back-off.
    pub retry_max: Duration,
    /// Most requests in flight.
    pub max_in_flight: usize,
    /// Most items in one write.
    pub max_batch: usize,
    /// Whether its health read is used.
    pub health_read: bool,
}

/// One backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteBackend {
    /// Its name.
    pub name: BackendName,
    /// Platform of its tickets.
    pub tickets: PlatformName,
    /// Platform of its work orders.
    pub work_orders: PlatformName,
    /// Whether it works.
    pub processing: bool,
    /// Max Retries.
    pub max_retries: u8,
    /// Max Tickets Per Request.
    pub max_tickets_per_request: usize,
}

/// A whole site.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Platforms; every one that a backend names.
    pub platforms: Vec<SitePlatform>,
    /// Backends.
    pub backends: Vec<SiteBackend>,
    /// How long a match counts.
    pub match_ttl: Duration,
    /// Outages use attempts too.
    pub charge_outages: bool,
    /// Lanes per ticket platform.
    pub lanes: usize,
    /// Processes.
    pub processes: usize,
}

impl Site {
    /// Tickets and work orders on one SFyC, one backend, one process: nothing special.
    pub fn plain() -> Self {
        let name = PlatformName::new("sfyc");
        Self {
            platforms: vec![SitePlatform::usual(&name)],
            backends: vec![SiteBackend::usual("north", &name, &name)],
            match_ttl: Duration::from_mins(1),
            charge_outages: false,
            lanes: 2,
            processes: 1,
        }
    }

    /// A site out of a seed.
    pub fn generated(dice: &mut ChaCha8Rng) -> Self {
        let (alpha, beta) = (PlatformName::new("alpha"), PlatformName::new("beta"));
        // Where the tickets and where the work orders of each backend are.
        let plans: &[&[(&PlatformName, &PlatformName)]] = &[
            &[(&alpha, &alpha)],
            &[(&alpha, &beta)],
            &[(&alpha, &beta), (&alpha, &alpha)],
            &[(&alpha, &alpha), (&beta, &beta)],
            &[(&alpha, &beta), (&beta, &alpha)],
            &[(&alpha, &beta), (&alpha, &alpha), (&beta, &beta)],
        ];
        let plan = plans.choose(dice).copied().unwrap_or_default();
        let mut backends = Vec::new();
        for ((tickets, work_orders), name) in plan.iter().zip(["north", "south", "west"]) {
            backends.push(SiteBackend {
                max_retries: dice.random_range(1..=4),
                max_tickets_per_request: *[1, 3, 10, 50].choose(dice).unwrap_or(&1),
                ..SiteBackend::usual(name, tickets, work_orders)
            });
        }
        let platforms = [alpha, beta]
            .into_iter()
            .filter(|name| backends.iter().any(|backend| backend.tickets == *name || backend.work_orders == *name));
        let mut pick = |choices: &[u64]| Duration::from_millis(*choices.choose(dice).unwrap_or(&1_000));
        let mut platforms: Vec<SitePlatform> = platforms
            .map(|name| SitePlatform {
                request_timeout: pick(&[5_000, 15_000, 60_000]),
                in_doubt_for: pick(&[20_000, 60_000, 120_000]),
                settling_time: pick(&[2_000, 10_000, 30_000]),
                retry_initial: pick(&[500, 1_000]),
                retry_max: pick(&[10_000, 60_000]),
                ..SitePlatform::usual(&name)
            })
            .collect();
        for platform in &mut platforms {
            platform.max_in_flight = *[1, 2, 4, 16].choose(dice).unwrap_or(&4);
            platform.max_batch = *[1, 5, 50, 500].choose(dice).unwrap_or(&50);
            platform.health_read = dice.random_bool(0.7);
            if dice.random_bool(CHERWELL) {
                platform.sort = Sort::Cherwell;
            }
            if dice.random_bool(0.1) {
                platform.on_unresolved = OnUnresolved::Hold;
            }
        }
        // A work order on Cherwell belongs to a ticket of that same Cherwell: it is written by the ticket's record id.
        for backend in backends.iter().filter(|backend| backend.tickets != backend.work_orders) {
            for platform in platforms.iter_mut().filter(|platform| platform.name == backend.work_orders) {
                platform.sort = Sort::Sfyc;
            }
        }
        Self {
            platforms,
            backends,
            match_ttl: Duration::from_mins(1),
            charge_outages: dice.random_bool(0.05),
            lanes: dice.random_range(1..=2),
            processes: *[1, 1, 2, 2, 3].choose(dice).unwrap_or(&1),
        }
    }

    /// One platform.
    pub(crate) fn platform(&self, name: &PlatformName) -> Option<&SitePlatform> {
        self.platforms.iter().find(|platform| platform.name == *name)
    }

    /// Platforms that tickets live on.
    pub(crate) fn ticket_platforms(&self) -> Vec<PlatformName> {
        let mut names: Vec<PlatformName> = self.backends.iter().map(|backend| backend.tickets.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The longest request; a lease must outlive it.
    pub(crate) fn longest_request(&self) -> u64 {
        self.platforms.iter().map(|platform| millis(platform.request_timeout)).max().unwrap_or(60_000)
    }

    /// What the state machine decides with. `can` is what each platform's adapter declares.
    pub(crate) fn settings(&self, can: impl Fn(&SitePlatform) -> Capabilities) -> Settings {
        let backends = self.backends.iter().map(|backend| {
            let settings = BackendSettings {
                tickets: backend.tickets.clone(),
                work_orders: backend.work_orders.clone(),
                processing: backend.processing,
                max_retries: backend.max_retries,
                max_tickets_per_request: backend.max_tickets_per_request,
            };
            (backend.name.clone(), settings)
        });
        let platforms = self.platforms.iter().map(|platform| {
            let mut capabilities = can(platform);
            capabilities.request_timeout = platform.request_timeout;
            capabilities.max_in_flight = platform.max_in_flight;
            capabilities.has_health_read &= platform.health_read;
            for limit in capabilities.max_batch.values_mut() {
                *limit = (*limit).min(platform.max_batch);
            }
            let settings = PlatformSettings {
                capabilities: Some(capabilities),
                unusable: None,
                in_doubt_for: platform.in_doubt_for,
                settling_time: platform.settling_time,
                on_unresolved: platform.on_unresolved,
                retry_initial: platform.retry_initial,
                retry_max: platform.retry_max,
            };
            (platform.name.clone(), settings)
        });
        let platforms: BTreeMap<_, _> = platforms.collect();
        Settings {
            backends: backends.collect(),
            platforms,
            kinds: vec![KIND.to_owned()],
            match_ttl: self.match_ttl,
            charge_outages: self.charge_outages,
        }
    }
}

impl SitePlatform {
    /// An SFyC with the product's default settings.
    pub fn usual(name: &PlatformName) -> Self {
        Self {
            name: name.clone(),
            sort: Sort::Sfyc,
            request_timeout: Duration::from_mins(1),
            in_doubt_for: Duration::from_mins(2),
            settling_time: Duration::from_secs(10),
            on_unresolved: OnUnresolved::Resend,
            retry_initial: Duration::from_secs(1),
            retry_max: Duration::from_mins(1),
            max_in_flight: 16,
            max_batch: 500,
            health_read: true,
        }
    }
}

impl SiteBackend {
    /// A backend at work, with the product's default settings.
    pub fn usual(name: &str, tickets: &PlatformName, work_orders: &PlatformName) -> Self {
        Self {
            name: BackendName::new(name),
            tickets: tickets.clone(),
            work_orders: work_orders.clone(),
            processing: true,
            max_retries: 3,
            max_tickets_per_request: 50,
        }
    }
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The `number`-th dedupe key of a ticket platform. A key never goes to two platforms.
pub(crate) fn key(platform: &PlatformName, number: u32) -> String {
    format!("{KIND}|{platform}-{number}")
}
