//! What goes wrong, and how often: a profile and a seed give a plan of deeds.
//!
//! * `calm`: nothing.
//! * `harsh`: everything that the promise allows (`docs/guarantees.md`): effects within `in_doubt_for`, records visible
//!   within the settling time, references unchanged.
//! * `outside`: the same, and the two limits of time are broken. Doubles are possible then; each that came of a create
//!   that was sent again must be reported.

use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_sandbox::faults::{BodyCut, EarlyAnswer, Knob, RetryAfterForm, Rule};

use crate::remote::HandAct;
use crate::site::{Site, SitePlatform, Sort, key, millis};
use crate::teeth::Neglect;

/// The text of tickets that are refused one by one.
pub(crate) const POISON_ITEM: &str = "bitter";
/// The text of tickets whose whole call is refused.
pub(crate) const POISON_CALL: &str = "deadly";

/// How much goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Nothing.
    Calm,
    /// Everything inside the promise.
    Harsh,
    /// Beyond the promise.
    Outside,
}

/// What the wire to a platform does, in parts of a thousand per request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WireTrouble {
    pub(crate) refuses: u32,
    pub(crate) loses_request: u32,
    pub(crate) loses_answer: u32,
    /// Time of one way, in milliseconds.
    pub(crate) way: (u64, u64),
}

impl WireTrouble {
    pub(crate) const NONE: Self = Self { refuses: 0, loses_request: 0, loses_answer: 0, way: (1, 10) };
}

/// How a platform is out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// Connections are refused.
    Refused,
    /// Requests vanish.
    Silent,
}

/// One thing that happens to a world from outside.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Receive {
        backend: usize,
        keys: Vec<u32>,
        text: &'static str,
    },
    Rules {
        platform: PlatformName,
        rules: Vec<Rule>,
    },
    /// Look-ups of tickets answer nothing, if enough tickets are known for that to be noticed.
    Blind {
        platform: PlatformName,
        span: u64,
    },
    /// The same, at the first instant at which a create on it hangs.
    BlindInDoubt {
        platform: PlatformName,
        span: u64,
    },
    Wire {
        platform: PlatformName,
        trouble: WireTrouble,
    },
    Out {
        platform: PlatformName,
        outage: Outage,
        span: u64,
    },
    People {
        platform: PlatformName,
        pick: usize,
        act: HandAct,
    },
    Crash {
        process: usize,
        down_for: u64,
    },
    Stall {
        process: usize,
        span: u64,
    },
    Jump {
        process: usize,
        by: i64,
    },
    Drain {
        process: usize,
        down_for: u64,
    },
    Suspect {
        process: usize,
    },
    Processing {
        backend: usize,
        on: bool,
    },
    Limits {
        backend: usize,
        max_retries: u8,
        max_tickets_per_request: usize,
    },
    Retry {
        pick: usize,
    },
    Dismiss {
        pick: usize,
    },
    AcceptLoss {
        platform: PlatformName,
    },
    /// People open a ticket of the key of the `pick`-th row that is about to be created.
    Beside {
        platform: PlatformName,
        pick: usize,
    },
    /// Processing is switched off for so long at the first instant at which a create is under way and other rows wait.
    Freeze {
        backend: usize,
        span: u64,
    },
    /// Faults end, and operators mend what only they can mend.
    Calm,
}

/// Troubles of the processes, as chances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ProcessTrouble {
    /// A transaction fails, in parts of a thousand.
    pub(crate) commit_fails: u32,
    /// A process dies at an event, in parts of ten thousand.
    pub(crate) dies: u32,
    /// A process stands still right before a write leaves, in parts of a thousand.
    pub(crate) stalls: u32,
    /// Most milliseconds that a transaction takes to the disk, and its receipt back.
    pub(crate) disk: u64,
    /// So many milliseconds longer it stands still, if that is longer than its lease.
    pub(crate) longer: u64,
}

/// All that will happen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) deeds: Vec<(u64, Deed)>,
    pub(crate) trouble: ProcessTrouble,
    /// When the faults end.
    pub(crate) calm_at: u64,
}

/// Twenty tickets, each with a key of its own, and nothing wrong.
pub(crate) fn calm(site: &Site, tickets: u32) -> Plan {
    let count = site.backends.len().max(1) as u32;
    let deed = |number: u32| {
        let deed = Deed::Receive { backend: (number % count) as usize, keys: vec![number], text: "" };
        (1_000 + u64::from(number) * 700, deed)
    };
    let calm_at = 60_000;
    let deeds = (0..tickets).map(deed).chain([(calm_at, Deed::Calm)]).collect();
    Plan { deeds, trouble: ProcessTrouble::default(), calm_at }
}

