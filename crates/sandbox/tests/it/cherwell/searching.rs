//! Checklist 7 and 8: filters, order, pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use ticketbridge_sandbox::cherwell::{CherwellSettings, OperatorAct, PageMode};

use super::support::{Cherwell, INCIDENT, rows, text, value};

const REC_ID: &str = "fa03d51b709e4a6eb2d52885b2ef7e04";

fn ids(results: &Value) -> Vec<String> {
    rows(results).iter().map(|row| text(&row["busObRecId"])).collect()
}

fn many(site: &mut Cherwell, count: usize) {
    let names: Vec<_> = (0..count).map(|number| format!("{number:03}")).collect();
    site.create(&names.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn one_field_is_or_and_several_are_and() {
    let mut site = Cherwell::new();
    site.create(&["a", "b", "c"]);
    site.model.operate(site.now, "102329", &OperatorAct::Resolve {}).expect("resolved");
    let a_or_b = [("DedupeKey", "eq", "KEY|a"), ("DedupeKey", "eq", "key|B")];
    assert_eq!(site.found(&a_or_b), ["KEY|a", "KEY|b"]);
    let open = [a_or_b[0], a_or_b[1], ("Status", "eq", "New"), ("Status", "eq", "Assigned")];
    assert_eq!(site.found(&open), ["KEY|a"]);
    assert_eq!(site.found(&[("TicketKind", "eq", "snr"), ("Status", "eq", "resolved")]), ["KEY|b"]);
    assert_eq!(site.found(&[("DedupeKey", "eq", "KEY")]), Vec::<String>::new());
    assert_eq!(site.found(&[("WorkOrderNumber", "eq", "")]).len(), 3, "an empty field equals nothing");
}

#[test]
fn there_are_five_operators_and_no_others() {
    let mut site = Cherwell::new();
    site.create(&["a", "b", "c"]);
    assert_eq!(site.found(&[("DedupeKey", "contains", "Y|B")]), ["KEY|b"]);
    assert_eq!(site.found(&[("DedupeKey", "StartsWith", "key")]).len(), 3);
    assert_eq!(site.found(&[("DedupeKey", "gt", "KEY|a")]), ["KEY|b", "KEY|c"]);
    assert_eq!(site.found(&[("DedupeKey", "lt", "KEY|b")]), ["KEY|a"]);
    let range = [("DedupeKey", "gt", "KEY|b"), ("DedupeKey", "lt", "KEY|b")];
    assert_eq!(site.found(&range), ["KEY|a", "KEY|c"], "a range cannot be said");
    assert_eq!(site.found(&[("CreatedDateTime", "gt", "11/21/2026 9:31:38 AM")]).len(), 3);
    assert_eq!(site.found(&[("CreatedDateTime", "eq", "11/21/2026 9:31:39 AM")]).len(), 3);
    assert_eq!(site.found(&[("CreatedDateTime", "lt", "11/21/2026 9:31:39 AM")]).len(), 0);
    for operator in ["ne", "", "neq", "gte", "in", "="] {
        let (status, refused) = site.search(&[("DedupeKey", operator, "x")], &json!({}));
        assert_eq!((status, &refused["errorCode"]), (400, &json!("BADREQUEST")), "{operator}");
    }
    let unknown = json!({"busObId": INCIDENT, "filters": [{"fieldId": "93ff", "operator": "eq", "value": "x"}]});
    let (status, refused) = site.post("getsearchresults", &unknown);
    assert_eq!((status, &refused["errorCode"]), (500, &json!("GENERALFAILURE")));
    assert_eq!(site.search(&[("CreatedDateTime", "gt", "yesterday")], &json!({})).0, 400);
}

#[test]
fn an_entry_with_nothing_in_it_says_nothing() {
    let mut site = Cherwell::new();
    site.create(&["a", "b", "c"]);
    let nothing = json!({"busObId": INCIDENT, "filters": [{"fieldId": "", "operator": "", "value": ""}, {}],
        "sorting": [{"fieldId": "", "sortDirection": 0}], "fields": "", "includeAllFields": "true"});
    let (status, results) = site.post("getsearchresults", &nothing);
    assert_eq!((status, ids(&results).len()), (200, 3));
    for half in
        [json!({"fieldId": "", "operator": "eq", "value": "x"}), json!({"value": "x"}), json!({"fieldId": ["x"]})]
    {
        let request = json!({"busObId": INCIDENT, "filters": [half]});
        assert_eq!(site.post("getsearchresults", &request).0, 500, "{request}");
    }
    let request = json!({"busObId": INCIDENT, "sorting": [{"fieldId": ["x"], "sortDirection": 1}]});
    assert_eq!(site.post("getsearchresults", &request).0, 500);
}

#[test]
fn filters_by_record_id_and_public_id_work_as_any() {
    let mut site = Cherwell::new();
    let (one, other) = (site.create_one("a"), site.create_one("b"));
    assert_eq!(site.found(&[("RecID", "eq", &one.0)]), ["KEY|a"]);
    assert_eq!(site.found(&[("IncidentID", "eq", &other.1)]), ["KEY|b"]);
    assert_eq!(site.search(&[], &json!({"searchText": "tITLE b"})).1["totalRows"], 1);
}

#[test]
fn rows_without_a_sort_have_no_stable_order() {
    let mut site = Cherwell::new();
    many(&mut site, 30);
    let (_, one) = site.search(&[], &json!({}));
    let (_, other) = site.search(&[], &json!({}));
    assert_ne!(ids(&one), ids(&other));
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(ids(&one)), sorted(ids(&other)));
}

#[test]
fn one_sorts_upwards_and_zero_downwards() {
    let mut site = Cherwell::new();
    many(&mut site, 30);
    let sort = |site: &mut Cherwell, field: &str, direction: i64| {
        let sorting = json!([{"fieldId": site.field(INCIDENT, field), "sortDirection": direction}]);
        site.search(&[], &json!({"sorting": sorting})).1
    };
    let up = ids(&sort(&mut site, "RecID", 1));
    assert!(up.is_sorted());
    let mut down = ids(&sort(&mut site, "RecID", 0));
    down.reverse();
    assert_eq!(up, down);
    let by_key = sort(&mut site, "DedupeKey", 0);
    let keys: Vec<_> = rows(&by_key).iter().map(|row| value(row, "DedupeKey")).collect();
    assert!(keys.iter().rev().is_sorted(), "{keys:?}");
    assert_ne!(up, ids(&by_key));
    for direction in [0, 1] {
        let sorting = json!([
            {"fieldId": site.field(INCIDENT, "TicketKind"), "sortDirection": direction},
            {"fieldId": site.field(INCIDENT, "DedupeKey"), "sortDirection": 1},
        ]);
        let (_, both) = site.search(&[], &json!({"sorting": sorting}));
        assert_eq!(
            value(&rows(&both)[0], "DedupeKey"),
            "KEY|000",
            "the second field orders what the first leaves equal"
        );
    }
}

#[test]
fn in_row_mode_the_page_number_is_the_first_row() {
    let mut site = Cherwell::new();
    many(&mut site, 25);
    let sorting = json!([{"fieldId": REC_ID, "sortDirection": 1}]);
    let page = |site: &mut Cherwell, number: Value, size: usize| {
        site.search(&[], &json!({"pageNumber": number, "pageSize": size, "sorting": sorting})).1
    };
    let all = ids(&page(&mut site, json!(1), 100));
    for start in [json!(0), json!(1), Value::Null, json!("1")] {
        assert_eq!(ids(&page(&mut site, start, 10)), all[..10]);
    }
    assert_eq!(ids(&page(&mut site, json!(2), 10)), all[1..11], "the second row, not the second page");
    let last = page(&mut site, json!(21), 10);
    assert_eq!(
        (ids(&last), &last["totalRows"], &last["hasMoreRecords"]),
        (all[20..].to_vec(), &json!(25), &json!(false))
    );
    assert_eq!(page(&mut site, json!(11), 10)["hasMoreRecords"], true);
    assert_eq!(rows(&page(&mut site, json!(26), 10)).len(), 0);
}

#[test]
fn in_page_mode_the_page_number_counts_pages() {
    let settings = CherwellSettings { page_mode: PageMode::Page, ..CherwellSettings::default() };
    let mut site = Cherwell::with(1, settings);
    many(&mut site, 25);
    let sorting = json!([{"fieldId": REC_ID, "sortDirection": 1}]);
    let mut seen = Vec::new();
    for number in 1..=3 {
        let (_, page) = site.search(&[], &json!({"pageNumber": number, "pageSize": 10, "sorting": sorting}));
        assert!(page.get("hasMoreRecords").is_none(), "older versions lack it");
        seen.extend(ids(&page));
    }
    assert_eq!(seen.len(), 25);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 25);
    let (_, info) = site.get("/api/V1/serviceinfo");
    assert_eq!(info["apiVersion"], "9.3.2");
}

