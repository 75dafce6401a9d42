//! What observers get of platforms whose answers tell about people, and how large those answers may be.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use ticketbridge_platforms::http::{
    CAPTURE_LIMIT, Capture, ClientSettings, ExchangeObserver, ExchangeRecord, HttpClient, MAX_ANSWER, USUAL_ANSWER,
};
use ticketbridge_platforms::{HttpCall, Transport};

use crate::server::{Act, Records, Server, client, get, ok, send, settings};

const BODY: &str = r#"{"items":[{"contactNumber":"1001","email":"ann@example.org","individualLastname":"Buyer"}]}"#;
const MASKED: &str = r#"{"items":[{"contactNumber":"1001","email":"***","individualLastname":"***"}]}"#;

async fn observed(capture: Capture, call: &HttpCall, body: &'static str) -> ExchangeRecord {
    let server = Server::start(move |_, _| Act::Send(ok(body))).await;
    let records = Arc::new(Records::default());
    let observer: Arc<dyn ExchangeObserver> = Arc::clone(&records) as _;
    let settings = ClientSettings { capture, observer: Some(observer), ..settings(&server.address) };
    send(&HttpClient::new(settings).unwrap(), call).await;
    records.0.lock().unwrap().pop().unwrap()
}

#[tokio::test]
async fn a_record_without_personal_data_has_none_in_address_request_and_answer() {
    let look_up = HttpCall {
        method: Method::GET,
        target: String::from("/contacts?email=ann%40example.org,bo%40example.org"),
        body: None,
    };
    let write = HttpCall {
        method: Method::POST,
        target: String::from("/contacts"),
        body: Some(Bytes::from_static(BODY.as_bytes())),
    };
    let record = observed(Capture::WithoutPersonalData, &look_up, BODY).await;
    assert_eq!(
        (&*record.target, &*record.bodies.request(), &*record.bodies.answer()),
        ("/contacts?email=***", "", MASKED)
    );
    let record = observed(Capture::WithoutPersonalData, &write, "<html>ann@example.org").await;
    assert_eq!(
        (&*record.target, &*record.bodies.request(), &*record.bodies.answer()),
        ("/contacts", MASKED, "(21 bytes, not JSON)")
    );
    let record = observed(Capture::Whole, &write, BODY).await;
    assert_eq!((&*record.target, &*record.bodies.request(), &*record.bodies.answer()), ("/contacts", BODY, BODY));
    assert!(!format!("{look_up:?} {write:?}").contains("ann"), "{look_up:?} {write:?}");
}

#[tokio::test]
async fn a_long_masked_body_is_cut_to_the_same_limit() {
    let body: &'static str = format!("[{}1]", "1,".repeat(20_000)).leak();
    let record = observed(Capture::WithoutPersonalData, &get(), body).await;
    let answer = record.bodies.answer();
    let (kept, mark) = answer.split_at(CAPTURE_LIMIT);
    assert!(kept.starts_with(r#"["***","***","#));
    assert_eq!(mark, format!("… ({} bytes)", body.len()));
}

#[tokio::test]
async fn a_target_that_is_no_address_is_not_shown_with_its_query() {
    let call = HttpCall { target: String::from("contacts?email=ann%40example.org"), ..get() };
    let exchange = send(&client("http://127.0.0.1:1"), &call).await;
    let Transport::NotSent { why, .. } = exchange.transport else { panic!("{exchange:?}") };
    assert!(why.contains("contacts?email=***") && !why.contains("ann"), "{why}");
}

#[tokio::test]
async fn an_answer_beyond_the_usual_limit_needs_a_setting() {
    let server = Server::start(|_, _| Act::Send(ok(&"x".repeat(USUAL_ANSWER + 1)))).await;
    let exchange = send(&client(&server.address), &get()).await;
    assert!(
        matches!(&exchange.transport, Transport::NoAnswer { why, .. } if why.contains("longer than 16777216 bytes"))
    );
    let large = ClientSettings { max_answer: MAX_ANSWER, ..settings(&server.address) };
    let exchange = send(&HttpClient::new(large).unwrap(), &get()).await;
    assert!(matches!(&exchange.transport, Transport::Answered(answer) if answer.body.len() == USUAL_ANSWER + 1));
}

#[tokio::test]
async fn no_setting_goes_beyond_the_largest_answer() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_ANSWER + 1);
    let server = Server::start(move |_, _| Act::SendAndClose(head.clone().into_bytes())).await;
    let boundless = ClientSettings { max_answer: usize::MAX, ..settings(&server.address) };
    let exchange = send(&HttpClient::new(boundless).unwrap(), &get()).await;
    let expected = "longer than 67108864 bytes";
    assert!(matches!(&exchange.transport, Transport::NoAnswer { why, .. } if why.contains(expected)), "{exchange:?}");
}
