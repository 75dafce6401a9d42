//! I5: attempts at most Max Retries + 1 per operation and generation, and for faults of the ticket only.

use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::TicketRow;

use super::Violation;
use super::journal::Folded;

/// Judges a row as written; `max_retries` is the most that was in force during the run.
pub fn check(row: &TicketRow, max_retries: u8) -> Option<Violation> {
    let most = max_retries.saturating_add(1);
    let operation = Operation::ALL.into_iter().find(|operation| row.attempts.of(*operation) > most)?;
    let used = row.attempts.of(operation);
    let text = format!("row {} used {used} attempts of {operation}, at most {most} are allowed", row.id.0);
    Some(Violation::new("I5", Some(row.key.as_str()), text))
}

/// Judges that each attempt used stands for a refusal, or for a request that was verified as not applied. Not where
/// outages use attempts, too.
pub fn check_earned(row: &TicketRow, folded: &Folded) -> Option<Violation> {
    let operation =
        Operation::ALL.into_iter().find(|operation| row.attempts.of(*operation) > folded.charges(*operation))?;
    let (used, earned) = (row.attempts.of(operation), folded.charges(operation));
    let text = format!("row {} used {used} attempts of {operation}, and was at fault {earned} times", row.id.0);
    Some(Violation::new("I5", Some(row.key.as_str()), text))
}
