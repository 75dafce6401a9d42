//! The diff endpoint: keys, pages, coalescing, errors.

use http::Method;
use serde_json::{Value, json};
use ticketbridge_sandbox::tixngo::{DEFAULT_ORGANIZER, STATUSES, TixngoError, TixngoModel};
use ticketbridge_sandbox::{Call, StandIn, TOKEN};

use super::support::{call_diff, diff, encoded, wallet};

#[test]
fn pages_follow_each_other_until_the_stream_ends() {
    let mut wallet = wallet();
    for ticket in ["A", "B", "C", "D", "E"] {
        wallet.change(ticket, "INJECTED");
    }
    let (first, key, more) = wallet.page(2, None);
    assert_eq!((first, more), (vec!["A:INJECTED".to_owned(), "B:INJECTED".to_owned()], true));
    let (second, key, more) = wallet.page(2, key.as_deref());
    assert_eq!((second, more), (vec!["C:INJECTED".to_owned(), "D:INJECTED".to_owned()], true));
    let (third, key, more) = wallet.page(2, key.as_deref());
    assert_eq!((third, more), (vec!["E:INJECTED".to_owned()], false));
    let (status, end) = wallet.diff(2, key.as_deref());
    assert_eq!((status, &end["result"]), (200, &json!([])), "the end of the stream");
    assert_eq!(end["pagination"], json!({"limit": 2, "hasMore": false, "nextPageKey": key}), "answers the key sent");
    assert_eq!(wallet.diff(5, None).1["pagination"]["hasMore"], json!(false), "exactly the batch size");
    assert_eq!(wallet.diff(4, None).1["pagination"]["hasMore"], json!(true), "one more than that");
    let (one, _, _) = wallet.page(1, None);
    assert_eq!(one, ["A:INJECTED"]);
}

#[test]
fn an_empty_stream_has_no_key() {
    let (status, page) = wallet().diff(1_000, None);
    assert_eq!(status, 200);
    assert_eq!(page, json!({"pagination": {"limit": 1000, "hasMore": false, "nextPageKey": null}, "result": []}));
}

#[test]
fn changes_between_two_polls_coalesce_into_the_latest_state_in_the_order_of_changes() {
    let mut wallet = wallet();
    for (ticket, status) in
        [("A", "INJECTED"), ("B", "INJECTED"), ("A", "DOWNLOADED"), ("C", "INJECTED"), ("A", "ASSIGNED")]
    {
        wallet.change(ticket, status);
    }
    let (page, key, _) = wallet.page(10, None);
    assert_eq!(page, ["B:INJECTED", "C:INJECTED", "A:ASSIGNED"]);
    wallet.change("B", "DELETED");
    assert_eq!(wallet.page(10, key.as_deref()).0, ["B:DELETED"], "what changed since");
    assert_eq!(wallet.page(10, None).0, ["C:INJECTED", "A:ASSIGNED", "B:DELETED"], "a replay from the start");
}

#[test]
fn a_key_stays_good_when_the_ticket_it_ended_with_moves_on() {
    let mut wallet = wallet();
    wallet.change("A", "INJECTED");
    wallet.change("B", "INJECTED");
    let (_, key, _) = wallet.page(1, None);
    wallet.change("A", "DOWNLOADED");
    assert_eq!(wallet.page(10, key.as_deref()).0, ["B:INJECTED", "A:DOWNLOADED"]);
}

#[test]
fn keys_are_opaque_and_must_come_back_as_they_are() {
    let mut wallet = wallet();
    wallet.change("A", "INJECTED");
    let (_, key, _) = wallet.page(10, None);
    let key = key.expect("a key");
    assert!([" ", "+", "/", "="].into_iter().all(|part| key.contains(part)) && !key.is_ascii(), "{key}");
    assert_eq!(wallet.diff(10, Some(&key)).0, 200);
    let spaces = encoded(&key).replace("%20", "+");
    assert_eq!(wallet.call(&call_diff(&format!("?limit=10&paginationKey={spaces}")).with_api_key(TOKEN)).0, 200);
    let refused =
        |wallet: &mut super::support::Wallet, query: &str| wallet.refusal(&call_diff(query).with_api_key(TOKEN));
    let wrong = |code: &str| (400, code.to_owned());
    let careless = encoded(&key).replace("%2B", "+");
    for bad in [
        encoded(key.trim()),
        encoded(&key.to_lowercase()),
        careless,
        "nonsense".to_owned(),
        String::new(),
        "%FF".to_owned(),
    ] {
        assert_eq!(refused(&mut wallet, &format!("?limit=10&paginationKey={bad}")), wrong("MALFORMED_KEY"), "{bad}");
    }
}

