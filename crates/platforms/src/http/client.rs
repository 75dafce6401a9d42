//! Sends one request and says what became of it.
//!
//! # Why nothing is ever sent twice
//! * `retry::never()` and `redirect::Policy::none()` switch off what reqwest would repeat by itself; the body is a
//!   stream that can't be cloned, so that reqwest could not repeat it if it wanted to.
//! * hyper-util's pool repeats a request (`retry_canceled_requests`, on by default, not reachable through reqwest) only
//!   if hyper gives the request back unopened: `hyper::proto::h1::dispatch` does so for requests that still wait in
//!   the channel of a connection that turned out to be closed. Once a request was taken out of that channel its error
//!   carries no message (`message: None`), and the pool reports it. So the repetition happens only when not one byte
//!   went out: harmless, and wanted, since it is what saves a request from a keep-alive connection that the server has
//!   just closed. `tests/http/wire.rs` closes connections at that very moment and counts.

mod remote_clock;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use reqwest::Url;

use super::personal::mask_target;
use super::record::{Kept, Mask};
use super::stopwatch::Moment;
use super::token::{NoToken, Token, TokenCache, TokenEndpoint};
use super::wire::{Shown, Wire, chain, not_sent};
use super::{Auth, Capture, ExchangeObserver, Purpose, Redactor};
use crate::{HttpCall, Transport};

pub use remote_clock::RemoteClock;

/// Largest answer that a client may be told to take, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024 * 1024;
/// Largest answer where nothing else is told, in bytes.
pub const USUAL_ANSWER: usize = 16 * 1024 * 1024;
/// Idle connections are closed after this time: before most servers and gateways close them.
const IDLE: Duration = Duration::from_secs(15);
/// Most idle connections kept.
const MAX_IDLE: usize = 32;

/// Asked right before the body is handed to the established connection; `false`: do not send.
pub type LastCheck = Box<dyn FnOnce() -> bool + Send>;

/// What a client needs to know.
pub struct ClientSettings {
    /// The platform's name, for records.
    pub platform: String,
    /// Address that every target is put behind: `http://host:port/base`, with or without a slash at its end.
    pub base_url: String,
    /// How requests prove who sends them.
    pub auth: Auth,
    /// Never use a proxy. Otherwise `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are obeyed, also for
    /// loopback addresses.
    pub bypass_proxy: bool,
    /// Longest time for name, connection and TLS.
    pub connect_timeout: Duration,
    /// Longest time for a token: refresh, login and the waits between their tries together.
    pub token_timeout: Duration,
    /// Largest answer, in bytes; at most [`MAX_ANSWER`]. A longer one is no answer.
    pub max_answer: usize,
    /// Takes note of every exchange.
    pub observer: Option<Arc<dyn ExchangeObserver>>,
    /// What the observer gets of bodies and addresses.
    pub capture: Capture,
    /// Seed of the waits between throttled logins; two processes had better have different ones.
    pub jitter_seed: u64,
}

impl ClientSettings {
    /// Settings with the usual limits: no authentication, proxies obeyed, 5 s to connect, 90 s for a token, 16 MiB
    /// ([`USUAL_ANSWER`]), whole bodies for the observer; a seed from the operating system.
    pub fn new(platform: &str, base_url: &str) -> Self {
        Self {
            platform: platform.to_owned(),
            base_url: base_url.to_owned(),
            auth: Auth::None,
            bypass_proxy: false,
            connect_timeout: Duration::from_secs(5),
            token_timeout: Duration::from_secs(90),
            max_answer: USUAL_ANSWER,
            observer: None,
            capture: Capture::default(),
            jitter_seed: std::hash::RandomState::new().hash_one(platform),
        }
    }
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The base address, or that of the token endpoint, is unusable.
    #[error("`{address}` is no usable address: {why}; write `http://host:port` or `https://host:port`, then a path")]
    BadAddress {
        /// The address, without user name and password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A secret can't be put into a header.
    #[error("the token, key or user name holds a character that no HTTP header may have")]
    SecretNotForHeaders,
    /// The TLS or proxy set-up failed.
    #[error("the HTTP client can't be set up: {0}")]
    SetUp(String),
}

/// How one request is to be sent.
pub struct SendOptions {
    /// Longest time for the whole exchange, the connection included, a token not.
    pub timeout: Duration,
    /// Asked right before the write.
    pub last_check: Option<LastCheck>,
    /// What the request is for.
    pub purpose: Purpose,
    /// W3C trace context (`traceparent`) that the platform is told, if any.
    pub traceparent: Option<HeaderValue>,
}

impl SendOptions {
    /// Only a time limit.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout, last_check: None, purpose: Purpose::Other, traceparent: None }
    }

