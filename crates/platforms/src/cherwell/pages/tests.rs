//! Pages against servers of every habit. Rows are numbers; a server sorts them, or does not.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

/// A server and its habits.
#[derive(Debug, Clone)]
struct Server {
    ids: BTreeSet<u32>,
    /// What `pageNumber` counts.
    rows: bool,
    /// Most rows of a page, whatever is asked for.
    cap: u64,
    /// Whether a page that is capped begins where an uncapped one would.
    gaps: bool,
    /// Each page is cut from another order.
    shuffled: bool,
    served: u32,
    asked: Vec<Place>,
}

impl Server {
    fn new(count: u32, rows: bool) -> Self {
        Self {
            ids: (1..=count).collect(),
            rows,
            cap: u64::MAX,
            gaps: false,
            shuffled: false,
            served: 0,
            asked: Vec::new(),
        }
    }

    fn page(&mut self, place: Place) -> (Vec<String>, u64) {
        self.served += 1;
        self.asked.push(place);
        let mut ids: Vec<u32> = self.ids.iter().copied().collect();
        if self.shuffled {
            ids.sort_by_key(|id| id.wrapping_mul(2_654_435_761).rotate_left(self.served * 7 % 31));
        }
        if place.descending {
            ids.reverse();
        }
        let size = place.size.min(self.cap);
        let before = place.number.max(1) - 1;
        let skipped = match (self.rows, self.gaps) {
            (true, _) => before,
            (false, true) => before * place.size,
            (false, false) => before * size,
        };
        let rows = ids.iter().skip(skipped as usize).take(size as usize);
        (rows.map(ToString::to_string).collect(), self.ids.len() as u64)
    }
}

const ROWS: Counting = Counting { rows: true, fixed: false };
const PAGES: Counting = Counting { rows: false, fixed: false };

/// Reads all pages; `meanwhile` happens after each page.
fn read(
    pages: &mut Pages,
    server: &mut Server,
    mut meanwhile: impl FnMut(&mut Server),
) -> Result<BTreeSet<u32>, Misfit> {
    let mut found = BTreeSet::new();
    while let Some(place) = pages.next() {
        let (ids, total) = server.page(place);
        found.extend(ids.iter().map(|id| id.parse::<u32>().unwrap()));
        pages.take(&ids, total)?;
        meanwhile(server);
    }
    Ok(found)
}

fn numbers(server: &Server) -> Vec<u64> {
    server.asked.iter().map(|place| place.number).collect()
}

#[test]
fn rows_go_on_by_what_came_and_pages_by_one() {
    for (counting, expected) in [(ROWS, vec![1, 501, 1001]), (PAGES, vec![1, 2, 3])] {
        let (mut pages, mut server) = (Pages::new(counting, 500), Server::new(1_200, counting.rows));
        assert_eq!(read(&mut pages, &mut server, |_| ()), Ok((1..=1_200).collect()));
        assert_eq!(numbers(&server), expected);
        assert_eq!(pages.found_out(), None);
        let (mut pages, mut server) = (Pages::new(counting, 7), Server::new(1_200, counting.rows));
        assert_eq!(read(&mut pages, &mut server, |_| ()).unwrap().len(), 1_200);
        assert_eq!(server.asked.len(), 172);
        assert_eq!(server.asked[2].number, if counting.rows { 15 } else { 3 });
    }
}

#[test]
fn no_rows_are_an_answer_and_an_empty_page_with_a_total_is_none() {
    let (mut pages, mut server) = (Pages::new(ROWS, 500), Server::new(0, true));
    assert_eq!(read(&mut pages, &mut server, |_| ()), Ok(BTreeSet::new()));
    assert_eq!(server.asked.len(), 1);
    assert_eq!(Pages::new(ROWS, 500).take(&[], 3), Err(Misfit::EmptyPage { total: 3 }));
}

