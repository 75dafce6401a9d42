//! The worked sample of the TIXNGO contract, as far as the stand-ins are concerned.

use serde_json::{Value, json};
use ticketbridge_sandbox::s360::Form;
use ticketbridge_sandbox::tixngo::DEFAULT_ORGANIZER;

use super::support::{box_office, contact, diff, mobile, row, wallet};

const PAGE_1: &str = include_str!("../../../../core/tests/mobile/data/page-1.json");
const PAGE_2: &str = include_str!("../../../../core/tests/mobile/data/page-2.json");
const BEFORE: &str = include_str!("../../../../core/tests/mobile/data/s360-before.json");
const AFTER: &str = include_str!("../../../../core/tests/mobile/data/s360-after.json");

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn its_pages_are_answered_byte_for_byte() {
    let mut wallet = wallet();
    wallet.model.add_pages(DEFAULT_ORGANIZER, vec![PAGE_1.into(), PAGE_2.into()]).expect("added");
    assert_eq!(wallet.reply(&diff(1_000, None)).expect("an answer").1.body, PAGE_1);
    let key = parsed(PAGE_1)["pagination"]["nextPageKey"].as_str().expect("a key").to_owned();
    assert_eq!(wallet.reply(&diff(1_000, Some(&key))).expect("an answer").1.body, PAGE_2);
    let key = parsed(PAGE_2)["pagination"]["nextPageKey"].as_str().expect("a key").to_owned();
    assert_eq!(wallet.diff(1_000, Some(&key)).1["result"], json!([]));
}

#[test]
fn its_state_is_loaded_and_dumped_in_its_own_form() {
    let mut office = box_office();
    office.model.replace(serde_json::from_str(BEFORE).expect("a state")).expect("loaded");
    let (before, after, dump) = (parsed(BEFORE), parsed(AFTER), office.dump(Form::Sample));
    assert_eq!((&dump["tickets"], &dump["distributions"]), (&before["tickets"], &before["distributions"]));
    assert_eq!((&dump["history"], dump["contacts"].as_array().map(Vec::len)), (&json!({}), Some(8)));

    // S03 by hand: a temporary contact with a pending row, then completed and confirmed.
    let made = office.write("/contacts", &[contact("ours", "bo@example.org")]).remove(0);
    let number = made["contactNumber"].as_str().expect("a number").to_owned();
    assert_eq!(number, "1009", "numbers go on after those that are there");
    let mut pending = row("tng:S03", "S03", "PENDING");
    pending["newContactNumber"] = json!(number);
    let expected = |list: &str, name: &str, value: &str| {
        after[list].as_array().expect("a list").iter().find(|row| row[name] == value).expect("the row").clone()
    };
    let contact = expected("contacts", "contactNumber", "new:bo@example.org");
    let mut update = contact.clone();
    for name in ["type", "role", "email", "hasInternetAccount"] {
        update.as_object_mut().expect("an object").remove(name);
    }
    update["contactNumber"] = json!(number);
    let ticket = expected("tickets", "ticketId", "S03");
    let mut confirmed = pending.clone();
    (confirmed["status"], confirmed["at"]) = (json!("CONFIRMED"), ticket["mobile"]["statusDate"].clone());
    let mut first = mobile("S03", "c1", "PENDING_TRANSFER");
    first["mobile"]["statusDate"] = after["history"]["S03"][0]["at"].clone();
    let second = json!({"ticketId": "S03", "changeRef": "c2", "mobile": ticket["mobile"]});
    for (target, item) in [
        ("/distributions", &pending),
        ("/tickets/mobile", &first),
        ("/contacts/update", &update),
        ("/distributions", &confirmed),
        ("/tickets/cultural-contact", &json!({"ticketId": "S03", "contactNumber": number})),
        ("/tickets/mobile", &second),
    ] {
        assert_eq!(office.code(target, item), "ok", "{item}");
    }
    let dump = office.dump(Form::Sample);
    assert_eq!(dump["tickets"][2], ticket);
    assert_eq!(dump["contacts"][8], contact);
    assert_eq!(dump["distributions"], json!([expected("distributions", "ticketId", "S03")]));
    assert_eq!(dump["history"]["S03"], after["history"]["S03"]);
}
