//! A headless Chromium with a profile of its own, driven over `WebDriver`: <https://www.w3.org/TR/webdriver2/>, and for
//! the console's log and the size of the page what `ChromeDriver` adds to it.
//!
//! Guarantee: every step waits for what it needs, up to [`PATIENCE`], and says what the page showed when it waited in
//! vain. Dropped, browser and driver are ended.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bridge::{client, try_call};
use crate::place::PATIENCE;

/// Distance of two looks at a page.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// Key of an element's reference in `WebDriver`.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The key *Tab* in `WebDriver`.
pub(crate) const TAB: &str = "\u{e004}";
/// The key *Enter* in `WebDriver`.
pub(crate) const ENTER: &str = "\u{e007}";

const ARGUMENTS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    // As on a telephone: they lie over the page and take no width.
    "--hide-scrollbars",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--lang=en",
    "--accept-lang=en",
];

/// How much of a page is seen, in CSS pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A desk.
pub(crate) const WIDE: View = View { width: 1280, height: 900 };
/// A telephone.
pub(crate) const NARROW: View = View { width: 390, height: 844 };

/// A browser in front of one service.
pub(crate) struct Browser {
    driver: Child,
    driver_at: SocketAddr,
    /// Path of the session.
    session: String,
    client: reqwest::Client,
    service: SocketAddr,
    _profile: TempDir,
}

