//! Logins: who asks for a token and how often, what is said if there is none, and that no secret is shown.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use ticketbridge_platforms::http::{
    Auth, ClientSettings, Exchange, ExchangeObserver, Grant, HttpClient, OAuth2, Secret, SendOptions,
};
use ticketbridge_platforms::{HttpCall, LoginFault, Transport};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::server::{
    Act, PATIENCE, Records, Request, Server, get, logging_in, oauth, ok, password, post, send, settings, status,
};

/// A platform whose refresh kills the old access token and the old refresh token.
#[derive(Default)]
struct Sessions {
    issued: usize,
    /// The access token that is accepted.
    alive: String,
    /// The refresh token that is accepted.
    refresh: String,
    logins: usize,
    refreshes: usize,
}

impl Sessions {
    fn token(&mut self, form: &str) -> Vec<u8> {
        if form.starts_with("grant_type=refresh_token&") {
            self.refreshes += 1;
            if !form.contains(&format!("refresh_token={}&", self.refresh)) {
                return status(400, "", r#"{"error":"invalid_grant"}"#);
            }
        } else {
            self.logins += 1;
        }
        self.issued += 1;
        self.alive = format!("access-{}-end", self.issued);
        self.refresh = format!("refresh-{}-end", self.issued);
        let (alive, refresh) = (&self.alive, &self.refresh);
        ok(&format!(r#"{{"access_token":"{alive}","refresh_token":"{refresh}","expires_in":1199}}"#))
    }

    fn accepts(&self, request: &Request) -> bool {
        !self.alive.is_empty() && request.head.contains(&format!("Bearer {}", self.alive))
    }

    fn counts(&self) -> (usize, usize) {
        (self.logins, self.refreshes)
    }
}

fn is_token(request: &Request) -> bool {
    request.head.starts_with("POST /token ")
}

fn form(request: &Request) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

fn unauthorized() -> Vec<u8> {
    status(401, "www-authenticate: Bearer\r\n", "")
}

/// A platform with sessions. `meet`: so many calls with a token that is not accepted are answered all at once.
async fn platform(meet: usize) -> (Server, Arc<Mutex<Sessions>>) {
    let sessions = Arc::new(Mutex::new(Sessions::default()));
    let (shared, barrier) = (Arc::clone(&sessions), Arc::new(Barrier::new(meet)));
    let server = Server::start(move |_, request| {
        let mut sessions = shared.lock().unwrap();
        if is_token(request) {
            Act::Send(sessions.token(&form(request)))
        } else if sessions.accepts(request) {
            Act::Send(ok("{}"))
        } else {
            Act::Meet(Arc::clone(&barrier), unauthorized())
        }
    })
    .await;
    (server, sessions)
}

fn client(address: &str) -> HttpClient {
    HttpClient::new(logging_in(address, oauth(password()))).unwrap()
}

async fn send_renewing(client: &HttpClient, call: &HttpCall) -> Exchange {
    client.send_renewing(call, || SendOptions::within(PATIENCE)).await
}

fn answered(exchange: &Exchange) -> u16 {
    let Transport::Answered(answer) = &exchange.transport else { panic!("{exchange:?}") };
    answer.status.as_u16()
}

fn no_token(exchange: &Exchange) -> (LoginFault, &str) {
    let Transport::NotSent { why, login: Some(login) } = &exchange.transport else { panic!("{exchange:?}") };
    assert_eq!((exchange.latency, exchange.renewable), (Duration::ZERO, false));
    (*login, why)
}

/// Turns the clock without waiting; no exchange may be under way.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn one_token_request_serves_all_who_wait_for_it() {
    let issued = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&issued);
    let server = Server::start(move |_, request| {
        if is_token(request) {
            let number = counter.fetch_add(1, Ordering::SeqCst);
            return Act::Send(ok(&format!("{{\"access_token\":\"token-{number}\",\"expires_in\":3600}}")));
        }
        Act::Send(ok("{}"))
    })
    .await;
    let client = HttpClient::new(logging_in(&server.address, oauth(Grant::ClientCredentials))).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        tasks.spawn(async move { send(&client, &post()).await });
    }
    while let Some(exchange) = tasks.join_next().await {
        assert_eq!(answered(&exchange.unwrap()), 200);
    }
    assert_eq!(issued.load(Ordering::SeqCst), 1);
    let requests = server.requests.lock().unwrap();
    let expected = "grant_type=client_credentials&client_id=bridge&client_secret=client-secret&scope=tickets";
    assert_eq!(form(&requests[0]), expected);
    assert!(requests[1..].iter().all(|request| request.head.to_lowercase().contains("authorization: bearer token-0")));
}

