//! I5: attempts at most Max Retries + 1 per operation and generation.

use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::TicketRow;

use super::Violation;

/// Judges a row as written; `max_retries` is the most that was in force during the run.
pub fn check(row: &TicketRow, max_retries: u8) -> Option<Violation> {
    let most = max_retries.saturating_add(1);
    let operation = Operation::ALL.into_iter().find(|operation| row.attempts.of(*operation) > most)?;
    let used = row.attempts.of(operation);
    let text = format!("row {} used {used} attempts of {operation}, at most {most} are allowed", row.id.0);
    Some(Violation::new("I5", Some(row.key.as_str()), text))
}
