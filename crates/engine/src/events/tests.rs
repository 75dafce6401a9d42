//! Under virtual time: the clock stands until everybody waits.

use std::time::Duration;

use ticketbridge_core::delivery::Report;
use ticketbridge_core::ticket::{BackendName, OriginId, PlatformName, State};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::*;

fn moved(number: u128, from: State, to: State) -> Moved {
    Moved { origin: OriginId(Uuid::from_u128(number)), backend: BackendName::new("be-1"), from: Some(from), to }
}

fn backend(number: u64) -> Event {
    Event::Backends { name: BackendName::new(&number.to_string()) }
}

/// Whether nothing comes for a long time.
async fn is_quiet(subscription: &mut Subscription) -> bool {
    timeout(Duration::from_hours(1), subscription.next()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn movements_are_counted_and_told_four_times_a_second_at_most() {
    let events = Events::start();
    let mut watcher = events.subscribe(None, &[]);
    let began = Instant::now();
    let (mut heard, mut told) = (0, 0);
    // 1,000 movements per second, 2 s long.
    for number in 0..2_000 {
        events.moved(&[moved(number, State::CreatingTicket, State::CreatingWorkOrder)]);
        tokio::time::sleep(Duration::from_millis(1)).await;
        while let Some(published) = watcher.ready() {
            let Event::Tickets(news) = published.event else { panic!("{published:?}") };
            let Movement { from, to, count } = news.moved[0];
            assert_eq!((from, to), (Some(State::CreatingTicket), State::CreatingWorkOrder));
            assert_eq!(news.ids.len() as u64, count.min(MAX_IDS as u64));
            assert_eq!(news.more, count > MAX_IDS as u64);
            assert_eq!(news.backends, [BackendName::new("be-1")]);
            (heard, told) = (heard + count, told + 1);
        }
    }
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert!((8..=9).contains(&told), "{told}");
    if heard < 2_000 {
        let Event::Tickets(rest) = watcher.next().await.event else { panic!("no tickets") };
        heard += rest.moved[0].count;
    }
    assert_eq!(heard, 2_000);
    assert!(is_quiet(&mut watcher).await);
}

#[tokio::test(start_paused = true)]
async fn totals_count_what_this_process_did() {
    let events = Events::start();
    events.received(5);
    events.moved(&[
        moved(1, State::LinkingWorkOrder, State::Completed),
        moved(2, State::CreatingTicket, State::Error),
        moved(3, State::Received, State::Matching),
        // An operator's act is no work of ours.
        Moved { from: None, ..moved(4, State::Received, State::Error) },
    ]);
    assert_eq!(events.totals(), Totals { received: 5, completed: 1, failed: 1 });
}

#[tokio::test(start_paused = true)]
async fn names_of_received_tickets_wait_for_their_count() {
    let events = Events::start();
    let mut watcher = events.subscribe(None, &[]);
    let backend = BackendName::new("be-2");
    events.named([(OriginId(Uuid::from_u128(7)), &backend)]);
    // Something else is told meanwhile.
    events.exchanged("sfyc", 3);
    assert_eq!(watcher.next().await.event, Event::Exchanges { platform: String::from("sfyc"), last: 3 });
    assert!(is_quiet(&mut watcher).await);
    events.received(2);
    let Event::Tickets(news) = watcher.next().await.event else { panic!("no tickets") };
    assert_eq!((news.received, news.ids, news.more), (2, vec![OriginId(Uuid::from_u128(7))], true));
    assert_eq!(news.backends, [backend]);
}

#[tokio::test(start_paused = true)]
async fn of_exchanges_the_newest_of_each_platform_is_told() {
    let events = Events::start();
    let mut watcher = events.subscribe(None, &[EventKind::Exchanges]);
    for last in [4, 9, 6] {
        events.exchanged("sfyc", last);
    }
    events.exchanged("cherwell", 5);
    assert_eq!(watcher.next().await.event, Event::Exchanges { platform: String::from("cherwell"), last: 5 });
    assert_eq!(watcher.next().await.event, Event::Exchanges { platform: String::from("sfyc"), last: 9 });
    assert!(is_quiet(&mut watcher).await);
}

#[tokio::test(start_paused = true)]
async fn reports_of_a_platform_are_told_without_their_texts() {
    let events = Events::start();
    let mut watcher = events.subscribe(None, &[]);
    let platform = PlatformName::new("sfyc");
    events.reported(&Report::LookUpFailed { platform: platform.clone(), why: String::from("said nothing") });
    for _ in 0..50 {
        events.reported(&Report::Paused { platform: platform.clone(), pause: Duration::from_secs(1) });
    }
    events.reported(&Report::BreakerOpened { platform: platform.clone(), why: String::from("a text of the platform") });
    let heard = [watcher.next().await.event, watcher.next().await.event];
    let news = [PlatformNews::BreakerOpened, PlatformNews::Paused];
    assert_eq!(heard, news.map(|what| Event::Platforms { name: platform.clone(), what }));
    assert_eq!(
        serde_json::to_string(&heard[0]).unwrap(),
        r#"{"type":"platforms","name":"sfyc","what":"breaker_opened"}"#
    );
    assert!(is_quiet(&mut watcher).await);
}

#[tokio::test(start_paused = true)]
async fn the_ring_resumes_exactly_as_far_as_it_reaches() {
    let events = Events::start();
    let first = events.last();
    for number in 1..=KEPT as u64 {
        events.publish(backend(number));
    }
    // All of them are there, for who saw none and for who saw one.
    for seen in [0, 1, KEPT as u64 - 1] {
        let mut watcher = events.subscribe(Some(EventId { sequence: seen, ..first }), &[]);
        for number in seen + 1..=KEPT as u64 {
            assert_eq!(
                watcher.ready().map(|published| (published.id.sequence, published.event)),
                Some((number, backend(number)))
            );
        }
        assert_eq!(watcher.ready(), None);
    }
    // One more, and the first is gone.
    let mut slow = events.subscribe(Some(first), &[EventKind::Runs]);
    events.publish(backend(0));
    let reset = slow.ready().unwrap();
    assert_eq!((reset.event, reset.id), (Event::Reset {}, events.last()));
    assert_eq!(slow.ready(), None);
    let mut in_time = events.subscribe(Some(EventId { sequence: 1, ..first }), &[]);
    assert_eq!(in_time.ready().unwrap().id.sequence, 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_watcher_is_woken_and_may_stop_waiting() {
    let events = Events::start();
    let mut watcher = events.subscribe(None, &[EventKind::Configuration]);
    assert!(is_quiet(&mut watcher).await);
    events.publish(backend(1));
    assert!(is_quiet(&mut watcher).await);
    assert_eq!(watcher.position(), events.last());
    let publisher = events.clone();
    tokio::spawn(async move { publisher.publish(Event::Configuration {}) });
    assert_eq!(watcher.next().await.event, Event::Configuration {});
}

#[test]
fn ids_are_read_as_they_are_written() {
    let id = EventId { epoch: 0xab, sequence: 17 };
    assert_eq!(id.to_string(), "00000000000000ab-17");
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in ["", "-", "00000000000000ab", "00000000000000ab-", "ab-17", "+0000000000000ab-1", "00000000000000ab--1"]
    {
        assert_eq!(text.parse::<EventId>(), Err(NotAnEventId), "{text}");
    }
}
