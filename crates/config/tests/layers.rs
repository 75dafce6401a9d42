//! Defaults, file and environment: which wins, and what `config show` says of it.

use ticketbridge_config::sections::platforms::PlatformSettings;
use ticketbridge_config::sections::{BackendState, PlatformKind};
use ticketbridge_config::{Config, Loaded, Origin};
use ticketbridge_core::ticket::PlatformName;

fn load(text: &str, environment: &[(&str, &str)]) -> Loaded {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, "ticketbridge.toml", environment).unwrap_or_else(|error| panic!("{error}"))
}

const OWN: &str = r#"
[server]
listen = "127.0.0.1:9090"

[platforms.own-desk]
type = "connector"
file = "builtin:sfyc"
host = "10.0.0.5"
token = "env:TICKETBRIDGE__DESK__TOKEN"

[[backends]]
name = "be-1"
tickets = "own-desk"
work_orders = "own-desk"
"#;

#[test]
fn environment_wins_over_file_wins_over_defaults() {
    let loaded = load(OWN, &[("TICKETBRIDGE_SERVER__MAX_BODY_SIZE", "1MiB")]);
    assert_eq!(loaded.config.server.listen.port(), 9090);
    assert_eq!(loaded.config.server.max_body_size.bytes(), 1 << 20);
    assert_eq!(*loaded.origin("server.listen"), Origin::File { line: 3 });
    let variable = String::from("TICKETBRIDGE_SERVER__MAX_BODY_SIZE");
    assert_eq!(*loaded.origin("server.max_body_size"), Origin::Environment { variable });
    assert_eq!(*loaded.origin("server.shutdown_grace"), Origin::Default);
    assert_eq!(*loaded.origin("offload.us_channel_snr.path"), Origin::Default);
}

#[test]
fn a_section_with_entries_of_its_own_loses_the_defaults_entries() {
    let config = load(OWN, &[]).config;
    let names: Vec<_> = config.platforms.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["own-desk"]);
    assert_eq!(config.offload.len(), 5);
    assert!(load("[offload]", &[]).config.offload.is_empty());
}

#[test]
fn variables_find_entries_by_name_and_values_by_type() {
    let loaded = load(
        OWN,
        &[
            ("TICKETBRIDGE_BACKENDS__BE_1__PROCESSING", "off"),
            ("TICKETBRIDGE_BACKENDS__0__MAX_RETRIES", "7"),
            ("TICKETBRIDGE_BACKENDS__be-1__state", "paused"),
            ("TICKETBRIDGE_PLATFORMS__OWN_DESK__PORT", "8443"),
            ("TICKETBRIDGE_PLATFORMS__OWN_DESK__TIMEOUTS", "{ connect = \"1s\" }"),
            ("TICKETBRIDGE_PLATFORMS__OWN_DESK__TICKET__OPEN_STATES", "open, inProgress"),
            ("TICKETBRIDGE_WORKFLOW__BANDS__US_UTILIZATION_PCT__CRITICAL", "92.5"),
            ("TICKETBRIDGE_MAIL__ERROR_RECIPIENTS", "[\"noc@example.org\"]"),
        ],
    );
    let config = &loaded.config;
    let backend = &config.backends[0];
    assert!(!backend.processing);
    assert_eq!((backend.max_retries, backend.state), (7, BackendState::Paused));
    let platform = &config.platforms[&PlatformName::new("own-desk")];
    assert_eq!(platform.kind(), PlatformKind::Connector);
    let PlatformSettings::Connector(settings) = &platform.settings else { panic!("a connector") };
    assert_eq!(settings.base_url(), "http://10.0.0.5:8443");
    assert_eq!(settings.timeouts.connect.to_string(), "1s");
    assert_eq!(settings.ticket.open_states, ["open", "inProgress"]);
    assert_eq!(config.workflow.rules.bands.us_utilization_pct.critical.0, 92_500);
    assert_eq!(config.mail.error_recipients, ["noc@example.org".parse().unwrap()]);
    assert!(matches!(loaded.origin("platforms.own-desk.timeouts.connect"), Origin::Environment { .. }));
    assert!(matches!(loaded.origin("backends.be-1.processing"), Origin::Environment { .. }));
}

