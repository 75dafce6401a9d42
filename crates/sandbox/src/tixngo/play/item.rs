//! How TIXNGO writes a ticket, and the dirt that real data has.

use bytes::Bytes;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::life::{Change, Life};
use super::people::{COUNTRIES, LANGUAGES, People};
use crate::clock::Millis;
use crate::text::rfc3339;

/// The item of a ticket as it is since its change; with a seed of dirt some of its fields are dirty.
pub(super) fn write(life: &Life, people: &People, change: &Change) -> Bytes {
    let mut item = json!({
        "ticketId": life.ticket_id,
        "taxNumber": life.tax_number,
        "eventId": "PERF-77",
        "status": life.status,
        "updatedAt": rfc3339(change.at),
        "spectatorDetails": spectator(people, life.owner),
        "holder": life.holder.map(holder),
        "transfer": life.transfer.map(|(sender, recipient, begin)| json!({
            "senderEmail": people.email(sender),
            "recipientEmail": people.email(recipient),
            "initiatedAt": rfc3339(begin),
        })),
        "activation": {"method": null, "beaconName": life.beacon},
        "deletion": life.deletion_reason.map(|reason| json!({"reason": reason})),
        "extraInfo": life.extra_info.map(|step| json!({"extraInfo1": format!("step {step}"), "extraInfo12": "none"})),
    });
    if life.is_v4 {
        write_v4(&mut item, life, people);
    }
    if let Some(seed) = change.dirt {
        soil(&mut item, &mut ChaCha8Rng::seed_from_u64(seed));
    }
    item.to_string().into()
}

fn spectator(people: &People, person: usize) -> Value {
    let mut details = json!({
        "title": if person.is_multiple_of(2) { json!("MR") } else { json!(null) },
        "firstName": People::first_name(person),
        "lastName": People::last_name(person),
        "dateOfBirth": format!("19{:02}-02-28", 50 + person % 50),
        "email": people.email(person),
        "nationality": COUNTRIES[person % COUNTRIES.len()],
        "idCardNumber": null,
        "phoneNumber": format!("+4179{person:07}"),
        "residenceCountry": COUNTRIES[person % COUNTRIES.len()],
        "language": LANGUAGES[person % LANGUAGES.len()],
    });
    // Consents: both, one, or not a word.
    match person % 3 {
        0 => details["organizerSpectatorPreference"] = json!({"allowPromoEmail": true, "allowThirdPartyEmail": false}),
        1 => details["organizerSpectatorPreference"] = json!({"allowPromoEmail": person.is_multiple_of(2)}),
        _ => {}
    }
    // Some never said their last name.
    if person % 11 == 10 {
        details["lastName"] = json!(null);
    }
    details
}

fn holder(person: usize) -> Value {
    json!({
        "firstName": People::first_name(person),
        "lastName": People::last_name(person),
        "dateOfBirth": null,
        "nationality": COUNTRIES[person % COUNTRIES.len()],
        "passportNumber": format!("P{person:06}"),
    })
}

/// V4 has five statuses and tells the rest by instants and the former owner.
fn write_v4(item: &mut Value, life: &Life, people: &People) {
    let status = match life.status {
        "INJECTED" => "NOT_DOWNLOADED",
        "PENDING_TRANSFER" | "DELETION_PENDING" | "DELETED" => life.status,
        _ => "DOWNLOADED",
    };
    let attributes = &life.attributes;
    let instant = |at: Option<Millis>| at.map(rfc3339);
    item["model"] = json!("V4");
    item["status"] = json!(status);
    item["previousOwnerEmail"] = json!(life.former.last().map(|person| people.email(*person)));
    item["attributes"] = json!({
        "injectedAt": instant(attributes.injected),
        "deliveredAt": instant(attributes.delivered),
        "assignedAt": instant(attributes.assigned),
        "activatedAt": instant(attributes.activated),
        "controlledAt": instant(attributes.controlled),
    });
}

/// Makes one to three fields dirty: values that must be cleaned, and values that must be dropped.
fn soil(item: &mut Value, dice: &mut dyn Rng) {
    for _ in 0..dice.random_range(1..=3) {
        let owner = &mut item["spectatorDetails"];
        match dice.random_range(0..14) {
            0 => owner["firstName"] = json!("  Gus\t"),
            1 => owner["lastName"] = json!("Y".repeat(130)),
            2 => owner["dateOfBirth"] = json!("31/12/1980"),
            3 => owner["dateOfBirth"] = json!("1990-02-30T00:00:00Z"),
            4 => owner["nationality"] = json!("Switzerland"),
            5 => owner["residenceCountry"] = json!("fr"),
            6 => owner["language"] = json!("DE-ch"),
            7 => owner["idCardNumber"] = json!(12_345),
            8 => owner["phoneNumber"] = json!("   "),
            9 => {
                owner["organizerSpectatorPreference"] = json!({"allowPromoEmail": "yes", "allowThirdPartyEmail": null});
            }
            10 => {
                let email = owner["email"].as_str().map(|email| format!(" {} ", email.to_uppercase()));
                owner["email"] = json!(email);
            }
            11 => item["extraInfo"] = json!({"extraInfo1": "  ", "extraInfo2": 5, "extraInfo10": "ten"}),
            12 => {
                let instant = item["updatedAt"].as_str().map(|at| at.replace('Z', "000+00:00"));
                item["updatedAt"] = json!(instant);
            }
            _ => item["vendorNews"] = json!({"deep": [1, 2, {"er": null}]}),
        }
    }
}
