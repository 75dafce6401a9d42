//! TLS from files.

use std::path::Path;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use ticketbridge_server::ServerError;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::access::TOKENS;
use crate::place::{CONFIG, Delivery, Place};

/// Writes a certificate of this machine and its key; answers the certificate.
fn certify(folder: &Path, name: &str) -> String {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([String::from("localhost"), String::from("127.0.0.1")]).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), cert.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), signing_key.serialize_pem()).unwrap();
    cert.pem()
}

fn config(folder: &Path, certificate: &str, key: &str) -> String {
    let tls = format!(
        "[server]\ntls = {{ certificate = \"{}\", key = \"{}\" }}",
        folder.join(certificate).display(),
        folder.join(key).display()
    );
    format!("{}{TOKENS}", CONFIG.replace("[server]", &tls))
}

async fn start(folder: &TempDir, certificate: &str, key: &str) -> Result<Place, ServerError> {
    Place::with(&config(folder.path(), certificate, key), Delivery::HasEnded).await
}

fn client(trusted: &str) -> reqwest::Client {
    let trusted = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]);
    builder.redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_mins(1)).build().unwrap()
}

#[tokio::test]
async fn the_server_speaks_tls_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = certify(folder.path(), "own");
    let place = start(&folder, "own.pem", "own.key").await.unwrap();
    let address = place.url.trim_start_matches("http://");

    // A connection that never shakes hands holds nobody up.
    let _silent = TcpStream::connect(address).await.unwrap();
    let url = format!("https://{address}");
    let answer = client(&certificate).get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_11));
    assert!(!answer.headers().contains_key("strict-transport-security"), "not on loopback");
    let login = client(&certificate).post(format!("{url}/login"));
    let login = login.header("content-type", "application/x-www-form-urlencoded").body("token=token-of-viewer");
    let login = login.send().await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-ticketbridge_session=") && cookie.ends_with("; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let page = client(&certificate).get(format!("{url}/console")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);

    let stranger = certify(folder.path(), "other");
    assert!(client(&stranger).get(format!("{url}/healthz")).send().await.is_err(), "it is our certificate");
    assert!(
        client(&certificate).get(format!("http://{address}/healthz")).send().await.is_err(),
        "nothing in plain text"
    );
}

#[tokio::test]
async fn files_that_cannot_be_used_end_the_start_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path(), "own");
    certify(folder.path(), "other");
    std::fs::write(folder.path().join("empty.pem"), "nothing\n").unwrap();
    for (certificate, key, texts) in [
        ("none.pem", "own.key", ["`server.tls.certificate`", "none.pem", "cannot be read"]),
        ("own.pem", "none.key", ["`server.tls.key`", "none.key", "cannot be read"]),
        ("empty.pem", "own.key", ["`server.tls.certificate`", "empty.pem", "no certificate"]),
        ("own.pem", "empty.pem", ["`server.tls.key`", "empty.pem", "no private key"]),
        ("own.pem", "own.pem", ["`server.tls.key`", "own.pem", "no private key"]),
        ("own.pem", "other.key", ["TB0001", "other.key", "does not belong"]),
    ] {
        let error = start(&folder, certificate, key).await.err().expect("it does not start").to_string();
        assert!(texts.iter().all(|text| error.contains(text)), "{certificate}, {key}: {error}");
        assert!(!error.contains("PRIVATE KEY-----\n"), "{error}");
    }
}

#[tokio::test]
async fn a_stop_waits_for_no_handshake() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path(), "own");
    let mut place = start(&folder, "own.pem", "own.key").await.unwrap();
    let mut silent = TcpStream::connect(place.url.trim_start_matches("http://")).await.unwrap();
    place.stop();
    let mut nothing = [0];
    assert!(matches!(silent.read(&mut nothing).await, Ok(0) | Err(_)), "it is closed");
}
