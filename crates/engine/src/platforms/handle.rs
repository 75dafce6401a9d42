//! One platform that can be talked to: nothing but the wire between what the adapter asks and what it reads.

use std::sync::Arc;
use std::time::Duration;

use ticketbridge_core::effect::{Found, LookUpFault, Query};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_platforms::http::{Exchange, HttpClient, Purpose, SendOptions};
use ticketbridge_platforms::{Dialogue, HttpCall, Learned, Platform, Transport};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// What was learned of a platform is learned anew after this time, also where nothing went wrong.
const LEARN_ANEW_AFTER: Duration = Duration::from_hours(24);
/// Longest time of a logout: a stop does not wait for it.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// One platform that can be talked to. Cheap to clone; all clones share connections, login and what was learned.
#[derive(Clone)]
pub struct PlatformHandle {
    /// Encoding and decoding.
    pub platform: Arc<dyn Platform>,
    /// The wire.
    pub client: HttpClient,
    /// Longest time of a write request.
    pub write_timeout: Duration,
    /// Longest time of one request of a look-up.
    pub read_timeout: Duration,
    /// When the platform was last prepared. Held while it is: whoever comes meanwhile waits.
    prepared_at: Arc<Mutex<Option<Instant>>>,
}

impl PlatformHandle {
    /// A platform and its client.
    pub fn new(
        platform: Arc<dyn Platform>,
        client: HttpClient,
        write_timeout: Duration,
        read_timeout: Duration,
    ) -> Self {
        Self { platform, client, write_timeout, read_timeout, prepared_at: Arc::default() }
    }

    /// Learns what must be known of the platform, where that is not known yet or is outdated. Answers what was learned
    /// just now: nothing if all was known.
    pub async fn prepare(&self) -> Result<Vec<Learned>, LookUpFault> {
        let mut prepared_at = self.prepared_at.lock().await;
        if prepared_at.is_some_and(|at| at.elapsed() >= LEARN_ANEW_AFTER) {
            self.platform.forget();
            *prepared_at = None;
        }
        let Some(dialogue) = self.platform.prepare() else { return Ok(Vec::new()) };
        let learned = self.converse(dialogue, self.read_timeout, Purpose::Other).await?;
        *prepared_at = Some(Instant::now());
        for one in learned.iter().filter(|one| one.warning) {
            tracing::warn!(what = one.what, seen = one.seen, "The platform works, but look at this.");
        }
        Ok(learned)
    }

    /// One look-up from its first request to its last: the whole answer or none.
    pub async fn ask(&self, query: &Query) -> Result<Found, LookUpFault> {
        self.ask_telling(query, || {}).await
    }

    /// As [`PlatformHandle::ask`]; `leaves` is called right before each of its requests.
    pub async fn ask_telling(&self, query: &Query, leaves: impl FnMut()) -> Result<Found, LookUpFault> {
        self.prepare().await?;
        let purpose = Purpose::LookUp(Arc::new(query.clone()));
        self.converse_telling(self.platform.look_up(query)?, self.read_timeout, purpose, leaves).await
    }

    /// Requests that build on each other, one after the other, each within `timeout` and for the same purpose.
    pub async fn converse<Answer>(
        &self,
        dialogue: Box<dyn Dialogue<Answer>>,
        timeout: Duration,
        purpose: Purpose,
    ) -> Result<Answer, LookUpFault> {
        self.converse_telling(dialogue, timeout, purpose, || {}).await
    }

    async fn converse_telling<Answer>(
        &self,
        mut dialogue: Box<dyn Dialogue<Answer>>,
        timeout: Duration,
        purpose: Purpose,
        mut leaves: impl FnMut(),
    ) -> Result<Answer, LookUpFault> {
        while let Some(call) = dialogue.next_call()? {
            leaves();
            let exchange = self.send(&call, || SendOptions::within(timeout).about(purpose.clone())).await;
            dialogue.absorb(&exchange.transport)?;
        }
        dialogue.finish()
    }

    /// Sends one request. Where the login has expired, it is renewed and the request sent once more: a 401 says that
    /// nothing was done.
    pub async fn send(&self, call: &HttpCall, options: impl Fn() -> SendOptions) -> Exchange {
        self.client.send_renewing(call, options).await
    }

    /// Ends the login, if there is one and ending it means anything to the platform.
    pub(crate) async fn farewell(&self, name: &PlatformName) {
        let Some(call) = self.platform.farewell() else { return };
        let Some(exchange) = self.client.farewell(&call, SendOptions::within(FAREWELL_TIMEOUT)).await else { return };
        if !matches!(&exchange.transport, Transport::Answered(answer) if answer.status.is_success()) {
            tracing::warn!(platform = %name, "The logout was not confirmed; the session ends by itself when it expires.");
        }
    }
}
