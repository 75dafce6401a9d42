//! From page to page, until what came adds up (Cherwell contract §8). Numbers only: what a row holds is not seen here.
//!
//! Guarantees, of rows that stay while they are read: the reading ends with all of them, or with a [`Misfit`]; never
//! with fewer. Each reading ends.
//! * A pass ends when its different rows reach the last page's total, or at a page that brings nothing new.
//! * A pass that came to its total while no row left is the answer. Otherwise the rows are read again in the opposite
//!   order, and the union counts: 2 passes; 4 where rows leave meanwhile, for each one that leaves may push a
//!   neighbour past us. After these the last page's total is the measure, if each pass lacked no more rows than were
//!   seen to come and go.
//! * A first page that is empty although the total is above zero (SR-152489) is no answer.
//! * Rows or pages: `pageNumber` means either, by version. If it looks wrong, the other one is tried once, from the
//!   start, and is kept if the rows then add up.
//!
//! Limits: 1,000,000 rows, 100,000 pages.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

/// Most different rows of one reading; more are surely a filter that the server ignored.
const MAX_ROWS: u64 = 1_000_000;
/// Most pages of one reading, over all passes.
const MAX_PAGES: u64 = 100_000;
/// Most passes of rows that stay.
const PASSES: u32 = 2;
/// Most passes while rows leave.
const PASSES_WHILE_ROWS_LEAVE: u32 = 4;

/// What `pageNumber` counts, and whether that may be doubted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counting {
    /// Rows, from 1; otherwise pages, from 1.
    pub(super) rows: bool,
    /// It was configured: it is never changed.
    pub(super) fixed: bool,
}

/// What to ask for next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// `pageNumber`.
    pub(super) number: u64,
    /// `pageSize`.
    pub(super) size: u64,
    /// Whether the order is reversed.
    pub(super) descending: bool,
}

/// Why the pages are no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    #[error("the total is {total}, but the first page is empty (a known defect of the server, SR-152489)")]
    EmptyPage { total: u64 },
    #[error("a page holds {rows} rows, but the total is {total}")]
    MoreThanTotal { rows: u64, total: u64 },
    #[error("the answer does not add up: {seen} different rows came, but the total is {total}")]
    Short { seen: u64, total: u64 },
    #[error(
        "the second page begins with rows of the first one, so `pageNumber` counts rows and not pages: set \
         `page_mode` to \"auto\" or \"row\""
    )]
    CountsRows,
    #[error(
        "the second page is empty, but {seen} of {total} rows came; if this stays so, `pageNumber` counts pages and not \
         rows: set `page_mode` to \"auto\" or \"page\""
    )]
    MayCountPages { seen: u64, total: u64 },
    #[error("there are {total} rows; the limit is {MAX_ROWS}")]
    TooManyRows { total: u64 },
    #[error("more than {MAX_PAGES} pages came, and there is no end")]
    TooManyPages,
}

/// One way through the rows, in one order.
#[derive(Debug, Clone, Copy, Default)]
struct Pass {
    /// Which one it is, over all: what a row was last seen in.
    id: u32,
    descending: bool,
    pages: u64,
    /// Rows that came, repeated ones included.
    received: u64,
    /// Different rows that came.
    distinct: u64,
    /// The last page's.
    total: u64,
    /// The total became smaller between two pages.
    fell: bool,
    /// By how much the total changed between pages, up and down.
    moved: u64,
}

/// A reading under way.
#[derive(Debug)]
pub(super) struct Pages {
    counting: Counting,
    /// The other way to count is being tried.
    switched: bool,
    wanted_size: u64,
    size: u64,
    /// The last pass in which each row came.
    seen: HashMap<String, u32>,
    pass: Pass,
    /// Passes since the way to count was last chosen.
    passes: u32,
    /// One of these lacked more rows than came and went meanwhile.
    unexplained: bool,
    /// The highest total of all pages.
    highest: u64,
    /// Pages that were asked for, over all passes.
    asked: u64,
    done: bool,
}

impl Pages {
    /// Before the first page.
    pub(super) fn new(counting: Counting, size: u64) -> Self {
        let size = size.max(1);
        Self {
            counting,
            switched: false,
            wanted_size: size,
            size,
            seen: HashMap::new(),
            pass: Pass { id: 1, ..Pass::default() },
            passes: 1,
            unexplained: false,
            highest: 0,
            asked: 0,
            done: false,
        }
    }

    /// The page to ask for; `None`: the rows add up.
    pub(super) fn next(&self) -> Option<Place> {
        let passed = if self.counting.rows { self.pass.received } else { self.pass.pages };
        let place = Place { number: passed.saturating_add(1), size: self.size, descending: self.pass.descending };
        (!self.done).then_some(place)
    }

    /// What `pageNumber` turned out to count, if that is not what was assumed and the rows add up that way.
    pub(super) fn found_out(&self) -> Option<bool> {
        (self.done && self.switched).then_some(self.counting.rows)
    }

