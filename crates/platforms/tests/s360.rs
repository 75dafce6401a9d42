//! S-360: every call and body, and what every sort of answer is.

mod common;
mod mobile;

use common::shown;
use mobile::samples;
use ticketbridge_core::mobile::{Party, Write, WriteKind};
use ticketbridge_platforms::s360::{
    EncodeError, LookUp, MAX_CONTACTS, MAX_TARGET, MAX_TICKETS, MAX_WRITES, write_call,
};

#[test]
fn look_ups_encode_each_value_on_its_own() {
    let ids: &[&str] = &["9000000100", "a,b", "c d+e&f=g%", "é"];
    let emails: &[&str] = &["ann@example.org", "bo+x@example.org"];
    let calls = [
        LookUp::Tickets(ids),
        LookUp::ContactsByEmail(emails),
        LookUp::ContactsByRequestRef(&["tng:1", "tng:2"]),
        LookUp::Distributions(&["T1"]),
    ];
    let calls = calls.map(|look_up| shown(&look_up.call()));
    insta::assert_snapshot!(calls.join("\n"));
}

#[test]
fn look_ups_are_cut_into_parts_that_fit() {
    let ids: Vec<String> = (0..2500).map(|number| format!("90000{number:05}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let sizes = |look_up: LookUp<'_>| {
        assert!(look_up.parts().all(|part| part.call().target.len() <= MAX_TARGET));
        let asked: Vec<&str> = look_up.parts().flat_map(|part| part.values()).copied().collect();
        assert_eq!(asked, look_up.values(), "each once, in order");
        look_up.parts().map(|part| part.values().len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes(LookUp::Tickets(&ids)), [MAX_TICKETS, MAX_TICKETS, 500]);
    assert_eq!(sizes(LookUp::Distributions(&ids[..1000])), [1000]);
    assert_eq!(sizes(LookUp::ContactsByRequestRef(&ids[..401])), [MAX_CONTACTS, MAX_CONTACTS, 1]);
    assert_eq!(sizes(LookUp::Tickets(&[])), [0; 0]);
    let long = "🎟".repeat(256);
    assert_eq!(sizes(LookUp::Tickets(&[&*long; 12])), [5, 5, 2]);
    let endless = "x".repeat(MAX_TARGET + 1);
    let alone: Vec<_> = LookUp::Tickets(&["a", &endless, "b"]).parts().map(|part| part.values().len()).collect();
    assert_eq!(alone, [1, 1, 1], "what does not fit travels alone and is not lost");
    assert!(!format!("{:?}", LookUp::ContactsByEmail(&["ann@example.org"])).contains("ann"));
}

#[test]
fn each_kind_of_write_has_its_call() {
    samples(|writes| {
        for kind in mobile::KINDS {
            let writes: Vec<&Write<'_>> = writes.iter().filter(|write| write.kind() == kind).collect();
            let call = write_call(kind, &writes).expect("a call");
            insta::assert_snapshot!(format!("write_{kind:?}"), shown(&call));
        }
    });
}

#[test]
fn writes_that_do_not_belong_together_are_no_call() {
    samples(|writes| {
        let of = |kind: WriteKind| writes.iter().find(|write| write.kind() == kind).expect("a sample");
        let create = of(WriteKind::CreateContact);
        let kind = WriteKind::CreateContact;
        assert_eq!(write_call(kind, &[]), Err(EncodeError::Count { kind, count: 0 }));
        let update = of(WriteKind::UpdateContact);
        let mixed = write_call(kind, &[create, update]);
        assert_eq!(mixed, Err(EncodeError::Mixed { kind, found: WriteKind::UpdateContact }));
        assert_eq!(write_call(kind, &[create, create]), Err(EncodeError::SameContactTwice(kind)));
        let many = vec![update; MAX_WRITES + 1];
        let kind = WriteKind::UpdateContact;
        assert!(write_call(kind, &many[..MAX_WRITES]).is_ok(), "the same contact twice is no harm");
        assert_eq!(write_call(kind, &many), Err(EncodeError::Count { kind, count: MAX_WRITES + 1 }));
        let early = Write::SetCulturalContact(ticketbridge_core::mobile::SetCulturalContact {
            ticket_id: "T1",
            contact_number: Party::Created,
        });
        let known = of(WriteKind::SetCulturalContact);
        let error = write_call(WriteKind::SetCulturalContact, &[known, &early]).expect_err("no number yet");
        insta::assert_snapshot!(error, @"set cultural contact: write 2 can't be sent yet: the contact is not created yet; confirm the writes in their order");
    });
}
