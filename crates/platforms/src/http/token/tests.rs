//! The rules of the cache under a clock that is turned by hand, with an endpoint that has a script.

use std::collections::VecDeque;
use std::sync::Mutex as Lock;
use std::sync::atomic::AtomicUsize;

use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::http::auth::sensitive;

const TIMEOUT: Duration = Duration::from_secs(90);
/// How long the endpoint thinks, where a test does not say otherwise.
const THINKING: Duration = Duration::from_millis(50);

/// What the endpoint does with one request.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Issues a token that lives so many seconds.
    Grant(u64),
    /// As `Grant`, but without a refresh token.
    GrantAlone(u64),
    /// Says no; `true`: what was given may be used up.
    Fail(LoginFault, bool),
    /// Says "too many", with a wish.
    Later(u64),
}

#[derive(Default)]
struct Script {
    acts: Lock<VecDeque<Act>>,
    /// When and by what each request came: `grant`, or the refresh token.
    seen: Lock<Vec<(Duration, String)>>,
    open: AtomicUsize,
    overlaps: AtomicUsize,
}

struct Fake {
    script: Arc<Script>,
    begun: Instant,
}

impl Endpoint for Fake {
    async fn ask(&self, asked: Asked<'_>, _within: Duration) -> Result<Granted, Fault> {
        let by = match asked {
            Asked::Grant => String::from("grant"),
            Asked::Refresh(secret) => secret.expose().to_owned(),
        };
        let number = {
            let mut seen = self.script.seen.lock().unwrap();
            seen.push((self.begun.elapsed(), by));
            seen.len()
        };
        if self.script.open.fetch_add(1, Ordering::SeqCst) > 0 {
            self.script.overlaps.fetch_add(1, Ordering::SeqCst);
        }
        sleep(THINKING).await;
        self.script.open.fetch_sub(1, Ordering::SeqCst);
        let granted = |life, refresh: bool| Granted {
            header: sensitive(&format!("Bearer token-{number}")).unwrap(),
            life: Duration::from_secs(life),
            refresh: refresh.then(|| Secret::known(&format!("refresh-{number}"))),
        };
        let fault = |login, consumed, wish| Fault { login, why: format!("{login:?}"), consumed, wish };
        let act = self.script.acts.lock().unwrap().pop_front().expect("the script has an act for each request");
        match act {
            Act::Grant(life) => Ok(granted(life, true)),
            Act::GrantAlone(life) => Ok(granted(life, false)),
            Act::Fail(login, consumed) => Err(fault(login, consumed, None)),
            Act::Later(wish) => Err(fault(LoginFault::Throttled, false, Some(Duration::from_secs(wish)))),
        }
    }
}

struct World {
    cache: TokenCache<Fake>,
    script: Arc<Script>,
}

fn world(acts: &[Act]) -> World {
    let script = Arc::new(Script { acts: Lock::new(acts.iter().copied().collect()), ..Script::default() });
    let fake = Fake { script: Arc::clone(&script), begun: Instant::now() };
    World { cache: TokenCache::new(fake, TIMEOUT, 7), script }
}

impl World {
    /// What each request came with.
    fn by(&self) -> Vec<String> {
        self.script.seen.lock().unwrap().iter().map(|(_, by)| by.clone()).collect()
    }

    fn times(&self) -> Vec<Duration> {
        self.script.seen.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }

    async fn token(&self) -> Token {
        self.cache.get().await.unwrap()
    }

    async fn fault(&self) -> LoginFault {
        self.cache.get().await.unwrap_err().login
    }
}

fn text(token: &Token) -> &str {
    token.header.to_str().unwrap()
}

