//! Both stand-ins over real sockets, and their control.

use serde_json::{Value, json};
use ticketbridge_sandbox::TOKEN;
use ticketbridge_sandbox::tixngo::play::PlaySettings;

use super::support::{contact, encoded, mobile};
use crate::support::{Answer, Failure, Site};

const DIFF: &str = "/tixngo/v3/organizer/tickets/diff";

async fn control(site: &Site, method: &str, target: &str, body: Value) -> (u16, Value) {
    let answer = site.request(method, target, &body.to_string()).await.expect("an answer");
    (answer.status, answer.json())
}

async fn diff(site: &Site, query: &str) -> Result<Answer, Failure> {
    let mut client = site.client().await;
    client.send_as("GET", &format!("{DIFF}{query}"), "", &format!("X-Tixngo-Key: {TOKEN}\r\n")).await.expect("sent");
    client.answer().await
}

#[tokio::test]
async fn the_sandbox_names_them_with_their_logins() {
    let site = Site::start().await;
    let platforms = site.get("/sandbox").await["platforms"].clone();
    assert_eq!(platforms["s360"], json!({"base_path": "/s360/api/v1", "token": TOKEN}));
    let tixngo = json!({"base_path": "/tixngo/v3/organizer/tickets", "api_key_header": "X-Tixngo-Key", "api_key": TOKEN, "organizer": "DEMO"});
    assert_eq!(platforms["tixngo"], tixngo);
    let address = site.sandbox.address();
    assert_eq!(site.sandbox.s360_url(), format!("http://{address}/s360/api/v1"));
    assert_eq!(site.sandbox.tixngo_url(), format!("http://{address}/tixngo/v3/organizer/tickets"));
}

#[tokio::test]
async fn tickets_live_and_both_platforms_know_them() {
    let site = Site::start().await;
    let (status, played) =
        control(&site, "POST", "/sandbox/tixngo/play", json!({"seed": 1, "tickets": 30, "steps": 200})).await;
    assert_eq!(status, 200, "{played}");
    assert_eq!(played["tickets"].as_u64().map(|tickets| tickets >= 30), Some(true));
    let first = diff(&site, "?limit=20").await.expect("an answer").json();
    let key = first["pagination"]["nextPageKey"].as_str().expect("a key");
    let second = diff(&site, &format!("?limit=1000&paginationKey={}", encoded(key))).await.expect("an answer").json();
    let items = [&first, &second].map(|page| page["result"].as_array().expect("items").clone()).concat();
    assert_eq!(Some(items.len() as u64), played["tickets"].as_u64());
    let ids: Vec<_> = items.iter().filter_map(|item| item["ticketId"].as_str()).collect();
    let known = site.get(&format!("/s360/api/v1/tickets?ticketId={}", ids.join(","))).await;
    assert_eq!(known["items"].as_array().map(Vec::len), Some(items.len()));
    let shown = site.get("/sandbox/tixngo/tickets?offset=1&limit=2").await;
    assert_eq!((shown["items"].as_array().map(Vec::len), &shown["nextOffset"]), (Some(2), &json!(3)));
    let again = site.sandbox.play("DEMO", &PlaySettings::new(1, 0, 10)).expect("played");
    assert!(again.changes >= 10, "the lives go on");
    assert_eq!(control(&site, "POST", "/sandbox/tixngo/play", json!({"seed": 1, "stepps": 1})).await.0, 400);
    assert_eq!(control(&site, "POST", "/sandbox/tixngo/play", json!({"seed": 1, "v4": 2})).await.0, 400);
    let (status, _) = control(&site, "PUT", "/sandbox/s360/state", json!({})).await;
    assert_eq!((status, site.sandbox.s360_stats().tickets), (200, 0));
}

