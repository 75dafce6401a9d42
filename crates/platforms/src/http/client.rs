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
//!   just closed. `tests/http_wire.rs` closes connections at that very moment and counts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderValue, StatusCode};
use reqwest::Url;

use super::body::{OnceBody, Progress};
use super::stopwatch::{Moment, http_date};
use super::token::{Token, TokenCache};
use super::{Auth, CAPTURE_LIMIT, ExchangeObserver, ExchangeRecord, Redactor, auth};
use crate::{Answer, HttpCall, LoginFault, Transport};

/// Largest answer, in bytes; a longer one is no answer.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;
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
    /// Longest time for a token.
    pub token_timeout: Duration,
    /// Largest answer, in bytes; at most [`MAX_ANSWER`].
    pub max_answer: usize,
    /// Takes note of every exchange.
    pub observer: Option<Arc<dyn ExchangeObserver>>,
}

impl ClientSettings {
    /// Settings with the usual limits: no authentication, proxies obeyed, 5 s to connect, 90 s for a token, 16 MiB.
    pub fn new(platform: &str, base_url: &str) -> Self {
        Self {
            platform: platform.to_owned(),
            base_url: base_url.to_owned(),
            auth: Auth::None,
            bypass_proxy: false,
            connect_timeout: Duration::from_secs(5),
            token_timeout: Duration::from_secs(90),
            max_answer: MAX_ANSWER,
            observer: None,
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
}

impl SendOptions {
    /// Only a time limit.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout, last_check: None }
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
}

/// The client of one platform. Cheap to clone; all clones share connections and token.
#[derive(Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

struct Inner {
    platform: String,
    base: String,
    client: reqwest::Client,
    header: Option<(http::HeaderName, HeaderValue)>,
    token: Option<TokenCache>,
    redactor: Redactor,
    max_answer: usize,
    observer: Option<Arc<dyn ExchangeObserver>>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpClient({} at {})", self.inner.platform, self.inner.base)
    }
}

impl HttpClient {
    /// Builds the client. Opens no connection.
    pub fn new(settings: ClientSettings) -> Result<Self, ClientError> {
        let base = address(&settings.base_url)?.as_str().trim_end_matches('/').to_owned();
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
        let client = builder.build().map_err(|error| ClientError::SetUp(chain(&error)))?;
        let redactor = Redactor::new(&settings.auth.secrets());
        let header = settings.auth.fixed_header()?;
        let token = match settings.auth {
            Auth::OAuth2(oauth) => {
                let url = if oauth.token_url.starts_with('/') {
                    address(&format!("{base}{}", oauth.token_url))?
                } else {
                    address(&oauth.token_url)?
                };
                Some(TokenCache::new(oauth, url, settings.token_timeout))
            }
            _ => None,
        };
        let inner = Inner {
            platform: settings.platform,
            base,
            client,
            header,
            token,
            redactor,
            max_answer: settings.max_answer.min(MAX_ANSWER),
            observer: settings.observer,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The redactor that knows this platform's secrets.
    pub fn redactor(&self) -> &Redactor {
        &self.inner.redactor
    }

    /// Sends one request, at most once, and says what became of it. Never fails, never panics; ends within the time
    /// limit (plus that of a token, where one has to be fetched first).
    pub async fn send(&self, call: &HttpCall, options: SendOptions) -> Exchange {
        let inner = &*self.inner;
        let token = match inner.token() {
            None => None,
            Some(cache) => match cache.get(&inner.client, &inner.redactor).await {
                Ok(token) => Some(token),
                Err(why) => {
                    let login = Some(LoginFault::Unreachable);
                    return self.done(call, Transport::NotSent { why, login }, Duration::ZERO);
                }
            },
        };
        let begun = Moment::now();
        let transport = inner.exchange(call, token.as_ref(), options).await;
        let latency = begun.elapsed();
        if let (Some(token), Some(cache), Transport::Answered(answer)) = (&token, inner.token(), &transport)
            && answer.status == StatusCode::UNAUTHORIZED
        {
            cache.mark_stale(token.number).await;
        }
        self.done(call, transport, latency)
    }

    fn done(&self, call: &HttpCall, transport: Transport, latency: Duration) -> Exchange {
        if let Some(observer) = &self.inner.observer {
            observer.observe(self.inner.record(call, &transport, latency));
        }
        Exchange { transport, latency }
    }
}

impl Inner {
    fn token(&self) -> Option<&TokenCache> {
        self.token.as_ref()
    }

    async fn exchange(&self, call: &HttpCall, token: Option<&Token>, options: SendOptions) -> Transport {
        let not_sent = |why: String| Transport::NotSent { why, login: None };
        if !call.target.starts_with('/') {
            return not_sent(format!("the target `{}` does not begin with `/`", call.target));
        }
        let url = match Url::parse(&format!("{}{}", self.base, call.target)) {
            Ok(url) => url,
            Err(error) => return not_sent(format!("the target `{}` is unusable: {error}", call.target)),
        };
        let mut request = self.client.request(call.method.clone(), url).timeout(options.timeout);
        request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = &self.header {
            request = request.header(name.clone(), value.clone());
        }
        if let Some(token) = token {
            match auth::sensitive(&format!("Bearer {}", token.value.expose())) {
                Ok(value) => request = request.header(AUTHORIZATION, value),
                Err(_) => return not_sent(String::from("the token that was issued can't be put into a header")),
            }
        }
        let mut watch = None;
        if let Some(data) = &call.body {
            let (body, its_watch) = OnceBody::new(data.clone(), options.last_check);
            watch = Some(its_watch);
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(reqwest::Body::wrap(body));
        } else if options.last_check.is_some_and(|check| !check()) {
            return not_sent(String::from("the last check before the write said no"));
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return classify(&error, watch.map(|watch| watch.settle())),
        };
        let status = answer.status();
        let mut headers = answer.headers().clone();
        headers.entry(DATE).or_insert_with(|| {
            HeaderValue::from_str(&http_date()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
        });
        match read_body(answer, self.max_answer).await {
            Ok(body) => Transport::Answered(Answer { status, headers, body }),
            Err(BodyFault { why, timed_out }) => {
                Transport::NoAnswer { why: format!("{status}, but the body is missing: {why}"), timed_out }
            }
        }
    }

    fn record(&self, call: &HttpCall, transport: &Transport, latency: Duration) -> ExchangeRecord {
        let (status, answer, fault) = match transport {
            Transport::NotSent { why, .. } => (None, String::new(), format!("not sent: {why}")),
            Transport::NoAnswer { why, .. } => (None, String::new(), format!("no answer: {why}")),
            Transport::Answered(answer) => {
                let body = self.redactor.capture(&answer.body, CAPTURE_LIMIT);
                (Some(answer.status.as_u16()), body, String::new())
            }
        };
        ExchangeRecord {
            platform: self.platform.clone(),
            method: call.method.to_string(),
            target: self.redactor.redact(&call.target),
            status,
            latency,
            request: call.body.as_ref().map_or_else(String::new, |body| self.redactor.capture(body, CAPTURE_LIMIT)),
            answer,
            fault: self.redactor.redact(&fault),
        }
    }
}

/// What an error says about the request. In doubt it may have arrived.
fn classify(error: &reqwest::Error, body: Option<Progress>) -> Transport {
    let why = chain(error);
    match body {
        Some(Progress::Withheld) => {
            Transport::NotSent { why: String::from("the last check before the write said no"), login: None }
        }
        // Nobody asked for the body: at most a head went out that announces one, and no server acts upon that.
        Some(Progress::Untouched) => Transport::NotSent { why, login: None },
        _ if error.is_connect() || error.is_builder() => Transport::NotSent { why, login: None },
        _ => Transport::NoAnswer { why, timed_out: error.is_timeout() },
    }
}

/// Why a body is not there.
#[derive(Debug)]
pub(super) struct BodyFault {
    why: String,
    timed_out: bool,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// Reads a body of at most `limit` bytes to its proper end.
pub(super) async fn read_body(mut answer: reqwest::Response, limit: usize) -> Result<Bytes, BodyFault> {
    let too_long = || BodyFault { why: format!("it is longer than {limit} bytes"), timed_out: false };
    let announced = answer.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(too_long());
    }
    let mut body = BytesMut::with_capacity(announced as usize);
    loop {
        match answer.chunk().await {
            Ok(None) => return Ok(body.freeze()),
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) => return Err(BodyFault { why: chain(&error), timed_out: error.is_timeout() }),
        }
    }
}

/// An error with its causes, without the address (its query holds keys of tickets).
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        String::from("time-out")
    } else if error.is_connect() {
        String::from("no connection")
    } else {
        String::from("the exchange broke off")
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn address(text: &str) -> Result<Url, ClientError> {
    let bad = |address: &str, why: &str| ClientError::BadAddress { address: address.to_owned(), why: why.to_owned() };
    let url = Url::parse(text).map_err(|error| bad(text, &error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(
            url.host_str().unwrap_or(""),
            "it holds a user name or a password; those are settings of their own",
        ));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(bad(text, "it is not http or https, or has no host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad(text, "it has a query or a fragment"));
    }
    Ok(url)
}