#[test]
fn a_key_of_another_organizer_is_refused() {
    let mut wallet = wallet();
    wallet.change("A", "INJECTED");
    let page = json!({"pagination": {"nextPageKey": "theirs"}, "result": []}).to_string();
    wallet.model.add_pages("OTHER", vec![page.into()]).expect("added");
    let (_, key, _) = wallet.page(10, None);
    let others = |key: &str| diff(10, Some(key)).with_api_key(&TixngoModel::api_key("OTHER"));
    assert_eq!(wallet.refusal(&others(&key.expect("a key"))), (400, "FOREIGN_KEY".to_owned()));
    assert_eq!(wallet.refusal(&diff(10, Some("theirs"))), (400, "FOREIGN_KEY".to_owned()));
    assert_eq!(wallet.call(&others("theirs")).0, 200);
}

#[test]
fn limits_parameters_keys_paths_and_methods_are_checked() {
    let mut wallet = wallet();
    let refusal =
        |wallet: &mut super::support::Wallet, query: &str| wallet.refusal(&call_diff(query).with_api_key(TOKEN));
    for bad in ["0", "10001", "-1", "x", "1.5", ""] {
        assert_eq!(refusal(&mut wallet, &format!("?limit={bad}")), (400, "INVALID_LIMIT".to_owned()), "{bad}");
    }
    assert_eq!(wallet.diff(10_000, None).0, 200);
    assert_eq!(refusal(&mut wallet, "?limit=1&pageKey=x"), (400, "UNKNOWN_PARAMETER".to_owned()));
    assert_eq!(refusal(&mut wallet, "?limit=1&limit=2"), (400, "INVALID_PARAMETER".to_owned()));
    assert_eq!(wallet.refusal(&call_diff("?limit=1")), (401, "UNAUTHORIZED".to_owned()));
    for bad in ["", "x", "sandbox-only:", "sandbox-only:DEMO", "sandbox-only:NOBODY", "DEMO", "SANDBOX-ONLY"] {
        assert_eq!(wallet.refusal(&call_diff("?limit=1").with_api_key(bad)), (403, "FORBIDDEN".to_owned()), "{bad}");
    }
    let elsewhere = Call::new(Method::GET, "/v3/organizer/tickets").with_api_key(TOKEN);
    assert_eq!(wallet.refusal(&elsewhere), (404, "NOT_FOUND".to_owned()));
    let post = Call { method: Method::POST, ..diff(1, None) };
    assert_eq!(wallet.refusal(&post), (405, "METHOD_NOT_ALLOWED".to_owned()));
}

#[test]
fn organizers_have_streams_and_keys_of_their_own() {
    let mut wallet = wallet();
    let item = json!({"ticketId": "X", "status": "INJECTED"});
    wallet.model.add_changes("OTHER", &[item]).expect("added");
    assert!(wallet.page(10, None).0.is_empty());
    let others = diff(10, None).with_api_key("sandbox-only:OTHER");
    assert_eq!(wallet.call(&others).1["result"][0]["ticketId"], "X");
    let wrong = wallet.model.add_changes("a b", &[json!({})]);
    assert_eq!(wrong, Err(TixngoError::WrongCode("a b".to_owned())));
}

#[test]
fn items_may_be_wrong_on_purpose_and_come_as_they_were_given() {
    let mut wallet = wallet();
    let items = [json!({"status": "INJECTED"}), json!({"ticketId": 5}), json!({"ticketId": "", "x": [{}]}), json!({})];
    wallet.model.add_changes(DEFAULT_ORGANIZER, &items).expect("added");
    assert_eq!(wallet.diff(10, None).1["result"], json!(items));
    assert!(wallet.model.add_changes(DEFAULT_ORGANIZER, &[json!({}), json!([])]).is_err());
    assert_eq!(wallet.diff(10, None).1["result"].as_array().map(Vec::len), Some(4), "one wrong item and none is taken");
}

