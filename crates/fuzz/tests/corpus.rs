//! The corpus is not idle: what honest platforms say is understood, so that mutations of it get somewhere.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use ticketbridge_engine::delivery::replay;
use ticketbridge_fuzz::{cherwell, s360, sfyc_look_ups, sfyc_writes};

fn file(target: &str, name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).join(name)).unwrap()
}

#[test]
fn honest_answers_to_writes_are_applied() {
    for operation in ["create_ticket", "add_note", "create_work_order", "link_work_order"] {
        let name = format!("honest-{operation}");
        assert_eq!(sfyc_writes::measure(&file("sfyc_writes", &name)), 3, "{operation}");
        assert_eq!(cherwell::measure(&file("cherwell", &name)), 2, "{operation}");
    }
}

#[test]
fn honest_look_ups_have_rows() {
    for question in ["open_tickets", "tickets", "notes", "work_orders", "health"] {
        let name = format!("honest-{question}");
        assert!(sfyc_look_ups::measure(&file("sfyc_look_ups", &name)) > 0, "{question}");
    }
    for question in ["open_tickets", "tickets", "work_orders", "health"] {
        assert!(cherwell::measure(&file("cherwell", &format!("honest-{question}"))) > 0, "{question}");
    }
    assert!(cherwell::measure(&file("cherwell", "learning-an-honest-site")) > 20);
}

#[test]
fn honest_answers_of_the_box_office_are_understood() {
    let all = [
        "create_contact",
        "update_contact",
        "upsert_distribution",
        "set_cultural_contact",
        "store_mobile",
        "tickets",
        "contacts",
        "distributions",
    ];
    for name in all {
        assert_eq!(s360::measure(&file("s360", &format!("honest-{name}"))), 3, "{name}");
    }
}

#[test]
fn an_honest_recording_is_replayed() {
    assert_eq!(replay(file("recording", "an-idle-service").as_slice()), Ok(4));
}
