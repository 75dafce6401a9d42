//! What can be set at the stand-in, at its start and while it runs.

use serde::{Deserialize, Serialize};

use super::culture::Culture;

/// What `pageNumber` means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageMode {
    /// The number of the first row, from 1; the service says API version 10.5.
    #[default]
    Row,
    /// The number of the page, from 1; the service says API version 9.3.2.
    Page,
}

/// The form of field ids in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdForm {
    /// `<fieldId>`.
    Short,
    /// `BO:<busObId>,FI:<fieldId>`.
    Long,
}

/// The settings of the Cherwell stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CherwellSettings {
    /// What `pageNumber` means.
    pub page_mode: PageMode,
    /// The most rows on one page, 1 to 100,000; a greater `pageSize` is cut to it without a word.
    pub max_page_size: usize,
    /// The form of field ids in templates.
    pub template_ids: IdForm,
    /// The form of field ids in schemas.
    pub schema_ids: IdForm,
    /// The form of field ids in reads.
    pub read_ids: IdForm,
    /// The form of field ids in search results.
    pub search_ids: IdForm,
    /// Minutes that the site's clock is ahead of UTC, -840 to 840.
    pub utc_offset_minutes: i32,
    /// The culture of a session that sets none.
    pub culture: String,
    /// Seconds that an access token lives, 1 to a year; `expires_in` is one less, as the contract has it.
    pub token_life_s: u64,
    /// Seconds that a refresh token lives, 1 to a year.
    pub refresh_life_s: u64,
    /// How long a token call takes in milliseconds, at most a minute; calls that begin meanwhile overlap it.
    pub token_call_ms: u64,
}

impl Default for CherwellSettings {
    /// Row mode, at most 1,000 rows, short ids in templates only, UTC-6, en-US, tokens of 20 minutes and of a day, 2 ms per
    /// token call.
    fn default() -> Self {
        Self {
            page_mode: PageMode::Row,
            max_page_size: 1_000,
            template_ids: IdForm::Short,
            schema_ids: IdForm::Long,
            read_ids: IdForm::Long,
            search_ids: IdForm::Long,
            utc_offset_minutes: -360,
            culture: "en-US".to_owned(),
            token_life_s: 1_200,
            refresh_life_s: 86_400,
            token_call_ms: 2,
        }
    }
}

/// Why settings were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{name}` {problem}")]
pub struct SettingsError {
    /// The setting.
    pub name: &'static str,
    /// What it must be.
    pub problem: String,
}

const YEAR_S: u64 = 31_536_000;

impl CherwellSettings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let range = |name, fits: bool, problem: &str| {
            if fits { Ok(()) } else { Err(SettingsError { name, problem: problem.to_owned() }) }
        };
        range("max_page_size", (1..=100_000).contains(&self.max_page_size), "must be from 1 to 100000")?;
        range("utc_offset_minutes", (-840..=840).contains(&self.utc_offset_minutes), "must be from -840 to 840")?;
        range("culture", Culture::find(&self.culture).is_some(), "must be a culture that the site knows")?;
        range("token_life_s", (1..=YEAR_S).contains(&self.token_life_s), "must be from 1 to 31536000")?;
        range("refresh_life_s", (1..=YEAR_S).contains(&self.refresh_life_s), "must be from 1 to 31536000")?;
        range("token_call_ms", self.token_call_ms <= 60_000, "must be at most 60000")
    }

    /// The version that the service says of its interface.
    pub(super) fn api_version(&self) -> &'static str {
        match self.page_mode {
            PageMode::Row => "10.5.0",
            PageMode::Page => "9.3.2",
        }
    }
}

impl IdForm {
    pub(super) fn is_long(self) -> bool {
        self == Self::Long
    }
}