/// A plan out of a seed.
pub(crate) fn plan(profile: Profile, site: &Site, neglect: Neglect, dice: &mut ChaCha8Rng) -> Plan {
    if profile == Profile::Calm {
        return calm(site, 20);
    }
    let span = *[60_000, 180_000, 600_000, 3_600_000].choose(dice).unwrap_or(&60_000);
    let mut planner = Planner { profile, site, neglect, dice, span, deeds: Vec::new() };
    planner.arrivals();
    planner.platforms();
    planner.people();
    planner.processes();
    let calm_at = planner.outages().max(span + 30_000);
    let trouble = ProcessTrouble {
        commit_fails: planner.dice.random_range(0..60),
        dies: *[0, 0, 10, 60].choose(planner.dice).unwrap_or(&0),
        stalls: *[0, 0, 5, 30].choose(planner.dice).unwrap_or(&0),
        disk: *[5, 5, 100, 3_000].choose(planner.dice).unwrap_or(&5),
        longer: *[0, 0, 60_000, 240_000].choose(planner.dice).unwrap_or(&0),
    };
    planner.beside();
    let calm_at = calm_at.max(planner.long_blindness()).max(planner.freezes());
    planner.deeds.push((calm_at, Deed::Calm));
    Plan { deeds: planner.deeds, trouble, calm_at }
}

struct Planner<'a> {
    profile: Profile,
    site: &'a Site,
    neglect: Neglect,
    dice: &'a mut ChaCha8Rng,
    span: u64,
    deeds: Vec<(u64, Deed)>,
}

