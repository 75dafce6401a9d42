//! Whatever stands in a file or in the environment: an answer, never a panic.

use proptest::prelude::*;
use ticketbridge_config::{Config, DEFAULT_FILE};

fn read(text: &str, environment: Vec<(String, String)>) {
    if let Ok(loaded) = Config::parse(text, "fuzz.toml", environment) {
        let again = Config::parse(&loaded.to_toml(), "again.toml", Vec::new());
        assert_eq!(again.map(|again| again.config), Ok(loaded.config));
    }
}

/// One of the keys of the default file, with something else behind it.
fn setting() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = DEFAULT_FILE
        .lines()
        .map(|line| line.trim_start_matches('#').split('=').next().unwrap_or_default().trim())
        .filter(|key| !key.is_empty() && !key.contains(' '))
        .collect();
    let value = prop_oneof![
        "[0-9]{1,20}",
        "-?[0-9]{1,3}\\.[0-9]{1,3}",
        "\"[a-z0-9:/@ ]{0,12}\"",
        "true|false|\\[\\]|\\{\\}|nan|inf|0x7fffffffffffffff|1979-05-27",
        "\\[\"[a-z]{0,3}\", [0-9]\\]",
        "\\{ [a-z_]{1,8} = [0-9] \\}",
    ];
    (prop::sample::select(keys), value)
        .prop_map(|(key, value)| if key.starts_with('[') { format!("{key}\n") } else { format!("{key} = {value}\n") })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        read(&text, Vec::new());
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(&String::from_utf8_lossy(&bytes), Vec::new());
    }

    #[test]
    fn settings_in_any_order_with_any_value_are_answered(lines in prop::collection::vec(setting(), 0..30)) {
        read(&lines.concat(), Vec::new());
    }

    #[test]
    fn the_default_file_with_a_piece_cut_out_is_answered(at in 0..DEFAULT_FILE.len(), length in 0_usize..300) {
        let mut text = DEFAULT_FILE.as_bytes().to_vec();
        text.drain(at..(at + length).min(text.len()));
        read(&String::from_utf8_lossy(&text), Vec::new());
    }

    #[test]
    fn any_environment_is_answered(
        variables in prop::collection::vec(("(TICKETBRIDGE_)?([A-Z0-9_]{1,12}__){0,4}[A-Z0-9_]{0,12}", "\\PC{0,40}"), 0..6),
    ) {
        read("", variables);
    }

    #[test]
    fn known_variables_with_any_text_are_answered(
        name in prop::sample::select(vec![
            "SERVER__LISTEN", "SERVER__TOKENS", "STORE", "BACKENDS", "BACKENDS__BE_1", "BACKENDS__BE_1__PROCESSING",
            "PLATFORMS", "PLATFORMS__SFYC__RETRY", "PLATFORMS__SFYC__TICKET__KINDS", "WORKFLOW__BANDS",
            "WORKFLOW__SCHEDULE", "OFFLOAD__US_CHANNEL_SNR", "FEEDBACK", "MAIL__ERROR_RECIPIENTS",
        ]),
        text in "[\\[\\]{}=\",a-z0-9*/: ]{0,40}",
    ) {
        read("", vec![(format!("TICKETBRIDGE_{name}"), text)]);
    }
}

#[test]
fn brackets_that_are_never_closed_are_told_with_their_line() {
    for bracket in ["[", "{", "[{"] {
        let text = format!("[server]\nlisten = {}", bracket.repeat(5_000));
        let error = Config::parse(&text, "deep.toml", std::iter::empty()).unwrap_err().to_string();
        assert!(error.contains("deep.toml:2") && error.contains("64 brackets are open"), "{error}");
    }
}
