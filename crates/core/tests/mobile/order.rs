//! Which items may be under way together.

use ticketbridge_core::mobile::{Email, Keys, Pace, Queue};

fn queue(items: &[(&str, &[&str])], pace: Pace) -> Queue {
    let emails: Vec<Vec<Email<'_>>> = items
        .iter()
        .map(|(_, emails)| emails.iter().map(|email| Email::normalised((*email).into()).expect("valid")).collect())
        .collect();
    let keys = items.iter().zip(&emails).map(|((ticket, _), emails)| Keys {
        ticket: Some(ticket).filter(|ticket| !ticket.is_empty()).copied(),
        emails: [emails.first(), emails.get(1)],
    });
    Queue::new(keys, pace)
}

#[test]
fn items_that_share_nothing_go_together() {
    let mut queue = queue(&[("1", &["a@x"]), ("2", &["b@x"]), ("3", &[]), ("", &[])], Pace::SideBySide);
    assert_eq!(queue.take(10), [0, 1, 2, 3]);
    assert_eq!(queue.take(10), Vec::<usize>::new());
}

#[test]
fn a_ticket_or_an_email_in_common_keeps_the_order() {
    let mut queue =
        queue(&[("1", &["a@x", "s@x"]), ("1", &[]), ("2", &["S@x "]), ("3", &["b@x", "a@x"])], Pace::SideBySide);
    assert_eq!(queue.take(10), [0]);
    queue.release(0);
    assert_eq!(queue.take(10), [1, 2, 3]);
}

#[test]
fn one_that_waits_holds_back_only_those_that_share_with_it() {
    let mut queue = queue(&[("1", &[]), ("2", &[]), ("1", &[]), ("2", &[]), ("3", &[])], Pace::SideBySide);
    assert_eq!(queue.take(10), [0, 1, 4]);
    queue.release(1);
    queue.release(4);
    assert_eq!(queue.take(10), [3], "ticket 1 waits for a retry, so its next item does too");
}

#[test]
fn what_is_held_back_holds_back_in_turn() {
    let mut queue = queue(&[("1", &["a@x"]), ("2", &["a@x", "b@x"]), ("3", &["b@x"])], Pace::SideBySide);
    assert_eq!(queue.take(10), [0]);
    assert_eq!(queue.take(10), Vec::<usize>::new(), "the third would overtake the second, which waits for the first");
    queue.release(0);
    assert_eq!(queue.take(10), [1]);
    queue.release(1);
    assert_eq!(queue.take(10), [2]);
}

#[test]
fn the_limit_takes_the_first_in_order() {
    let mut queue = queue(&[("1", &[]), ("2", &[]), ("3", &[])], Pace::SideBySide);
    assert_eq!(queue.take(2), [0, 1]);
    assert_eq!(queue.take(2), [2]);
}

#[test]
fn in_strict_mode_nothing_overtakes() {
    let mut queue = queue(&[("1", &[]), ("", &[]), ("3", &[])], Pace::OneByOne);
    for place in 0..3 {
        assert_eq!(queue.take(10), [place]);
        assert_eq!(queue.take(10), Vec::<usize>::new());
        queue.release(place);
    }
}

#[test]
fn an_email_that_is_target_and_sender_is_one_key() {
    let mut queue = queue(&[("1", &["a@x", "a@x"]), ("2", &["a@x"])], Pace::SideBySide);
    assert_eq!(queue.take(10), [0]);
    queue.release(0);
    assert_eq!(queue.take(10), [1]);
}