impl Planner<'_> {
    fn at(&mut self) -> u64 {
        self.dice.random_range(1..self.span)
    }

    fn add(&mut self, deed: Deed) {
        let at = self.at();
        self.deeds.push((at, deed));
    }

    fn arrivals(&mut self) {
        let keys: u32 = self.dice.random_range(1..24);
        for _ in 0..self.dice.random_range(1..6) {
            let backend = self.dice.random_range(0..self.site.backends.len());
            let count = self.dice.random_range(1..10);
            let keys = (0..count).map(|_| self.dice.random_range(0..keys)).collect();
            let text = *["", "", "", POISON_ITEM, POISON_CALL].choose(self.dice).unwrap_or(&"");
            let at = self.at();
            self.deeds.push((at, Deed::Receive { backend, keys, text }));
            if self.dice.random_bool(0.3) {
                let pick = self.dice.random_range(0..100);
                let soon = self.dice.random_range(1..3_000);
                self.deeds.push((at + soon, Deed::Dismiss { pick }));
            }
        }
    }

    fn platforms(&mut self) {
        for platform in &self.site.platforms {
            let rules = self.rules(platform);
            self.deeds.push((0, Deed::Rules { platform: platform.name.clone(), rules }));
            if self.dice.random_bool(0.3) {
                let rules = self.rules(platform);
                self.add(Deed::Rules { platform: platform.name.clone(), rules });
            }
            if self.dice.random_bool(0.1) {
                let span = self.dice.random_range(1_000..120_000);
                self.add(Deed::Blind { platform: platform.name.clone(), span });
            }
            let share = *[0, 5, 20, 60].choose(self.dice).unwrap_or(&0);
            let trouble = WireTrouble {
                refuses: self.dice.random_range(0..=share),
                loses_request: self.dice.random_range(0..=share),
                loses_answer: self.dice.random_range(0..=share),
                way: *[(1, 3), (5, 40), (50, 800)].choose(self.dice).unwrap_or(&(1, 3)),
            };
            self.deeds.push((0, Deed::Wire { platform: platform.name.clone(), trouble }));
        }
    }

    /// The fault rules of one platform.
    fn rules(&mut self, platform: &SitePlatform) -> Vec<Rule> {
        let most = *[0.0, 0.02, 0.06, 0.15].choose(self.dice).unwrap_or(&0.0);
        let mut rules = standing(platform, self.profile, self.dice);
        for knob in menu(platform, self.profile, self.dice) {
            if self.dice.random_bool(0.35) {
                let chance = self.dice.random_range(0.0..=most);
                // Cherwell's results carry no key: that they keep their order is part of its contract. One that is left
                // out and one that comes twice in the same answer would be another order, too.
                let shorter = |knob: &Knob| matches!(knob, Knob::ShortResults { .. } | Knob::ShortBatch { .. });
                let longer = |knob: &Knob| matches!(knob, Knob::DuplicatedResults { .. });
                let both = (longer(&knob) && rules.iter().any(|rule| shorter(&rule.knob)))
                    || (shorter(&knob) && rules.iter().any(|rule| longer(&rule.knob)));
                let reorders = both || matches!(knob, Knob::ReorderedResults {});
                if platform.sort == Sort::Cherwell && reorders && !self.neglect.reorders_cherwell {
                    continue;
                }
                rules.push(Rule::from(knob).probability(chance));
            }
        }
        rules
    }

    fn people(&mut self) {
        let platforms = self.site.ticket_platforms();
        for _ in 0..self.dice.random_range(0..8) {
            let Some(platform) = platforms.choose(self.dice).cloned() else { return };
            let pick = self.dice.random_range(0..100);
            let key = key(&platform, self.dice.random_range(0..24));
            let act = match self.dice.random_range(0..13) {
                0 => HandAct::Open { key, origin: None },
                1 | 2 => HandAct::Open { key, origin: Some(format!("somebody else {pick}")) },
                3 => HandAct::Start,
                4 => HandAct::Resolve,
                5 | 6 => HandAct::Close,
                7 => HandAct::Cancel,
                8 => HandAct::Reopen,
                9 => HandAct::Copy,
                10 | 11 => HandAct::Merge,
                _ => HandAct::Delete,
            };
            self.add(Deed::People { platform, pick, act });
        }
        for _ in 0..self.dice.random_range(0..5) {
            let backend = self.dice.random_range(0..self.site.backends.len());
            let deed = match self.dice.random_range(0..5) {
                0 => {
                    let after = self.dice.random_range(1_000..120_000);
                    let at = self.at();
                    self.deeds.push((at + after, Deed::Processing { backend, on: true }));
                    self.deeds.push((at, Deed::Processing { backend, on: false }));
                    continue;
                }
                1 => Deed::Limits {
                    backend,
                    max_retries: self.dice.random_range(1..=4),
                    max_tickets_per_request: self.dice.random_range(1..=20),
                },
                2 | 3 => Deed::Retry { pick: self.dice.random_range(0..100) },
                _ => Deed::Dismiss { pick: self.dice.random_range(0..100) },
            };
            self.add(deed);
        }
    }

    fn processes(&mut self) {
        let lease = self.site.longest_request() + crate::process::LEASE_MARGIN;
        for _ in 0..self.dice.random_range(0..5) {
            let process = self.dice.random_range(0..self.site.processes);
            let short = self.dice.random_range(1..20_000);
            let deed = match self.dice.random_range(0..9) {
                0..=2 => Deed::Crash { process, down_for: short },
                3 => Deed::Stall { process, span: short },
                4 | 5 => Deed::Stall { process, span: lease + short },
                6 => Deed::Jump { process, by: self.dice.random_range(-86_400_000..86_400_000) },
                7 => Deed::Drain { process, down_for: short },
                _ => Deed::Suspect { process },
            };
            self.add(deed);
        }
    }

    /// While a platform is away and rows wait, people open tickets of their keys.
    fn beside(&mut self) {
        let outages: Vec<(u64, PlatformName, u64)> = self
            .deeds
            .iter()
            .filter_map(|(at, deed)| match deed {
                Deed::Out { platform, span, .. } => Some((*at, platform.clone(), *span)),
                _ => None,
            })
            .collect();
        for (at, platform, span) in outages {
            for _ in 0..self.dice.random_range(0..4) {
                let pick = self.dice.random_range(0..100);
                let at = at + self.dice.random_range(0..span / 2 + 1);
                self.deeds.push((at, Deed::Beside { platform: platform.clone(), pick }));
            }
        }
    }

    /// Look-ups go blind when a create hangs, for longer than its doubt lasts. Answers when the last of it is over.
    fn long_blindness(&mut self) -> u64 {
        let mut over = 0;
        for platform in &self.site.platforms {
            if self.span <= 600_000 && self.dice.random_bool(0.1) {
                let span = self.dice.random_range(100_000..300_000);
                over = self.span + span;
                self.deeds.push((0, Deed::BlindInDoubt { platform: platform.name.clone(), span }));
            }
        }
        over
    }

    /// Processing is switched off while matched rows wait for their turn, and people open tickets of their keys.
    /// Answers when the last of it is over.
    fn freezes(&mut self) -> u64 {
        if self.span > 600_000 || !self.dice.random_bool(0.2) {
            return 0;
        }
        let backend = self.dice.random_range(0..self.site.backends.len());
        let span = self.dice.random_range(420_000..600_000);
        self.deeds.push((0, Deed::Freeze { backend, span }));
        self.span + span + 10_000
    }

    /// Answers when the last outage is over.
    fn outages(&mut self) -> u64 {
        let mut over = 0;
        for _ in 0..self.dice.random_range(0..3) {
            let Some(platform) = self.site.platforms.choose(self.dice).map(|platform| platform.name.clone()) else {
                break;
            };
            let span = if self.dice.random_bool(0.06) {
                millis(Duration::from_hours(6))
            } else {
                self.dice.random_range(1_000..300_000)
            };
            let outage = if self.dice.random_bool(0.5) { Outage::Refused } else { Outage::Silent };
            let at = self.at();
            over = over.max(at + span + 10_000);
            self.deeds.push((at, Deed::Out { platform, outage, span }));
        }
        over
    }
}