#[test]
fn loaded_pages_are_answered_byte_for_byte_one_for_each_key() {
    let mut wallet = wallet();
    wallet.change("before", "INJECTED");
    let first = r#"{ "pagination": {"limit":3, "nextPageKey": "ключ 1+/= ", "hasMore":true, "new":1}, "result": [ {"ticketId":"A"},{"ticketId":"A"} ] }"#;
    let second = r#"{"pagination":{"nextPageKey":null},"result":[{"ticketId":"B"}]}"#;
    wallet.model.add_pages(DEFAULT_ORGANIZER, vec![first.into(), second.into()]).expect("added");
    wallet.change("after", "INJECTED");
    let (before, key, more) = wallet.page(10, None);
    assert_eq!((before, more), (vec!["before:INJECTED".to_owned()], true), "a page ends before a loaded one");
    let body =
        |wallet: &mut super::support::Wallet, key: &str| wallet.reply(&diff(1, Some(key))).expect("an answer").1.body;
    assert_eq!(body(&mut wallet, &key.expect("a key")), first, "whatever the limit");
    assert_eq!(body(&mut wallet, "ключ 1+/= "), second);
    assert_eq!(body(&mut wallet, "ключ 1+/= "), second, "as often as it is asked for");
    assert_eq!(wallet.diff(1, Some("ключ 1+/=")).0, 400, "trimmed");
    let again = wallet.model.add_pages(DEFAULT_ORGANIZER, vec![first.into()]);
    assert!(again.is_err_and(|error| error.to_string().contains("ключ 1+/=")), "a key stands for one place");
    assert!(wallet.model.add_pages(DEFAULT_ORGANIZER, vec!["[]".into()]).is_err());
    assert!(wallet.model.add_pages(DEFAULT_ORGANIZER, vec!["{".into()]).is_err());
}

#[test]
fn a_loaded_page_with_a_key_leads_on_to_the_changes_after_it() {
    let mut wallet = wallet();
    let page = json!({"pagination": {"nextPageKey": "k"}, "result": "no list"}).to_string();
    wallet.model.add_pages(DEFAULT_ORGANIZER, vec![page.into()]).expect("added");
    wallet.change("after", "INJECTED");
    assert_eq!(wallet.diff(1, None).1["result"], "no list");
    assert_eq!(wallet.page(1, Some("k")).0, ["after:INJECTED"]);
}

#[test]
fn calls_in_flight_are_counted_per_organizer() {
    let mut wallet = wallet();
    wallet.model.add_changes("OTHER", &[json!({})]).expect("added");
    let (ours, others) = (diff(1, None), diff(1, None).with_api_key("sandbox-only:OTHER"));
    for call in [&ours, &others] {
        wallet.acts(call);
    }
    assert_eq!(wallet.model.stats().most_in_flight, 1, "two organizers");
    wallet.model.ended(&ours);
    wallet.acts(&ours);
    assert_eq!(wallet.model.stats().organizers["DEMO"].most_in_flight, 1, "one after the other");
    wallet.acts(&ours);
    let stats = wallet.model.stats();
    assert_eq!((stats.organizers["DEMO"].most_in_flight, stats.organizers["DEMO"].in_flight), (2, 2));
    assert_eq!((stats.most_in_flight, stats.organizers["OTHER"].most_in_flight), (2, 1));
}

#[test]
fn requests_and_items_are_counted() {
    let mut wallet = wallet();
    for number in 0..5 {
        wallet.change(&format!("T{number}"), "INJECTED");
    }
    wallet.diff(3, None);
    wallet.diff(2, None);
    wallet.diff(0, None);
    wallet.call(&call_diff("?limit=1"));
    let stats = serde_json::to_value(wallet.model.stats()).expect("JSON");
    assert_eq!(stats["operations"]["diff"], json!({"requests": 3, "items": 5, "largest_batch": 3, "rows": 5}));
    assert_eq!(stats["operations"]["none"]["requests"], 1);
    assert_eq!(stats["answers"], json!({"200": 2, "400": 1, "401": 1}));
    assert_eq!((&stats["tickets"], &stats["changes"]), (&json!(5), &json!(5)));
    assert_eq!(stats["organizers"]["DEMO"]["requests"], 3);
}

#[test]
fn the_dump_shows_every_ticket_as_it_is_now() {
    let mut wallet = wallet();
    for ticket in ["A", "B", "A"] {
        wallet.change(ticket, STATUSES[0]);
    }
    let ids = |items: Vec<Value>| items.iter().map(|item| item["ticketId"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(wallet.model.dump_items(DEFAULT_ORGANIZER, 0, 10).expect("items")), ["B", "A"]);
    assert_eq!(ids(wallet.model.dump_items(DEFAULT_ORGANIZER, 1, 1).expect("items")), ["A"]);
    assert!(wallet.model.dump_items("NOBODY", 0, 1).is_err());
}