#[test]
fn the_other_way_to_count_is_found_out_and_read_from_the_start() {
    let (mut pages, mut server) = (Pages::new(PAGES, 500), Server::new(1_200, true));
    assert_eq!(read(&mut pages, &mut server, |_| ()).unwrap().len(), 1_200);
    assert_eq!(numbers(&server), [1, 2, 1, 501, 1001]);
    assert_eq!(pages.found_out(), Some(true));
    let (mut pages, mut server) = (Pages::new(ROWS, 500), Server::new(1_200, false));
    assert_eq!(read(&mut pages, &mut server, |_| ()).unwrap().len(), 1_200);
    assert_eq!(numbers(&server), [1, 501, 1, 2, 3]);
    assert_eq!(pages.found_out(), Some(false));
}

#[test]
fn what_was_configured_is_never_switched() {
    let fixed = |rows| Counting { rows, fixed: true };
    let misread = |rows: bool| read(&mut Pages::new(fixed(rows), 500), &mut Server::new(1_200, !rows), |_| ());
    assert_eq!(misread(false), Err(Misfit::CountsRows));
    assert_eq!(misread(true), Err(Misfit::MayCountPages { seen: 500, total: 1_200 }));
    for misfit in [misread(false), misread(true)] {
        assert!(misfit.unwrap_err().to_string().contains("page_mode"));
    }
}

#[test]
fn a_server_that_ignores_the_page_number_is_a_fault_either_way() {
    for counting in [ROWS, PAGES] {
        let mut pages = Pages::new(counting, 2);
        let always: Vec<String> = ["1", "2"].map(String::from).into();
        let misfit = loop {
            assert!(pages.next().is_some());
            if let Err(misfit) = pages.take(&always, 5) {
                break misfit;
            }
        };
        assert_eq!(misfit, Misfit::Short { seen: 2, total: 5 });
    }
}

#[test]
fn a_row_that_slips_past_is_found_in_the_other_order() {
    for counting in [ROWS, PAGES] {
        let (mut pages, mut server) = (Pages::new(counting, 500), Server::new(1_200, counting.rows));
        let found = read(&mut pages, &mut server, |server| {
            if server.served == 1 {
                server.ids.remove(&3);
            }
        });
        assert_eq!(found, Ok((1..=1_200).collect()), "row 501 came in the descending pass");
        assert!(server.asked[3].descending && server.asked[3].number == 1);
        assert_eq!(pages.found_out(), None);
    }
}

#[test]
fn a_total_that_grows_is_read_to_its_end() {
    let (mut pages, mut server) = (Pages::new(ROWS, 500), Server::new(1_000, true));
    let found = read(&mut pages, &mut server, |server| {
        if server.served == 1 {
            server.ids.extend(2_001..=2_030);
        }
    });
    assert_eq!(found.unwrap().len(), 1_030);
    assert_eq!(numbers(&server), [1, 501, 1001]);
}

#[test]
fn rows_that_leave_all_the_time_do_not_keep_us_for_ever() {
    let (mut pages, mut server) = (Pages::new(ROWS, 100), Server::new(1_000, true));
    let mut gone = 0;
    let found = read(&mut pages, &mut server, |server| {
        gone += 17;
        server.ids.remove(&gone);
    });
    assert!(server.ids.is_subset(&found.unwrap()));
    assert!(server.asked.len() <= 41, "{}", server.asked.len());
}

#[test]
fn rows_that_never_come_are_a_fault() {
    for counting in [ROWS, PAGES] {
        let mut server = Server::new(1_200, counting.rows);
        let mut pages = Pages::new(counting, 500);
        let misfit = loop {
            let place = pages.next().expect("it must not end well");
            let (mut ids, total) = server.page(place);
            ids.retain(|id| id != "700");
            if let Err(misfit) = pages.take(&ids, total) {
                break misfit;
            }
        };
        assert_eq!(misfit, Misfit::Short { seen: 1_199, total: 1_200 });
        assert!(server.asked.iter().any(|place| place.descending));
    }
}