const THROTTLED: Act = Act::Fail(LoginFault::Throttled, false);
const REFUSED: Act = Act::Fail(LoginFault::Refused, true);

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_shortly_before_its_end_and_then_refreshed() {
    let world = world(&[Act::Grant(1199), Act::Grant(40), Act::Grant(1199)]);
    assert_eq!(text(&world.token().await), "Bearer token-1");
    advance(Duration::from_secs(1168)).await;
    assert_eq!(text(&world.token().await), "Bearer token-1");
    advance(Duration::from_secs(1)).await;
    assert_eq!(text(&world.token().await), "Bearer token-2", "30 s before its end");
    advance(Duration::from_secs(29)).await;
    assert_eq!(text(&world.token().await), "Bearer token-2");
    advance(Duration::from_secs(1)).await;
    assert_eq!(text(&world.token().await), "Bearer token-3", "a quarter of a life of 40 s before its end");
    assert_eq!(world.by(), ["grant", "refresh-1", "refresh-2"], "the newest refresh token only");
}

#[tokio::test(start_paused = true)]
async fn many_401_at_once_renew_the_token_once_and_a_late_one_not_at_all() {
    let world = world(&[Act::Grant(1199), Act::Grant(1199)]);
    let old = world.token().await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (cache, old) = (world.cache.clone(), old.clone());
        callers.spawn(async move {
            cache.mark_stale(&old);
            cache.get().await.unwrap()
        });
    }
    while let Some(token) = callers.join_next().await {
        assert_eq!(text(&token.unwrap()), "Bearer token-2");
    }
    world.cache.mark_stale(&old);
    assert_eq!(text(&world.token().await), "Bearer token-2", "a 401 of the old token says nothing about the new one");
    assert_eq!(world.by(), ["grant", "refresh-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_401_does_not_wait_for_a_login_under_way() {
    let world = world(&[Act::Grant(1199), Act::Grant(1199)]);
    let old = world.token().await;
    world.cache.mark_stale(&old);
    let cache = world.cache.clone();
    let renewing = tokio::spawn(async move { cache.get().await.unwrap() });
    tokio::task::yield_now().await;
    // Not an async function: were it to wait, this would not compile.
    world.cache.mark_stale(&old);
    assert_eq!(text(&renewing.await.unwrap()), "Bearer token-2");
}

#[tokio::test(start_paused = true)]
async fn a_refused_refresh_makes_way_for_the_grant_in_the_same_go() {
    for no in [REFUSED, Act::Fail(LoginFault::Misconfigured, true)] {
        let world = world(&[Act::Grant(0), no, Act::Grant(1199)]);
        world.token().await;
        assert_eq!(text(&world.token().await), "Bearer token-3");
        assert_eq!(world.by(), ["grant", "refresh-1", "grant"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_grant_is_tried_once_after_a_refused_refresh() {
    let world = world(&[Act::Grant(0), REFUSED, REFUSED]);
    world.token().await;
    assert_eq!(world.fault().await, LoginFault::Refused);
    assert_eq!(world.by(), ["grant", "refresh-1", "grant"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_survives_what_surely_did_not_consume_it() {
    let unreachable = |consumed| Act::Fail(LoginFault::Unreachable, consumed);
    for (consumed, then) in [(false, "refresh-1"), (true, "grant")] {
        let world = world(&[Act::Grant(0), unreachable(consumed), Act::Grant(1199)]);
        world.token().await;
        assert_eq!(world.fault().await, LoginFault::Unreachable);
        advance(PAUSE_UNREACHABLE).await;
        world.token().await;
        assert_eq!(world.by(), ["grant", "refresh-1", then]);
    }
}

#[tokio::test(start_paused = true)]
async fn while_an_early_renewal_fails_the_old_token_is_used_to_its_end() {
    let away = Act::Fail(LoginFault::Unreachable, false);
    let world = world(&[Act::Grant(100), away, away, away, Act::Grant(100)]);
    world.token().await;
    advance(Duration::from_secs(75)).await;
    for asked in [2, 3] {
        for _ in 0..3 {
            assert_eq!(text(&world.token().await), "Bearer token-1", "the renewal failed, the token lives");
            assert_eq!(world.by().len(), asked, "and the pause is kept");
        }
        advance(PAUSE_UNREACHABLE).await;
    }
    advance(Duration::from_secs(25)).await;
    assert_eq!(world.fault().await, LoginFault::Unreachable);
    advance(PAUSE_UNREACHABLE).await;
    assert_eq!(text(&world.token().await), "Bearer token-5");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_may_be_dead_is_not_used_to_its_end() {
    let unclear = Act::Fail(LoginFault::Unreachable, true);
    for (failure, stale) in [(unclear, false), (Act::Fail(LoginFault::Unreachable, false), true)] {
        let world = world(&[Act::Grant(100), failure]);
        let token = world.token().await;
        advance(Duration::from_secs(75)).await;
        if stale {
            world.cache.mark_stale(&token);
        }
        for _ in 0..2 {
            assert_eq!(world.fault().await, LoginFault::Unreachable);
        }
        assert_eq!(world.by().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_without_a_new_refresh_token_leaves_the_old_one_in_force() {
    let world = world(&[Act::Grant(0), Act::GrantAlone(0), Act::GrantAlone(1199)]);
    for _ in 0..3 {
        world.token().await;
    }
    assert_eq!(world.by(), ["grant", "refresh-1", "refresh-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_login_waits_with_jitter_and_nobody_sees_it() {
    let world = world(&[THROTTLED, THROTTLED, THROTTLED, Act::Grant(1199)]);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let cache = world.cache.clone();
        callers.spawn(async move { cache.get().await.unwrap() });
    }
    while let Some(token) = callers.join_next().await {
        assert_eq!(text(&token.unwrap()), "Bearer token-4");
    }
    assert_eq!(world.script.overlaps.load(Ordering::SeqCst), 0);
    let times = world.times();
    for (number, pair) in times.windows(2).enumerate() {
        let wait = jitter(7, number as u64 + 1, WAITS[number]);
        assert_eq!(pair[1], pair[0] + THINKING + wait, "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_throttled_five_times_is_given_up_for_two_seconds() {
    let mut acts = vec![THROTTLED; 5];
    acts.push(Act::Grant(1199));
    let world = world(&acts);
    assert_eq!(world.fault().await, LoginFault::Throttled);
    assert_eq!(world.by().len(), 5);
    assert_eq!(world.fault().await, LoginFault::Throttled, "whoever waited does not begin anew");
    assert_eq!(world.by().len(), 5);
    advance(PAUSE_THROTTLED).await;
    world.token().await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_throttled_to_the_third_try_makes_way_for_the_grant() {
    let world = world(&[Act::Grant(0), THROTTLED, THROTTLED, THROTTLED, Act::Grant(1199)]);
    world.token().await;
    assert_eq!(text(&world.token().await), "Bearer token-5");
    assert_eq!(world.by(), ["grant", "refresh-1", "refresh-1", "refresh-1", "grant"]);
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_the_time_limit() {
    let script = Arc::new(Script { acts: Lock::new([THROTTLED; 5].into()), ..Script::default() });
    let fake = Fake { script: Arc::clone(&script), begun: Instant::now() };
    let cache = TokenCache::new(fake, THINKING * 2, 7);
    let begun = Instant::now();
    assert_eq!(cache.get().await.unwrap_err().login, LoginFault::Throttled);
    assert!(begun.elapsed() <= THINKING * 3, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wish_of_the_platform_makes_waits_and_pauses_longer() {
    let world = world(&[Act::Later(1), Act::Later(40), Act::Later(100_000), Act::Grant(1199)]);
    assert_eq!(world.fault().await, LoginFault::Throttled);
    let times = world.times();
    assert_eq!(times.len(), 2, "nobody waits 40 s inside of a login");
    assert!(times[1] >= times[0] + Duration::from_secs(1), "{times:?}");
    advance(Duration::from_secs(39)).await;
    assert_eq!(world.fault().await, LoginFault::Throttled);
    assert_eq!(world.by().len(), 2);
    advance(Duration::from_secs(1)).await;
    assert_eq!(world.fault().await, LoginFault::Throttled);
    assert_eq!(world.by().len(), 3);
    advance(LONGEST_PAUSE).await;
    world.token().await;
}

/// Asks until the endpoint is asked again, by seconds; answers how many passed.
async fn seconds_until_asked(world: &World) -> u64 {
    let before = world.by().len();
    for seconds in 0..1000 {
        drop(world.cache.get().await);
        if world.by().len() > before {
            return seconds;
        }
        advance(Duration::from_secs(1)).await;
    }
    panic!("never asked again");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_needs_an_operator_is_asked_again_after_ever_longer_pauses() {
    let misconfigured = Act::Fail(LoginFault::Misconfigured, true);
    let unreachable = Act::Fail(LoginFault::Unreachable, false);
    let acts = [REFUSED, misconfigured, REFUSED, unreachable, REFUSED, Act::Grant(0), REFUSED, REFUSED, REFUSED];
    let world = world(&acts);
    assert_eq!(seconds_until_asked(&world).await, 0);
    assert_eq!(seconds_until_asked(&world).await, 5);
    assert_eq!(seconds_until_asked(&world).await, 60);
    assert_eq!(seconds_until_asked(&world).await, 300);
    assert_eq!(seconds_until_asked(&world).await, 1, "after one that could not be reached");
    assert_eq!(seconds_until_asked(&world).await, 300, "which is no success");
    // The success gave a token without a life: a refresh, refused, and the grant, refused.
    assert_eq!(seconds_until_asked(&world).await, 0);
    assert_eq!(seconds_until_asked(&world).await, 5, "a success begins anew");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_during_a_pause_names_its_end() {
    let world = world(&[REFUSED]);
    world.cache.get().await.unwrap_err();
    let NoToken { login, why } = world.cache.get().await.unwrap_err();
    assert_eq!((login, why.as_str()), (LoginFault::Refused, "Refused (asked again in 5 s at the earliest)"));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_leaves_its_login_to_the_next_one() {
    let world = world(&[Act::Grant(1199)]);
    let caller = tokio::time::timeout(THINKING / 2, world.cache.get()).await;
    assert!(caller.is_err(), "it was dropped in the middle of the login");
    assert_eq!(text(&world.token().await), "Bearer token-1");
    assert_eq!(world.by(), ["grant"], "one login, not two that overlap");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_among_those_who_wait_harms_nobody() {
    let world = world(&[Act::Grant(1199)]);
    let (first, waiting) = tokio::join!(world.cache.get(), tokio::time::timeout(THINKING / 2, world.cache.get()));
    assert!(waiting.is_err());
    assert_eq!(text(&first.unwrap()), "Bearer token-1");
    assert_eq!(text(&world.token().await), "Bearer token-1");
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_is_alive_and_forgotten() {
    let world = world(&[Act::Grant(100), Act::Grant(100), Act::Grant(100)]);
    assert!(world.cache.take().await.is_none(), "nothing is held, and nothing is asked for");
    world.token().await;
    advance(Duration::from_secs(90)).await;
    assert_eq!(text(&world.cache.take().await.unwrap()), "Bearer token-1", "due for renewal, but alive");
    assert!(world.cache.take().await.is_none());
    world.token().await;
    advance(Duration::from_secs(100)).await;
    assert!(world.cache.take().await.is_none(), "it has run out");
    let token = world.token().await;
    world.cache.mark_stale(&token);
    assert!(world.cache.take().await.is_none(), "it was not accepted");
    assert_eq!(world.by(), ["grant", "grant", "grant"], "the refresh tokens were forgotten, too");
}

#[test]
fn jitter_stays_below_its_ceiling_reaches_both_ends_and_depends_on_its_seed() {
    let ceiling = Duration::from_millis(9);
    let drawn: Vec<u128> = (0..1000).map(|number| jitter(7, number, ceiling).as_millis()).collect();
    for milliseconds in 0..=9 {
        assert!(drawn.contains(&milliseconds), "{milliseconds}");
    }
    assert!(drawn.iter().all(|drawn| *drawn <= 9));
    assert_ne!(drawn, (0..1000).map(|number| jitter(8, number, ceiling).as_millis()).collect::<Vec<_>>());
}