#[test]
fn tables_are_merged_key_by_key_all_the_way_down() {
    let loaded = load("[workflow.bands.us_snr_db]\n\"64QAM\" = { critical = 21.0 }\n", &[]);
    let bands = &loaded.config.workflow.rules.bands.us_snr_db;
    assert_eq!((bands.qam64.critical.0, bands.qam64.warning.0), (21_000, 25_000));
    assert_eq!(bands.qpsk.critical.0, 10_000);
    assert_eq!(*loaded.origin("workflow.bands.us_snr_db.64QAM.critical"), Origin::File { line: 2 });
    assert_eq!(*loaded.origin("workflow.bands.us_snr_db.64QAM.warning"), Origin::Default);
}

#[test]
fn variables_that_are_no_settings_are_left_alone() {
    let noise = [
        ("TICKETBRIDGE_CONFIG", "x.toml"),
        ("TICKETBRIDGE_LOG", "debug"),
        ("TICKETBRIDGE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("TICKETBRIDGE__DESK__TOKEN", "s3cret"),
        ("TICKETBRIDGE_PLATFORMS__OWN_DESK__TOKEN", "env:TICKETBRIDGE__DESK__TOKEN"),
        ("PATH", "/bin"),
    ];
    assert_eq!(load(OWN, &noise).config, load(OWN, &[]).config);
}

#[test]
fn what_is_shown_reads_as_the_same_configuration() {
    for (text, environment) in [("", vec![]), (OWN, vec![("TICKETBRIDGE_SERVER__LISTEN", "[::1]:1")])] {
        let loaded = load(text, &environment);
        let again = load(&loaded.to_toml(), &[]);
        assert_eq!(again.config, loaded.config);
    }
}

#[test]
fn what_is_shown_names_origins_and_references() {
    let loaded = load(OWN, &[("TICKETBRIDGE_SERVER__LISTEN", "[::1]:1"), ("TICKETBRIDGE__DESK__TOKEN", "s3cret")]);
    let shown = loaded.to_toml();
    assert!(shown.contains("listen = \"[::1]:1\"  # TICKETBRIDGE_SERVER__LISTEN\n"), "{shown}");
    assert!(shown.contains("host = \"10.0.0.5\"  # line 8\n"), "{shown}");
    assert!(shown.contains("settling_time = \"5s\"  # default\n"), "{shown}");
    assert!(shown.contains("token = \"env:TICKETBRIDGE__DESK__TOKEN\"  # line 9\n"), "{shown}");
    assert!(!shown.contains("s3cret") && !loaded.to_json().to_string().contains("s3cret"));
}

#[test]
fn a_diff_names_what_changed() {
    let old = load(OWN, &[]).config;
    assert_eq!(old.diff(&old), []);
    let text = OWN.replace("10.0.0.5", "10.0.0.6").replace("name = \"be-1\"", "name = \"be-2\"");
    let changes = old.diff(&load(&text, &[]).config);
    let keys: Vec<_> = changes.iter().map(|change| change.key.as_str()).collect();
    assert!(keys.contains(&"platforms.own-desk.host") && keys.contains(&"backends.be-1.name"), "{keys:?}");
    let host = changes.iter().find(|change| change.key == "platforms.own-desk.host").unwrap();
    assert_eq!((host.old.clone(), host.new.clone()), (Some("10.0.0.5".into()), Some("10.0.0.6".into())));
}

#[test]
fn a_file_is_read_with_mark_and_line_ends_of_other_systems() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticketbridge.toml");
    std::fs::write(&path, format!("\u{feff}{}", OWN.replace('\n', "\r\n"))).unwrap();
    let loaded = Config::load(Some(&path), []).unwrap();
    assert_eq!(loaded.config, load(OWN, &[]).config);
    assert_eq!(*loaded.origin("server.listen"), Origin::File { line: 3 });
    std::fs::write(&path, b"[server]\nlisten = \"\xff\"").unwrap();
    let error = Config::load(Some(&path), []).unwrap_err().to_string();
    assert!(error.contains(":2: this is not UTF-8 text"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = Config::load(Some(&path), []).unwrap_err().to_string();
    assert!(error.contains("the file cannot be read"), "{error}");
}