/// What holds all the time on a platform, faults or not.
fn standing(platform: &SitePlatform, profile: Profile, dice: &mut ChaCha8Rng) -> Vec<Rule> {
    let settling = millis(platform.settling_time);
    let lag = match profile {
        Profile::Outside => dice.random_range(0..settling * 6),
        _ => dice.random_range(0..settling * 8 / 10),
    };
    let mut rules = vec![
        Rule::from(Knob::ClosedTicketRefused {}),
        Rule::from(Knob::IndexLag { ms: lag / 2, jitter_ms: lag / 2 }),
        refusal_of_poison(dice.random_bool(0.5)),
    ];
    let status = *[400, 413, 422, 500].choose(dice).unwrap_or(&422);
    rules.push(Rule::from(Knob::PoisonCall { text: POISON_CALL.to_owned(), status }));
    rules
}

/// What stays when the faults end: a ticket that cannot be taken is not taken then either.
pub(crate) fn refusal_of_poison(retryable: bool) -> Rule {
    let (code, message) = (String::from("INVALID_FIELD"), String::from("it cannot be taken"));
    Rule::from(Knob::PoisonItem { text: POISON_ITEM.to_owned(), code, message, retryable })
}

/// What may go wrong by chance.
fn menu(platform: &SitePlatform, profile: Profile, dice: &mut ChaCha8Rng) -> Vec<Knob> {
    let timeout = millis(platform.request_timeout);
    let doubt = millis(platform.in_doubt_for);
    let latest = if profile == Profile::Outside { doubt * 3 } else { doubt * 8 / 10 };
    let early = *[EarlyAnswer::Stall, EarlyAnswer::Reset, EarlyAnswer::GatewayTimeout]
        .choose(dice)
        .unwrap_or(&EarlyAnswer::Stall);
    let status = *[409, 500, 502, 503].choose(dice).unwrap_or(&500);
    let text = String::from("MOOD");
    let mut effect = || dice.random_bool(0.5);
    vec![
        Knob::AnswerDelay { ms: 100, max_ms: Some(timeout * 2) },
        Knob::CommitThenStall { answer_after_ms: None },
        Knob::CommitThenStall { answer_after_ms: Some(timeout + 1_500) },
        Knob::ResetBeforeCommit { after_ms: 5 },
        Knob::ResetAfterCommit { after_ms: 5 },
        Knob::ServerError { status, effect: effect() },
        Knob::HtmlAnswer { status: 502, effect: effect() },
        Knob::HtmlAnswer { status: 200, effect: effect() },
        Knob::CutJson { effect: effect(), body: BodyCut::WellFramed },
        Knob::CutJson { effect: effect(), body: BodyCut::ClosedEarly },
        Knob::TooManyRequests { retry_after_s: 3, form: RetryAfterForm::Seconds },
        Knob::TooManyRequests { retry_after_s: 7, form: RetryAfterForm::Date },
        Knob::TooManyRequests { retry_after_s: 1, form: RetryAfterForm::Absent },
        Knob::ShortResults { drop: 1 },
        Knob::ReorderedResults {},
        Knob::DuplicatedResults { copies: 1 },
        Knob::PartialFailure { share: 0.5, code: text, message: String::from("not today"), retryable: true },
        Knob::TokenRevoked {},
        Knob::Forbidden {},
        Knob::Unavailable { retry_after_s: Some(5) },
        Knob::Unavailable { retry_after_s: None },
        Knob::UnknownFilterIgnored { filters: Vec::new() },
        Knob::DelayedEffect { effect_after_ms: dice.random_range(1..latest), answer: early },
        Knob::DelayedEffect { effect_after_ms: dice.random_range(1..latest), answer: EarlyAnswer::Stall },
        // These mean something on a Cherwell only.
        Knob::ShortBatch { drop: 1, tail_done: dice.random_bool(0.5) },
        Knob::ValidationError { share: 0.5, has_error: dice.random_bool(0.5), field: None },
        Knob::RelatedCut { keep: 1, hide_total: false },
        Knob::TokenLife { seconds: dice.random_range(5..120) },
        Knob::SessionsRevoked {},
        Knob::ThrottledLogin { overlapping: false },
    ]
}