    /// Also says what the request is for.
    #[must_use]
    pub fn about(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Also tells the platform whose trace this request belongs to.
    #[must_use]
    pub fn traced(mut self, traceparent: Option<HeaderValue>) -> Self {
        self.traceparent = traceparent;
        self
    }

    /// Also asks `check` right before the write.
    #[must_use]
    pub fn checked(mut self, check: impl FnOnce() -> bool + Send + 'static) -> Self {
        self.last_check = Some(Box::new(check));
        self
    }
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What happened on the wire.
    pub transport: Transport,
    /// From the connection's beginning to the end of the answer; the wait for a token does not count.
    pub latency: Duration,
    /// The answer is 401, and what it turned down is a token that can be renewed: one more `send` would use a newer one.
    pub renewable: bool,
}

/// The client of one platform. Cheap to clone; all clones share connections and token.
#[derive(Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

struct Inner {
    wire: Arc<Wire>,
    base: String,
    header: Option<(http::HeaderName, HeaderValue)>,
    token: Option<TokenCache<TokenEndpoint>>,
    max_answer: usize,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({} at {})", self.inner.wire.platform, self.inner.base)
    }
}

impl HttpClient {
    /// Builds the client. Opens no connection.
    pub fn new(settings: ClientSettings) -> Result<Self, ClientError> {
        let base = address(&settings.base_url, Query::Refused)?.as_str().trim_end_matches('/').to_owned();
        let mut builder = reqwest::Client::builder()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .user_agent(concat!("ticketbridge/", env!("CARGO_PKG_VERSION")));
        if settings.bypass_proxy {
            builder = builder.no_proxy();
        }
        let wire = Arc::new(Wire {
            platform: settings.platform,
            client: builder.build().map_err(|error| ClientError::SetUp(chain(&error)))?,
            observer: settings.observer,
            mask: Arc::new(Mask { redactor: Redactor::new(&settings.auth.secrets()), capture: settings.capture }),
        });
        let header = settings.auth.fixed_header()?;
        let token = match settings.auth {
            Auth::OAuth2(oauth) => {
                let url = if oauth.token_url.starts_with('/') {
                    address(&format!("{base}{}", oauth.token_url), Query::Allowed)?
                } else {
                    address(&oauth.token_url, Query::Allowed)?
                };
                let endpoint = TokenEndpoint::new(oauth, url, Arc::clone(&wire));
                Some(TokenCache::new(endpoint, settings.token_timeout, settings.jitter_seed))
            }
            _ => None,
        };
        let inner = Inner { wire, base, header, token, max_answer: settings.max_answer.min(MAX_ANSWER) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The redactor that knows this platform's secrets.
    pub fn redactor(&self) -> &Redactor {
        self.inner.wire.redactor()
    }

    /// Sends one request, at most once, and says what became of it. Never fails, never panics; ends within the time
    /// limit (plus that of a token, where one has to be fetched first).
    pub async fn send(&self, call: &HttpCall, options: SendOptions) -> Exchange {
        let Some(cache) = &self.inner.token else {
            return self.inner.send(call, None, options).await;
        };
        match cache.get().await {
            Ok(token) => {
                let mut exchange = self.inner.send(call, Some(&token), options).await;
                if matches!(&exchange.transport, Transport::Answered(answer) if answer.status == StatusCode::UNAUTHORIZED)
                {
                    cache.mark_stale(&token);
                    exchange.renewable = true;
                }
                exchange
            }
            Err(NoToken { login, why }) => {
                let transport = Transport::NotSent { why, login: Some(login) };
                self.inner.wire.observe(|| shown(call, options.purpose), &transport, Duration::ZERO);
                Exchange { transport, latency: Duration::ZERO, renewable: false }
            }
        }
    }

    /// [`send`](Self::send), and once more with a renewed token if the answer is a 401 that a newer token may mend. A
    /// 401 says that nothing was done (RFC 9110 §15.5.2), so this is no repetition of an effect; two requests at most.
    /// Both are observed; the exchange that is returned, its latency included, is the last one.
    pub async fn send_renewing(&self, call: &HttpCall, make_options: impl Fn() -> SendOptions) -> Exchange {
        let exchange = self.send(call, make_options()).await;
        if exchange.renewable { self.send(call, make_options()).await } else { exchange }
    }

    /// Logs out: sends `call` if a live token is held, and forgets it and its refresh token first, so that nobody uses
    /// them any more. `None`: there is no such token, and none is fetched to be given back; nothing was sent. Waits for
    /// a login that is under way; ends within the time limit.
    pub async fn farewell(&self, call: &HttpCall, mut options: SendOptions) -> Option<Exchange> {
        let begun = Moment::now();
        let token = tokio::time::timeout(options.timeout, self.inner.token.as_ref()?.take()).await.ok()??;
        options.timeout = options.timeout.saturating_sub(begun.elapsed());
        Some(self.inner.send(call, Some(&token), options).await)
    }
}

impl Inner {
    /// Sends and tells the observer.
    async fn send(&self, call: &HttpCall, token: Option<&Token>, options: SendOptions) -> Exchange {
        let begun = Moment::now();
        let transport = match self.request(call, token, &options) {
            Ok(request) => self.wire.exchange(request, call.body.clone(), options.last_check, self.max_answer).await,
            Err(why) => not_sent(why),
        };
        let latency = begun.elapsed();
        self.wire.observe(|| shown(call, options.purpose), &transport, latency);
        Exchange { transport, latency, renewable: false }
    }

    /// The request but for its body.
    fn request(
        &self,
        call: &HttpCall,
        token: Option<&Token>,
        options: &SendOptions,
    ) -> Result<reqwest::RequestBuilder, String> {
        if !call.target.starts_with('/') {
            return Err(format!("the target `{}` does not begin with `/`", mask_target(&call.target)));
        }
        let url = Url::parse(&format!("{}{}", self.base, call.target))
            .map_err(|error| format!("the target `{}` is unusable: {error}", mask_target(&call.target)))?;
        let mut request = self.wire.client.request(call.method.clone(), url).timeout(options.timeout);
        request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(traceparent) = &options.traceparent {
            request = request.header("traceparent", traceparent.clone());
        }
        if let Some((name, value)) = &self.header {
            request = request.header(name.clone(), value.clone());
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.header.clone());
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        } else if matches!(call.method, Method::POST | Method::PUT | Method::PATCH) {
            // Nobody below says it (RFC 9110 §8.6), and there are servers that answer 411 without.
            request = request.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(request)
    }
}

/// What a record says of a request.
fn shown(call: &HttpCall, purpose: Purpose) -> Shown {
    Shown {
        purpose,
        method: call.method.to_string(),
        target: call.target.clone(),
        request: call.body.as_ref().map_or_else(|| Kept::Shown(String::new()), |body| Kept::Raw(body.clone())),
        keep_answer: true,
    }
}

/// Whether an address may have a query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Query {
    Allowed,
    Refused,
}

fn address(text: &str, query: Query) -> Result<Url, ClientError> {
    let bad = |address: &str, why: &str| ClientError::BadAddress { address: address.to_owned(), why: why.to_owned() };
    // What stands before an `@` may be a password.
    let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
    let url = Url::parse(text).map_err(|error| bad(shown, &error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(
            url.host_str().unwrap_or(""),
            "it holds a user name or a password; those are settings of their own",
        ));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(bad(text, "it is not http or https, or has no host"));
    }
    if (query == Query::Refused && url.query().is_some()) || url.fragment().is_some() {
        return Err(bad(text, "it has a query or a fragment"));
    }
    Ok(url)
}
