//! Lives of tickets from a seed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use ticketbridge_sandbox::s360::S360Model;
use ticketbridge_sandbox::tixngo::play::{PlayError, PlaySettings, Played};
use ticketbridge_sandbox::tixngo::{DEFAULT_ORGANIZER, STATUSES};

use super::support::{Wallet, wallet};

fn play(wallet: &mut Wallet, settings: &PlaySettings) -> Played {
    wallet.model.play(DEFAULT_ORGANIZER, settings, |_| Ok(())).expect("played")
}

fn settings(seed: u32, tickets: usize, steps: usize) -> PlaySettings {
    PlaySettings::new(seed, tickets, steps)
}

/// Every change, one after the other: a play one step at a time, with a poll after each.
fn every_change(settings: &PlaySettings) -> (Vec<Value>, Vec<Played>) {
    let mut wallet = wallet();
    let start = play(&mut wallet, &PlaySettings { steps: 0, ..settings.clone() });
    let (_, first) = wallet.diff(10_000, None);
    let mut changes = first["result"].as_array().expect("a list").clone();
    let mut key = first["pagination"]["nextPageKey"].as_str().map(str::to_owned);
    let mut played = vec![start];
    for _ in 0..settings.steps {
        played.push(play(&mut wallet, &PlaySettings { tickets: 0, steps: 1, ..settings.clone() }));
        let (_, page) = wallet.diff(10_000, key.as_deref());
        changes.extend(page["result"].as_array().expect("a list").iter().cloned());
        key = page["pagination"]["nextPageKey"].as_str().map(str::to_owned);
    }
    (changes, played)
}

#[test]
fn the_same_seed_gives_the_same_lives_in_one_play_or_in_many() {
    let pages = |seed| {
        let mut wallet = wallet();
        play(&mut wallet, &settings(seed, 50, 400));
        wallet.diff(10_000, None).1["result"].to_string()
    };
    assert_eq!(pages(1), pages(1));
    assert_ne!(pages(1), pages(2));
    let mut parts = wallet();
    play(&mut parts, &settings(1, 50, 0));
    for _ in 0..4 {
        play(&mut parts, &settings(1, 0, 100));
    }
    assert_eq!(parts.diff(10_000, None).1["result"].to_string(), pages(1));
}

/// What may follow on what, as the contract's lifecycle has it.
fn may_follow(before: &str, after: &str) -> bool {
    let is_active = |status: &str| status.ends_with("ACTIVATED") && status != "DEACTIVATED";
    match before {
        "DELETED" | "CONTROLLED" => false,
        "DELETION_PENDING" => after == "DELETED",
        "INVALID" => after == "DELETION_PENDING",
        "PENDING_TRANSFER" | "PENDING" => {
            ["TRANSFERRED", "FAILURE", "FAILURE_TRANSFER", "PENDING", "PENDING_TRANSFER", "DELETION_PENDING"]
                .contains(&after)
        }
        _ if is_active(before) => ["CONTROLLED", "DEACTIVATED"].contains(&after),
        _ => {
            !["DELETED", "CONTROLLED", "TRANSFERRED", "FAILURE", "FAILURE_TRANSFER", "DEACTIVATED"].contains(&after)
                || before == after
        }
    }
}

#[test]
fn lives_are_valid_and_show_everything() {
    let wanted = PlaySettings { v4: 0.0, dirty: 0.0, ..settings(3, 120, 1_500) };
    let (changes, _) = every_change(&wanted);
    assert!(changes.len() > 1_000, "{}", changes.len());
    let mut last: BTreeMap<&str, &Value> = BTreeMap::new();
    let (mut seen, mut returned, mut owners) = (BTreeSet::new(), 0, BTreeMap::<&str, Vec<&str>>::new());
    let mut latest = String::new();
    for item in &changes {
        let (id, status) = (item["ticketId"].as_str().expect("an id"), item["status"].as_str().expect("a status"));
        let owner = item["spectatorDetails"]["email"].as_str().expect("an e-mail");
        assert!(item["updatedAt"].as_str().expect("an instant") > latest.as_str(), "each change is later");
        latest = item["updatedAt"].as_str().unwrap_or_default().to_owned();
        seen.insert(status);
        if let Some(before) = last.insert(id, item) {
            let was = before["status"].as_str().expect("a status");
            assert!(may_follow(was, status), "{id}: {was} -> {status}");
            let is_transferred = status == "TRANSFERRED" && was != "TRANSFERRED";
            assert_eq!(
                before["spectatorDetails"]["email"] != owner,
                is_transferred,
                "{id}: the sender owns it until then"
            );
            if is_transferred {
                assert_eq!(item["transfer"]["recipientEmail"], owner);
                assert!(item["holder"].is_null(), "whoever gets it names somebody anew");
            }
        } else {
            assert_eq!(status, "INJECTED");
        }
        let held = owners.entry(id).or_default();
        if held.last() != Some(&owner) {
            returned += usize::from(held.contains(&owner));
            held.push(owner);
        }
    }
    assert_eq!(seen, STATUSES.into_iter().collect(), "all 19 statuses");
    assert!(returned > 5, "tickets went back to somebody who had them: {returned}");
}

