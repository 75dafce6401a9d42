//! *Overview*.

use ticketbridge_core::delivery::Problem;
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::{Mono, Now, Wall};

use crate::browser::{Browser, ESCAPED, HOSTILE, TOKENS, has};
use crate::console_feedback;
use crate::place::{CONFIG, Delivery, Place};

#[tokio::test]
async fn it_counts_the_tickets_by_state_and_leads_to_each() {
    let place = Place::open().await;
    let browser = Browser::at(&place);
    let page = browser.page("/console").await;
    has(
        &page,
        &[
            "<h1>Overview</h1>",
            "Nothing was recorded yet",
            "Delivery does not answer",
            "No function is configured",
            "No problem was reported",
            "data-live-types=\"tickets,platforms,problems,feedback,backends\"",
            "<span class=\"name\">Oldest not finished</span><span class=\"value\">–</span>",
        ],
    );
    place.fill("a", 3).await;
    place.refuse_all(1_000).await;
    place.fill("b", 2).await;
    let id = place.id("a00000").await;
    place.post(&format!("/api/v1/tickets/{id}/retry"), &serde_json::Value::Null).await.ok();
    let page = browser.page("/console").await;
    has(
        &page,
        &[
            "<a href=\"/console/tickets?state=Received\">2</a>",
            "<a href=\"/console/tickets?state=Error\">2</a>",
            "<a href=\"/console/tickets?state=Completed\">0</a>",
            "<a href=\"/console/tickets?state=Dismissed\">0</a>",
            "<span class=\"name\">Under way</span><span class=\"value\">1</span>",
            "<a href=\"/console/tickets?backend=be-1\">be-1</a></td><td class=\"number\">2</td><td class=\"number\">1</td>\
             <td class=\"number\">0</td><td class=\"number\">2</td>",
            "<a href=\"/console/tickets?backend=be-2\">be-2</a></td><td class=\"number\">0</td>",
            "<td>sfyc</td>",
        ],
    );
    let spanish = Browser::at(&place).spanish().page("/console").await;
    has(&spanish, &["<html lang=\"es\">", "<h1>Resumen</h1>", "En curso", "La última hora", "Qué espera, y por qué"]);
}

#[tokio::test]
async fn the_last_hour_is_drawn_and_what_was_completed_in_its_last_minute_is_counted() {
    let place = Place::open().await;
    let app = &place.app;
    let begin = app.clock.now();
    for number in 0..8_u32 {
        let counts = app.store.counts().await.unwrap();
        let mut totals = app.events.totals();
        totals.completed = u64::from(number) * 10;
        let wall = Wall(begin.wall.0 + i64::from(number) * 10_000);
        let mono = Mono(begin.mono.0 + u64::from(number) * 10_000);
        app.history.note(Now { mono, wall }, &counts, totals);
        if number == 3 {
            place.fill("a", 7).await;
        }
    }
    let page = Browser::at(&place).page("/console").await;
    has(&page, &["<span class=\"name\">Completed in the last minute</span><span class=\"value\">60</span>"]);
    // The axes: at most 7 tickets waited, at most 10 were completed within one sample.
    has(&page, &["<text x=\"0\" y=\"12\">7</text>", "<text x=\"0\" y=\"12\">10</text>", "class=\"line good\""]);
    assert!(!page.contains("Nothing was recorded yet"), "{page}");
}

#[tokio::test]
async fn what_others_wrote_is_escaped_and_every_function_is_led_to() {
    let place = console_feedback::place("").await;
    console_feedback::filled(&place).await;
    let problem = Problem {
        platform: PlatformName::new("sfyc"),
        code: String::from("TB0301"),
        about: HOSTILE.to_owned(),
        text: format!("it said {HOSTILE}"),
        at: Wall(1_000),
    };
    place.write(&problem.platform.clone(), |writes| writes.problems = vec![problem]).await;
    let browser = Browser::at(&place);
    let page = browser.page("/console").await;
    has(&page, &[ESCAPED, &format!("it said {ESCAPED}"), "href=\"/errors/TB0301\"", "1970-01-01 00:00:01"]);
    // The organizer's code has a slash, a blank, quotes and markup in it.
    has(&page, &[&format!("href=\"{}\"", console_feedback::BASE), "org/1 &lt;b&gt;&quot;x&quot;", "WARNING"]);
    browser.page(console_feedback::BASE).await;
    assert_eq!(browser.get("/errors/TB0301").await.status, 200);
}

#[tokio::test]
async fn with_delivery_at_work_it_says_what_waits() {
    let place = Place::with(CONFIG, Delivery::Runs).await.unwrap();
    has(&Browser::at(&place).page("/console").await, &["Nothing waits."]);
    has(&Browser::at(&place).spanish().page("/console").await, &["Nada espera."]);
}

#[tokio::test]
async fn strangers_are_led_to_the_login_and_no_form_stands_there() {
    let place = Place::with(&format!("{CONFIG}{TOKENS}"), Delivery::HasEnded).await.unwrap();
    let stranger = Browser::at(&place).get("/console").await;
    has(&stranger.text, &["action=\"/login\""]);
    assert!(!stranger.text.contains("be-1"), "{}", stranger.text);
    let page = Browser::at(&place).with("token-of-viewer").page("/console").await;
    has(&page, &["eyes", "viewer"]);
    assert!(!page.contains("data-ask") && !page.contains("/console/audit"), "{page}");
}
