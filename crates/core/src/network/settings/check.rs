//! Settings that parse but cannot be: found before the first file is read.

use super::templates::{self, PLACEHOLDERS, TemplateFault};
use super::{Band, CountMode, Settings, Thousandths};
use crate::network::{Aggregation, Modulation, kind_key};

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}; {advice}")]
pub struct SettingsError {
    /// The key, below the section of the settings, with dots.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

/// Longest window, retention or other span that is believed: ten years.
const MAX_HOURS: u32 = 87_600;
/// Longest kind that intake accepts, in characters.
const MAX_KIND: usize = 100;

impl Settings {
    /// Every contradiction in the settings; empty: none.
    pub fn check(&self) -> Vec<SettingsError> {
        let mut errors = Vec::new();
        let mut fail = |key: &str, problem: String, advice: &str| {
            errors.push(SettingsError { key: key.to_owned(), problem, advice: advice.to_owned() });
        };
        for (key, value) in [
            ("window_h", self.window_h),
            ("sample_interval_s", self.sample_interval_s),
            ("open_after", self.open_after),
            ("close_after", self.close_after),
            ("min_incidents", self.min_incidents),
        ] {
            if value == 0 {
                fail(key, "is 0".into(), "set it to 1 or more");
            }
        }
        if self.retention_h > MAX_HOURS {
            fail("retention_h", format!("is {}", self.retention_h), "set it to 87600 (ten years) or less");
        }
        if self.retention_h < self.window_h {
            fail(
                "retention_h",
                format!("is {}, shorter than `window_h` {}", self.retention_h, self.window_h),
                "keep samples at least as long as the window",
            );
        }
        if self.max_topology_shrink_pct > 100 {
            fail("max_topology_shrink_pct", format!("is {}", self.max_topology_shrink_pct), "set it to 0 to 100");
        }
        if self.instance.trim().is_empty() {
            fail("instance", "is empty".into(), "give this workflow manager a name, such as wm-1");
        }
        for (key, offset) in
            [("clear_offset_snr_db", self.clear_offset_snr_db), ("clear_offset_util_pct", self.clear_offset_util_pct)]
        {
            if offset < Thousandths(0) {
                fail(
                    key,
                    format!("is {:?}", offset.as_f64()),
                    "set it to 0 or more, or a critical value would close its incident",
                );
            }
        }
        let is_literal = self.open_after == 1
            && self.close_after == 1
            && self.clear_offset_snr_db == Thousandths(0)
            && self.clear_offset_util_pct == Thousandths(0);
        if self.count_mode == CountMode::Samples && !is_literal {
            fail(
                "count_mode",
                "is samples, which counts single points, while incidents need several".into(),
                "set open_after = 1, close_after = 1, clear_offset_snr_db = 0 and clear_offset_util_pct = 0 with it",
            );
        }
        self.check_bands(&mut fail);
        self.check_texts(&mut fail);
        errors
    }

    fn check_bands(&self, fail: &mut dyn FnMut(&str, String, &str)) {
        for modulation in Modulation::ALL {
            let band = self.bands.us_snr_db.of(modulation);
            if !ladder(band).is_sorted_by(|a, b| a >= b) {
                fail(
                    &format!("bands.us_snr_db.{modulation}"),
                    "has thresholds that do not fall from warning over minor and major to critical".into(),
                    "lower the critical one, or raise the others",
                );
            }
        }
        for (key, band) in [
            ("bands.us_utilization_pct", &self.bands.us_utilization_pct),
            ("bands.ds_utilization_pct", &self.bands.ds_utilization_pct),
        ] {
            if !ladder(band).is_sorted() {
                fail(
                    key,
                    "has thresholds that do not rise from warning over minor and major to critical".into(),
                    "raise the critical one, or lower the others",
                );
            }
        }
    }

    fn check_texts(&self, fail: &mut dyn FnMut(&str, String, &str)) {
        for aggregation in Aggregation::ALL {
            let kind = self.kind_by_aggregation.of(aggregation);
            if kind_key(kind).is_empty() || kind.trim() != kind || kind.chars().count() > MAX_KIND {
                fail(
                    &format!("kind_by_aggregation.{aggregation}"),
                    format!("is `{kind}`"),
                    "give it 1 to 100 characters with a letter A-Z or a digit among them, without blanks at its ends",
                );
            }
            let texts = self.templates.of(aggregation);
            for (name, template) in [("name", &texts.name), ("description", &texts.description)] {
                let key = format!("templates.{aggregation}.{name}");
                match templates::check(template) {
                    Ok(()) => {}
                    Err(TemplateFault::Unbalanced) => fail(
                        &key,
                        "has a brace without its partner".into(),
                        "write {{ and }} for braces that are no placeholder",
                    ),
                    Err(TemplateFault::Unknown(placeholder)) => fail(
                        &key,
                        format!("has the unknown placeholder {{{placeholder}}}"),
                        &format!("the placeholders are {}", PLACEHOLDERS.join(", ")),
                    ),
                }
            }
        }
    }
}

/// The thresholds that are set, from warning to critical.
fn ladder(band: &Band) -> Vec<Thousandths> {
    [Some(band.warning), band.minor, band.major, Some(band.critical)].into_iter().flatten().collect()
}