#[test]
fn endless_rows_end() {
    let endless = |size: u32, total: &dyn Fn(u32) -> u64| {
        let (mut pages, mut next) = (Pages::new(ROWS, size.into()), 0);
        loop {
            assert!(pages.next().is_some(), "it must not end well");
            let ids: Vec<_> = (next..next + size).map(|id| id.to_string()).collect();
            next += size;
            if let Err(misfit) = pages.take(&ids, total(next)) {
                return misfit;
            }
        }
    };
    assert_eq!(endless(500, &|_| 10), Misfit::MoreThanTotal { rows: 500, total: 10 });
    assert_eq!(endless(2_000, &|seen| u64::from(seen) + 1), Misfit::TooManyRows { total: 1_000_001 });
    assert_eq!(endless(1, &|_| 1_000_000), Misfit::TooManyPages);
    let mut pages = Pages::new(ROWS, 500);
    let page = |from: u32| (from..from + 500).map(|id| id.to_string()).collect::<Vec<_>>();
    pages.take(&page(0), 600).unwrap();
    pages.take(&page(500), 600).unwrap();
    assert_eq!(pages.next(), None, "rows beyond the total end the reading");
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_halves() {
    let (mut pages, mut server) = (Pages::new(PAGES, 500), Server::new(1_200, false));
    assert!(pages.shrink());
    assert_eq!(read(&mut pages, &mut server, |_| ()).unwrap().len(), 1_200);
    assert_eq!(server.asked[0], Place { number: 1, size: 250, descending: false });
    let mut pages = Pages::new(PAGES, 500);
    let shrunk = std::iter::from_fn(|| pages.shrink().then_some(())).count();
    assert_eq!((shrunk, pages.next().unwrap().size), (8, 1));
}

/// Rows leave or arrive after the pages of these numbers.
#[derive(Debug, Clone)]
enum Motion {
    None,
    Leave(Vec<(u32, u32)>),
    Arrive(Vec<(u32, u32)>),
}

fn motion() -> impl Strategy<Value = Motion> {
    let events = || prop::collection::vec((1..12_u32, 0..80_u32), 1..4);
    prop_oneof![Just(Motion::None), events().prop_map(Motion::Leave), events().prop_map(Motion::Arrive)]
}

/// The same cases each time.
const SEED: RngSeed = RngSeed::Fixed(152_489);

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, rng_seed: SEED, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every row that was there all the time comes, or there is a fault; never a shorter list.
    #[test]
    fn whatever_the_server_does_the_list_is_never_shorter(
        count in 0..70_u32, size in 1..20_u64, cap in 1..25_u64, habits in any::<[bool; 5]>(), motion in motion(),
    ) {
        let [rows, assumed, fixed, gaps, shuffled] = habits;
        let still = matches!(motion, Motion::None);
        let shuffled = shuffled && still;
        let mut server = Server { cap, gaps, shuffled, ..Server::new(count, rows) };
        let mut stayed = server.ids.clone();
        let mut ever = server.ids.clone();
        let mut pages = Pages::new(Counting { rows: assumed, fixed }, size);
        let found = read(&mut pages, &mut server, |server| match &motion {
            Motion::None => {}
            Motion::Leave(events) => for (_, id) in events.iter().filter(|event| event.0 == server.served) {
                server.ids.remove(id);
                stayed.remove(id);
            },
            Motion::Arrive(events) => for (_, id) in events.iter().filter(|event| event.0 == server.served) {
                // Among those that are there, or behind them.
                server.ids.insert(100 + id);
                ever.insert(100 + id);
            },
        });
        prop_assert!(server.served < 2_000);
        match found {
            Ok(found) => {
                prop_assert!(stayed.is_subset(&found), "missing: {:?}", stayed.difference(&found).collect::<Vec<_>>());
                prop_assert!(found.is_subset(&ever));
            }
            Err(misfit) => {
                let honest = still && !shuffled && (!fixed || rows == assumed);
                prop_assert!(!honest, "an honest server: {misfit}");
            }
        }
    }
}
