//! What is said about a request whose exchange goes wrong, and that none is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use ticketbridge_platforms::http::{Auth, ClientSettings, Exchange, ExchangeObserver, HttpClient, Secret, SendOptions};
use ticketbridge_platforms::{HttpCall, Transport};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Act, PATIENCE, Records, Server, client, get, ok, post, send, settings};

fn no_answer(exchange: &Exchange) -> bool {
    match &exchange.transport {
        Transport::NoAnswer { timed_out, .. } => *timed_out,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_goes_out_whole_with_its_length_and_without_chunks() {
    let server = Server::start(|_, _| Act::Send(ok("{}"))).await;
    let exchange = send(&client(&format!("{}/base/", server.address)), &post()).await;
    let Transport::Answered(answer) = &exchange.transport else { panic!("{exchange:?}") };
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{}"[..]));
    assert!(answer.headers.contains_key("date"), "an answer without a date gets one");
    let requests = server.requests.lock().unwrap();
    let head = requests[0].head.to_lowercase();
    assert!(head.starts_with("post /base/tickets http/1.1\r\n"), "{head}");
    assert!(head.contains("content-length: 13") && !head.contains("transfer-encoding"), "{head}");
    assert!(head.contains("content-type: application/json") && !head.contains("accept-encoding"), "{head}");
    assert_eq!(requests[0].body, b"{\"items\":[1]}");
}

#[tokio::test]
async fn a_write_without_a_body_says_so() {
    let server = Server::start(|_, _| Act::Send(ok("{}"))).await;
    let client = client(&server.address);
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        send(&client, &HttpCall { method, target: String::from("/link"), body: None }).await;
    }
    send(&client, &get()).await;
    let with_length: Vec<bool> = server.heads().iter().map(|head| head.contains("content-length: 0")).collect();
    assert_eq!(with_length, [true, true, true, false], "some servers answer 411 otherwise");
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for call in [post(), get()] {
        let exchange = send(&client(&address), &call).await;
        assert!(matches!(exchange.transport, Transport::NotSent { .. }), "{exchange:?}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_not_sent() {
    let exchange = send(&client("http://no-such-host.invalid"), &post()).await;
    assert!(matches!(exchange.transport, Transport::NotSent { .. }), "{exchange:?}");
}

#[tokio::test]
async fn a_failed_tls_handshake_is_not_sent() {
    let server = Server::start(|_, _| Act::Send(b"this is no TLS".to_vec())).await;
    let exchange = send(&client(&server.address.replace("http:", "https:")), &post()).await;
    // The server waits for a head that never comes; a client hello is none.
    assert!(matches!(exchange.transport, Transport::NotSent { .. }), "{exchange:?}");
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn a_reset_after_the_request_is_no_answer() {
    let server = Server::start(|_, _| Act::Reset).await;
    let exchange = send(&client(&server.address), &post()).await;
    assert!(!no_answer(&exchange));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_close_without_an_answer_is_no_answer() {
    let server = Server::start(|_, _| Act::SendAndClose(Vec::new())).await;
    for call in [post(), get()] {
        assert!(!no_answer(&send(&client(&server.address), &call).await));
    }
    assert_eq!(server.count(), 2, "one each");
}

#[tokio::test]
async fn a_stall_is_no_answer_and_timed_out() {
    let server = Server::start(|_, _| Act::Stall).await;
    let options = SendOptions::within(Duration::from_millis(300));
    let exchange = client(&server.address).send(&post(), options).await;
    assert!(no_answer(&exchange));
    assert!(exchange.latency >= Duration::from_millis(290), "{:?}", exchange.latency);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_connection_that_is_never_accepted_is_not_sent() {
    // A listener with a full backlog answers no further SYN; the time-out strikes before the body is asked for.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut fillers = Vec::new();
    for _ in 0..8 {
        fillers.push(tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await);
    }
    let mut quick = settings(&format!("http://{address}"));
    quick.connect_timeout = Duration::from_millis(300);
    let exchange = send(&HttpClient::new(quick).unwrap(), &post()).await;
    assert!(matches!(exchange.transport, Transport::NotSent { .. }), "{exchange:?}");
    let exchange =
        client(&format!("http://{address}")).send(&post(), SendOptions::within(Duration::from_millis(300))).await;
    assert!(matches!(exchange.transport, Transport::NotSent { .. }), "{exchange:?}");
}

#[tokio::test]
async fn a_truncated_body_is_no_answer() {
    let server = Server::start(|_, _| {
        Act::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"results\":[".to_vec())
    })
    .await;
    assert!(!no_answer(&send(&client(&server.address), &post()).await));
    let server = Server::start(|_, _| {
        Act::SendAndClose(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"res\r\n".to_vec())
    })
    .await;
    assert!(!no_answer(&send(&client(&server.address), &post()).await));
}

#[tokio::test]
async fn a_body_that_stalls_is_no_answer_and_timed_out() {
    let server = Server::start(|number, _| match number {
        0 => Act::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"results\":[".to_vec()),
        _ => Act::Stall,
    })
    .await;
    let options = SendOptions::within(Duration::from_millis(300));
    assert!(no_answer(&client(&server.address).send(&post(), options).await));
}

#[tokio::test]
async fn a_huge_body_is_cut_off() {
    let announced =
        Server::start(|_, _| Act::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n{}".to_vec()))
            .await;
    assert!(!no_answer(&send(&client(&announced.address), &post()).await));
    let endless = Server::start(|_, _| {
        let mut bytes = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        bytes.extend(vec![b'x'; 200_000]);
        Act::SendAndClose(bytes)
    })
    .await;
    let mut small = settings(&endless.address);
    small.max_answer = 100_000;
    let exchange = send(&HttpClient::new(small).unwrap(), &post()).await;
    let Transport::NoAnswer { why, .. } = &exchange.transport else { panic!("{exchange:?}") };
    assert!(why.contains("longer than 100000 bytes"), "{why}");
}

#[tokio::test]
async fn garbage_instead_of_http_is_no_answer() {
    let server = Server::start(|_, _| Act::SendAndClose(b"SSH-2.0-OpenSSH_9.9\r\n\r\n".to_vec())).await;
    assert!(!no_answer(&send(&client(&server.address), &post()).await));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(move |_, _| {
            Act::Send(
                format!("HTTP/1.1 {status} Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").into_bytes(),
            )
        })
        .await;
        let exchange = send(&client(&server.address), &post()).await;
        let Transport::Answered(answer) = &exchange.transport else { panic!("{exchange:?}") };
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(server.count(), 1, "{status}");
    }
}

#[tokio::test]
async fn no_status_makes_the_client_send_again() {
    for status in [401, 408, 421, 425, 429, 500, 502, 503, 504] {
        let server = Server::start(move |_, _| {
            Act::Send(format!("HTTP/1.1 {status} No\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n").into_bytes())
        })
        .await;
        send(&client(&server.address), &post()).await;
        assert_eq!(server.count(), 1, "{status}");
    }
}

#[tokio::test]
async fn the_last_check_holds_a_write_back() {
    let server = Server::start(|_, _| Act::Send(ok("{}"))).await;
    let client = client(&server.address);
    for call in [post(), get()] {
        let exchange = client.send(&call, SendOptions::within(PATIENCE).checked(|| false)).await;
        assert!(matches!(exchange.transport, Transport::NotSent { .. }), "{exchange:?}");
    }
    assert_eq!(server.count(), 0, "no whole request arrived");
    let exchange = client.send(&post(), SendOptions::within(PATIENCE).checked(|| true)).await;
    assert!(matches!(exchange.transport, Transport::Answered(_)), "{exchange:?}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn the_last_check_runs_only_once_the_connection_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let check = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        true
    };
    client(&address).send(&post(), SendOptions::within(PATIENCE).checked(check)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// The trap "server closes keep-alive exactly when a request is written": whatever the order of the two, a request
/// arrives at most once, and what is called not sent has not arrived.
#[tokio::test]
async fn a_connection_closed_while_a_request_is_written_never_doubles_it() {
    for round in 0..100 {
        let server = Server::start(|number, _| match number % 2 {
            // Answers with keep-alive, then closes at once: the next request meets the close somewhere on its way.
            0 => Act::SendAndClose(ok("{}")),
            _ => Act::Send(ok("{}")),
        })
        .await;
        let client = client(&server.address);
        let first = send(&client, &post()).await;
        assert!(matches!(first.transport, Transport::Answered(_)));
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        let second = send(&client, &post()).await;
        let arrived = server.count() - 1;
        assert!(arrived <= 1, "the request was sent {arrived} times");
        match second.transport {
            Transport::Answered(_) => assert_eq!(arrived, 1),
            Transport::NotSent { .. } => assert_eq!(arrived, 0),
            Transport::NoAnswer { .. } => {}
        }
    }
}

#[tokio::test]
async fn a_reused_connection_that_breaks_after_the_request_does_not_repeat_it() {
    let server = Server::start(|number, _| if number == 0 { Act::Send(ok("{}")) } else { Act::Reset }).await;
    let client = client(&server.address);
    send(&client, &post()).await;
    let exchange = send(&client, &post()).await;
    assert!(!no_answer(&exchange));
    assert_eq!(server.count(), 2, "the second request was read once and not sent again on a new connection");
}

#[tokio::test]
async fn credentials_go_into_headers_and_nowhere_else() {
    let cases = [
        (Auth::Bearer { token: Secret::known("hush-hush") }, "authorization: bearer hush-hush"),
        (
            Auth::Basic { username: String::from("Aladdin"), password: Secret::known("open sesame") },
            "authorization: basic qwxhzgrpbjpvcgvuihnlc2ftzq==",
        ),
        (Auth::ApiKey { header: "x-key".parse().unwrap(), key: Secret::known("hush-hush") }, "x-key: hush-hush"),
    ];
    for (auth, expected) in cases {
        // The server echoes what it got: a careless record would now hold the secret.
        let server = Server::start(|_, request| Act::Send(ok(&format!("{{\"echo\":{:?}}}", request.head)))).await;
        let records = Arc::new(Records::default());
        let observer: Arc<dyn ExchangeObserver> = Arc::clone(&records) as _;
        let client =
            HttpClient::new(ClientSettings { auth, observer: Some(observer), ..settings(&server.address) }).unwrap();
        send(&client, &post()).await;
        assert!(server.heads()[0].contains(expected), "{}", server.heads()[0]);
        let record = records.0.lock().unwrap().pop().unwrap();
        let text = format!("{record:?} {client:?}");
        for secret in ["hush-hush", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!((record.method.as_str(), record.target.as_str(), record.status), ("POST", "/tickets", Some(200)));
        assert_eq!(record.bodies.request(), "{\"items\":[1]}");
    }
}

#[tokio::test]
async fn addresses_that_can_not_be_used_are_refused() {
    for address in ["", "127.0.0.1:80", "ftp://host", "http://", "http://user:pass@host", "http://host/?a=b"] {
        let error = HttpClient::new(settings(address)).unwrap_err();
        assert!(!error.to_string().contains("pass@"), "{error}");
    }
    for address in ["http://user:hunter2@host:99999", "ftp://user:hunter2@host:1"] {
        let error = HttpClient::new(settings(address)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let exchange = client("http://127.0.0.1:1")
        .send(&HttpCall { target: String::from("no-slash"), ..get() }, SendOptions::within(PATIENCE))
        .await;
    assert!(matches!(exchange.transport, Transport::NotSent { .. }));
}
