//! The mobile job in the configuration: which functions may stand beside each other, and what is only warned of.

use ticketbridge_config::{Config, Loaded, Origin};
use ticketbridge_core::ticket::PlatformName;

const REST: &str = r#"
backends = [{ name = "be-1", tickets = "sfyc", work_orders = "sfyc" }]
[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
token = "env:SFYC_TOKEN"
[platforms.tixngo]
type = "tixngo"
base_url = "https://tixngo.example.org/v3/organizer/tickets"
api_key = "env:TIXNGO_KEY"
[platforms.s360]
type = "s360"
base_url = "https://s360.example.org/s360/api/v1"
token = "env:S360_TOKEN"
"#;

fn function(name: &str, organizer: &str, more: &str) -> String {
    format!(
        "[[feedback]]\ninternal_name = \"{name}\"\norganizer = \"{organizer}\"\nsource = \"tixngo\"\n\
         box_office = \"s360\"\n{more}\n"
    )
}

fn read(text: &str) -> Result<Loaded, String> {
    Config::parse(text, "ticketbridge.toml", std::iter::empty()).map_err(|error| error.to_string())
}

fn load(text: &str) -> Loaded {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

fn warnings(text: &str) -> Vec<String> {
    load(text).warnings.iter().map(|warning| warning.line("ticketbridge.toml")).collect()
}

#[test]
fn a_second_function_is_refused_whatever_starts_it() {
    for (first, second) in [("", ""), ("launch = \"automatic\"", ""), ("", "launch = \"automatic\"")] {
        let text = format!("{REST}{}{}", function("day", "opera", first), function("night", "opera", second));
        let error = read(&text).unwrap_err();
        assert!(error.contains("organizer `opera` has an active function already (`day`)"), "{error}");
        assert!(error.contains("`feedback.night.organizer`"), "{error}");
        assert!(error.contains("1 problem "), "{error}");
    }
}

#[test]
fn functions_that_are_not_active_may_stand_beside_the_active_one() {
    let text = format!(
        "{REST}{}{}{}",
        function("old", "opera", "active = false"),
        function("day", "opera", "launch = \"automatic\""),
        function("other account", "arena", "active = false"),
    );
    let active: Vec<_> = load(&text).config.feedback.into_iter().map(|function| function.active).collect();
    assert_eq!(active, [false, true, false]);
}

#[test]
fn one_account_of_the_wallet_serves_one_active_function() {
    let second = "[platforms.tixngo-2]\ntype = \"tixngo\"\n\
                  base_url = \"https://tixngo.example.org/v3/organizer/tickets/\"\napi_key = \"env:TIXNGO_KEY\"\n";
    let functions = |second: &str| {
        let arena = function("night", "arena", "").replace("\"tixngo\"", second);
        format!("{}{arena}", function("day", "opera", ""))
    };
    let same_platform = read(&format!("{REST}{}", functions("\"tixngo\""))).unwrap_err();
    assert!(same_platform.contains("the active function `day` (organizer `opera`)"), "{same_platform}");
    let same_account = read(&format!("{REST}{second}{}", functions("\"tixngo-2\""))).unwrap_err();
    assert!(same_account.contains("`feedback.night.source`"), "{same_account}");
    for other in [second.replace("TIXNGO_KEY", "ARENA_KEY"), second.replace("/v3/", "/v4/")] {
        load(&format!("{REST}{other}{}", functions("\"tixngo-2\"")));
    }
}

#[test]
fn a_lease_is_long_enough_for_one_call_and_its_renewal() {
    let with = |times: &str| read(&format!("{REST}{}", function("day", "opera", times)));
    with("timeout = \"250ms\"\nlease = \"375ms\"").unwrap();
    let error = with("timeout = \"250ms\"\nlease = \"374ms\"").unwrap_err();
    assert!(error.contains("`374ms` is too short for `timeout` (`250ms`)") && error.contains("\"375ms\""), "{error}");
    let error = with("timeout = \"1ms\"\nlease = \"1ms\"").unwrap_err();
    assert!(error.contains("write at least \"2ms\""), "{error}");
    with("timeout = \"40s\"").unwrap();
    assert!(with("timeout = \"41s\"").is_err());
}

#[test]
fn doubts_about_the_box_office_last_half_a_minute_unless_told_otherwise() {
    let of = |text: &str, name: &str| load(text).config.platforms[&PlatformName::new(name)].common.in_doubt_for;
    assert_eq!(of(REST, "s360").to_string(), "30s");
    assert_eq!(of(REST, "sfyc").to_string(), "120s");
    assert_eq!(of(REST, "tixngo").to_string(), "120s");
    let longer = REST.replace("token = \"env:S360_TOKEN\"", "token = \"env:S360_TOKEN\"\nin_doubt_for = \"45s\"");
    assert_eq!(of(&longer, "s360").to_string(), "45s");
    assert_eq!(*load(REST).origin("platforms.s360.in_doubt_for"), Origin::Default);
}

#[test]
fn a_file_for_an_automatic_function_is_warned_of() {
    let with = |more: &str| warnings(&format!("{REST}{}", function("day", "opera", more)));
    let warned = with("launch = \"automatic\"\nfile_to_upload = \"page.json\"");
    assert_eq!(warned.len(), 1);
    assert!(warned[0].starts_with("ticketbridge.toml:22: `feedback.day.file_to_upload`: "), "{warned:?}");
    assert!(warned[0].contains("processed again by each run"), "{warned:?}");
    assert_eq!(with("file_to_upload = \"page.json\""), [""; 0]);
    assert_eq!(with("active = false\nlaunch = \"automatic\"\nfile_to_upload = \"page.json\""), [""; 0]);
}

#[test]
fn recipients_without_a_server_are_warned_of() {
    let function = |more: &str| format!("{REST}{}", function("day", "opera", more));
    let nobody = "error_recipients = [\"noc@example.org\"]";
    for text in [format!("[mail]\n{nobody}\n"), function(nobody)] {
        let warned = warnings(&text);
        assert!(warned.len() == 1 && warned[0].contains("`mail.server`"), "{warned:?}");
    }
    let server = "[mail]\nserver = \"mail.example.org\"\nfrom = \"tb@example.org\"\n";
    assert_eq!(warnings(&format!("{server}{nobody}\n")), [""; 0]);
    assert_eq!(warnings(&function("")), [""; 0]);
    assert_eq!(warnings(&function(&format!("active = false\n{nobody}"))), [""; 0]);
    let login = format!("{server}username = \"tb\"\npassword = \"env:MAIL\"\n");
    assert_eq!(warnings(&login), [""; 0]);
    let plain = warnings(&format!("{login}security = \"none\"\n"));
    assert!(plain.len() == 1 && plain[0].contains("`mail.security`"), "{plain:?}");
}

#[test]
fn mail_has_the_port_of_its_security() {
    let port = |text: &str| load(&format!("[mail]\n{text}\n")).config.mail.port();
    assert_eq!([port(""), port("security = \"tls\""), port("security = \"none\"")], [587, 465, 25]);
    assert_eq!(port("port = 2525"), 2525);
}

#[test]
fn a_function_is_found_by_name_in_the_environment() {
    let text = format!("{REST}{}", function("day shift", "opera", ""));
    let environment = [
        ("TICKETBRIDGE_FEEDBACK__DAY_SHIFT__ACTIVE", "false"),
        ("TICKETBRIDGE_FEEDBACK__DAY_SHIFT__ERROR_RECIPIENTS", "a@example.org, b@example.org"),
        ("TICKETBRIDGE_MAIL__SERVER", "mail.example.org"),
        ("TICKETBRIDGE_MAIL__FROM", "tb@example.org"),
        ("TICKETBRIDGE_MAIL__SECURITY", "tls"),
    ];
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config =
        Config::parse(&text, "ticketbridge.toml", environment).unwrap_or_else(|error| panic!("{error}")).config;
    assert!(!config.feedback[0].active);
    assert_eq!(config.feedback[0].error_recipients.len(), 2);
    assert_eq!(config.mail.port(), 465);
}

#[test]
fn a_file_for_mobile_tickets_alone_needs_no_backends() {
    let (_, mobile) = REST.split_once("[platforms.tixngo]").expect("it is there");
    let text = format!("[platforms.tixngo]{mobile}{}", function("day", "opera", ""));
    assert!(load(&text).config.backends.is_empty());
    // Whoever wants both jobs says on what the tickets go.
    let both = format!("{}{}", REST.replacen("backends", "#", 1), function("day", "opera", ""));
    let error = read(&both).unwrap_err();
    assert!(error.contains("add `[[backends]]`"), "{error}");
}