#[test]
fn v4_items_have_their_own_statuses_and_instants() {
    let (changes, _) = every_change(&PlaySettings { v4: 1.0, dirty: 0.0, ..settings(4, 40, 800) });
    let seen: BTreeSet<_> = changes.iter().filter_map(|item| item["status"].as_str()).collect();
    assert_eq!(
        seen,
        BTreeSet::from(["NOT_DOWNLOADED", "DOWNLOADED", "PENDING_TRANSFER", "DELETION_PENDING", "DELETED"])
    );
    assert!(changes.iter().all(|item| item["model"] == "V4" && item["attributes"]["injectedAt"].is_string()));
    for instant in ["deliveredAt", "assignedAt", "activatedAt", "controlledAt"] {
        assert!(changes.iter().any(|item| item["attributes"][instant].is_string()), "{instant}");
    }
    assert!(changes.iter().any(|item| item["status"] == "DOWNLOADED" && item["previousOwnerEmail"].is_string()));
}

#[test]
fn dirt_is_there_when_it_is_wanted() {
    let raw = |dirty: f64| {
        let mut wallet = wallet();
        play(&mut wallet, &PlaySettings { dirty, ..settings(5, 300, 0) });
        wallet.diff(10_000, None).1["result"].to_string()
    };
    let marks = ["31/12/1980", "Switzerland", "DE-ch", "\"yes\"", "vendorNews", "12345,"];
    let (clean, dirty) = (raw(0.0), raw(1.0));
    assert!(marks.iter().all(|mark| dirty.contains(mark) && !clean.contains(mark)));
}

#[test]
fn the_box_office_knows_every_ticket_and_its_buyer() {
    let mut wallet = wallet();
    let mut office = S360Model::new(10_000);
    let mut play = |settings: &PlaySettings| {
        wallet.model.play(DEFAULT_ORGANIZER, settings, |tickets| office.load(tickets)).expect("played")
    };
    let first = play(&settings(6, 100, 2_000));
    assert!(first.tickets > 100, "some are printed anew");
    assert_eq!(first.statuses.values().sum::<usize>(), first.tickets);
    let more = play(&settings(6, 20, 200));
    let other = play(&settings(7, 20, 0));
    let items = wallet.model.dump_items(DEFAULT_ORGANIZER, 0, 10_000).expect("items");
    assert_eq!(items.len(), first.tickets + more.tickets + other.tickets);
    for item in &items {
        let ticket = office.ticket(item["ticketId"].as_str().expect("an id")).expect("a ticket of the box office");
        assert_eq!(item["taxNumber"].as_str(), ticket.tax_number.as_deref());
        assert!(ticket.cultural_contact_number.as_deref().is_some_and(|number| office.contact(number).is_some()));
    }
    let contacts = office.contacts();
    assert!(contacts.iter().any(|contact| contact.has_internet_account));
    assert!(contacts.iter().any(|contact| contact.individual_firstname.as_deref() == Some("Pending")));
    assert!(contacts.iter().any(|contact| contact.email.as_deref().is_some_and(|email| email.starts_with(' '))));
}

#[test]
fn what_the_box_office_does_not_take_has_not_happened() {
    let mut wallet = wallet();
    play(&mut wallet, &settings(1, 10, 20));
    let before = (wallet.diff(10_000, None), wallet.model.stats().changes);
    let mut full = S360Model::new(5);
    let refused = wallet.model.play(DEFAULT_ORGANIZER, &settings(1, 10, 20), |tickets| full.load(tickets));
    assert!(matches!(refused, Err(PlayError::S360(_))), "{refused:?}");
    assert_eq!((wallet.diff(10_000, None), wallet.model.stats().changes), before);
    let changes = play(&mut wallet, &settings(1, 10, 20)).changes;
    assert_eq!(wallet.model.stats().changes, before.1 + changes as u64, "coalesced ones are counted");
    let mut anew = super::support::wallet();
    play(&mut anew, &settings(1, 10, 20));
    play(&mut anew, &settings(1, 10, 20));
    assert_eq!(wallet.diff(10_000, None).1["result"], anew.diff(10_000, None).1["result"]);
}

#[test]
fn settings_are_checked() {
    for wrong in [
        settings(1_000_000, 1, 1),
        settings(1, 200_001, 1),
        settings(1, 1, 1_000_001),
        PlaySettings { v4: 1.5, ..settings(1, 1, 1) },
        PlaySettings { dirty: -0.1, ..settings(1, 1, 1) },
        PlaySettings { start: Some("soon".to_owned()), ..settings(1, 1, 1) },
    ] {
        assert!(wallet().model.play(DEFAULT_ORGANIZER, &wrong, |_| Ok(())).is_err(), "{wrong:?}");
    }
    let none = play(&mut wallet(), &settings(1, 0, 5));
    assert_eq!((none.tickets, none.changes), (0, 0), "without tickets nothing happens");
}
