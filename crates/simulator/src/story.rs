//! The trace of a run: a fingerprint always, and lines for people when a failing seed is run once more.
//!
//! A story is at most [`STORY_LINES`] lines: what touches the broken key, and what touches everything.

use std::fmt::Write;

/// Longest story.
pub const STORY_LINES: usize = 60;
/// Lines from the beginning that a cut story keeps.
const HEAD: usize = 12;

/// What was seen, in order.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    fingerprint: u64,
    lines: Option<Vec<Line>>,
}

#[derive(Debug)]
struct Line {
    at: u64,
    /// Empty: it touches everything.
    keys: Vec<String>,
    text: String,
    /// Left out first where a story is too long.
    aside: bool,
}

impl Trace {
    pub(crate) fn new(telling: bool) -> Self {
        Self { fingerprint: 0xcbf2_9ce4_8422_2325, lines: telling.then(Vec::new) }
    }

    /// Takes numbers into the fingerprint.
    pub(crate) fn mark(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.fingerprint = (self.fingerprint ^ number).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
    }

    /// Takes bytes into the fingerprint.
    pub(crate) fn mark_bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let number = chunk.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
            self.mark(&[number]);
        }
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Tells something, if anybody listens: the keys that it touches (none: everything) and the words.
    pub(crate) fn tell(&mut self, at: u64, line: impl FnOnce() -> (Vec<String>, String)) {
        if let Some(lines) = &mut self.lines {
            let (keys, text) = line();
            lines.push(Line { at, keys, text, aside: false });
        }
    }

    /// As [`Trace::tell`], for what is left out first: the weather, not the deeds.
    pub(crate) fn mention(&mut self, at: u64, line: impl FnOnce() -> (Vec<String>, String)) {
        if let Some(lines) = &mut self.lines {
            let (keys, text) = line();
            let aside = keys.is_empty();
            lines.push(Line { at, keys, text, aside });
        }
    }

    /// The story of one key, or of everything.
    pub(crate) fn story(&self, key: Option<&str>) -> Vec<String> {
        let touches =
            |line: &&Line| key.is_none_or(|key| line.keys.is_empty() || line.keys.iter().any(|touched| touched == key));
        let mut lines = told(self.lines.iter().flatten().filter(touches));
        if lines.len() > STORY_LINES {
            lines = told(self.lines.iter().flatten().filter(touches).filter(|line| !line.aside));
        }
        if lines.len() <= STORY_LINES {
            return lines;
        }
        let tail = STORY_LINES - HEAD - 1;
        let left_out = lines.len() - HEAD - tail;
        let (head, rest) = lines.split_at(HEAD);
        let (_, tail) = rest.split_at(left_out);
        let cut = format!("{:>14}   … {left_out} lines are left out", "");
        head.iter().cloned().chain([cut]).chain(tail.iter().cloned()).collect()
    }
}

/// Lines in words; what comes again and again is one line.
fn told<'a>(lines: impl Iterator<Item = &'a Line>) -> Vec<String> {
    let mut told: Vec<(&Line, u64, u64)> = Vec::new();
    for line in lines {
        match told.iter_mut().rev().take(2).find(|(last, _, _)| last.text == line.text) {
            Some((_, again, until)) => (*again, *until) = (*again + 1, line.at),
            None => told.push((line, 0, line.at)),
        }
    }
    let shown = |(line, again, until): (&Line, u64, u64)| {
        let mut text = format!("{}   {}", clock(line.at), line.text);
        if again > 0 {
            let _infallible = write!(text, " (and {again} times more until {})", clock(until).trim_start());
        }
        text
    };
    told.into_iter().map(shown).collect()
}

fn clock(at: u64) -> String {
    let (seconds, millis) = (at / 1_000, at % 1_000);
    format!("{:>4}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_keeps_to_its_key_and_its_length() {
        let mut trace = Trace::new(true);
        trace.tell(3_723_004, || (vec![String::from("SNR|1")], String::from("received")));
        trace.tell(3_723_005, || (vec![String::from("SNR|2")], String::from("another")));
        trace.tell(3_723_006, || (Vec::new(), String::from("process 1 dies")));
        assert_eq!(trace.story(Some("SNR|1")), ["   1:02:03.004   received", "   1:02:03.006   process 1 dies"]);
        for at in 0..500 {
            trace.tell(at, || (Vec::new(), format!("line {at}")));
        }
        let story = trace.story(Some("SNR|1"));
        assert_eq!(story.len(), STORY_LINES);
        assert!(story.last().is_some_and(|line| line.ends_with("line 499")));
        assert!(story.iter().any(|line| line.contains("443 lines are left out")), "{story:#?}");
    }

    #[test]
    fn what_comes_again_is_one_line_and_the_weather_goes_first() {
        let mut trace = Trace::new(true);
        for at in 0..100 {
            trace.tell(at, || (vec![String::from("SNR|1")], String::from("looked up")));
            trace.mention(at, || (Vec::new(), format!("weather {at}")));
        }
        assert_eq!(trace.story(Some("SNR|1")), ["   0:00:00.000   looked up (and 99 times more until 0:00:00.099)"]);
    }

    #[test]
    fn order_counts_in_the_fingerprint() {
        let of = |numbers: &[u64]| {
            let mut trace = Trace::new(false);
            trace.mark(numbers);
            trace.fingerprint()
        };
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_eq!(of(&[1, 2]), of(&[1, 2]));
    }
}
