//! What typical mistakes look like to the person who made them. The snapshot is a catalogue: read it as prose.

use std::fmt::Write;

use ticketbridge_config::Config;

fn report(text: &str, environment: &[(&str, &str)]) -> String {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match Config::parse(text, "ticketbridge.toml", environment) {
        Ok(_) => String::from("no problem"),
        Err(error) => error.to_string(),
    }
}

/// A platform and a backend without mistakes, to put one mistake beside.
const PLATFORM: &str = r#"
[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
token = "env:SFYC_TOKEN"
"#;
const BACKEND: &str = r#"
[[backends]]
name = "be-1"
tickets = "sfyc"
work_orders = "sfyc"
"#;

#[test]
fn the_building_blocks_are_fine() {
    assert_eq!(report("", &[]), "no problem");
    assert_eq!(report(&format!("{PLATFORM}{BACKEND}"), &[]), "no problem");
}

#[test]
fn typical_mistakes() {
    let mut catalogue = String::new();
    let mut case = |title: &str, text: &str, environment: &[(&str, &str)]| {
        let text = text.trim_start_matches('\n');
        let report = report(text, environment);
        assert_ne!(report, "no problem", "{title}");
        let shown = text.replace(&format!("{PLATFORM}{BACKEND}"), "(platform, backend)\n");
        write!(catalogue, "=== {title}\n{shown}").unwrap();
        for (name, value) in environment {
            writeln!(catalogue, "$ {name}={value}").unwrap();
        }
        write!(catalogue, "--> {report}\n\n").unwrap();
    };
    let good = format!("{PLATFORM}{BACKEND}");

    case(
        "many mistakes at once",
        r#"
[server]
lisen = "127.0.0.1:8080"
shutdown_grace = 25

[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
token = "my-secret-token"
settlingtime = "5s"
timeouts = { connect = "5 seconds", reqest = "60s" }
"#,
        &[],
    );
    case("a section with a typo", "[retension]\ntickets = \"90d\"\n", &[]);
    case("a key at the top instead of in its section", "listen = \"127.0.0.1:1\"\n", &[]);
    case("broken TOML, twice", "[server\nlisten = \"127.0.0.1:1\"\n[store]\nurl = sqlite\n", &[]);
    case("the same key twice", "[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n", &[]);
    case("a port that is no port", &good.replace("token", "port = 70000\ntoken"), &[]);
    case("a number in quotes", &good.replace("token", "port = \"9400\"\ntoken"), &[]);
    case("true in quotes", &format!("{PLATFORM}{BACKEND}processing = \"true\"\n"), &[]);
    case("a word that is not possible", &good.replace("token", "on_unresolved = \"resent\"\ntoken"), &[]);
    case("an unknown type", "[platforms.x]\ntype = \"conector\"\n", &[]);
    case("no type, and a platform that is no table", "platforms.x = 5\n[platforms.y]\nhost = \"h\"\n", &[]);
    case(
        "required keys missing",
        "[platforms.cherwell]\ntype = \"cherwell\"\nbase_url = \"http://127.0.0.1:9400/CherwellAPI\"\n",
        &[],
    );
    case("a backend on an unknown platform", &format!("{PLATFORM}{}", BACKEND.replace("\"sfyc\"", "\"sfic\"")), &[]);
    case("own platforms and the default's backend", &PLATFORM.replace("sfyc]", "desk]"), &[]);
    case("two backends of one name", &format!("{PLATFORM}{BACKEND}{BACKEND}"), &[]);
    case(
        "backend settings out of range",
        &format!("{PLATFORM}{BACKEND}max_tickets_per_request = 501\nmax_retries = 101\n"),
        &[],
    );
    case("no backend", &format!("backends = []\n{PLATFORM}"), &[]);
    case("backend as a table", &format!("{PLATFORM}[backends.be-1]\ntickets = \"sfyc\"\n"), &[]);
    case("two ways of authentication", &good.replace("token =", "password = \"env:P\"\ntoken ="), &[]);
    case("no secret for the way of authentication", &good.replace("token = ", "auth = \"basic\"\npassword = "), &[]);
    case("a password in an address", "[store]\nurl = \"postgres://tb:geheim@db/tb\"\n", &[]);
    case("an unknown store", "[store]\nurl = \"ticketbridge.db\"\n", &[]);
    case("a host name to listen on", "[server]\nlisten = \"localhost:8080\"\n", &[]);
    case("a schedule with four fields", "[workflow]\nschedule = \"*/15 * * *\"\n", &[]);
    case("a setting of the rules with a typo", "[workflow]\nwindow_hours = 24\n", &[]);
    case("rules that contradict each other", "[workflow]\ncount_mode = \"samples\"\nwindow_h = 0\n", &[]);
    case("a setting that contradicts a default", "[workflow]\nwindow_h = 200\n", &[]);
    case("a placeholder with a typo", "[delivery]\nnote_template = \"{descripton} {colour} {as_of}\"\n", &[]);
    case("an unknown kind of file", "[offload.us_chanel_snr]\npath = \"x.csv\"\n", &[]);
    case("an offload without a source", "[offload.us_channel_snr]\nscan_interval = \"1m\"\n", &[]);
    case(
        "one file for two kinds",
        "[offload.us_channel_snr]\npath = \"x.csv\"\n[offload.us_channel_utilization]\npath = \"x.csv\"\n",
        &[],
    );
    case("a duration of zero", &good.replace("token", "in_doubt_for = \"0s\"\ntoken"), &[]);
    case("pauses the wrong way round", &good.replace("token", "retry = { initial = \"2m\" }\ntoken"), &[]);
    case(
        "work orders on a Cherwell that the tickets are not on",
        &format!(
            "{PLATFORM}{}",
            r#"
[platforms.cherwell]
type = "cherwell"
base_url = "https://desk.example.org/CherwellAPI"
client_id = "0b7c2f3e"
username = "svc"
password = "env:CHERWELL_PASSWORD"
[[backends]]
name = "be-1"
tickets = "sfyc"
work_orders = "cherwell"
"#
        ),
        &[],
    );
    case(
        "variables with a typo, a bad value, and too deep",
        "",
        &[
            ("TICKETBRIDGE_SERVER__LISTN", "127.0.0.1:1"),
            ("TICKETBRIDGE_BACKENDS__BE_1__MAX_RETRIES", "many"),
            ("TICKETBRIDGE_BACKENDS__BE_9__MAX_RETRIES", "3"),
            ("TICKETBRIDGE_STORE__URL__X", "3"),
        ],
    );
    insta::assert_snapshot!(catalogue);
}

/// What a mobile job without mistakes needs, to put one mistake beside.
const WALLET: &str = r#"
[platforms.tixngo]
type = "tixngo"
base_url = "https://tixngo.example.org/v3/organizer/tickets"
api_key = "env:TIXNGO_KEY"
[platforms.s360]
type = "s360"
base_url = "https://s360.example.org/s360/api/v1"
token = "env:S360_TOKEN"
"#;
const FUNCTION: &str = r#"
[[feedback]]
internal_name = "day"
organizer = "opera"
source = "tixngo"
box_office = "s360"
"#;

#[test]
fn mistakes_in_the_mobile_job_and_in_mail() {
    let good = format!("{PLATFORM}{BACKEND}{WALLET}{FUNCTION}");
    assert_eq!(report(&good, &[]), "no problem");
    let mut catalogue = String::new();
    let mut case = |title: &str, text: &str, environment: &[(&str, &str)]| {
        let report = report(text, environment);
        assert_ne!(report, "no problem", "{title}");
        let shown = text.replace(&format!("{PLATFORM}{BACKEND}{WALLET}"), "(platforms, backend)\n");
        write!(catalogue, "=== {title}\n{}", shown.replace(FUNCTION, "(function `day` of `opera`)\n")).unwrap();
        for (name, value) in environment {
            writeln!(catalogue, "$ {name}={value}").unwrap();
        }
        write!(catalogue, "--> {report}\n\n").unwrap();
    };
    let second = FUNCTION.replace("\"day\"", "\"night\"");
    case("a second active function of an organizer", &format!("{good}{second}launch = \"automatic\"\n"), &[]);
    case("two organizers, one account", &format!("{good}{}", second.replace("opera", "arena")), &[]);
    let elsewhere = r#"
[platforms.tixngo-2]
type = "tixngo"
base_url = "https://TIXNGO.example.org:443/v3/organizer/tickets/"
api_key = "env:TIXNGO_KEY"
"#;
    case(
        "two organizers, two platforms, one account",
        &format!("{good}{elsewhere}{}", second.replace("opera", "arena").replace("\"tixngo\"", "\"tixngo-2\"")),
        &[],
    );
    case("a lease that is too short", &format!("{good}timeout = \"60s\"\nlease = \"89999ms\"\n"), &[]);
    case("a time-out that is too long for the default lease", &good, &[("TICKETBRIDGE_FEEDBACK__DAY__TIMEOUT", "41s")]);
    case("a frequency that is no whole minutes", &format!("{good}frequency = \"90s\"\n"), &[]);
    case(
        "numbers out of range",
        &format!("{good}batch_size = 10001\npages_per_run = 0\nmax_dump_kib = 1000001\n"),
        &[],
    );
    case(
        "an end before the start",
        &format!("{good}start = \"2026-05-01T00:00:00Z\"\nend = \"2026-05-01T00:00:00Z\"\n"),
        &[],
    );
    case("an organizer with blanks", &good.replace("\"opera\"", "\" opera\""), &[]);
    case("an empty organization", &format!("{good}organizations = [\"ORG-A\", \"\"]\n"), &[]);
    case("a recipient that is none", &format!("{good}error_recipients = [\"NOC <noc@example.org>\"]\n"), &[]);
    case("recipients in one text", "[mail]\nerror_recipients = [\"a@example.org, b@example.org\"]\n", &[]);
    case("recipients without a list", "[mail]\nerror_recipients = \"a@example.org\"\n", &[]);
    case(
        "platforms the wrong way round",
        &good.replace("source = \"tixngo\"", "source = \"s360\"").replace("office = \"s360\"", "office = \"tixngo\""),
        &[],
    );
    case(
        "an address that is not TIXNGO's, and no header name",
        &good.replace("organizer/tickets\"", "organizer\"\napi_key_header = \"X Key:\""),
        &[],
    );
    case(
        "mail with half a login, no sender and an address for a host",
        "[mail]\nserver = \"smtp://mail.example.org:25\"\nusername = \"tb\"\n",
        &[],
    );
    case("mail without a sender", "[mail]\nserver = \"mail.example.org\"\nport = 0\n", &[]);
    case("a word that is no security", "[mail]\nsecurity = \"ssl\"\n", &[]);
    insta::assert_snapshot!(catalogue);
}

#[test]
fn a_secret_in_the_wrong_place_is_never_repeated() {
    for text in [
        PLATFORM.replace("env:SFYC_TOKEN", "geheim"),
        PLATFORM.replace("token = \"env:SFYC_TOKEN\"", "port = \"geheim\""),
        PLATFORM.replace("\"env:SFYC_TOKEN\"", "{ value = \"geheim\" }"),
        PLATFORM.replace("127.0.0.1", "https://user:geheim@host"),
        String::from("[store]\npassword = \"geheim\"\n"),
        String::from("[mail]\nserver = \"smtp://tb:geheim@mail.example.org\"\n"),
        String::from(
            "[mail]\nserver = \"mail.example.org\"\nfrom = \"a@b.c\"\nusername = \"tb\"\npassword = \"geheim\"\n",
        ),
        String::from(
            "[platforms.x]\ntype = \"tixngo\"\nbase_url = \"http://h/organizer/tickets\"\napi_key = \"geheim\"\n",
        ),
        String::from("[[server.tokens]]\nname = \"a\"\nrole = \"admin\"\ntoken = \"geheim\"\n"),
    ] {
        let report = report(&text, &[]);
        assert!(report.starts_with("TB0001") && !report.contains("geheim"), "{report}");
    }
}
