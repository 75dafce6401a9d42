//! The HTTP shell: connections, bodies, shutdown.

use serde_json::json;
use ticketbridge_sandbox::{MAX_BODY, Sandbox, SandboxConfig, SandboxError, TOKEN};

use crate::support::{Client, Failure, Site, items, ticket};

#[tokio::test]
async fn one_connection_carries_many_calls() {
    let site = Site::start().await;
    let mut client = site.client().await;
    for number in 0..20 {
        let body = items([ticket(&number.to_string())]).to_string();
        client.send("POST", "/sfyc/tickets", &body).await.expect("sent");
        assert_eq!(client.answer().await.expect("an answer").status, 200);
    }
    assert_eq!(site.stats().tickets, 20);
}

#[tokio::test]
async fn login_paths_and_methods_are_checked_on_the_wire() {
    let site = Site::start().await;
    let mut client = site.client().await;
    client.send_as("GET", "/sfyc/health", "", "").await.expect("sent");
    let refused = client.answer().await.expect("an answer");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").is_some());
    client.send_as("GET", "/sfyc/health", "", "Authorization: Basic YW55OnNhbmRib3gtb25seQ==\r\n").await.expect("sent");
    assert_eq!(client.answer().await.expect("an answer").status, 200);
    for (method, target, status) in [
        ("GET", "/sfyc", 404),
        ("GET", "/sfyc/", 404),
        ("GET", "/sfyc/nowhere", 404),
        ("DELETE", "/sfyc/tickets", 405),
        ("GET", "/nowhere", 404),
        ("POST", "/sandbox/stats", 405),
    ] {
        assert_eq!(site.request(method, target, "").await.expect("an answer").status, status, "{method} {target}");
    }
    assert_eq!(site.get("/sandbox").await["platforms"]["sfyc"]["token"], TOKEN);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413() {
    let site = Site::start().await;
    let mut client = site.client().await;
    client.send_head("POST", "/sfyc/tickets", MAX_BODY + 1).await.expect("sent");
    assert_eq!(client.answer().await.expect("an answer").status, 413, "without waiting for the body");
    assert_eq!(site.stats().tickets, 0);
    assert_eq!(site.create(&["a"]).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_shutdown_answers_what_is_due_and_hangs_up_on_the_rest() {
    let site = Site::with_faults(json!([{"knob": "commit_then_stall", "operations": ["create_tickets"]}])).await;
    let address = site.sandbox.address();
    let mut stalled = site.client().await;
    stalled.send("POST", "/sfyc/tickets", &items([ticket("a")]).to_string()).await.expect("sent");
    let mut idle = site.client().await;
    idle.send("GET", "/sfyc/health", "").await.expect("sent");
    assert_eq!(idle.answer().await.expect("an answer").status, 200);
    site.until("the effect", |stats| stats.tickets == 1).await;
    site.sandbox.shutdown().await;
    assert_eq!(stalled.answer().await.unwrap_err(), Failure::Closed);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_dropped_sandbox_stops() {
    let site = Site::start().await;
    let mut client = Client::connect(site.sandbox.address()).await;
    client.send("GET", "/sfyc/health", "").await.expect("sent");
    assert_eq!(client.answer().await.expect("an answer").status, 200);
    drop(site);
    assert_eq!(client.answer().await.unwrap_err(), Failure::Closed);
}

#[tokio::test]
async fn an_address_in_use_is_said_plainly() {
    let site = Site::start().await;
    let listen = site.sandbox.address();
    let refused = Sandbox::start(SandboxConfig { listen, ..SandboxConfig::default() }).await;
    let Err(error @ SandboxError::Listen { .. }) = refused else { panic!("two sandboxes on one address") };
    assert!(error.to_string().contains(&listen.to_string()));
}

#[tokio::test]
async fn many_callers_at_once_are_all_served() {
    let site = Site::start().await;
    let address = site.sandbox.address();
    let callers: Vec<_> = (0..40)
        .map(|number| {
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                client
                    .send("POST", "/sfyc/tickets", &items([ticket(&number.to_string())]).to_string())
                    .await
                    .expect("sent");
                client.answer().await.expect("an answer").status
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.expect("no panic"), 200);
    }
    assert_eq!(site.stats().tickets, 40);
    assert_eq!(site.stats().duplicates.total, 0);
}
