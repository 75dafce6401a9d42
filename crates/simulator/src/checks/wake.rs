//! I2: every received ticket is Completed, Error, Dismissed, or has a scheduled wake-up.

use super::Violation;

/// What a process has before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Rows in its memory.
    pub rows: usize,
    /// It asked to be woken.
    pub wake: bool,
    /// Transactions, requests and look-ups under way, and events on their way to it.
    pub under_way: usize,
    /// Its rows wait for nothing but an operator or a setting: processing off, creating stopped, going down.
    pub excused: bool,
}

/// A process that holds rows and will never do anything again.
pub fn check(process: usize, outlook: Outlook) -> Option<Violation> {
    let stuck = outlook.rows > 0 && !outlook.wake && outlook.under_way == 0 && !outlook.excused;
    stuck.then(|| {
        let text = format!("process {process} holds {} rows, and nothing will wake it", outlook.rows);
        Violation::new("I2", None, text)
    })
}
