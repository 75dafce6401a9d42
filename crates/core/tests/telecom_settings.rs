//! Settings: names, defaults, what is refused (telecom contract §5.1, §11).

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::{Value, json};
use ticketbridge_core::network::settings::{CountMode, Settings, Thousandths};

/// A text and the change that leads to it.
type Case = (&'static str, fn(&mut Settings));

fn parse(text: Value) -> Result<Settings, String> {
    serde_json::from_value(text).map_err(|error| error.to_string())
}

fn errors(change: impl FnOnce(&mut Settings)) -> Vec<String> {
    let mut settings = Settings::default();
    change(&mut settings);
    settings.check().into_iter().map(|error| error.to_string()).collect()
}

#[test]
fn defaults_are_those_of_the_contract_and_pass_the_check() {
    let settings = parse(json!({})).unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.check(), []);
    assert_eq!(settings.stale_after(), 1_800);
    let text = serde_json::to_value(&settings).unwrap();
    for (key, value) in [
        ("window_h", json!(24)),
        ("retention_h", json!(168)),
        ("future_tolerance_s", json!(300)),
        ("sample_interval_s", json!(900)),
        ("open_after", json!(2)),
        ("close_after", json!(2)),
        ("clear_offset_snr_db", json!(3.0)),
        ("clear_offset_util_pct", json!(5.0)),
        ("util_mode", json!("mean")),
        ("count_mode", json!("incidents")),
        ("group_by", json!("us_service_group")),
        ("min_incidents", json!(1)),
        ("min_cm", json!(0)),
        ("note_every_run", json!(false)),
        ("max_topology_shrink_pct", json!(20)),
        ("reassign_after_s", json!(900)),
        ("instance", json!("wm-1")),
        (
            "kind_by_aggregation",
            json!({"snr_upstream":"SNR","us_service_group":"Falla de Linea","ds_service_group":"Falla de Linea"}),
        ),
    ] {
        assert_eq!(text[key], value, "{key}");
    }
    assert_eq!(text["bands"]["us_snr_db"]["64QAM"], json!({"warning":25.0,"critical":20.0}));
    assert_eq!(text["bands"]["ds_utilization_pct"], json!({"warning":80.0,"critical":95.0}));
    assert_eq!(parse(text).unwrap(), settings);
}

#[test]
fn one_number_may_be_changed_alone() {
    let text = json!({"stale_after_s": 600, "bands": {"us_snr_db": {"OFDMA": {"warning": 30, "critical": 27.5, "major": 28.25}}}});
    let settings = parse(text).unwrap();
    assert_eq!(settings.stale_after(), 600);
    let band = settings.bands.us_snr_db.ofdma.unwrap();
    assert_eq!(
        (band.warning, band.major, band.critical),
        (Thousandths(30_000), Some(Thousandths(28_250)), Thousandths(27_500))
    );
    assert_eq!(settings.bands.us_snr_db.qam64, Settings::default().bands.us_snr_db.qam64);
    assert_eq!(settings.check(), []);
}

#[test]
fn unknown_keys_are_errors_at_every_level() {
    for text in [
        json!({"windowh": 24}),
        json!({"bands": {"us_snr": {}}}),
        json!({"bands": {"us_snr_db": {"64-QAM": {"warning": 1, "critical": 1}}}}),
        json!({"bands": {"us_utilization_pct": {"warning": 1, "critical": 1, "clear": 1}}}),
        json!({"kind_by_aggregation": {"snr": "SNR"}}),
        json!({"templates": {"snr_upstream": {"name": "", "description": "", "title": ""}}}),
        json!({"util_mode": "max"}),
        json!({"clear_offset_snr_db": 1e300}),
    ] {
        assert!(parse(text.clone()).is_err(), "{text}");
    }
}

#[test]
fn contradictions_name_the_key_and_the_way_out() {
    let zero: [Case; 5] = [
        ("window_h", |settings| settings.window_h = 0),
        ("sample_interval_s", |settings| settings.sample_interval_s = 0),
        ("open_after", |settings| settings.open_after = 0),
        ("close_after", |settings| settings.close_after = 0),
        ("min_incidents", |settings| settings.min_incidents = 0),
    ];
    for (key, change) in zero {
        assert_eq!(errors(change), [format!("`{key}` is 0; set it to 1 or more")]);
    }
    let others: [Case; 12] = [
        ("`retention_h` is 12, shorter than `window_h` 24; keep", |settings| settings.retention_h = 12),
        ("`retention_h` is 100000; set", |settings| settings.retention_h = 100_000),
        ("`max_topology_shrink_pct` is 101; set", |settings| settings.max_topology_shrink_pct = 101),
        ("`instance` is empty; give", |settings| settings.instance = " ".into()),
        ("`clear_offset_snr_db` is -1.0; set", |settings| settings.clear_offset_snr_db = Thousandths(-1_000)),
        ("`clear_offset_util_pct` is -0.5; set", |settings| settings.clear_offset_util_pct = Thousandths(-500)),
        ("`count_mode` is samples", |settings| settings.count_mode = CountMode::Samples),
        ("`bands.us_snr_db.16QAM` has thresholds", |settings| {
            settings.bands.us_snr_db.qam16.critical = Thousandths(19_001);
        }),
        ("`bands.ds_utilization_pct` has thresholds", |settings| {
            settings.bands.ds_utilization_pct.minor = Some(Thousandths(79_000));
        }),
        ("`kind_by_aggregation.us_service_group` is `--`; give", |settings| {
            settings.kind_by_aggregation.us_service_group = "--".into();
        }),
        (
            "`templates.ds_service_group.name` has the unknown placeholder {grp}; the placeholders are group_id",
            |settings| {
                settings.templates.ds_service_group.name = "{grp}".into();
            },
        ),
        ("`templates.snr_upstream.description` has a brace", |settings| {
            settings.templates.snr_upstream.description = "{".into();
        }),
    ];
    for (expected, change) in others {
        let found = errors(change);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}: {found:?}");
    }
}