#[tokio::test]
async fn changes_and_pages_are_added_and_organizers_made() {
    let site = Site::start().await;
    let item = json!({"ticketId": "A", "status": "INJECTED"});
    let (_, added) = control(&site, "POST", "/sandbox/tixngo/changes?organizer=MINE", json!({"items": [item]})).await;
    assert_eq!(added, json!({"added": 1}));
    let page = json!({"pagination": {"nextPageKey": "k 1"}, "result": []});
    assert_eq!(control(&site, "POST", "/sandbox/tixngo/pages", page.clone()).await, (200, json!({"added": 1})));
    let other = json!({"pagination": {"nextPageKey": "k 2"}, "result": [1]});
    assert_eq!(control(&site, "POST", "/sandbox/tixngo/pages", json!([other])).await, (200, json!({"added": 1})));
    assert_eq!(control(&site, "POST", "/sandbox/tixngo/pages", page).await.0, 400, "the key is there already");
    assert_eq!(diff(&site, "?limit=5&paginationKey=k+1").await.expect("an answer").json()["result"], json!([1]));
    let organizers =
        json!([{"organizer": "DEMO", "apiKey": TOKEN}, {"organizer": "MINE", "apiKey": "sandbox-only:MINE"}]);
    assert_eq!(site.get("/sandbox/tixngo/organizers").await["items"], organizers);
    assert_eq!(site.get("/sandbox/tixngo/tickets?organizer=MINE").await["items"], json!([item]));
    assert_eq!(control(&site, "GET", "/sandbox/tixngo/tickets?organizer=NO", Value::Null).await.0, 404);
    assert_eq!(control(&site, "POST", "/sandbox/tixngo/changes", json!({"items": [5]})).await.0, 400);
}

#[tokio::test]
async fn the_box_office_is_loaded_worked_on_and_dumped() {
    let site = Site::start().await;
    let state = json!({"tickets": [{"ticketId": "T/1", "printStatus": "PRINTED"}], "contacts": [{"contactNumber": "7", "email": "a@example.org"}]});
    let (status, loaded) = control(&site, "POST", "/sandbox/s360/state", state.clone()).await;
    assert_eq!((status, &loaded["loaded"]["tickets"]), (200, &json!(1)));
    assert_eq!(control(&site, "POST", "/sandbox/s360/state", state).await.0, 400, "they are there already");
    let (_, written) =
        control(&site, "POST", "/s360/api/v1/tickets/mobile", json!({"items": [mobile("T/1", "r", "INJECTED")]})).await;
    assert_eq!(written["results"][0]["ok"], true);
    assert_eq!(site.get("/s360/api/v1/tickets/T%2F1/history").await["items"].as_array().map(Vec::len), Some(1));
    let (_, ticket) = control(
        &site,
        "POST",
        "/sandbox/s360/tickets/T%2F1",
        json!({"action": "set_cultural_contact", "contactNumber": "7"}),
    )
    .await;
    assert_eq!(ticket["ticket"]["culturalContactNumber"], "7");
    let (_, contact) = control(&site, "POST", "/sandbox/s360/contacts/7", json!({"action": "give_login"})).await;
    assert_eq!(contact["contact"]["hasInternetAccount"], true);
    assert_eq!(site.get("/sandbox/s360/contacts/7").await["contactNumber"], "7");
    for (target, body, wanted) in [
        ("/sandbox/s360/tickets/nobody", json!({"action": "invalidate"}), 404),
        ("/sandbox/s360/contacts/9", json!({"action": "give_login"}), 404),
        ("/sandbox/s360/contacts/7", json!({"action": "sing"}), 400),
        ("/sandbox/s360/contacts/7", json!({"action": "edit", "fields": {"email": "x"}}), 400),
        ("/sandbox/s360/state", json!({"tickets": 5}), 400),
    ] {
        assert_eq!(control(&site, "POST", target, body).await.0, wanted, "{target}");
    }
    let dump = site.get("/sandbox/s360/state?form=sample").await;
    assert_eq!(
        dump["history"]["T/1"],
        json!([{"status": "INJECTED", "at": "2026-05-04T08:00:00.000Z", "ownerEmail": "ann@example.org"}])
    );
    assert_eq!(site.get("/sandbox/s360/state").await["history"]["T/1"][0]["changeRef"], "r");
    for list in ["tickets", "contacts", "distributions", "history"] {
        assert!(site.get(&format!("/sandbox/s360/{list}")).await["items"].is_array(), "{list}");
    }
}