#[tokio::test]
async fn a_token_request_has_its_query_its_length_and_no_chunks() {
    let server = Server::start(|_, _| Act::Send(ok(r#"{"access_token":"token"}"#))).await;
    let base = format!("{}/CherwellAPI", server.address);
    for token_url in [String::from("/token?auth_mode=Internal&a=b%20c"), format!("{base}/token?auth_mode=LDAP")] {
        let login = OAuth2 { token_url, ..oauth(password()) };
        assert_eq!(answered(&send(&HttpClient::new(logging_in(&base, login)).unwrap(), &get()).await), 200);
    }
    let heads = server.heads();
    assert!(heads[0].starts_with("post /cherwellapi/token?auth_mode=internal&a=b%20c http/1.1\r\n"), "{}", heads[0]);
    assert!(heads[2].starts_with("post /cherwellapi/token?auth_mode=ldap http/1.1\r\n"), "{}", heads[2]);
    let body = form(&server.requests.lock().unwrap()[0]);
    assert!(body.starts_with("grant_type=password&username=DOMAIN%5Csvc&password=p+w&"), "{body}");
    assert!(heads[0].contains(&format!("content-length: {}", body.len())), "{}", heads[0]);
    assert!(!heads[0].contains("transfer-encoding"), "{}", heads[0]);
    let bad = OAuth2 { token_url: String::from("/token#x"), ..oauth(password()) };
    HttpClient::new(logging_in(&base, bad)).unwrap_err();
}

#[tokio::test]
async fn a_401_renews_the_token_and_send_does_not_repeat_the_call() {
    let (server, sessions) = platform(1).await;
    let client = client(&server.address);
    assert_eq!(answered(&send(&client, &post()).await), 200);
    sessions.lock().unwrap().alive.clear();
    let exchange = send(&client, &post()).await;
    assert_eq!((answered(&exchange), exchange.renewable), (401, true));
    assert_eq!(server.count(), 3, "one token, two calls");
    let exchange = send(&client, &post()).await;
    assert_eq!((answered(&exchange), exchange.renewable), (200, false));
    assert_eq!(server.count(), 5, "one more of each");
    assert_eq!(sessions.lock().unwrap().counts(), (1, 1));
}

#[tokio::test]
async fn many_401_at_once_are_one_refresh_and_all_calls_succeed_under_rotation() {
    const CALLERS: usize = 20;
    let (server, sessions) = platform(CALLERS).await;
    let client = client(&server.address);
    assert_eq!(answered(&send(&client, &post()).await), 200);
    // From now on the platform wants another token; it says so once all callers are there.
    sessions.lock().unwrap().alive.clear();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let client = client.clone();
        callers.spawn(async move { send_renewing(&client, &post()).await });
    }
    while let Some(exchange) = callers.join_next().await {
        let exchange = exchange.unwrap();
        assert_eq!((answered(&exchange), exchange.renewable), (200, false));
    }
    assert_eq!(sessions.lock().unwrap().counts(), (1, 1));
    assert_eq!(server.count(), 2 + CALLERS + 1 + CALLERS, "login and call, 401 each, refresh, one more each");
}

#[tokio::test]
async fn a_refused_refresh_is_one_login_and_no_caller_sees_it() {
    let (server, sessions) = platform(1).await;
    let client = client(&server.address);
    send(&client, &post()).await;
    {
        let mut sessions = sessions.lock().unwrap();
        sessions.alive.clear();
        sessions.refresh = String::from("another");
    }
    assert_eq!(answered(&send_renewing(&client, &post()).await), 200);
    assert_eq!(sessions.lock().unwrap().counts(), (2, 1));
}

#[tokio::test]
async fn a_401_is_answered_with_two_requests_at_most() {
    let server = Server::start(|number, request| {
        Act::Send(if is_token(request) { ok(&format!(r#"{{"access_token":"{number}"}}"#)) } else { unauthorized() })
    })
    .await;
    let records = Arc::new(Records::default());
    let observer: Option<Arc<dyn ExchangeObserver>> = Some(Arc::clone(&records) as _);
    let login = logging_in(&server.address, oauth(password()));
    let client = HttpClient::new(ClientSettings { observer, ..login }).unwrap();
    let made = AtomicUsize::new(0);
    let options = || {
        made.fetch_add(1, Ordering::SeqCst);
        SendOptions::within(PATIENCE).checked(|| true)
    };
    let exchange = client.send_renewing(&post(), options).await;
    assert_eq!((answered(&exchange), exchange.renewable), (401, true));
    assert_eq!(made.load(Ordering::SeqCst), 2);
    let seen: Vec<_> = records.0.lock().unwrap().iter().map(|record| (record.target.clone(), record.status)).collect();
    let (token, call) = ((String::from("/token"), Some(200)), (String::from("/tickets"), Some(401)));
    assert_eq!(seen, [token.clone(), call.clone(), token, call]);
}

#[tokio::test]
async fn a_401_of_a_fixed_token_is_not_renewable() {
    let server = Server::start(|_, _| Act::Send(unauthorized())).await;
    let auth = Auth::Bearer { token: Secret::known("fixed") };
    let client = HttpClient::new(ClientSettings { auth, ..settings(&server.address) }).unwrap();
    let exchange = send_renewing(&client, &post()).await;
    assert_eq!((answered(&exchange), exchange.renewable), (401, false));
    assert_eq!(server.count(), 1);
    assert!(client.farewell(&post(), SendOptions::within(PATIENCE)).await.is_none());
}

#[tokio::test]
async fn a_renewal_that_fails_is_not_sent() {
    let server = Server::start(|number, request| {
        Act::Send(match number {
            0 => ok(r#"{"access_token":"first"}"#),
            _ if is_token(request) => status(400, "", r#"{"error":"invalid_grant"}"#),
            _ => unauthorized(),
        })
    })
    .await;
    let client = client(&server.address);
    let exchange = send_renewing(&client, &post()).await;
    assert_eq!(no_token(&exchange).0, LoginFault::Refused);
    assert_eq!(server.count(), 3, "token, call, token");
}

#[tokio::test]
async fn a_login_throttled_three_times_is_seen_by_nobody() {
    let server = Server::start(|number, request| match number {
        0..3 => Act::Send(status(429, "", "")),
        3 => Act::Send(ok(r#"{"access_token":"token"}"#)),
        _ => Act::Send(if is_token(request) { status(500, "", "") } else { ok("{}") }),
    })
    .await;
    let client = client(&server.address);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let client = client.clone();
        callers.spawn(async move { send(&client, &post()).await });
    }
    while let Some(exchange) = callers.join_next().await {
        assert_eq!(answered(&exchange.unwrap()), 200);
    }
    assert_eq!(server.requests.lock().unwrap().iter().filter(|request| is_token(request)).count(), 4);
}

#[tokio::test]
async fn a_login_that_is_throttled_stops_no_call_while_the_token_lives() {
    let server = Server::start(|number, request| match number {
        0 => Act::Send(ok(r#"{"access_token":"token","refresh_token":"refresh","expires_in":100}"#)),
        _ if is_token(request) => Act::Send(status(400, "retry-after: 60\r\n", r#"{"error":"busy"}"#)),
        _ => Act::Send(ok("{}")),
    })
    .await;
    let login = OAuth2 { refusals: |_, _, _| LoginFault::Throttled, ..oauth(password()) };
    let client = HttpClient::new(logging_in(&server.address, login)).unwrap();
    send(&client, &post()).await;
    pass(Duration::from_secs(75)).await;
    for _ in 0..2 {
        assert_eq!(answered(&send(&client, &post()).await), 200);
    }
    assert_eq!(server.requests.lock().unwrap().iter().filter(|request| is_token(request)).count(), 2);
    pass(Duration::from_secs(25)).await;
    assert_eq!(no_token(&send(&client, &post()).await).0, LoginFault::Throttled);
}

#[tokio::test]
async fn what_a_login_is_refused_for_is_said() {
    let cases = [
        (400, "", r#"{"error":"invalid_grant","error_description":"wrong password"}"#, LoginFault::Refused),
        (401, "", r#"{"error":"invalid_client"}"#, LoginFault::Misconfigured),
        (404, "", "<html>not here</html>", LoginFault::Misconfigured),
        (302, "location: /elsewhere\r\n", "", LoginFault::Misconfigured),
        (503, "", "<html>maintenance</html>", LoginFault::Unreachable),
        // More than anybody waits for inside of a login.
        (429, "retry-after: 60\r\n", "", LoginFault::Throttled),
    ];
    for (code, headers, body, fault) in cases {
        let server = Server::start(move |_, _| Act::Send(status(code, headers, body))).await;
        let exchange = send(&client(&server.address), &post()).await;
        let (login, why) = no_token(&exchange);
        assert_eq!(login, fault, "{code} {why}");
        assert!(why.contains(&code.to_string()), "{why}");
        assert_eq!(server.count(), 1, "{code}");
    }
}

#[tokio::test]
async fn the_platform_has_its_own_words_for_a_refusal() {
    let server = Server::start(|_, _| {
        Act::Send(status(400, "", r#"{"error":"invalid_grant","error_description":"BADREQUEST"}"#))
    })
    .await;
    let login = OAuth2 {
        refusals: |status, error, description| {
            assert_eq!((status.as_u16(), error, description), (400, "invalid_grant", "BADREQUEST"));
            LoginFault::Misconfigured
        },
        ..oauth(password())
    };
    let client = HttpClient::new(logging_in(&server.address, login)).unwrap();
    assert_eq!(no_token(&send(&client, &post()).await).0, LoginFault::Misconfigured);
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_or_silent_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    let server = Server::start(|number, _| match number {
        0 => Act::Reset,
        1 => Act::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":\"leak".to_vec()),
        _ => Act::Stall,
    })
    .await;
    let short = Duration::from_millis(300);
    for (token_url, token_timeout) in
        [(away.as_str(), PATIENCE), ("/token", PATIENCE), ("/token", PATIENCE), ("/token", short)]
    {
        let login = OAuth2 { token_url: token_url.to_owned(), ..oauth(password()) };
        let settings = ClientSettings { token_timeout, ..logging_in(&server.address, login) };
        let exchange = send(&HttpClient::new(settings).unwrap(), &post()).await;
        let (login, why) = no_token(&exchange);
        assert_eq!(login, LoginFault::Unreachable);
        assert!(!why.contains("leak"), "{why}");
        assert_eq!(why.contains("time-out"), token_timeout == short, "{why}");
    }
}

#[tokio::test]
async fn a_refresh_token_outlives_a_503_and_no_unclear_answer() {
    for (unclear, next) in [(false, "grant_type=refresh_token&"), (true, "grant_type=password&")] {
        let server = Server::start(move |number, request| match number {
            2 if unclear => Act::Reset,
            2 => Act::Send(status(503, "", "")),
            _ if is_token(request) => {
                Act::Send(ok(&format!(r#"{{"access_token":"a{number}","refresh_token":"r{number}"}}"#)))
            }
            _ => Act::Send(ok("{}")),
        })
        .await;
        let client = client(&server.address);
        assert_eq!(answered(&send(&client, &post()).await), 200);
        pass(Duration::from_mins(5)).await;
        assert_eq!(no_token(&send(&client, &post()).await).0, LoginFault::Unreachable);
        pass(Duration::from_secs(1)).await;
        assert_eq!(answered(&send(&client, &post()).await), 200);
        let requests = server.requests.lock().unwrap();
        assert!(form(&requests[2]).starts_with("grant_type=refresh_token&refresh_token=r0&"));
        assert!(form(&requests[3]).starts_with(next), "{}", form(&requests[3]));
    }
}

#[tokio::test]
async fn a_refused_login_is_not_hammered_and_shows_no_secret() {
    let server = Server::start(|_, _| {
        Act::Send(status(400, "", r#"{"error":"invalid_grant","error_description":"client-secret is wrong"}"#))
    })
    .await;
    let client = client(&server.address);
    // A second before each pause has run out, and when it has.
    for (asked, pause) in [(1, 5), (2, 60), (3, 300), (4, 300)] {
        for _ in 0..3 {
            let exchange = send(&client, &post()).await;
            let (login, why) = no_token(&exchange);
            assert_eq!(login, LoginFault::Refused);
            assert!(why.contains("invalid_grant *** is wrong"), "{why}");
        }
        pass(Duration::from_secs(pause - 1)).await;
        assert_eq!(no_token(&send(&client, &post()).await).0, LoginFault::Refused);
        assert_eq!(server.count(), asked);
        pass(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn answers_that_are_no_token_are_not_sent_and_show_nothing() {
    let deep = "[".repeat(60_000);
    let bodies = ["<html>", "{}", r#"{"access_token":""}"#, r#"{"access_token":"leak-me","expires_in":{}"#, &deep];
    for (code, body) in bodies.iter().flat_map(|body| [(200, *body), (400, *body), (500, *body)]) {
        let body = body.to_owned();
        let server =
            Server::start(move |_, _| Act::Send(if code == 200 { ok(&body) } else { status(code, "", &body) })).await;
        let exchange = send(&client(&server.address), &post()).await;
        let (login, why) = no_token(&exchange);
        let expected = if code == 400 { LoginFault::Misconfigured } else { LoginFault::Unreachable };
        assert_eq!(login, expected, "{code} {why}");
        assert!(!why.contains("leak-me") && why.len() < 500, "{why}");
    }
    // A token that no header can carry.
    let server = Server::start(|_, _| Act::Send(ok(r#"{"access_token":"leak\nme"}"#))).await;
    let exchange = send(&client(&server.address), &post()).await;
    let (login, why) = no_token(&exchange);
    assert_eq!((login, why.contains("leak")), (LoginFault::Unreachable, false), "{why}");
}

#[tokio::test]
async fn a_caller_dropped_in_the_middle_of_a_login_leaves_it_to_the_next() {
    let barrier = Arc::new(Barrier::new(2));
    let at_server = Arc::clone(&barrier);
    let server = Server::start(move |_, request| {
        if is_token(request) {
            return Act::Meet(Arc::clone(&at_server), ok(r#"{"access_token":"token"}"#));
        }
        Act::Send(ok("{}"))
    })
    .await;
    let client = client(&server.address);
    let dropped = tokio::spawn({
        let client = client.clone();
        async move { send(&client, &post()).await }
    });
    while server.count() == 0 {
        tokio::task::yield_now().await;
    }
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    barrier.wait().await;
    assert_eq!(answered(&send(&client, &post()).await), 200);
    assert_eq!(server.count(), 2, "one login, one call");
}

#[tokio::test]
async fn a_farewell_gives_a_live_token_back_and_forgets_it() {
    let (server, sessions) = platform(1).await;
    let client = client(&server.address);
    let logout = HttpCall { method: Method::DELETE, target: String::from("/api/V1/logout"), body: None };
    let farewell = || client.farewell(&logout, SendOptions::within(PATIENCE));
    assert!(farewell().await.is_none(), "no login for the sake of a logout");
    assert_eq!(server.count(), 0);
    send(&client, &post()).await;
    let exchange = farewell().await.unwrap();
    assert_eq!((answered(&exchange), exchange.renewable), (200, false));
    let head = server.heads().pop().unwrap();
    assert!(head.starts_with("delete /api/v1/logout ") && head.contains("bearer access-1-end"), "{head}");
    assert!(farewell().await.is_none(), "nothing is held any more");
    assert_eq!(answered(&send(&client, &post()).await), 200);
    assert_eq!(sessions.lock().unwrap().counts(), (2, 0), "the refresh token was forgotten, too");
    // A token that the platform does not know any more is given back in vain, and is not renewed for that.
    sessions.lock().unwrap().alive.clear();
    let exchange = farewell().await.unwrap();
    assert_eq!((answered(&exchange), exchange.renewable), (401, false));
    assert_eq!(sessions.lock().unwrap().counts(), (2, 0));
}

#[tokio::test]
async fn a_farewell_does_not_wait_for_a_login_beyond_its_time() {
    let server = Server::start(|_, _| Act::Stall).await;
    let client = client(&server.address);
    let login = tokio::spawn({
        let client = client.clone();
        async move { send(&client, &post()).await }
    });
    while server.count() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(client.farewell(&get(), SendOptions::within(Duration::from_millis(50))).await.is_none());
    assert_eq!(server.count(), 1);
    login.abort();
}

#[tokio::test]
async fn logins_are_observed_without_a_secret() {
    const SECRETS: [&str; 6] = ["client-secret", "p w", "p+w", "p%20w", "-end", "YnJpZGdlOmNsaWVudC1zZWNyZXQ"];
    for client_in_header in [false, true] {
        let (server, sessions) = platform(1).await;
        let records = Arc::new(Records::default());
        let observer: Option<Arc<dyn ExchangeObserver>> = Some(Arc::clone(&records) as _);
        let login = OAuth2 { client_in_header, token_url: String::from("/token"), ..oauth(password()) };
        let settings = ClientSettings { observer, ..logging_in(&server.address, login) };
        let client = HttpClient::new(settings).unwrap();
        send(&client, &post()).await;
        sessions.lock().unwrap().alive.clear();
        send_renewing(&client, &post()).await;
        let records = records.0.lock().unwrap();
        let logins: Vec<_> = records.iter().filter(|record| record.target == "/token").collect();
        let shown: HashSet<_> = logins.iter().map(|record| record.bodies.request()).collect();
        let rest = if client_in_header { "scope=tickets" } else { "client_id=bridge&client_secret=***&scope=tickets" };
        let expected = [
            format!("grant_type=password&username=DOMAIN%5Csvc&password=***&{rest}"),
            format!("grant_type=refresh_token&refresh_token=***&{rest}"),
        ];
        assert_eq!(shown, expected.into_iter().collect());
        for record in logins {
            assert_eq!((record.method.as_str(), record.status, record.fault.as_str()), ("POST", Some(200), ""));
            assert_eq!(record.bodies.answer(), "(not kept)");
        }
        for secret in SECRETS {
            assert!(!format!("{records:?}").contains(secret), "{secret}: {records:?}");
        }
        if client_in_header {
            assert!(server.heads()[0].contains("authorization: basic ynjpzgdlomnsawvudc1zzwnyzxq="));
        }
    }
}

#[tokio::test]
async fn secrets_that_an_answer_repeats_are_masked() {
    let (server, _) = platform(1).await;
    let sent: Vec<String> = vec![String::from("access-1-end"), String::from("refresh-1-end"), String::from("p w")];
    let client = client(&server.address);
    send(&client, &post()).await;
    for secret in sent {
        let text = client.redactor().redact(&format!("before {secret} after"));
        assert_eq!(text, "before *** after");
    }
    let mut of_header = oauth(password());
    of_header.client_in_header = true;
    let client = HttpClient::new(logging_in(&server.address, of_header)).unwrap();
    assert_eq!(client.redactor().redact("Basic YnJpZGdlOmNsaWVudC1zZWNyZXQ="), "Basic ***");
}
