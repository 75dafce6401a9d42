//! A token that is fetched once and shared by all requests.
//!
//! Guarantees:
//! * Never two token requests at a time per client; whoever comes meanwhile waits for the one under way. It has a task
//!   of its own and goes on if its caller is dropped: a login that is under way would else overlap with the next one,
//!   and leave a session behind that nobody knows.
//! * A 401 marks only the token that was used, so that many 401 at once renew it once.
//! * Tokens are renewed early, by 30 s or a quarter of their life, whichever is less. While the token endpoint is away or
//!   busy, the old one is used to its end.
//! * A refresh token is used for one attempt only, unless it surely was not consumed. A refused one makes way for the
//!   grant in the same go.
//! * A platform that wants fewer logins is asked up to five times, with full jitter below 0.1, 0.3, 0.8 and 2 s, all
//!   within the token's time-out. A refresh has the first three of them: some platforms refuse a stale refresh token in
//!   the very words in which they ask for patience.
//! * Pauses after a failure: what needs an operator 5 s, 1 min, then 5 min each (accounts lock), until a login works;
//!   throttled 2 s; unreachable 1 s. A `Retry-After` makes them longer, up to 5 min.

mod endpoint;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::Mutex;

pub(super) use endpoint::TokenEndpoint;
pub use endpoint::refusal_words;
use endpoint::{Asked, Endpoint, Fault, Granted};

use super::Secret;
use super::stopwatch::Moment;
use crate::LoginFault;

/// Longest wait between two tries of a throttled login.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Ceilings of the waits between the tries of a throttled login.
const WAITS: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(800), LONGEST_WAIT];
/// So many tries of a refresh are throttled before the grant itself is tried.
const THROTTLED_REFRESHES: usize = 3;
/// Pauses after a login that needs an operator: the first, the second, all others.
const PAUSES_REFUSED: [Duration; 3] = [Duration::from_secs(5), Duration::from_mins(1), Duration::from_mins(5)];
/// Pause after a login that was throttled to the end.
const PAUSE_THROTTLED: Duration = Duration::from_secs(2);
/// Pause after a token endpoint that could not be reached or was ill.
const PAUSE_UNREACHABLE: Duration = Duration::from_secs(1);
/// Longest wish for a pause that is obeyed.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// A token is renewed this much before its end, or by a quarter of its life.
const EARLY: Duration = Duration::from_secs(30);

/// A token and its number; the number tells a 401 with this token from one with an earlier one.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// The value of the header `Authorization`, marked sensitive.
    pub(super) header: HeaderValue,
    number: u64,
}

/// Why there is no token, without secrets.
#[derive(Debug, Clone)]
pub(super) struct NoToken {
    pub(super) login: LoginFault,
    pub(super) why: String,
}

/// The token in use.
struct Held {
    token: Token,
    since: Moment,
    life: Duration,
}

impl Held {
    /// It is not yet time to renew it.
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < self.life.saturating_sub((self.life / 4).min(EARLY))
    }
}

/// A login that failed, and how long nobody tries again.
struct Failure {
    no_token: NoToken,
    since: Moment,
    pause: Duration,
}

#[derive(Default)]
struct Kept {
    held: Option<Held>,
    refresh: Option<Secret>,
    issued: u64,
    failure: Option<Failure>,
    /// Logins in a row that need an operator.
    refusals: usize,
    /// Jittered waits so far.
    waits: u64,
}

impl Kept {
    /// A login that worked.
    fn keep(&mut self, granted: Granted) -> Token {
        self.issued += 1;
        let token = Token { header: granted.header, number: self.issued };
        self.held = Some(Held { token: token.clone(), since: Moment::now(), life: granted.life });
        // RFC 6749 §6: an answer without a refresh token leaves the old one in force.
        self.refresh = granted.refresh.or_else(|| self.refresh.take());
        self.failure = None;
        self.refusals = 0;
        token
    }
}

/// The token of one platform. Cheap to clone; all clones share it.
pub(super) struct TokenCache<E> {
    shared: Arc<Shared<E>>,
}

impl<E> Clone for TokenCache<E> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<E> {
    endpoint: E,
    timeout: Duration,
    jitter_seed: u64,
    /// Tokens up to this number were not accepted. Apart from the rest, so that a 401 never waits for a login.
    stale: AtomicU64,
    kept: Arc<Mutex<Kept>>,
}

impl<E: Endpoint> TokenCache<E> {
    /// A cache that holds nothing. `timeout` is the longest time of one go, its waits and second tries included.
    pub(super) fn new(endpoint: E, timeout: Duration, jitter_seed: u64) -> Self {
        let shared = Shared { endpoint, timeout, jitter_seed, stale: AtomicU64::new(0), kept: Arc::default() };
        Self { shared: Arc::new(shared) }
    }

