//! A stop: what is on its way is answered, nobody can hold it up.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::place::Place;

async fn connect(place: &Place) -> TcpStream {
    TcpStream::connect(place.url.trim_start_matches("http://")).await.unwrap()
}

/// Reads until the answer to an intake of nothing has come.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"[]") {
        let mut bytes = [0; 1_024];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "the connection ended: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&bytes[..count]);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_and_then_it_ends() {
    let mut place = Place::open().await;
    let mut begun = connect(&place).await;
    // `100 Continue` proves that the server works on the request and waits for its body.
    begun
        .write_all(
            b"POST /api/v1/tickets HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n",
        )
        .await
        .unwrap();
    let mut hundred = [0; 25];
    begun.read_exact(&mut hundred).await.unwrap();
    assert!(hundred.starts_with(b"HTTP/1.1 100"));
    let _idle = connect(&place).await;
    place.stop();
    begun.write_all(b"[]").await.unwrap();
    assert!(read_answer(&mut begun).await.starts_with("HTTP/1.1 200"));
    (&mut place.running).await.unwrap();
    assert!(TcpStream::connect(place.url.trim_start_matches("http://")).await.is_err());
}

#[tokio::test]
async fn a_caller_who_never_ends_is_cut_off_at_the_end_of_the_grace() {
    let mut place = Place::open().await;
    let mut endless = connect(&place).await;
    endless
        .write_all(
            b"POST /api/v1/tickets HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n",
        )
        .await
        .unwrap();
    let mut hundred = [0; 25];
    endless.read_exact(&mut hundred).await.unwrap();
    place.stop();
    // The grace of this place is 2 s; the limit only keeps a failing test from hanging.
    tokio::time::timeout(Duration::from_secs(30), &mut place.running).await.unwrap().unwrap();
}
