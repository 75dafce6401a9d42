//! Browsers that log in.

use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Role;
use ticketbridge_engine::view::{create_token, revoke_token};

use crate::access::TOKENS;
use crate::place::{CONFIG, Delivery, Place, json_body, reply};

/// A browser: follows nothing by itself, and keeps its cookie where the test sees it.
pub(crate) struct Browser<'p> {
    place: &'p Place,
    client: Client,
    cookie: Option<String>,
}

pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    cookie: Option<String>,
    text: String,
}

impl<'p> Browser<'p> {
    pub(crate) fn new(place: &'p Place) -> Self {
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { place, client, cookie: None }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.place.url));
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Seen {
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (location, cookie) = (header("location"), header("set-cookie"));
        Seen { status: answer.status().as_u16(), location, cookie, text: answer.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Seen {
        self.send(self.request(Method::GET, path)).await
    }

    async fn form(&self, path: &str, body: &str) -> Seen {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.send(self.request(Method::POST, path).header(kind.0, kind.1).body(body.to_owned())).await
    }

    pub(crate) async fn log_in(place: &'p Place, token: &str) -> Self {
        let mut browser = Self::new(place);
        let seen = browser.form("/login", &format!("token={token}&to=/console/tickets")).await;
        assert_eq!((seen.status, seen.location.as_deref()), (303, Some("/console/tickets")), "{}", seen.text);
        let cookie = seen.cookie.unwrap();
        browser.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        browser
    }

    /// The seal that a page of this session carries.
    pub(crate) async fn seal(&self) -> String {
        let page = self.get("/console").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let seal = page.text.split_once("data-seal=\"").unwrap().1;
        seal.split('"').next().unwrap().to_owned()
    }

    async fn change(&self, seal: Option<&str>) -> u16 {
        let mut request = json_body(self.request(Method::PATCH, "/api/v1/backends/be-1"), &json!({"max_retries": 4}));
        if let Some(seal) = seal {
            request = request.header("x-ticketbridge-seal", seal);
        }
        self.send(request).await.status
    }
}

async fn place() -> Place {
    Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap()
}

#[tokio::test]
async fn a_browser_logs_in_looks_and_logs_out() {
    let place = place().await;
    let stranger = Browser::new(&place);
    let sent = stranger.get("/console/tickets?state=Error").await;
    assert_eq!(
        (sent.status, sent.location.unwrap()),
        (303, String::from("/login?to=%2Fconsole%2Ftickets%3Fstate%3DError"))
    );
    let form = stranger.get("/login?to=%2Fconsole%2Ftickets").await;
    assert!(form.status == 200 && form.text.contains("type=\"password\""), "{}", form.text);
    assert!(form.text.contains("value=\"/console/tickets\""));
    assert_eq!(stranger.get("/api/v1/tickets").await.status, 401, "a program is told so");

    let wrong = stranger.form("/login", "token=tb_wrong&to=").await;
    assert!(wrong.status == 401 && wrong.cookie.is_none() && wrong.text.contains("not valid"), "{}", wrong.text);
    assert!(!wrong.text.contains("tb_wrong"));

    let logged_in = stranger.form("/login", "token=token-of-viewer").await;
    let cookie = logged_in.cookie.unwrap();
    let (value, attributes) = cookie.split_once(';').unwrap();
    assert_eq!(attributes, " Path=/; Max-Age=604800; HttpOnly; SameSite=Strict");
    assert!(value.starts_with("ticketbridge_session=") && value.len() == 21 + 64 && !value.contains("token-of"));
    let browser = Browser { cookie: Some(value.to_owned()), ..Browser::new(&place) };
    let page = browser.get("/console").await;
    assert!(page.status == 200 && page.text.contains("/logout"), "{}", page.text);
    assert_eq!(browser.get("/api/v1/tickets").await.status, 200);
    assert_eq!(browser.get("/metrics").await.status, 401, "a cookie counts only where a browser goes");

    let without = browser.form("/logout", "").await;
    assert_eq!(without.status, 403, "another site logs nobody out");
    let seal = browser.seal().await;
    let out = browser.form("/logout", &format!("seal={seal}")).await;
    assert_eq!((out.status, out.location.as_deref()), (303, Some("/login")), "{}", out.text);
    assert!(out.cookie.unwrap().contains("Max-Age=0"));
    assert_eq!(browser.get("/console").await.status, 303, "the session is over, whoever has its cookie");
    assert_eq!(browser.get("/api/v1/tickets").await.status, 401);
}

#[tokio::test]
async fn a_change_by_a_cookie_needs_the_seal_of_its_own_session() {
    let place = place().await;
    let (one, other) =
        (Browser::log_in(&place, "token-of-operator").await, Browser::log_in(&place, "token-of-operator").await);
    let (of_one, of_other) = (one.seal().await, other.seal().await);
    assert_ne!(of_one, of_other);
    assert_eq!(one.change(None).await, 403);
    assert_eq!(one.change(Some("")).await, 403);
    assert_eq!(one.change(Some(&of_other)).await, 403, "of the same token, and of another session");
    assert_eq!(one.change(Some(&of_one)).await, 200);
    let viewer = Browser::log_in(&place, "token-of-viewer").await;
    assert_eq!(viewer.change(Some(&viewer.seal().await)).await, 403, "a seal makes no operator");
    let foreign = json_body(one.request(Method::PATCH, "/api/v1/backends/be-1"), &json!({"max_retries": 4}));
    let foreign = foreign.header("x-ticketbridge-seal", &of_one).header("origin", "http://evil.example");
    assert_eq!(one.send(foreign).await.status, 403);
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let place = Place::open().await;
    let now = || place.app.clock.now().wall;
    let store = &*place.app.store;
    let made = create_token(&Config::default(), store, "noc", Role::Viewer, None, "cli", now()).await.unwrap();
    let token = secrecy::ExposeSecret::expose_secret(&made.1).to_owned();
    let browser = Browser::log_in(&place, &token).await;
    assert_eq!(browser.get("/console").await.status, 200);
    revoke_token(store, "noc", "cli", now()).await.unwrap();
    // As long as what is known of the store's tokens may be old.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(browser.get("/console").await.status, 303);
    assert_eq!(browser.get("/api/v1/tickets").await.status, 401);
    assert_eq!(browser.form("/login", &format!("token={token}")).await.status, 401);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_and_guessing_is_slowed_down_and_written_down() {
    let place = place().await;
    let stranger = Browser::new(&place);
    for to in ["https://evil.example", "//evil.example", "/\\evil.example", "/console\\..", "/consolex", ""] {
        let seen = stranger.form("/login", &format!("token=token-of-viewer&to={to}")).await;
        assert_eq!((seen.status, seen.location.as_deref()), (303, Some("/console")), "{to}");
    }
    let foreign = stranger.request(Method::POST, "/login").header("origin", "http://evil.example");
    let foreign = foreign.header("content-type", "application/x-www-form-urlencoded").body("token=token-of-viewer");
    assert_eq!(stranger.send(foreign).await.status, 403, "another site logs nobody in");
    let mut refused = 0;
    while stranger.form("/login", "token=tb_guess").await.status != StatusCode::TOO_MANY_REQUESTS.as_u16() {
        refused += 1;
        assert!(refused < 100_000, "guessing is never slowed down");
    }
    assert_eq!(stranger.form("/login", "token=token-of-viewer").await.status, 303, "who has a token is not held off");
    let audit = place.request(Method::GET, "/api/v1/audit?limit=100").bearer_auth("token-of-admin");
    let audit = reply(audit).await.ok();
    let count = |act: &str| audit["items"].as_array().unwrap().iter().filter(|line| line["act"] == act).count();
    assert_eq!(count("login"), 7);
    assert!((1..=20).contains(&count("login.failed")), "some are written down, not each");
    assert!(!audit.to_string().contains("tb_guess"));
}

#[tokio::test]
async fn while_there_are_no_tokens_there_is_nothing_to_log_in_to() {
    let place = Place::open().await;
    let browser = Browser::new(&place);
    assert_eq!(browser.get("/console").await.status, 200);
    let login = browser.get("/login?to=/console/tickets").await;
    assert_eq!((login.status, login.location.as_deref()), (303, Some("/console/tickets")));
}