#[test]
fn a_page_has_at_most_so_many_rows() {
    let settings = CherwellSettings { max_page_size: 7, ..CherwellSettings::default() };
    let mut site = Cherwell::with(1, settings);
    many(&mut site, 25);
    for size in [json!(1_000), json!(8), json!(i64::MAX), json!("9")] {
        assert_eq!(rows(&site.search(&[], &json!({"pageSize": size})).1).len(), 7);
    }
    assert_eq!(rows(&site.search(&[], &json!({"pageSize": 0})).1).len(), 7);
    assert_eq!(rows(&site.search(&[], &json!({"pageSize": -5, "pageNumber": i64::MIN})).1).len(), 7);
    assert_eq!(rows(&site.search(&[], &json!({"pageNumber": i64::MAX})).1).len(), 0);
}

#[test]
fn an_answer_has_the_fields_that_were_asked_for() {
    let mut site = Cherwell::new();
    site.create(&["a"]);
    let names = |results: &Value| -> Vec<String> {
        rows(results)[0]["fields"].as_array().expect("fields").iter().map(|field| text(&field["name"])).collect()
    };
    let key = site.field(INCIDENT, "DedupeKey");
    let (_, some) = site.search(
        &[],
        &json!({"includeAllFields": false, "fields": [key, "BO:x,FI:93ff", "5eb3234ae1344c64a19819eda437f18d"]}),
    );
    assert_eq!(names(&some), ["DedupeKey", "Status"], "what is unknown is dropped");
    let (_, usual) = site.search(&[], &json!({"includeAllFields": null}));
    assert!(names(&usual).contains(&"IncidentID".to_owned()));
    let (_, all) = site.search(&[], &json!({"includeAllFields": "True", "includeSchema": true}));
    assert!(names(&all).len() > 15);
    assert!(rows(&all)[0]["fields"].as_array().expect("fields").iter().all(|field| field["value"].is_string()));
    assert_eq!(all["searchResultsFields"].as_array().map(Vec::len), Some(names(&all).len()));
    assert_eq!((&all["links"], &all["hasPrompts"], &all["simpleResults"]), (&json!([]), &json!(false), &Value::Null));
    for body in [json!({"busObId": ""}), json!({"busObId": INCIDENT, "searchName": "x"})] {
        assert_eq!(site.post("getsearchresults", &body).1["errorCode"], "SEARCHNOTFOUND");
    }
}

