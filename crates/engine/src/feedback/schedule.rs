//! Automatic functions: each runs by its schedule (TIXNGO contract §2.1) until the service stops.

use std::time::Duration;

use ticketbridge_core::mobile::{RunResult, Schedule};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{StoreError, Trigger};
use tokio::task::JoinSet;

use super::service::{Feedback, FeedbackError, RunRequest};

/// Longest sleep without a look at the clock: it may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl Feedback {
    /// Runs all automatic functions. Ends when [`Feedback::stop`] is called and no run is in progress, or with an error
    /// after which nothing may be written.
    pub async fn run_schedules(&self) -> Result<(), StoreError> {
        let mut loops = JoinSet::new();
        for (function, _) in self.functions() {
            let Some(schedule) = function.schedule else { continue };
            if function.file_to_upload.is_some() {
                tracing::warn!(
                    organizer = %function.organizer,
                    "`file_to_upload` is set for an automatic function: the file is processed again by each run."
                );
            }
            loops.spawn(run_schedule(self.clone(), function.organizer.to_string(), schedule));
        }
        while let Some(ended) = loops.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error),
                Err(panic) => return Err(StoreError::Fatal(format!("a feedback loop ended unexpectedly: {panic}"))),
            }
        }
        Ok(())
    }
}

async fn run_schedule(feedback: Feedback, organizer: String, schedule: Schedule) -> Result<(), StoreError> {
    let mut stopping = feedback.stopping();
    let mut next = schedule.first_start(feedback.time().now().wall);
    while let Some(start) = next {
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return Ok(()),
            () = sleep_until(&feedback, start) => {}
        }
        let began = feedback.time().now().wall;
        // It may be long past its start: the machine slept, or its clock was set.
        if !schedule.is_open(began) {
            break;
        }
        match feedback.run(&organizer, RunRequest::by(Trigger::Schedule)).await {
            Ok(report) if report.result == RunResult::Refused => {
                tracing::info!(organizer, text = report.text, "The scheduled run was refused.");
            }
            Ok(_) => {}
            Err(FeedbackError::Store(error)) if error.is_fatal() => return Err(error),
            Err(error) => tracing::error!(organizer, error = %error, "The scheduled run could not start."),
        }
        next = schedule.next_start(began, feedback.time().now().wall);
    }
    tracing::info!(organizer, "The schedule has ended; only people start runs from now on.");
    Ok(())
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
