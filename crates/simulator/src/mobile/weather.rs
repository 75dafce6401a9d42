//! Faults of the platforms, as the contracts allow them: rules come and go on the boards of the stand-ins.

use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, RngExt};
use ticketbridge_sandbox::faults::{BodyCut, EarlyAnswer, Knob, MissingKey, RetryAfterForm, Rule};
use tokio::time::sleep;

use super::world::Sim;

/// Writes that may be repeated; creations of contacts may not.
const UPSERTS: [&str; 4] = ["write_mobile", "update_contacts", "write_distributions", "set_cultural_contacts"];
const READS: [&str; 3] = ["find_tickets", "find_contacts", "find_distributions"];
const CREATE: &str = "create_contacts";

/// Bad weather, until the world is calm.
pub(super) async fn change(sim: Arc<Sim>) {
    if sim.setting.rates.weather == 0 {
        return;
    }
    loop {
        let pause = {
            let mut world = sim.world();
            Duration::from_millis(world.dice.random_range(1..=sim.setting.rates.weather * 2))
        };
        sleep(pause).await;
        let mut world = sim.world();
        if world.calm {
            return;
        }
        let mut dice = super::world::fork(&mut world.dice);
        let doubt = sim.setting.promise.as_millis() as u64;
        let tickets = &world.lives[dice.random_range(0..world.lives.len())].tickets;
        let poison = tickets.get(dice.random_range(0..tickets.len().max(1))).map(|(ticket, _)| ticket.clone());
        let now = world.now;
        if dice.random_bool(0.25) {
            let rule = of_wallet(&mut dice);
            world.trace.mention(now, || (Vec::new(), format!("the wallet: {rule:?}")));
            // A full board has weather enough.
            drop(world.wallet.faults_mut().add(rule));
        } else {
            let rule = of_box_office(&mut dice, doubt, poison);
            world.trace.mention(now, || (Vec::new(), format!("the box office: {rule:?}")));
            drop(world.box_office.faults_mut().add(rule));
        }
    }
}

fn of_wallet(dice: &mut dyn Rng) -> Rule {
    let rule = match dice.random_range(0..17) {
        0 | 1 => Rule::from(Knob::KeyNotAdvanced {}),
        2 => Rule::from(Knob::NextKeyMissing { form: MissingKey::Null }),
        3 => Rule::from(Knob::NextKeyMissing { form: MissingKey::NoPagination }),
        4 | 5 => Rule::from(Knob::Redelivery { items: dice.random_range(1..6) }),
        6 => Rule::from(Knob::EmptyPage { from_page: 1, more: dice.random_bool(0.5) }),
        7 => Rule::from(Knob::DuplicatedResults { copies: 2 }),
        8 => Rule::from(Knob::UnknownFilterIgnored { filters: Vec::new() }),
        9 => return common(dice).times(1).on("diff"),
        10 => Rule::from(Knob::TokenRevoked {}),
        _ => common(dice),
    };
    rule.times(dice.random_range(1..4))
}

fn of_box_office(dice: &mut dyn Rng, doubt: u64, poison: Option<String>) -> Rule {
    // As late as it may be, one time in three; the wire cuts it to the promise.
    let late = |dice: &mut dyn Rng| if dice.random_bool(0.33) { doubt } else { dice.random_range(1_000..doubt) };
    let upsert = UPSERTS[dice.random_range(0..UPSERTS.len())];
    let write = if dice.random_bool(0.4) { CREATE } else { upsert };
    let read = READS[dice.random_range(0..READS.len())];
    let times = dice.random_range(1..5);
    match dice.random_range(0..34) {
        0..6 => {
            let answer = match dice.random_range(0..3) {
                0 => EarlyAnswer::Stall,
                1 => EarlyAnswer::Reset,
                _ => EarlyAnswer::GatewayTimeout,
            };
            Rule::from(Knob::DelayedEffect { effect_after_ms: late(dice), answer }).on(CREATE).times(times)
        }
        6 | 7 => Rule::from(Knob::ResetAfterCommit { after_ms: dice.random_range(0..3_000) }).on(write).times(times),
        8 => Rule::from(Knob::CommitThenStall { answer_after_ms: None }).on(write).times(times),
        9 => Rule::from(Knob::CommitThenStall { answer_after_ms: Some(dice.random_range(100..30_000)) })
            .on(write)
            .times(times),
        10 => Rule::from(Knob::ServerError { status: 500, effect: true }).on(write).times(times),
        11 => Rule::from(Knob::HtmlAnswer { status: 200, effect: true }).on(write).times(times),
        12 => Rule::from(Knob::CutJson { effect: true, body: BodyCut::WellFramed }).on(write).times(times),
        13 | 14 => Rule::from(Knob::ShortResults { drop: dice.random_range(1..3) }).on(write).times(times),
        15..18 => Rule::from(Knob::ReorderedResults {}).on(write).times(times * 3),
        18 => Rule::from(Knob::DuplicatedResults { copies: 1 }).on(write).times(times),
        19..22 => Rule::from(Knob::PartialFailure {
            share: 0.4,
            code: String::from("LOCKED"),
            message: String::from("being edited"),
            retryable: true,
        })
        .on(write)
        .times(times * 2),
        22 => Rule::from(Knob::PartialFailure {
            share: 0.3,
            code: String::from("INVALID_FIELD"),
            message: String::from("not today"),
            retryable: false,
        })
        .on(write)
        .times(1),
        23 | 24 => match poison {
            Some(text) => Rule::from(Knob::PoisonCall { text, status: if dice.random_bool(0.5) { 500 } else { 422 } })
                .on(upsert)
                .times(times * 4),
            None => common(dice).on(write).times(times),
        },
        25 => Rule::from(Knob::Unavailable { retry_after_s: None }).for_ms(dice.random_range(1_000..400_000)),
        26 => Rule::from(Knob::Forbidden {}).on(write).times(times),
        27 => Rule::from(Knob::TokenRevoked {}).on(read).times(times),
        28..31 => common(dice).on(read).times(times),
        _ => common(dice).on(write).times(times),
    }
}

/// What may befall any call.
fn common(dice: &mut dyn Rng) -> Rule {
    Rule::from(match dice.random_range(0..9) {
        0 => Knob::AnswerDelay { ms: 100, max_ms: Some(20_000) },
        1 => Knob::ResetBeforeCommit { after_ms: dice.random_range(0..2_000) },
        2 => Knob::ServerError { status: 503, effect: false },
        3 => Knob::HtmlAnswer { status: 502, effect: false },
        4 => Knob::CutJson { effect: false, body: BodyCut::WellFramed },
        5 => Knob::CutJson { effect: false, body: BodyCut::ClosedEarly },
        6 => Knob::TooManyRequests { retry_after_s: dice.random_range(1..20), form: RetryAfterForm::Seconds },
        7 => Knob::TooManyRequests { retry_after_s: dice.random_range(1..20), form: RetryAfterForm::Date },
        _ => Knob::KeepAliveClosed {},
    })
}