/// What was refused.
struct Refusal {
    /// The error code of the protocol.
    code: String,
    message: String,
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Browser {
    /// Starts one that looks at this service through a wide window.
    pub(crate) async fn start(service: SocketAddr) -> Self {
        let (driver, driver_at) = tokio::task::spawn_blocking(start_driver).await.expect("no panic");
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.push(format!("--window-size={},{}", WIDE.width, WIDE.height));
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let mut browser =
            Self { driver, driver_at, session: String::new(), client: client(), service, _profile: profile };
        let begun = browser.call(Method::POST, "/session", &wanted).await;
        let begun = begun.unwrap_or_else(|refusal| panic!("Chromium does not start: {refusal:?}"));
        browser.session = format!("/session/{}", begun["sessionId"].as_str().expect("the session's number"));
        browser.look(WIDE).await;
        browser
    }

    /// Sees this much of every page from now on.
    pub(crate) async fn look(&self, view: View) {
        let View { width, height } = view;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        let set = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics});
        self.good("/goog/cdp/execute", set).await;
    }

    /// Opens a page and waits until it and what it loads are there.
    pub(crate) async fn open(&self, path: &str) {
        self.good("/url", json!({"url": format!("http://{}{path}", self.service)})).await;
    }

    /// Path and query of the page.
    pub(crate) async fn path(&self) -> String {
        text_of(&self.script("return location.pathname + location.search", &[]).await)
    }

    /// What a function's body answers in the page.
    pub(crate) async fn script(&self, body: &str, arguments: &[&str]) -> Value {
        self.try_script(body, arguments).await.unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"))
    }

    async fn try_script(&self, body: &str, arguments: &[&str]) -> Result<Value, Refusal> {
        self.session_call(Method::POST, "/execute/sync", &json!({"script": body, "args": arguments})).await
    }

    /// Waits until a function's body answers true in the page.
    pub(crate) async fn until(&self, what: &str, body: &str, arguments: &[&str]) {
        let mut last = None;
        let wait = async {
            loop {
                // While a page gives way to the next one there is nothing to run in.
                let seen = self.try_script(body, arguments).await;
                if matches!(seen, Ok(Value::Bool(true))) {
                    return;
                }
                last = Some(seen);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, wait).await;
        assert!(ended.is_ok(), "waited in vain: {what}; last: {last:?}; the page: {}", self.shown().await);
    }

    /// Address and text of the page, for whoever has to find out why.
    async fn shown(&self) -> String {
        let text = self.try_script("return location.href + '\\n' + document.body.innerText.slice(0, 4000)", &[]).await;
        text.map_or_else(|refusal| format!("{refusal:?}"), |text| text_of(&text))
    }

    /// Waits until an element that fits holds this text.
    pub(crate) async fn shows(&self, css: &str, text: &str) {
        let holds =
            "return [...document.querySelectorAll(arguments[0])].some((one) => one.innerText.includes(arguments[1]))";
        self.until(&format!("`{css}` shows `{text}`"), holds, &[css, text]).await;
    }

    /// Waits until there is an element that fits.
    pub(crate) async fn has(&self, css: &str) {
        self.until(&format!("there is `{css}`"), "return document.querySelector(arguments[0]) !== null", &[css]).await;
    }

    /// Waits until no element fits.
    pub(crate) async fn has_no(&self, css: &str) {
        self.until(&format!("no `{css}`"), "return document.querySelector(arguments[0]) === null", &[css]).await;
    }

    /// How many elements fit now.
    pub(crate) async fn count(&self, css: &str) -> u64 {
        let count = self.script("return document.querySelectorAll(arguments[0]).length", &[css]).await;
        count.as_u64().expect("a number")
    }

    /// The texts of all elements that fit now.
    pub(crate) async fn texts(&self, css: &str) -> Vec<String> {
        let texts = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText.trim())";
        let texts = self.script(texts, &[css]).await;
        texts.as_array().expect("a list").iter().map(text_of).collect()
    }

    /// A property of the first element that fits, as a text; empty if there is none.
    pub(crate) async fn property(&self, css: &str, name: &str) -> String {
        let property = "return String(document.querySelector(arguments[0])?.[arguments[1]] ?? '')";
        text_of(&self.script(property, &[css, name]).await)
    }

    /// Clicks the first element that fits, as a person would: what is hidden or covered cannot be clicked.
    pub(crate) async fn click(&self, css: &str) {
        self.act(css, "/click", &json!({})).await;
    }

    /// Types into the first element that fits, after what stands there; a file input takes a path.
    pub(crate) async fn write(&self, css: &str, text: &str) {
        self.act(css, "/value", &json!({"text": text})).await;
    }

    /// Types into the first element that fits instead of what stands there; in one step, so that no live region can
    /// come between.
    pub(crate) async fn rewrite(&self, css: &str, text: &str) {
        const SELECT_ALL: &str = "\u{e009}a\u{e000}";
        self.write(css, &format!("{SELECT_ALL}{text}")).await;
    }

    /// Chooses an option of the first `select` that fits by its value.
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        self.click(&format!("{css} option[value='{value}']")).await;
    }

    /// Answers the question that the console asks before it acts.
    pub(crate) async fn answer(&self, question: &str, yes: bool) {
        self.shows("dialog[open] p", question).await;
        self.click(if yes { "dialog[open] button[value=yes]" } else { "dialog[open] button[value=no]" }).await;
    }

    /// Presses and releases a key, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        self.good("/actions", json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]})).await;
    }

    /// Does something to the first element that fits, once it is there and can be used. A live region may replace it
    /// between finding and using it: then the new one is taken.
    async fn act(&self, css: &str, act: &str, with: &Value) {
        const NOT_YET: [&str; 3] = ["no such element", "stale element reference", "element not interactable"];
        let wait = async {
            loop {
                match self.try_act(css, act, with).await {
                    Err(refusal) if NOT_YET.contains(&refusal.code.as_str()) => tokio::time::sleep(LOOK_EVERY).await,
                    done => return done,
                }
            }
        };
        let done = tokio::time::timeout(PATIENCE, wait).await;
        assert!(matches!(done, Ok(Ok(()))), "{act} on `{css}`: {done:?}; the page: {}", self.shown().await);
    }

    async fn try_act(&self, css: &str, act: &str, with: &Value) -> Result<(), Refusal> {
        let find = json!({"using": "css selector", "value": css});
        let found = self.session_call(Method::POST, "/element", &find).await?;
        let id = found[ELEMENT].as_str().expect("an element's reference");
        // The protocol scrolls just as far as needed, which may be below the bar.
        let centre = json!({"script": "arguments[0].scrollIntoView({block: 'center'})", "args": [found]});
        self.session_call(Method::POST, "/execute/sync", &centre).await?;
        self.session_call(Method::POST, &format!("/element/{id}{act}"), with).await.map(drop)
    }

    /// Marks the page: [`Browser::is_same_page`] tells whether it is still the same document.
    pub(crate) async fn mark(&self) {
        self.script("window.isMarked = true", &[]).await;
    }

    /// The page was not loaded anew since [`Browser::mark`].
    pub(crate) async fn is_same_page(&self) -> bool {
        self.script("return window.isMarked === true", &[]).await == Value::Bool(true)
    }

    /// What the browser's console was told since the last look: errors of scripts, what the page's policy forbids, what
    /// could not be loaded.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.good("/se/log", json!({"type": "browser"})).await;
        let lines = log.as_array().expect("a list").iter();
        let bad = lines.filter(|line| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING")));
        bad.map(|line| text_of(&line["message"])).collect()
    }

    /// Nothing was complained of since the last look.
    pub(crate) async fn is_quiet(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{}: {complaints:#?}", self.path().await);
    }

    /// Keeps what is seen as `target/console/NAME.png`.
    pub(crate) async fn keep(&self, name: &str) {
        let picture = self.session_call(Method::GET, "/screenshot", &Value::Null).await.expect("a picture");
        let folder = pictures();
        std::fs::create_dir_all(&folder).expect("the folder of pictures");
        let bytes = from_base64(picture.as_str().expect("a text"));
        std::fs::write(folder.join(format!("{name}.png")), bytes).expect("the picture is written");
    }

    async fn good(&self, path: &str, body: Value) -> Value {
        let done = self.session_call(Method::POST, path, &body).await;
        done.unwrap_or_else(|refusal| panic!("{path}: {refusal:?}"))
    }

    async fn session_call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.call(method, &format!("{}{path}", self.session), body).await
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Refusal> {
        let body = (method != Method::GET).then_some(body);
        let reply = try_call(&self.client, self.driver_at, method, path, body).await;
        let reply = reply.unwrap_or_else(|why| panic!("ChromeDriver does not answer {path}: {why}"));
        let value = &reply.body["value"];
        if reply.status == 200 {
            return Ok(value.clone());
        }
        Err(Refusal { code: text_of(&value["error"]), message: text_of(&value["message"]) })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // ChromeDriver ends its browsers with itself, unless it is killed.
        let _told = shut_down(self.driver_at);
        if self.driver.kill().is_ok() {
            let _reaped = self.driver.wait();
        }
    }
}

/// Asks the driver to end its browsers, and waits for its answer.
fn shut_down(driver: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(driver)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /shutdown HTTP/1.1\r\nHost: {driver}\r\nConnection: close\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// Starts a driver on a free port.
fn start_driver() -> (Child, SocketAddr) {
    let mut command = Command::new("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut driver = command.spawn().unwrap_or_else(|error| {
        panic!("chromedriver does not start ({error}); install the packages chromium and chromium-driver")
    });
    let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok());
    // Whatever else it says must not fill the pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (driver, SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver says its port"))))
}

/// Where pictures of pages go.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("console")
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Base64 as `WebDriver` writes pictures: RFC 4648, section 4, without line ends.
fn from_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("no digit of base64: {other}"),
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        held = held << 6 | u32::from(digit(byte));
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    bytes
}
