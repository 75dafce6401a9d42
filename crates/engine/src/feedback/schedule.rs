//! Automatic functions: each runs by its schedule (TIXNGO contract §2.1) until the service stops.

use std::collections::BTreeSet;
use std::time::Duration;

use ticketbridge_core::mobile::{RunResult, Schedule};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{StoreError, Trigger};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use super::service::{Feedback, FeedbackError, RunRequest};

/// Longest sleep without a look at the clock: it may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Feedback {
    /// Runs all automatic functions. Ends when [`Feedback::stop`] is called and no run is in progress, when all schedules
    /// have ended, or with an error after which nothing may be written.
    pub async fn run_schedules(&self) -> Result<(), StoreError> {
        let (_, feedback) = watch::channel(self.clone());
        follow_schedules(feedback).await
    }
}

/// As [`Feedback::run_schedules`], with what is configured as it changes: a run that is in progress ends as it began, and a
/// schedule that stays the same goes on as if nothing had been. Ends with the stop, also without any schedule.
pub(crate) async fn follow_schedules(mut feedback: watch::Receiver<Feedback>) -> Result<(), StoreError> {
    let mut loops = JoinSet::new();
    let mut known = BTreeSet::new();
    let mut stopping = feedback.borrow().stopping();
    loop {
        let organizers = automatic(&feedback.borrow_and_update());
        for organizer in organizers {
            if known.insert(organizer.clone()) {
                loops.spawn(follow_schedule(feedback.clone(), organizer));
            }
        }
        if loops.is_empty() && is_final(&feedback) {
            return Ok(());
        }
        tokio::select! {
            Ok(()) = feedback.changed() => {}
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(ended) = loops.join_next() => checked(ended)?,
        }
    }
    while let Some(ended) = loops.join_next().await {
        checked(ended)?;
    }
    Ok(())
}

/// Whether nothing will change any more.
fn is_final(feedback: &watch::Receiver<Feedback>) -> bool {
    feedback.has_changed().is_err()
}

fn checked(ended: Result<Result<(), StoreError>, JoinError>) -> Result<(), StoreError> {
    ended.unwrap_or_else(|panic| Err(StoreError::Fatal(format!("a feedback loop ended unexpectedly: {panic}"))))
}

/// The organizers with a schedule.
fn automatic(feedback: &Feedback) -> BTreeSet<String> {
    let mut organizers = BTreeSet::new();
    for (function, _) in feedback.functions().filter(|(function, _)| function.schedule.is_some()) {
        if function.file_to_upload.is_some() {
            tracing::warn!(
                organizer = %function.organizer,
                "`file_to_upload` is set for an automatic function: the file is processed again by each run."
            );
        }
        organizers.insert(function.organizer.to_string());
    }
    organizers
}

/// The schedule of an organizer, as configured now.
fn schedule_of(feedback: &Feedback, organizer: &str) -> Option<Schedule> {
    feedback.function(organizer).ok().and_then(|function| function.schedule)
}

/// What ended a wait.
enum Wait {
    Due,
    Changed,
    Over,
}

async fn follow_schedule(mut changes: watch::Receiver<Feedback>, organizer: String) -> Result<(), StoreError> {
    let mut stopping = changes.borrow().stopping();
    let (mut schedule, mut next): (Option<Schedule>, Option<Wall>) = (None, None);
    loop {
        let feedback = changes.borrow_and_update().clone();
        let newest = schedule_of(&feedback, &organizer);
        if newest != schedule {
            schedule = newest;
            next = schedule.and_then(|schedule| schedule.first_start(feedback.time().now().wall));
        }
        if next.is_none() && is_final(&changes) {
            return Ok(());
        }
        let wait = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => Wait::Over,
            Ok(()) = changes.changed() => Wait::Changed,
            () = due(&feedback, next) => Wait::Due,
        };
        match wait {
            Wait::Over => return Ok(()),
            Wait::Changed => continue,
            Wait::Due => {}
        }
        let Some(schedule) = schedule else { continue };
        let began = feedback.time().now().wall;
        // It may be long past its start: the machine slept, or its clock was set.
        next = if schedule.is_open(began) {
            run_once(&feedback, &organizer).await?;
            schedule.next_start(began, feedback.time().now().wall)
        } else {
            None
        };
        if next.is_none() {
            tracing::info!(organizer, "The schedule has ended; only people start runs from now on.");
        }
    }
}

/// One run; only an error after which nothing may be written is one of the loop, too.
async fn run_once(feedback: &Feedback, organizer: &str) -> Result<(), StoreError> {
    match feedback.run(organizer, RunRequest::by(Trigger::Schedule)).await {
        Ok(report) if report.result == RunResult::Refused => {
            tracing::info!(organizer, text = report.text, "The scheduled run was refused.");
        }
        Ok(_) => {}
        Err(FeedbackError::Store(error)) if error.is_fatal() => return Err(error),
        Err(error) => tracing::error!(organizer, error = %error, "The scheduled run could not start."),
    }
    Ok(())
}

async fn due(feedback: &Feedback, start: Option<Wall>) {
    match start {
        Some(start) => sleep_until(feedback, start).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(feedback: &Feedback, start: Wall) {
    loop {
        let left = start.since(feedback.time().now().wall);
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK_AGAIN)).await;
    }
}