#[tokio::test]
async fn rules_go_to_their_platform() {
    let site = Site::start().await;
    let rules = json!([
        {"knob": "key_not_advanced", "platform": "tixngo"},
        {"knob": "poison_item", "platform": "s360", "text": "bad"},
        {"knob": "forbidden"},
        {"knob": "server_error", "platform": "s360", "times": 1, "operations": ["find_tickets"]},
    ]);
    assert_eq!(control(&site, "PUT", "/sandbox/faults", rules).await, (200, json!({"added": [1, 1, 1, 2]})));
    let (status, refused) = control(
        &site,
        "POST",
        "/sandbox/faults",
        json!([{"knob": "forbidden", "platform": "s360"}, {"knob": "redelivery", "platform": "s360"}]),
    )
    .await;
    assert_eq!(status, 400, "{refused}");
    let (_, unknown) =
        control(&site, "POST", "/sandbox/faults", json!({"knob": "forbidden", "platform": "elsewhere"})).await;
    assert!(unknown["error"]["message"].as_str().is_some_and(|text| text.contains("sfyc, cherwell, tixngo, s360")));
    let platforms: Vec<_> = site.get("/sandbox/faults").await["faults"]
        .as_array()
        .expect("rules")
        .iter()
        .map(|rule| rule["platform"].clone())
        .collect();
    assert_eq!(platforms, ["sfyc", "tixngo", "s360", "s360"], "one wrong rule and nothing is changed");
    assert_eq!(site.request("GET", "/s360/api/v1/tickets?ticketId=T", "").await.expect("an answer").status, 503);
    let (_, made) =
        control(&site, "POST", "/s360/api/v1/contacts", json!({"items": [contact("bad", "x@example.org")]})).await;
    assert_eq!(made["results"][0]["error"]["code"], "INVALID_FIELD");
    assert_eq!(control(&site, "DELETE", "/sandbox/faults?platform=s360", Value::Null).await.1, json!({"removed": 1}));
    let counted = site.get("/sandbox/stats").await;
    assert_eq!((&counted["s360"]["faults"]["server_error"], &counted["tixngo"]["changes"]), (&json!(1), &json!(0)));
    site.sandbox.clear_faults();
    assert_eq!(site.get("/sandbox/faults").await, json!({"faults": []}));
}

/// A caller that hangs up is in flight no longer; one that waits is.
#[tokio::test]
async fn calls_that_wait_overlap_and_callers_that_hung_up_do_not() {
    let site = Site::start().await;
    site.set_faults(json!([{"knob": "commit_then_stall", "platform": "tixngo", "times": 2}])).await;
    let mut waiting = site.client().await;
    let key = format!("X-Tixngo-Key: {TOKEN}\r\n");
    waiting.send_as("GET", &format!("{DIFF}?limit=1"), "", &key).await.expect("sent");
    let in_flight = |wanted: u64| move |stats: &Value| stats["tixngo"]["organizers"]["DEMO"]["in_flight"] == wanted;
    site.until_answer("/sandbox/stats", in_flight(1)).await;
    drop(waiting);
    site.until_answer("/sandbox/stats", in_flight(0)).await;
    let mut waiting = site.client().await;
    waiting.send_as("GET", &format!("{DIFF}?limit=1"), "", &key).await.expect("sent");
    site.until_answer("/sandbox/stats", in_flight(1)).await;
    assert_eq!(site.sandbox.tixngo_stats().most_in_flight, 1, "one after the other");
    assert_eq!(diff(&site, "?limit=1").await.expect("an answer").status, 200);
    assert_eq!(site.sandbox.tixngo_stats().most_in_flight, 2);
}

#[tokio::test]
async fn lost_answers_leave_their_effect() {
    let site = Site::start().await;
    site.set_faults(json!([{"knob": "reset_after_commit", "platform": "s360", "times": 1}])).await;
    let body = json!({"items": [contact("r", "x@example.org")]}).to_string();
    let lost = site.request("POST", "/s360/api/v1/contacts", &body).await;
    assert_eq!(lost.expect_err("no answer"), Failure::Reset);
    let found = site.get("/s360/api/v1/contacts?requestRef=r").await;
    assert_eq!(found["items"][0]["email"], "x@example.org");
    assert_eq!(control(&site, "POST", "/sandbox/reset", Value::Null).await.0, 200);
    assert_eq!(site.get("/s360/api/v1/contacts?requestRef=r").await["items"], json!([]));
}
