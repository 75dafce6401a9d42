//! The HTTP shell: connections, bodies, shutdown.

use serde_json::json;
use ticketbridge_sandbox::faults::{Knob, Rule};
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

#[tokio::test]
async fn connections_are_limited_and_a_caller_who_hangs_up_frees_a_place() {
    let config = SandboxConfig { max_connections: 2, ..SandboxConfig::default() };
    let site = Site { sandbox: Sandbox::start(config).await.expect("a start") };
    let sandbox = &site.sandbox;
    sandbox
        .add_sfyc_fault(Rule::from(Knob::CommitThenStall { answer_after_ms: None }).on("health").times(2))
        .expect("a rule");
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(sandbox.address()).await;
        client.send("GET", "/sfyc/health", "").await.expect("sent");
        stalled.push(client);
    }
    let mut waiting = Client::connect(sandbox.address()).await;
    waiting.send("GET", "/sfyc/health", "").await.expect("sent");
    site.until("both stalls", |stats| stats.traffic.answers.get("never") == Some(&2)).await;
    stalled.pop();
    assert_eq!(waiting.answer().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn an_effect_from_before_a_reset_does_not_come_after_it() {
    let site = Site::with_faults(json!([{"knob": "delayed_effect", "effect_after_ms": 30, "answer": "applied"}])).await;
    site.create(&["before"]).await.expect("an answer");
    site.sandbox.reset();
    site.set_faults(json!([{"knob": "delayed_effect", "effect_after_ms": 60, "answer": "applied"}])).await;
    site.create(&["after"]).await.expect("an answer");
    site.until("the later effect", |stats| stats.tickets > 0).await;
    assert_eq!(site.get("/sandbox/sfyc/tickets").await["items"][0]["externalRef"], "SNR|after");
    assert_eq!(site.stats().tickets, 1);
}

#[tokio::test]
async fn hostile_requests_are_answered_and_change_nothing() {
    let site = Site::start().await;
    let deep = format!("{{\"items\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let odd = r#"{"items":[{"externalRef":{"a":[[]]},"originRef":null,"kind":1e400,"topology":"}"}]}"#;
    for (target, body) in [
        ("/sfyc/tickets", deep.as_str()),
        ("/sfyc/tickets", odd),
        ("/sfyc/tickets?externalRef=%ff%00", "{}"),
        ("/sfyc/notes", "\u{0}\u{1}"),
        ("/sfyc/work-orders?%=%&&&=", r#"{"items":[null,1,"x",[],{}]}"#),
        ("/sfyc/%2e%2e/tickets", ""),
        ("/sandbox/faults", deep.as_str()),
        ("/sandbox/sfyc/tickets", odd),
        ("/sandbox/sfyc/tickets/%ff", r#"{"action":"close"}"#),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = site.request(method, target, body).await.expect("an answer");
            assert!(answer.status < 500, "{method} {target}: {}", answer.status);
        }
    }
    let stats = site.stats();
    assert_eq!((stats.tickets, stats.notes, stats.work_orders), (0, 0, 0));
}
