//! Joining, comparing and storing topologies (telecom contract §4.2).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::File;
use common::plant::Plant;
use proptest::prelude::*;
use ticketbridge_core::network::topology::{Channels, ServiceGroups, Shrink, Topology};

fn parts(files: &[File]) -> (ServiceGroups, Channels) {
    let (mut groups, mut channels) = (ServiceGroups::default(), Channels::default());
    groups.read(files[0].1.as_slice(), &mut |_| {}).unwrap();
    channels.read(files[1].1.as_slice(), &groups, &mut |_| {}).unwrap();
    (groups, channels)
}

fn topology(plant: &Plant) -> Topology {
    let (groups, channels) = parts(&plant.files());
    let (topology, left_out) = Topology::join(groups, channels);
    assert_eq!(left_out, 0);
    topology
}

#[test]
fn an_equal_load_is_recognised() {
    let (one, same) = (topology(&Plant::new()), topology(&Plant::new()));
    assert_eq!(one, same);
    assert_eq!(one.fingerprint(), same.fingerprint());
    let other = topology(&Plant::new().channel("u1,US,U1,CCAP-1,0,64QAM"));
    assert_ne!(one, other);
    assert_ne!(one.fingerprint(), other.fingerprint());
    let renamed = topology(&Plant::new().group("U1,US,Otro,CCAP-1,HUB-1,MARKET-1,NETWORK-1,LC 1,P 1,N1,100,,,"));
    assert_ne!(one.fingerprint(), renamed.fingerprint());
}

#[test]
fn one_list_alone_is_joined_with_the_active_other_one() {
    let active = topology(&Plant::new());
    let new = Plant::new().group("U9,US,Neu,,,,,,,,,,,").files();
    let (groups, _) = parts(&new);
    let (joined, left_out) = Topology::join(groups, active.to_channels());
    assert_eq!((joined.groups().len(), joined.channels().len(), left_out), (3, 5, 0));
    let groups = joined.to_service_groups();
    let mut channels = Channels::default();
    channels
        .read(&b"channel_id,direction,service_group_id,ccap\nn1,US,U9,\nn2,US,gone,\n"[..], &groups, &mut |_| {})
        .unwrap();
    let (joined, _) = Topology::join(groups, channels);
    assert_eq!(joined.channels().len(), 1);
    assert_eq!(&*joined.group(joined.channels()[0].group).id, "U9");
}

#[test]
fn channels_whose_group_is_gone_or_turned_are_left_out() {
    let active = topology(&Plant::new());
    let mut groups = ServiceGroups::default();
    let text = "service_group_id,direction,service_group_name,ccap,hub,market,network\nU1,DS,,,,,\n";
    groups.read(text.as_bytes(), &mut |_| {}).unwrap();
    let (joined, left_out) = Topology::join(groups, active.to_channels());
    assert_eq!((joined.groups().len(), joined.channels().len(), left_out), (1, 0, 5));
}

#[test]
fn a_load_that_drops_too_much_is_noticed() {
    let mut plant = Plant::new();
    for number in 0..5 {
        plant = plant.channel(&format!("c{number},US,U1,CCAP-1,,"));
    }
    let (active, smaller) = (topology(&plant), topology(&Plant::new()));
    let shrink = Shrink::between(&active, &smaller);
    assert_eq!((shrink.groups_dropped, shrink.channels_active, shrink.channels_dropped), (0, 10, 5));
    assert!(shrink.exceeds(49));
    assert!(!shrink.exceeds(50), "more than the limit, not the limit itself");
    assert!(!Shrink::between(&smaller, &active).exceeds(0), "growing is free");
    assert!(!Shrink::between(&Topology::default(), &active).exceeds(0), "so is the first load");
}

#[test]
fn a_stored_topology_comes_back_and_a_damaged_one_is_an_error() {
    let one = topology(&Plant::new());
    let text = serde_json::to_string(&one).unwrap();
    let back: Topology = serde_json::from_str(&text).unwrap();
    assert_eq!(back, one);
    assert_eq!(back.find_channel("u2"), one.find_channel("u2"));
    for (from, to) in [("\"group\":1", "\"group\":7"), ("\"d1\"", "\"z1\""), ("\"D1\"", "\"Z1\"")] {
        let damaged = serde_json::from_str::<Topology>(&text.replace(from, to)).unwrap_err();
        assert!(damaged.to_string().contains("load both topology files again"), "{damaged}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_channel_is_found_by_its_id_and_only_by_it(
        ids in prop::collection::btree_set("[a-z0-9/]{1,6}", 0..80),
        other in "[a-z0-9/]{1,6}",
    ) {
        let plant = ids.iter().fold(Plant::default().group("U1,US,,,,,,,,,,,,"), |plant, id| {
            plant.channel(&format!("{id},US,U1,,,"))
        });
        let topology = topology(&plant);
        for (place, id) in ids.iter().enumerate() {
            prop_assert_eq!(topology.find_channel(id).map(|found| found.0 as usize), Some(place));
        }
        prop_assert_eq!(topology.find_channel(&other).is_some(), ids.contains(&other));
        let members = topology.find_group("U1").map(|group| topology.channels_of(group).len());
        prop_assert_eq!(members, Some(ids.len()));
    }
}