    /// Half the page size, from the start of the pass, since a page was too large; `false`: it is one row already.
    pub(super) fn shrink(&mut self) -> bool {
        if self.size == 1 || self.asked >= MAX_PAGES {
            return false;
        }
        self.asked += 1;
        self.wanted_size = (self.size / 2).max(1);
        self.begin_pass(self.pass.descending);
        true
    }

    /// Takes the page that was asked for: the ids of its rows, and the total that it tells.
    pub(super) fn take(&mut self, ids: &[String], total: u64) -> Result<(), Misfit> {
        let rows = ids.len() as u64;
        if total > MAX_ROWS {
            return Err(Misfit::TooManyRows { total });
        }
        if rows > total {
            return Err(Misfit::MoreThanTotal { rows, total });
        }
        if rows == 0 && total > 0 && self.pass.pages == 0 {
            return Err(Misfit::EmptyPage { total });
        }
        let begins_again = ids.first().is_some_and(|id| self.seen.get(id) == Some(&self.pass.id));
        let fresh = ids.iter().filter(|id| self.is_fresh(id)).count() as u64;
        self.count(rows, fresh, total);
        if self.is_settled() {
            self.done = true;
            return Ok(());
        }
        let missing = self.pass.distinct < total;
        if missing && self.pass.pages == 2 && self.passes == 1 && self.looks_miscounted(begins_again, rows, fresh) {
            return self.miscounted();
        }
        if missing && fresh > 0 {
            return self.go_on(rows);
        }
        self.end_pass()
    }

    /// Whether the row is new in this pass.
    fn is_fresh(&mut self, id: &str) -> bool {
        if let Some(pass) = self.seen.get_mut(id) {
            return std::mem::replace(pass, self.pass.id) != self.pass.id;
        }
        self.seen.insert(id.to_owned(), self.pass.id);
        true
    }

    fn count(&mut self, rows: u64, fresh: u64, total: u64) {
        let pass = &mut self.pass;
        if pass.pages > 0 {
            pass.fell |= total < pass.total;
            pass.moved += total.abs_diff(pass.total);
        }
        pass.pages += 1;
        pass.received += rows;
        pass.distinct += fresh;
        pass.total = total;
        self.highest = self.highest.max(total);
        self.asked += 1;
    }

    fn all_seen(&self) -> u64 {
        self.seen.len() as u64
    }

    /// Either this pass is whole in itself, or every row that ever counted was seen.
    fn is_settled(&self) -> bool {
        (self.pass.distinct >= self.pass.total && !self.pass.fell) || self.all_seen() >= self.highest
    }

    /// A second page tells: counted in pages, one that repeats the first but for its beginning; counted in rows, one
    /// that is far beyond the last. One row that moved across the border meanwhile is neither.
    fn looks_miscounted(&self, begins_again: bool, rows: u64, fresh: u64) -> bool {
        if self.counting.rows { rows == 0 } else { begins_again && (rows - fresh) * 2 >= rows }
    }

    fn miscounted(&mut self) -> Result<(), Misfit> {
        let (seen, total) = (self.all_seen(), self.pass.total);
        match self.counting {
            Counting { fixed: true, rows: false } => Err(Misfit::CountsRows),
            Counting { fixed: true, rows: true } => Err(Misfit::MayCountPages { seen, total }),
            _ => self.switch_or_fail(),
        }
    }

    /// Tries the other way to count, once.
    fn switch_or_fail(&mut self) -> Result<(), Misfit> {
        if self.counting.fixed || self.switched {
            return Err(Misfit::Short { seen: self.all_seen(), total: self.pass.total });
        }
        self.switched = true;
        self.counting.rows = !self.counting.rows;
        self.begin_pass(false);
        self.passes = 1;
        self.unexplained = false;
        Ok(())
    }

    fn go_on(&mut self, rows: u64) -> Result<(), Misfit> {
        if self.asked >= MAX_PAGES {
            return Err(Misfit::TooManyPages);
        }
        if self.all_seen() > MAX_ROWS {
            return Err(Misfit::TooManyRows { total: self.all_seen() });
        }
        // The server caps its pages. Where pages are counted, the next one would begin at a row that depends on the
        // server, unless both sides mean the same size.
        if !self.counting.rows && self.pass.pages == 1 && rows < self.size {
            self.size = rows;
        }
        Ok(())
    }

    fn end_pass(&mut self) -> Result<(), Misfit> {
        self.unexplained |= self.pass.distinct + self.pass.moved < self.pass.total;
        let left = self.highest > self.pass.total;
        if self.passes < if left { PASSES_WHILE_ROWS_LEAVE } else { PASSES } {
            self.begin_pass(!self.pass.descending);
            self.passes += 1;
            return Ok(());
        }
        if !self.unexplained && self.all_seen() >= self.pass.total {
            self.done = true;
            return Ok(());
        }
        self.switch_or_fail()
    }

    fn begin_pass(&mut self, descending: bool) {
        self.pass = Pass { id: self.pass.id + 1, descending, ..Pass::default() };
        self.size = self.wanted_size;
    }
}
