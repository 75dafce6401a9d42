//! What people do to the mobile-ticket job: the same for the API and for the console. Each change leaves its line in the
//! audit.

use serde_json::json;
use ticketbridge_core::mobile::RunResult;
use ticketbridge_engine::feedback::{FeedbackError, RunReport, RunRequest, Started};
use ticketbridge_engine::view::Actor;
use ticketbridge_engine::view::mobile::{self, KeyMoveView, ReportView, SkipChange};
use ticketbridge_store::{ItemId, RunId};
use tokio::task::JoinHandle;

use super::Desk;
use crate::access::Caller;
use crate::problem::Problem;

/// Somebody who does something to the job of an organizer.
#[derive(Clone, Copy)]
pub(crate) struct Acting<'a> {
    desk: &'a Desk,
    caller: &'a Caller,
    /// The organizer.
    pub(crate) organizer: &'a str,
}

impl<'a> Acting<'a> {
    /// This caller, for this organizer.
    pub(crate) fn new(desk: &'a Desk, caller: &'a Caller, organizer: &'a str) -> Self {
        Self { desk, caller, organizer }
    }

    fn actor(self) -> Actor<'a> {
        self.desk.actor(self.caller)
    }

    /// Starts a run, and answers as soon as it has its lease. It goes on when nobody waits for its end.
    pub(crate) async fn run(
        self,
        request: RunRequest,
    ) -> Result<(RunId, JoinHandle<Result<RunReport, FeedbackError>>), Problem> {
        self.desk.app.feedback.function(self.organizer)?;
        let (act, detail) = match &request.file {
            Some(file) => ("feedback.replay", json!({"bytes": file.len()})),
            None => ("feedback.run", json!({})),
        };
        self.actor().asked(act, self.organizer, detail).await?;
        match self.desk.app.feedback.start(self.organizer, request).await? {
            Started::Begun { run, ended } => Ok((run, ended)),
            Started::Refused(report) => Err(refused(report.text.as_deref())),
        }
    }

    /// What setting the key back to the one that move `to` stored (`None`: to empty) would do.
    pub(crate) async fn preview_rewind(self, to: Option<u64>, pages: u32) -> Result<ReportView, Problem> {
        // On its own, so that it gives its lease back even if the caller goes away.
        let (feedback, organizer) = (self.desk.app.feedback.clone(), self.organizer.to_owned());
        let previewing = tokio::spawn(async move { feedback.preview_rewind(&organizer, to, pages).await });
        let report = previewing.await.map_err(|_| Problem::run_lost())??;
        match report.result {
            RunResult::Refused => Err(refused(report.text.as_deref())),
            _ => Ok(report.into()),
        }
    }

    /// Sets the key back.
    pub(crate) async fn rewind(self, to: Option<u64>) -> Result<KeyMoveView, Problem> {
        let at = self.desk.app.clock.now().wall;
        Ok(mobile::rewind_key(&self.desk.app.feedback, self.organizer, to, &self.caller.name, at).await?)
    }

    /// Adds entries to the skip list, and removes others.
    pub(crate) async fn change_skip_list(self, add: &[String], remove: &[String]) -> Result<SkipChange, Problem> {
        Ok(mobile::change_skip_list(&self.desk.app.feedback, self.actor(), self.organizer, add, remove).await?)
    }

    /// Makes failed tickets pending again, `None`: all. Answers how many.
    pub(crate) async fn retry(self, items: Option<&[ItemId]>) -> Result<usize, Problem> {
        Ok(mobile::retry_failed(&self.desk.app.feedback, self.actor(), self.organizer, items).await?)
    }

    /// Takes failed tickets off the list. Answers how many.
    pub(crate) async fn dismiss(self, items: &[ItemId]) -> Result<usize, Problem> {
        Ok(mobile::dismiss_failed(&self.desk.app.feedback, self.actor(), self.organizer, items).await?)
    }
}

fn refused(text: Option<&str>) -> Problem {
    Problem::busy(text.unwrap_or("a run of this organizer is in progress"))
}
