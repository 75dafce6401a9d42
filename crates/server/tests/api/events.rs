//! Events as they are heard over a socket: in their order, once, and until the server stops.

use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret;
use ticketbridge_config::Config;
use ticketbridge_config::sections::Role;
use ticketbridge_core::ticket::BackendName;
use ticketbridge_engine::events::{Event, KEPT};
use ticketbridge_engine::view::{create_token, revoke_token};
use ticketbridge_server::MAX_LISTENERS;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::place::{CONFIG, Delivery, Place, json_body, reply, ticket};

/// Keeps a failing test from hanging; decides nothing.
const LIMIT: Duration = Duration::from_mins(1);

/// One event as it was written.
#[derive(Debug, Clone, Default, PartialEq)]
struct Heard {
    id: String,
    event: String,
    data: String,
    retry: String,
}

/// Somebody who listens.
struct Listener {
    response: reqwest::Response,
    text: String,
}

impl Listener {
    async fn at(place: &Place, query: &str, last: Option<&str>) -> Self {
        let mut request = place.request(Method::GET, &format!("/api/v1/events{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next block; `None`: the answer is over.
    async fn block(&mut self) -> Option<Heard> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut heard = Heard::default();
                for (name, value) in block.lines().filter_map(|line| line.split_once(": ")) {
                    match name {
                        "id" => value.clone_into(&mut heard.id),
                        "event" => value.clone_into(&mut heard.event),
                        "data" => value.clone_into(&mut heard.data),
                        "retry" => value.clone_into(&mut heard.retry),
                        other => panic!("{other}"),
                    }
                }
                let rest = rest.to_owned();
                self.text = rest;
                return Some(heard);
            }
            let chunk = tokio::time::timeout(LIMIT, self.response.chunk()).await.unwrap().unwrap();
            self.text.push_str(std::str::from_utf8(&chunk?).unwrap());
        }
    }

    /// The next thing that is heard.
    async fn event(&mut self) -> Heard {
        self.block().await.unwrap()
    }
}

fn backend(number: usize) -> Event {
    Event::Backends { name: BackendName::new(&format!("be-{number}")) }
}

