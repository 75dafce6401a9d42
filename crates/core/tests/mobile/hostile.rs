//! Pages and items from anywhere: clear errors, no panic, no effect of order or unknown fields on what they mean.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use ticketbridge_core::mobile::{
    FailureCode, Item, MAX_KEY_BYTES, MAX_PAGE_BYTES, MAX_PAGE_ITEMS, Name, Page, PageError, Reading, SkipList,
};

use crate::world::{World, item, transfer, transferred, with};

fn fault(body: &str) -> PageError {
    Page::read(body.as_bytes()).expect_err("no page")
}

#[test]
fn result_must_be_an_array() {
    for body in ["{}", "[]", "null", "7", r#"{"result":null}"#, r#"{"result":{}}"#, r#"{"result":"x"}"#] {
        assert_eq!(fault(body), PageError::NoResult, "{body}");
    }
}

#[test]
fn pagination_is_an_object_or_null_and_its_key_a_text_or_null() {
    for pagination in ["[]", "1", "\"k\"", "true"] {
        assert_eq!(fault(&format!(r#"{{"result":[],"pagination":{pagination}}}"#)), PageError::BadPagination);
    }
    let long = format!("\"{}\"", "k".repeat(MAX_KEY_BYTES + 1));
    for key in ["1", "true", "{}", r#""\ud800""#, &long] {
        let body = format!(r#"{{"result":[],"pagination":{{"nextPageKey":{key}}}}}"#);
        assert_eq!(fault(&body), PageError::BadNextKey);
    }
    let body = r#"{"result":[],"pagination":{"limit":"x","hasMore":7}}"#;
    assert_eq!(Page::read(body.as_bytes()).map(|page| page.next_key), Ok(None), "both are ignored");
}

#[test]
fn what_was_cut_or_is_html_or_no_utf_8_is_told_apart() {
    assert!(matches!(fault(r#"{"result":[{"ticketId":"#), PageError::Cut { line: 1, .. }));
    assert!(matches!(fault(""), PageError::Cut { .. }));
    assert_eq!(fault("\n<!doctype html><p>busy"), PageError::Html);
    assert!(matches!(fault("{\"result\":[]} x"), PageError::NotJson { .. }));
    assert!(matches!(fault("{\n\"result\":[,]}"), PageError::NotJson { line: 2, .. }));
    assert_eq!(Page::read(b"{\"result\":[\"\xff\"]}"), Err(PageError::NotUtf8(12)));
}

#[test]
fn a_member_twice_is_an_error_rather_than_a_choice() {
    assert_eq!(fault(r#"{"result":[1],"result":[]}"#), PageError::Repeated("result"));
    assert_eq!(fault(r#"{"pagination":{},"result":[],"pagination":{}}"#), PageError::Repeated("pagination"));
}

#[test]
fn sizes_are_limited() {
    let many = |count| format!(r#"{{"result":[{}]}}"#, vec!["0"; count].join(","));
    assert_eq!(Page::read(many(MAX_PAGE_ITEMS).as_bytes()).map(|page| page.items.len()), Ok(MAX_PAGE_ITEMS));
    assert_eq!(fault(&many(MAX_PAGE_ITEMS + 1)), PageError::TooManyItems);
    assert_eq!(Page::read(&vec![b' '; MAX_PAGE_BYTES + 1]), Err(PageError::TooLarge(MAX_PAGE_BYTES + 1)));
}

#[test]
fn depth_is_passed_over_where_it_is_unknown_and_dropped_where_it_is_known() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(
        r#"{{"x":{deep},"result":[{{"ticketId":"T1","status":"ASSIGNED","control":{deep},"holder":{deep},
        "updatedAt":"2026-05-04T08:00:00Z","spectatorDetails":{{"email":{deep},"firstName":"Ann"}}}}]}}"#
    );
    let page = Page::read(body.as_bytes()).expect("a page");
    let Reading::Item(item) = Item::read(page.items[0], &SkipList::default()) else { panic!("not read") };
    assert_eq!(item.mobile.beneficiary, None);
    let owner = item.mobile.owner.as_ref().expect("an owner");
    assert_eq!(owner.first_name.as_ref().map(Name::as_str), Some("Ann"));
    assert_eq!(item.warnings.len(), 2);
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert!(Page::read("\u{feff}{\"result\":[]}".as_bytes()).is_ok());
}

#[test]
fn errors_and_debug_output_show_no_personal_data() {
    let body = r#"{"result":"ann@example.org"}"#;
    assert!(!fault(body).to_string().contains("ann"));
    let item = with(
        transferred(1, "bo@example.org", 1),
        "holder",
        json!({"firstName": "Guest",
        "passportNumber": "P1234567", "dateOfBirth": "1990-02-28"}),
    );
    let json = with(item, "extraInfo", json!({"extraInfo1": "secret"})).to_string();
    let shown = format!("{:?}", Item::read(&json, &SkipList::default()));
    for text in ["bo@", "ann@", "Guest", "P1234", "1990", "secret", "\"Li\""] {
        assert!(!shown.contains(text), "{text} in {shown}");
    }
    assert!(shown.contains("b***@example.org"));
}

fn change_ref(item: &Value) -> String {
    change_ref_of(&item.to_string())
}

fn change_ref_of(json: &str) -> String {
    match Item::read(json, &SkipList::default()) {
        Reading::Item(item) => item.change_ref,
        other => panic!("{other:?}"),
    }
}

/// `value` as JSON with the members of all objects in reverse order and an unknown one added to each.
fn rewritten(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let turned = members.iter().rev().map(|(name, value)| format!("{}: {}", json!(name), rewritten(value)));
            let all: Vec<String> = turned.chain([String::from(r#""unknown": {"x": [1]}"#)]).collect();
            format!("{{ {} }}", all.join(" , "))
        }
        other => other.to_string(),
    }
}

#[test]
fn the_reference_does_not_depend_on_key_order_spaces_or_unknown_fields() {
    for item in [item("ASSIGNED", 1), transfer("PENDING", 1, "bo@example.org", 1), transferred(1, "bo@example.org", 1)]
    {
        let reference = change_ref(&item);
        assert!(reference.starts_with("tng:") && reference.len() == 68, "{reference}");
        assert_eq!(change_ref_of(&rewritten(&item)), reference);
        let same = with(with(item, "eventId", json!("other")), "legacyStatus", json!(["x"]));
        assert_eq!(change_ref(&same), reference);
    }
}

#[test]
fn the_reference_is_the_same_for_what_cleans_to_the_same() {
    let item = transferred(1, "bo@example.org", 1);
    let dirty = with(item.clone(), "updatedAt", json!(" 2026-05-04T10:01:00.0004+02:00"));
    let dirty = with(dirty, "taxNumber", json!("another"));
    assert_eq!(change_ref(&dirty), change_ref(&item));
}

#[test]
fn the_reference_differs_when_any_of_the_three_differs() {
    let base = transferred(1, "bo@example.org", 1);
    let mut all = vec![
        base.clone(),
        with(base.clone(), "ticketId", json!("T2")),
        with(base.clone(), "status", json!("PENDING")),
        with(base.clone(), "updatedAt", json!("2026-05-04T08:01:00.001Z")),
        with(base.clone(), "spectatorDetails", json!(null)),
        with(base.clone(), "holder", json!({"firstName": "Bo"})),
        with(base.clone(), "holder", json!({"lastName": "Bo"})),
        with(base.clone(), "activation", json!({"beaconName": "x"})),
        with(base.clone(), "deletion", json!({"reason": "x"})),
        with(base.clone(), "extraInfo", json!({"extraInfo1": "x"})),
        with(base.clone(), "extraInfo", json!({"extraInfo10": "x"})),
        with(base.clone(), "transfer", json!(null)),
    ];
    for (name, value) in [
        ("senderEmail", json!("x@example.org")),
        ("recipientEmail", json!("x@example.org")),
        ("initiatedAt", json!(null)),
    ] {
        let mut other = base.clone();
        other["transfer"][name] = value;
        all.push(other);
    }
    for (name, value) in [
        ("title", json!("MR")),
        ("firstName", json!("B")),
        ("phoneNumber", json!("1")),
        ("organizerSpectatorPreference", json!({"allowPromoEmail": true})),
        ("organizerSpectatorPreference", json!({"allowPromoEmail": false})),
        ("organizerSpectatorPreference", json!({"allowThirdPartyEmail": false})),
    ] {
        let mut other = base.clone();
        other["spectatorDetails"][name] = value;
        all.push(other);
    }
    let references: std::collections::HashSet<String> = all.iter().map(change_ref).collect();
    assert_eq!(references.len(), all.len());
}

#[test]
fn what_is_under_the_reference_has_sorted_keys_and_no_spaces() {
    let json = with(transferred(1, "bo@example.org", 1), "extraInfo", json!({"extraInfo2": "b", "extraInfo10": "j"}));
    let json = with(json, "holder", json!({"firstName": "G"})).to_string();
    let Reading::Item(item) = Item::read(&json, &SkipList::default()) else { panic!("not read") };
    for text in
        [serde_json::to_string(&item.mobile).expect("JSON"), serde_json::to_string(&item.transfer).expect("JSON")]
    {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(sorted(&value), text);
    }
}

fn sorted(value: &Value) -> String {
    let Value::Object(members) = value else { return value.to_string() };
    let ordered: std::collections::BTreeMap<&String, String> =
        members.iter().map(|(name, value)| (name, sorted(value))).collect();
    let members: Vec<String> = ordered.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ A-Za-z0-9@.:TZ+-]{0,24}".prop_map(Value::from),
        Just(json!("TRANSFERRED")),
        Just(json!("2026-05-04T08:00:00Z")),
        Just(json!("bo@example.org")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "ticketId",
        "taxNumber",
        "status",
        "updatedAt",
        "spectatorDetails",
        "holder",
        "transfer",
        "activation",
        "deletion",
        "extraInfo",
        "model",
        "attributes",
        "previousOwnerEmail",
        "email",
        "firstName",
        "recipientEmail",
        "result",
        "pagination",
        "nextPageKey",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_a_page_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _page = Page::read(&bytes);
    }

    #[test]
    fn any_json_is_a_page_or_an_error(value in any_json(), cut in 0_usize..400) {
        let text = value.to_string();
        if let Ok(page) = Page::read(text.as_bytes()) {
            prop_assert_eq!(page.items.len(), value["result"].as_array().map_or(usize::MAX, Vec::len));
        }
        let _cut = Page::read(&text.as_bytes()[..cut.min(text.len())]);
    }

    #[test]
    fn any_json_is_applied_or_refused(value in any_json(), extra in any_json()) {
        let mut world = World::new();
        world.apply(&value);
        let mut near = transferred(1, "bo@example.org", 1);
        if let (Some(near), Some(members)) = (near.as_object_mut(), value.as_object()) {
            near.extend(members.clone());
        }
        near["extraInfo"] = extra;
        world.apply(&near);
        prop_assert_eq!(world.office.refusals, Vec::<String>::new(), "everything written is clean");
    }

    #[test]
    fn any_text_is_read(text in ".{0,80}") {
        let reading = Item::read(&text, &SkipList::default());
        prop_assert_eq!(reading, Reading::Failed { ticket_id: None, code: FailureCode::BadItem });
    }
}
