//! What a rewind would do: the pages that would be read again, decided against the box office as it is, and nothing
//! written, neither there nor to the key.
//!
//! It makes diff calls, so it is a run with the organizer's lease. Each item is decided on the present state: of several
//! about one ticket the later ones count as if the earlier had not been applied.

use std::collections::BTreeMap;

use serde::Serialize;
use ticketbridge_core::mobile::{Decision, Item, Page, PageSource, PaginationKey, Reading, Turn, View, turn};
use utoipa::ToSchema;

use super::run::{Runner, Stop};

/// Pages that a preview reads at most.
pub const MAX_PREVIEW_PAGES: u32 = 1_000;
/// Pages that a preview reads if it is not told otherwise.
pub const USUAL_PREVIEW_PAGES: u32 = 10;
/// Tickets that a preview names at most.
const MAX_CHANGES: usize = 100;
/// Items decided together.
const WAVE: usize = 1_000;

/// What would be read again, and what would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// The key that the reading would begin with.
    pub from: PaginationKey,
    /// Pages read.
    pub pages: u64,
    /// Items in them.
    pub items: u64,
    /// The end of the stream was reached; otherwise there is more behind.
    pub complete: bool,
    /// Items that are stored already.
    pub unchanged: u64,
    /// Items older than what is stored.
    pub stale: u64,
    /// Items on the skip list.
    pub skipped: u64,
    /// Items that would fail, by code.
    pub failed: BTreeMap<String, u64>,
    /// Items that would be written.
    pub updated: u64,
    /// Writes to the box office, by kind.
    pub writes: BTreeMap<String, u64>,
    /// The first tickets that would be written, at most 100, with their writes.
    pub changes: Vec<PreviewedChange>,
}

/// A ticket that would be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PreviewedChange {
    /// Its id.
    pub ticket_id: String,
    /// What would be written, in order.
    pub writes: Vec<String>,
}

impl Runner<'_> {
    /// Reads from `from` to the end of the stream, `pages` pages at most.
    pub(super) async fn preview(&mut self, from: PaginationKey, pages: u32) -> Result<Preview, Stop> {
        let mut preview = Preview { from: from.clone(), ..Preview::default() };
        let mut key = from;
        for _ in 0..pages.clamp(1, MAX_PREVIEW_PAGES) {
            self.go_on()?;
            let body = self.fetch(&key).await?;
            let page = Page::read(&body).map_err(|error| Stop::Diff(error.to_string()))?;
            if page.items.is_empty() {
                preview.complete = true;
                break;
            }
            preview.pages += 1;
            preview.items += page.items.len() as u64;
            for items in page.items.chunks(WAVE) {
                self.preview_items(items, &mut preview).await?;
            }
            match turn(PageSource::Diff, &key, &page) {
                Turn::Advance(next) => key = next,
                Turn::Keep | Turn::NotAdvanced => {
                    preview.complete = true;
                    break;
                }
            }
        }
        Ok(preview)
    }

    async fn preview_items(&mut self, items: &[&str], preview: &mut Preview) -> Result<(), Stop> {
        let readings: Vec<Reading<'_>> = items.iter().map(|json| Item::read(json, &self.rules.skip)).collect();
        let mut fail = |code: &str| *preview.failed.entry(code.to_owned()).or_default() += 1;
        let mut decidable: Vec<&Item<'_>> = Vec::new();
        for reading in &readings {
            match reading {
                Reading::Skipped { .. } => preview.skipped += 1,
                Reading::Failed { code, .. } => fail(code.as_str()),
                Reading::Item(item) => decidable.push(item),
            }
        }
        let mut view = View::default();
        let decisions = self.decide_all(&decidable, &mut view).await?;
        for (item, decision) in decidable.iter().zip(decisions) {
            match decision {
                Decision::Failed(code) => *preview.failed.entry(code.as_str().to_owned()).or_default() += 1,
                Decision::Unchanged => preview.unchanged += 1,
                Decision::Stale => preview.stale += 1,
                Decision::Update(plan) => {
                    preview.updated += 1;
                    let writes: Vec<String> = plan.writes().map(|write| write.kind().to_string()).collect();
                    for write in &writes {
                        *preview.writes.entry(write.clone()).or_default() += 1;
                    }
                    if preview.changes.len() < MAX_CHANGES {
                        preview.changes.push(PreviewedChange { ticket_id: item.ticket_id.to_string(), writes });
                    }
                }
            }
        }
        Ok(())
    }
}
