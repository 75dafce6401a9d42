//! When the next run starts.

use ticketbridge_core::mobile::{Frequency, Schedule, UtcInstant};
use ticketbridge_core::time::Wall;

fn at(text: &str) -> Wall {
    Wall(UtcInstant::parse(&format!("2026-05-{text}Z")).expect("an instant").as_millis())
}

fn every(minutes: u32, stick_to_the_hour: bool) -> Schedule {
    let frequency = Frequency::from_minutes(minutes).expect("a frequency");
    Schedule { frequency, stick_to_the_hour, start: None, end: None }
}

#[test]
fn a_run_of_seven_minutes_ends_between_two_marks() {
    let (began, ended) = (at("04T13:35:00"), at("04T13:42:00"));
    assert_eq!(every(5, true).next_start(began, ended), Some(at("04T13:45:00")));
    assert_eq!(every(5, false).next_start(began, ended), Some(at("04T13:42:00")));
}

#[test]
fn an_end_on_the_mark_starts_at_once() {
    assert_eq!(every(5, true).next_start(at("04T13:35:00"), at("04T13:40:00")), Some(at("04T13:40:00")));
    assert_eq!(every(5, true).next_start(at("04T13:35:00"), at("04T13:40:00.001")), Some(at("04T13:45:00")));
}

#[test]
fn a_run_within_one_instant_does_not_start_again_in_it() {
    let began = at("04T13:35:00");
    assert_eq!(every(5, true).next_start(began, began), Some(at("04T13:40:00")));
    assert_eq!(every(5, false).next_start(began, began), Some(at("04T13:40:00")));
}

#[test]
fn a_short_run_waits_for_the_period() {
    let (began, ended) = (at("04T13:36:20"), at("04T13:37:00"));
    assert_eq!(every(5, true).next_start(began, ended), Some(at("04T13:40:00")));
    assert_eq!(every(5, false).next_start(began, ended), Some(at("04T13:41:20")));
}

#[test]
fn a_long_overrun_causes_one_run() {
    let (began, ended) = (at("04T13:35:00"), at("04T15:01:00"));
    assert_eq!(every(5, true).next_start(began, ended), Some(at("04T15:05:00")));
    assert_eq!(every(5, false).next_start(began, ended), Some(at("04T15:01:00")));
}

#[test]
fn nothing_starts_before_the_start() {
    let start = Some(at("04T13:32:00"));
    let (stuck, free) = (Schedule { start, ..every(5, true) }, Schedule { start, ..every(5, false) });
    assert_eq!(stuck.first_start(at("01T00:00:00")), Some(at("04T13:35:00")));
    assert_eq!(free.first_start(at("01T00:00:00")), Some(at("04T13:32:00")));
    // A manual run before the start does not bring the first automatic one forward.
    assert_eq!(stuck.next_start(at("04T10:00:00"), at("04T10:01:00")), Some(at("04T13:35:00")));
    assert!(!stuck.is_open(at("04T13:31:59.999")) && stuck.is_open(at("04T13:32:00")));
}

#[test]
fn a_start_in_the_past_and_no_start_mean_now() {
    let now = at("04T13:36:00");
    for start in [None, Some(at("01T00:00:00"))] {
        assert_eq!(Schedule { start, ..every(5, true) }.first_start(now), Some(at("04T13:40:00")));
        assert_eq!(Schedule { start, ..every(5, false) }.first_start(now), Some(now));
    }
}

#[test]
fn nothing_starts_at_the_end_or_later() {
    let schedule = Schedule { end: Some(at("04T13:40:00")), ..every(5, true) };
    assert_eq!(schedule.next_start(at("04T13:30:00"), at("04T13:31:00")), Some(at("04T13:35:00")));
    assert_eq!(schedule.next_start(at("04T13:35:00"), at("04T13:36:00")), None);
    assert_eq!(schedule.first_start(at("04T14:00:00")), None);
    assert!(schedule.is_open(at("04T13:39:59.999")) && !schedule.is_open(at("04T13:40:00")));
}

#[test]
fn marks_count_from_midnight_utc() {
    assert_eq!(every(1440, true).first_start(at("04T00:00:00.001")), Some(at("05T00:00:00")));
    assert_eq!(every(7, true).first_start(at("04T23:54:00")), Some(at("04T23:55:00")));
    assert_eq!(every(7, true).first_start(at("04T23:56:00")), Some(at("05T00:00:00")));
    assert_eq!(every(1, true).first_start(at("04T23:59:00.5")), Some(at("05T00:00:00")));
    assert_eq!(every(60, true).first_start(Wall(-1)), Some(Wall(0)));
}

#[test]
fn frequencies_are_1_to_1440_minutes() {
    for (minutes, is_one) in [(0, false), (1, true), (1440, true), (1441, false)] {
        assert_eq!(Frequency::from_minutes(minutes).is_some(), is_one);
    }
}