    /// A token that is good for now.
    pub(super) async fn get(&self) -> Result<Token, NoToken> {
        let mut kept = Arc::clone(&self.shared.kept).lock_owned().await;
        if let Some(known) = self.shared.known(&kept) {
            return known;
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.renew(&mut kept).await }).await.unwrap_or_else(|_| {
            let why = String::from("no token: the program ends, or the login broke off inside");
            Err(NoToken { login: LoginFault::Unreachable, why })
        })
    }

    /// The platform did not accept this token; newer ones are left alone.
    pub(super) fn mark_stale(&self, token: &Token) {
        self.shared.stale.fetch_max(token.number, Ordering::AcqRel);
    }

    /// The token that is alive, if there is one; from now on it is forgotten, and the refresh token, too. Waits for a
    /// login that is under way.
    pub(super) async fn take(&self) -> Option<Token> {
        let mut kept = self.shared.kept.lock().await;
        kept.refresh = None;
        kept.held.take().filter(|held| self.shared.is_good(held)).map(|held| held.token)
    }
}

impl<E: Endpoint> Shared<E> {
    /// It has not run out, and no 401 turned it down.
    fn is_good(&self, held: &Held) -> bool {
        held.since.elapsed() < held.life && held.token.number > self.stale.load(Ordering::Acquire)
    }

    /// What is known without asking: a token, or that it is not yet time to ask again.
    fn known(&self, kept: &Kept) -> Option<Result<Token, NoToken>> {
        let held = kept.held.as_ref().filter(|held| self.is_good(held));
        if let Some(held) = held.filter(|held| held.is_fresh()) {
            return Some(Ok(held.token.clone()));
        }
        let failure = kept.failure.as_ref()?;
        let left = failure.pause.checked_sub(failure.since.elapsed()).filter(|left| !left.is_zero())?;
        if let Some(held) = held {
            return Some(Ok(held.token.clone()));
        }
        let NoToken { login, why } = &failure.no_token;
        let why = format!("{why} (asked again in {} s at the earliest)", left.as_secs_f64().ceil());
        Some(Err(NoToken { login: *login, why }))
    }

    /// Gets a new token and keeps it, or keeps why there is none.
    async fn renew(&self, kept: &mut Kept) -> Result<Token, NoToken> {
        let fault = match self.log_in(kept).await {
            Ok(granted) => return Ok(kept.keep(granted)),
            Err(fault) => fault,
        };
        let pause = pause(&fault, &mut kept.refusals);
        let no_token = NoToken { login: fault.login, why: fault.why };
        kept.failure = Some(Failure { no_token: no_token.clone(), since: Moment::now(), pause });
        if fault.consumed {
            // A rotation may have killed it.
            kept.held = None;
        }
        match &kept.held {
            Some(held) if self.is_good(held) => Ok(held.token.clone()),
            _ => Err(no_token),
        }
    }

    /// Refresh, grant and patience, within the time limit.
    async fn log_in(&self, kept: &mut Kept) -> Result<Granted, Fault> {
        let begun = Moment::now();
        let mut throttled = 0;
        loop {
            let asked = kept.refresh.as_ref().map_or(Asked::Grant, Asked::Refresh);
            let left = self.timeout.saturating_sub(begun.elapsed());
            let fault = match self.endpoint.ask(asked, left).await {
                Ok(granted) => return Ok(granted),
                Err(fault) => fault,
            };
            match fault.login {
                LoginFault::Throttled => {
                    throttled += 1;
                    if throttled >= THROTTLED_REFRESHES {
                        kept.refresh = None;
                    }
                    let Some(wait) = self.patience(kept, throttled, &fault) else { return Err(fault) };
                    if begun.elapsed() + wait >= self.timeout {
                        return Err(fault);
                    }
                    tokio::time::sleep(wait).await;
                }
                LoginFault::Unreachable => {
                    if fault.consumed {
                        kept.refresh = None;
                    }
                    return Err(fault);
                }
                // The grant itself is tried at once, if that was not it.
                LoginFault::Refused | LoginFault::Misconfigured => {
                    if kept.refresh.take().is_none() {
                        return Err(fault);
                    }
                }
            }
        }
    }

    /// How long to wait after the `number`-th throttled try; `None`: no more tries, or a longer wish than we wait for.
    fn patience(&self, kept: &mut Kept, number: usize, fault: &Fault) -> Option<Duration> {
        let ceiling = *WAITS.get(number - 1)?;
        kept.waits += 1;
        let wait = jitter(self.jitter_seed, kept.waits, ceiling).max(fault.wish.unwrap_or_default());
        (wait <= LONGEST_WAIT).then_some(wait)
    }
}

/// How long nobody logs in after a failure.
fn pause(fault: &Fault, refusals: &mut usize) -> Duration {
    let own = match fault.login {
        LoginFault::Refused | LoginFault::Misconfigured => {
            let place = (*refusals).min(PAUSES_REFUSED.len() - 1);
            *refusals += 1;
            PAUSES_REFUSED[place]
        }
        LoginFault::Throttled => PAUSE_THROTTLED,
        LoginFault::Unreachable => PAUSE_UNREACHABLE,
    };
    own.max(fault.wish.unwrap_or_default().min(LONGEST_PAUSE))
}

/// Full jitter: anything from nothing to `ceiling`, the same for the same seed and number.
fn jitter(seed: u64, number: u64, ceiling: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    (seed, number).hash(&mut hasher);
    Duration::from_millis(hasher.finish() % (ceiling.as_millis() as u64 + 1))
}
