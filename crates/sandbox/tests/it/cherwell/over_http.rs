//! Cherwell over real sockets: what the shell adds, and `/sandbox/cherwell/…`.

use serde_json::{Value, json};
use ticketbridge_sandbox::TOKEN;
use ticketbridge_sandbox::cherwell::{CLIENT_ID, USER};

use super::support::{INCIDENT, LOGIN, text};
use crate::support::{Answer, Failure, Site, column};

async fn call(site: &Site, method: &str, target: &str, headers: &str, body: &str) -> Result<Answer, Failure> {
    let mut client = site.client().await;
    client.send_as(method, target, body, headers).await.expect("sent");
    client.answer().await
}

async fn log_in(site: &Site) -> String {
    let answer = call(site, "POST", "/CherwellAPI/token", "Content-Type: application/json\r\n", LOGIN).await;
    let token = answer.expect("an answer").json();
    format!("Authorization: Bearer {}\r\n", text(&token["access_token"]))
}

fn ticket(key: &str) -> String {
    json!({"saveRequests": [{"busObId": INCIDENT, "fields": [{"dirty": true, "name": "DedupeKey", "value": key}]}]})
        .to_string()
}

const SAVE: &str = "/CherwellAPI/api/V1/savebusinessobjectbatch";

async fn control(site: &Site, method: &str, target: &str, body: Value) -> (u16, Value) {
    let answer = site.request(method, target, &body.to_string()).await.expect("an answer");
    (answer.status, answer.json())
}

#[tokio::test]
async fn the_base_path_has_no_case_and_slashes_may_be_doubled() {
    let site = Site::start().await;
    let login = log_in(&site).await;
    for base in ["/CherwellAPI", "/CherwellApi", "//cherwellapi/", "/CHERWELLAPI//"] {
        let target = format!("{base}/api/V2/getteams/");
        let answer = call(&site, "GET", &target, &login, "").await.expect("an answer");
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
    }
    for (target, status) in
        [("/CherwellAPI", 404), ("/CherwellAPI/", 404), ("/Cherwell/api/V2/getteams", 404), ("/", 404)]
    {
        assert_eq!(call(&site, "GET", target, &login, "").await.expect("an answer").status, status, "{target}");
    }
    let answer = call(&site, "GET", "/CherwellAPI/api/V1/serviceinfo", "", "").await.expect("an answer");
    assert_eq!(answer.status, 200, "without a token");
    let answer = call(&site, "GET", "/CherwellAPI/api/V2/getteams", "", "").await.expect("an answer");
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
}

#[tokio::test]
async fn the_sandbox_names_the_platform_and_its_login() {
    let site = Site::start().await;
    let named = &site.get("/sandbox").await["platforms"]["cherwell"];
    assert_eq!((&named["client_id"], &named["username"]), (&json!(CLIENT_ID), &json!(USER)));
    assert_eq!((&named["password"], &named["base_path"]), (&json!(TOKEN), &json!("/CherwellAPI")));
    assert!(site.sandbox.cherwell_url().ends_with("/CherwellAPI"));
}