#[test]
fn a_changed_value_is_found_and_the_old_one_not() {
    let mut site = Cherwell::new();
    let ticket = site.create_one("a");
    site.update(&ticket.0, &[("DedupeKey", "KEY|new")]);
    assert_eq!(site.found(&[("DedupeKey", "eq", "KEY|a")]), Vec::<String>::new());
    assert_eq!(site.found(&[("DedupeKey", "eq", "KEY|NEW")]), ["KEY|new"]);
    site.model.operate(site.now, &ticket.1, &OperatorAct::Delete {}).expect("deleted");
    assert_eq!(site.found(&[]), Vec::<String>::new());
}

#[test]
fn twenty_thousand_tickets_are_saved_and_found_by_five_hundred_keys_at_a_time() {
    let mut site = Cherwell::new();
    for batch in 0..400 {
        let names: Vec<_> = (0..50).map(|number| format!("{:05}", batch * 50 + number)).collect();
        let item = |name: &String| {
            json!({"busObId": INCIDENT, "fields": [
                {"dirty": true, "fieldId": "94aa", "name": "x", "value": name},
                {"dirty": true, "name": "DedupeKey", "value": format!("KEY|{name}")},
            ]})
        };
        let mut items: Vec<_> = names.iter().map(item).collect();
        for item in &mut items {
            item["fields"].as_array_mut().expect("fields").remove(0);
        }
        site.post("savebusinessobjectbatch", &json!({"saveRequests": items}));
    }
    assert_eq!(site.stats().tickets, 20_000);
    let key = site.field(INCIDENT, "DedupeKey");
    for start in (0..20_000).step_by(500) {
        let filters: Vec<_> = (start..start + 500)
            .map(|number| json!({"fieldId": key, "operator": "eq", "value": format!("KEY|{number:05}")}))
            .collect();
        let body = json!({"busObId": INCIDENT, "fields": [key], "filters": filters, "pageSize": 1000});
        let (_, results) = site.post("getsearchresults", &body);
        assert_eq!((results["totalRows"].clone(), rows(&results).len()), (json!(500), 500));
    }
    let mut seen = BTreeSet::new();
    let sorting = json!([{"fieldId": REC_ID, "sortDirection": 1}]);
    while seen.len() < 20_000 {
        let more =
            json!({"pageNumber": seen.len() + 1, "sorting": sorting, "includeAllFields": false, "fields": [REC_ID]});
        let (_, page) = site.search(&[("Status", "eq", "New"), ("TicketKind", "eq", "")], &more);
        assert_eq!((rows(&page).len(), &page["totalRows"]), (1_000, &json!(20_000)));
        seen.extend(ids(&page));
    }
    let reads = &site.stats().traffic.operations["search"];
    assert_eq!((reads.requests, reads.items, reads.rows), (60, 20_000, 40_000));
}
