//! When something runs by itself.

use std::fmt;
use std::str::FromStr;

use croner::parser::{CronParser, Seconds, Year};

use super::written_as_text;

/// A cron line of five fields (minutes first) or six (seconds first), in UTC. Empty: never by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schedule(String);

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no schedule ({why}); write five fields, minute first (\"*/15 * * * *\"), or six, second first; \
     \"\" for never"
)]
pub struct ScheduleError {
    text: String,
    why: String,
}

impl Schedule {
    /// The cron line; `None`: never.
    pub fn as_cron(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }

    /// Every quarter of an hour: the pace at which samples come.
    pub(crate) fn every_quarter() -> Self {
        Self(String::from("*/15 * * * *"))
    }
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let fail = |why: String| Err(ScheduleError { text: text.to_owned(), why });
        if text.is_empty() {
            return Ok(Self(String::new()));
        }
        let fields = text.split_whitespace().count();
        // A nickname such as `@daily` is one field; the parser knows them.
        if !(fields == 5 || fields == 6 || text.starts_with('@')) {
            return fail(format!("it has {fields} fields"));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        match parser.parse(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => fail(error.to_string().trim_end_matches('.').to_owned()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

written_as_text!(Schedule, "Schedule", "a schedule in cron form, such as \"*/15 * * * *\"", ".*");

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn five_and_six_fields_and_never() {
        for text in ["*/15 * * * *", "0 */15 * * * *", "30 2 * * MON-FRI", "@daily"] {
            assert_eq!(text.parse::<Schedule>().unwrap().as_cron(), Some(text));
        }
        assert_eq!("".parse::<Schedule>().unwrap().as_cron(), None);
    }

    #[test]
    fn mistakes_say_how_to_write_it() {
        for text in ["15", "* * * *", "61 * * * *", "a b c d e", "* * * * * * *", "@often"] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains("write five fields"), "{text}: {error}");
        }
    }
}