fn data(number: usize) -> String {
    format!(r#"{{"type":"backends","name":"be-{number}"}}"#)
}

#[tokio::test]
async fn a_listener_that_comes_back_loses_and_repeats_nothing() {
    let place = Place::open().await;
    let mut first = Listener::at(&place, "", None).await;
    let greeting = first.event().await;
    assert_eq!((greeting.retry.as_str(), greeting.data.as_str()), ("2000", ""));
    for number in 1..=3 {
        place.app.events.publish(backend(number));
    }
    let heard = first.event().await;
    assert_eq!((heard.event.as_str(), heard.data), ("backends", data(1)));
    drop(first);
    place.app.events.publish(backend(4));
    let mut again = Listener::at(&place, "", Some(&heard.id)).await;
    let _greeting = again.event().await;
    for number in 2..=4 {
        assert_eq!(again.event().await.data, data(number));
    }
    // Whoever heard nothing yet comes back to where it was greeted; the header wins over the address.
    let mut from_greeting = Listener::at(&place, &format!("?after={}&limit=1", heard.id), Some(&greeting.id)).await;
    let _greeting = from_greeting.event().await;
    assert_eq!(from_greeting.event().await.data, data(1));
    assert_eq!(from_greeting.block().await, None);
    let mut by_address = Listener::at(&place, &format!("?after={}&limit=1", heard.id), None).await;
    let _greeting = by_address.event().await;
    assert_eq!(by_address.event().await.data, data(2));
}

#[tokio::test]
async fn an_id_of_another_process_or_one_long_gone_is_answered_with_reset() {
    let place = Place::open().await;
    let before = place.app.events.last().to_string();
    for number in 0..=KEPT {
        place.app.events.publish(backend(number));
    }
    let newest = place.app.events.last().to_string();
    let ahead = format!("{}-{}", &newest[..16], u64::MAX);
    for last in ["0123456789abcdef-1", before.as_str(), ahead.as_str()] {
        let mut listener = Listener::at(&place, "?types=runs&limit=1", Some(last)).await;
        let _greeting = listener.event().await;
        let reset = listener.event().await;
        assert_eq!((reset.event.as_str(), reset.data.as_str()), ("reset", r#"{"type":"reset"}"#), "{last}");
        assert_eq!(reset.id, newest);
        assert_eq!(listener.block().await, None);
    }
}

#[tokio::test]
async fn only_what_was_asked_for_is_heard_and_as_often() {
    let place = Place::open().await;
    let mut listener = Listener::at(&place, "?types=configuration,runs&limit=2", None).await;
    let _greeting = listener.event().await;
    place.app.events.publish(backend(1));
    place.app.events.publish(Event::Configuration {});
    place.app.events.publish(backend(2));
    place.app.events.publish(Event::Runs { run: 1_700_000_000, trigger: String::from("manual"), tickets: 3 });
    place.app.events.publish(Event::Configuration {});
    assert_eq!(listener.event().await.data, r#"{"type":"configuration"}"#);
    let run = listener.event().await;
    assert_eq!(run.data, r#"{"type":"runs","run":1700000000,"trigger":"manual","tickets":3}"#);
    assert_eq!(listener.block().await, None);
}

#[tokio::test]
async fn what_is_received_is_told_with_its_names() {
    let place = Place::with(CONFIG, Delivery::Runs).await.unwrap();
    let mut listener = Listener::at(&place, "?types=tickets", None).await;
    let _greeting = listener.event().await;
    place.fill("M", 3).await;
    let mut received = 0;
    let mut ids = Vec::new();
    while received < 3 {
        let news: serde_json::Value = serde_json::from_str(&listener.event().await.data).unwrap();
        received += news["received"].as_u64().unwrap();
        ids.extend(news["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()));
    }
    assert_eq!(received, 3);
    for number in 0..3 {
        assert!(ids.contains(&place.id(&format!("M{number:05}")).await), "{ids:?}");
    }
}

#[tokio::test]
async fn a_changed_backend_is_told() {
    let place = Place::with(CONFIG, Delivery::Runs).await.unwrap();
    let mut listener = Listener::at(&place, "?types=backends&limit=1", None).await;
    let _greeting = listener.event().await;
    place.patch("/api/v1/backends/be-1", &serde_json::json!({"processing": false})).await.ok();
    let told = listener.event().await;
    assert_eq!((told.event.as_str(), told.data), ("backends", data(1)));
    assert_eq!(listener.block().await, None);
}

/// Somebody who reads nothing of what is written to them until they are asked to.
#[tokio::test]
async fn a_slow_reader_holds_nobody_up_and_is_told_to_read_anew() {
    let mut place = Place::open().await;
    let mut slow = TcpStream::connect(place.url.trim_start_matches("http://")).await.unwrap();
    slow.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    slow.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    // More than the ring, published without ever waiting: the listener's task does not run before the next `await`.
    for number in 0..=KEPT {
        place.app.events.publish(backend(number));
    }
    let mut text = String::new();
    while !text.contains("event: reset\n") {
        let mut bytes = [0; 4_096];
        let count = tokio::time::timeout(LIMIT, slow.read(&mut bytes)).await.unwrap().unwrap();
        assert!(count > 0, "{text}");
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(!text.contains("event: backends"), "{text}");
    place.stop();
    tokio::time::timeout(LIMIT, &mut place.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_ends_it_at_once() {
    let config = CONFIG.replace("\"2s\"", "\"10m\"");
    let mut place = Place::with(&config, Delivery::HasEnded).await.unwrap();
    let mut listener = Listener::at(&place, "", None).await;
    let _greeting = listener.event().await;
    place.stop();
    assert_eq!(listener.block().await, None);
    // Long before the grace of ten minutes.
    tokio::time::timeout(LIMIT, &mut place.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_loses_the_token_hears_nothing_more() {
    let place = Place::open().await;
    let now = || place.app.clock.now().wall;
    let store = &*place.app.store;
    let made = create_token(&Config::default(), store, "noc", Role::Viewer, None, "cli", now()).await.unwrap();
    let request = || place.request(Method::GET, "/api/v1/events").bearer_auth(made.1.expose_secret());
    let response = request().send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut listener = Listener { response, text: String::new() };
    listener.event().await;
    place.app.events.publish(backend(1));
    assert_eq!(listener.event().await.event, "backends");
    revoke_token(store, "noc", "cli", now()).await.unwrap();
    // The same question that the listener's next event asks.
    while request().send().await.unwrap().status() != 401 {
        tokio::task::yield_now().await;
    }
    place.app.events.publish(backend(2));
    assert_eq!(listener.block().await, None);
}

#[tokio::test]
async fn listeners_are_bounded_and_their_places_come_back() {
    let place = Place::open().await;
    let mut listeners = Vec::new();
    for _ in 0..MAX_LISTENERS {
        listeners.push(Listener::at(&place, "?limit=1", None).await);
    }
    let refused = place.get("/api/v1/events").await;
    assert!(refused.problem(503).contains("64 callers"));
    assert_eq!(refused.headers["retry-after"], "5");
    place.app.events.publish(backend(1));
    for listener in &mut listeners {
        while listener.block().await.is_some() {}
    }
    let _again = Listener::at(&place, "?limit=1", None).await;
}

#[tokio::test]
async fn what_cannot_be_meant_is_a_problem() {
    let place = Place::open().await;
    for (query, told) in [
        ("?types=tickets,tables", "`types`: the types of events are tickets,"),
        ("?types=", "`types`: "),
        ("?limit=0", "`limit` must be a whole number from 1 to 1000"),
        ("?limit=1001", "`limit` must be a whole number from 1 to 1000"),
        ("?limit=many", "`limit` must be a whole number"),
        ("?after=17", "`after`: an event's id is `EPOCH-SEQUENCE`"),
        ("?after=0123456789abcdef-", "`after`: "),
        ("?after=0123456789abcdef-99999999999999999999", "`after`: "),
        ("?after=%2B123456789abcdef-1", "`after`: "),
        ("?since=1", "does not know the parameter `since`"),
    ] {
        let detail = place.get(&format!("/api/v1/events{query}")).await.problem(400);
        assert!(detail.contains(told), "{query}: {detail}");
    }
    let odd = place.request(Method::GET, "/api/v1/events").header("last-event-id", "yesterday");
    assert!(reply(odd).await.problem(400).starts_with("`Last-Event-ID`: "));
}

#[tokio::test]
async fn who_may_only_look_may_listen_and_nobody_else() {
    let config =
        format!("{CONFIG}\n[[server.tokens]]\nname = \"eyes\"\nrole = \"viewer\"\ntoken = \"env:TOKEN_VIEWER\"\n");
    let place = Place::with(&config, Delivery::HasEnded).await.unwrap();
    assert_eq!(place.get("/api/v1/events").await.status, 401);
    let with_token = |request: reqwest::RequestBuilder| request.bearer_auth("token-of-viewer");
    place.app.events.publish(backend(1));
    let first = format!("/api/v1/events?limit=1&after={:016x}-0", place.app.events.last().epoch);
    let heard = reply(with_token(place.request(Method::GET, &first))).await;
    assert_eq!((heard.status, heard.kind.as_str()), (200, "text/event-stream"));
    assert!(heard.text.contains("event: backends\n"), "{}", heard.text);
    let tickets = with_token(json_body(place.request(Method::POST, "/api/v1/tickets"), &ticket("M1")));
    assert_eq!(reply(tickets).await.status, 403);
}