#[tokio::test]
async fn a_chunked_body_is_411_and_counted() {
    let site = Site::start().await;
    let login = log_in(&site).await;
    let mut client = site.client().await;
    let request = format!(
        "POST {SAVE} HTTP/1.1\r\nHost: sandbox\r\nTransfer-Encoding: chunked\r\n{login}\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    client.send_raw(request.as_bytes()).await.expect("sent");
    assert_eq!(client.answer().await.expect("an answer").status, 411);
    assert_eq!(site.sandbox.cherwell_stats().chunked_requests, 1);
}

#[tokio::test]
async fn connections_really_break_after_the_effect() {
    let site = Site::with_faults(
        json!([{"knob": "reset_after_commit", "platform": "cherwell", "operations": ["save_batch"]}]),
    )
    .await;
    let login = log_in(&site).await;
    assert_eq!(call(&site, "POST", SAVE, &login, &ticket("a")).await.unwrap_err(), Failure::Reset);
    assert_eq!(site.sandbox.cherwell_stats().tickets, 1);
    site.create(&["a"]).await.expect("SFyC is not concerned");
}

#[tokio::test]
async fn rules_go_to_the_platform_that_they_name_and_else_to_sfyc() {
    let site = Site::start().await;
    let rules = json!([
        {"knob": "forbidden"}, {"knob": "forbidden", "platform": "cherwell", "dedupe_key": "k", "for_ms": 50},
        {"knob": "token_life", "seconds": 5, "platform": "cherwell"},
    ]);
    assert_eq!(control(&site, "POST", "/sandbox/faults", rules).await, (200, json!({"added": [1, 1, 2]})));
    let listed = site.get("/sandbox/faults").await;
    assert_eq!(column(&listed, "faults", "platform"), ["sfyc", "cherwell", "cherwell"]);
    assert_eq!((&listed["faults"][1]["dedupe_key"], &listed["faults"][1]["for_ms"]), (&json!("k"), &json!(50)));
    assert_eq!(control(&site, "PUT", "/sandbox/faults", listed).await.0, 200, "a listing can be sent back");
    let wrong = json!([{"knob": "token_revoked"}, {"knob": "token_life", "seconds": 5}]);
    let (status, refused) = control(&site, "PUT", "/sandbox/faults", wrong).await;
    assert!(status == 400 && text(&refused["error"]["message"]).contains("no meaning on sfyc"), "{refused}");
    let unknown = json!({"knob": "forbidden", "platform": "elsewhere"});
    let (_, refused) = control(&site, "POST", "/sandbox/faults", unknown).await;
    assert!(text(&refused["error"]["message"]).contains("sfyc, cherwell"), "{refused}");
    assert_eq!(site.get("/sandbox/faults").await["faults"].as_array().map(Vec::len), Some(3), "nothing was changed");
    let target = "/sandbox/faults?platform=cherwell&knob=forbidden";
    assert_eq!(control(&site, "DELETE", target, Value::Null).await.1, json!({"removed": 1}));
    assert_eq!(control(&site, "DELETE", "/sandbox/faults?platform=x", Value::Null).await.0, 400);
    assert_eq!(control(&site, "DELETE", "/sandbox/faults", Value::Null).await.1, json!({"removed": 2}));
}

#[tokio::test]
async fn tickets_are_seeded_worked_on_and_dumped() {
    let site = Site::start().await;
    let seeds = json!({"items": [
        {"fields": {"TicketKind": "SNR", "Short Description": "SNR low"}, "createdAt": "2026-01-02T03:04:05Z"},
        {"fields": {"DedupeKey": "KEY|a", "WorkOrderNumber": "WO1"}, "state": "in progress"},
    ]});
    let (status, seeded) = control(&site, "POST", "/sandbox/cherwell/tickets", seeds).await;
    assert_eq!((status, column(&seeded, "items", "state")), (200, vec![json!("New"), json!("In Progress")]));
    assert_eq!(column(&seeded, "items", "busObPublicId"), ["102328", "102329"]);
    assert_eq!(seeded["items"][0]["createdAt"], "2026-01-02T03:04:05.000Z");

    let one = "/sandbox/cherwell/tickets/102328";
    let act = |body: Value| control(&site, "POST", one, body);
    assert_eq!(act(json!({"action": "close"})).await.1["ticket"]["state"], "Closed");
    assert_eq!(act(json!({"action": "set_state", "state": "pending"})).await.1["ticket"]["state"], "Pending");
    let (_, changed) = act(json!({"action": "set_fields", "fields": {"DedupeKey": "KEY|z", "TicketKind": ""}})).await;
    assert_eq!(changed["ticket"]["fields"]["DedupeKey"], "KEY|z");
    assert_eq!(changed["ticket"]["fields"]["TicketKind"], "");
    assert_eq!(act(json!({"action": "copy"})).await.1["ticket"]["busObPublicId"], "102330");
    for wrong in [
        json!({"action": "sing"}),
        json!({"action": "set_state", "state": "Nothing"}),
        json!({"action": "set_fields", "fields": {"Nothing": "x"}}),
        json!({"action": "set_fields", "fields": {"RecID": "x"}}),
    ] {
        assert_eq!(act(wrong.clone()).await.0, 400, "{wrong}");
    }
    assert_eq!(act(json!({"action": "delete"})).await.1["ticket"], Value::Null);
    assert_eq!(act(json!({"action": "close"})).await.0, 404);
    assert_eq!(control(&site, "GET", one, Value::Null).await.0, 404);
    let wrong = json!({"items": [{"fields": {"Status": "Nothing"}}]});
    assert_eq!(control(&site, "POST", "/sandbox/cherwell/tickets", wrong).await.0, 400);

    let login = log_in(&site).await;
    call(&site, "POST", SAVE, &login, &ticket("KEY|b")).await.expect("an answer");
    let dump = site.get("/sandbox/cherwell/tickets?offset=1&limit=1").await;
    assert_eq!((dump["items"].as_array().map(Vec::len), &dump["nextOffset"]), (Some(1), &json!(2)));
    assert_eq!(site.get("/sandbox/cherwell/tickets?offset=2").await["items"][0]["fields"]["DedupeKey"], "KEY|b");
    assert_eq!(site.get("/sandbox/cherwell/notes").await["items"], json!([]));
    assert_eq!(site.get("/sandbox/cherwell/work-orders").await["items"], json!([]));
}

#[tokio::test]
async fn tokens_are_revoked_and_settings_changed_while_running() {
    let site = Site::start().await;
    let login = log_in(&site).await;
    assert_eq!(control(&site, "POST", "/sandbox/cherwell/revoke", Value::Null).await.1, json!({"revoked": 1}));
    let answer = call(&site, "GET", "/CherwellAPI/api/V2/getteams", &login, "").await.expect("an answer");
    assert_eq!(answer.status, 401);

    let wanted = json!({"page_mode": "page", "max_page_size": 5, "utc_offset_minutes": 60, "token_life_s": 30});
    let (status, settings) = control(&site, "PATCH", "/sandbox/cherwell/settings", wanted).await;
    assert_eq!((status, &settings["page_mode"], &settings["template_ids"]), (200, &json!("page"), &json!("short")));
    assert_eq!(site.get("/sandbox/cherwell/settings").await, settings);
    let info = call(&site, "GET", "/CherwellAPI/api/V1/serviceinfo", "", "").await.expect("an answer").json();
    assert_eq!((&info["apiVersion"], &info["systemUtcOffset"]), (&json!("9.3.2"), &json!("01:00:00")));
    for wrong in [json!({"page_mode": "x"}), json!({"nothing": 1}), json!({"max_page_size": 0}), json!([])] {
        assert_eq!(control(&site, "PATCH", "/sandbox/cherwell/settings", wrong.clone()).await.0, 400, "{wrong}");
    }
    assert_eq!(site.get("/sandbox/cherwell/settings").await, settings, "nothing was changed");
}

#[tokio::test]
async fn counters_are_answered_as_in_code() {
    let site = Site::start().await;
    let login = log_in(&site).await;
    call(&site, "POST", SAVE, &login, &ticket("a")).await.expect("an answer");
    let stats = site.get("/sandbox/stats").await;
    assert_eq!(stats["cherwell"], json!(site.sandbox.cherwell_stats()));
    assert_eq!(stats["cherwell"]["operations"]["save_batch"]["items"], 1);
    assert_eq!(stats["cherwell"]["live_sessions"], 1);
    assert_eq!(stats["sfyc"]["tickets"], 0);
    assert_eq!(control(&site, "POST", "/sandbox/reset", Value::Null).await.0, 200);
    assert_eq!(site.sandbox.cherwell_stats().tickets, 0);
}
