//! Connections that are cut, fall silent, are half closed or late, at any byte: a proxy stands between the binary and
//! the platforms. Nothing is lost, nothing is made twice.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bridge::Bridge;
use crate::place::{Place, Settings};
use crate::scene::{Layout, Scene};

/// Every so many requests one meets a fault.
const EVERY: usize = 6;
/// Longer than the time-out of a request, and far shorter than `in_doubt_for`.
const LATE: Duration = Duration::from_millis(450);

/// How far an exchange comes.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// Part of the request arrives.
    PartOfRequest,
    /// The whole request arrives, nothing of the answer comes back.
    WholeRequest,
    /// Part of the answer comes back.
    PartOfAnswer,
}

/// What happens to the connection then.
#[derive(Debug, Clone, Copy)]
enum End {
    /// It is reset.
    Reset,
    /// It is closed.
    Close,
    /// Nothing more comes, until the other side gives up.
    Silence,
}

/// One fault.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Broken(Reach, End),
    /// The platform sees our side closed as soon as the request is whole.
    HalfClosedToPlatform,
    /// We see the platform's side closed before our request is whole; it arrives all the same.
    HalfClosedToUs,
    /// The request arrives when we have given up waiting.
    LateRequest,
    /// Request and answer come in small pieces.
    Pieces,
}

const FAULTS: [Fault; 13] = [
    Fault::Broken(Reach::PartOfRequest, End::Reset),
    Fault::Broken(Reach::PartOfRequest, End::Close),
    Fault::Broken(Reach::PartOfRequest, End::Silence),
    Fault::Broken(Reach::WholeRequest, End::Reset),
    Fault::Broken(Reach::WholeRequest, End::Close),
    Fault::Broken(Reach::WholeRequest, End::Silence),
    Fault::Broken(Reach::PartOfAnswer, End::Reset),
    Fault::Broken(Reach::PartOfAnswer, End::Close),
    Fault::Broken(Reach::PartOfAnswer, End::Silence),
    Fault::HalfClosedToPlatform,
    Fault::HalfClosedToUs,
    Fault::LateRequest,
    Fault::Pieces,
];

/// Deals the faults out in turn, so that each is met, with the byte to strike at by chance.
struct Deck {
    dice: ChaCha8Rng,
    requests: usize,
}

impl Deck {
    /// The fault of the next request, and where in a message it strikes (0 to 1).
    fn next(&mut self) -> Option<(Fault, f64)> {
        self.requests += 1;
        let dealt = self.requests.is_multiple_of(EVERY);
        dealt.then(|| (FAULTS[self.requests / EVERY % FAULTS.len()], self.dice.random_range(0.0..1.0)))
    }
}

/// The proxy. It ends with the test's runtime.
struct Proxy {
    address: SocketAddr,
    deck: Arc<Mutex<Deck>>,
}

impl Proxy {
    async fn before(platform: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let deck = Deck { dice: ChaCha8Rng::seed_from_u64(seed), requests: 0 };
        let deck = Arc::new(Mutex::new(deck));
        let shared = Arc::clone(&deck);
        tokio::spawn(async move {
            while let Ok((us, _)) = listener.accept().await {
                let deck = Arc::clone(&shared);
                tokio::spawn(async move {
                    if let Ok(remote) = TcpStream::connect(platform).await {
                        relay(us, remote, &deck).await;
                    }
                });
            }
        });
        Self { address, deck }
    }

    fn requests(&self) -> usize {
        self.deck.lock().unwrap_or_else(PoisonError::into_inner).requests
    }
}

/// Exchanges of one connection, until one of them ends it.
async fn relay(mut us: TcpStream, mut remote: TcpStream, deck: &Mutex<Deck>) {
    while us.readable().await.is_ok() {
        let dealt = deck.lock().unwrap_or_else(PoisonError::into_inner).next();
        if let Some((Fault::HalfClosedToUs, _)) = dealt
            && us.shutdown().await.is_err()
        {
            return;
        }
        let Some(request) = message(&mut us).await else { return };
        let on = match dealt {
            None => exchange(&mut us, &mut remote, &request).await.is_some(),
            Some((Fault::Broken(reach, end), share)) => {
                broken(us, remote, &request, (reach, end), share).await;
                return;
            }
            Some((Fault::HalfClosedToPlatform, _)) => {
                if remote.write_all(&request).await.is_ok() && remote.shutdown().await.is_ok() {
                    pass_on(&mut us, &mut remote).await;
                }
                false
            }
            Some((Fault::LateRequest, _)) => {
                tokio::time::sleep(LATE).await;
                exchange(&mut us, &mut remote, &request).await.is_some()
            }
            Some((Fault::HalfClosedToUs, _)) => {
                exchange(&mut us, &mut remote, &request).await;
                false
            }
            Some((Fault::Pieces, _)) => in_pieces(&mut us, &mut remote, &request).await.is_some(),
        };
        if !on {
            return;
        }
    }
}

/// A whole exchange.
async fn exchange(us: &mut TcpStream, remote: &mut TcpStream, request: &[u8]) -> Option<()> {
    remote.write_all(request).await.ok()?;
    let answer = message(remote).await?;
    us.write_all(&answer).await.ok()
}

/// Whatever the platform still sends.
async fn pass_on(us: &mut TcpStream, remote: &mut TcpStream) {
    if let Some(answer) = message(remote).await {
        // We may have gone away.
        let _sent = us.write_all(&answer).await;
    }
}

async fn in_pieces(us: &mut TcpStream, remote: &mut TcpStream, request: &[u8]) -> Option<()> {
    pieces(remote, request).await?;
    let answer = message(remote).await?;
    pieces(us, &answer).await
}

async fn pieces(to: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    to.set_nodelay(true).ok()?;
    for piece in bytes.chunks(bytes.len().div_ceil(40).max(1)) {
        to.write_all(piece).await.ok()?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Some(())
}

/// An exchange that comes only so far.
async fn broken(mut us: TcpStream, mut remote: TcpStream, request: &[u8], (reach, end): (Reach, End), share: f64) {
    let part = |bytes: &[u8]| (bytes.len() as f64 * share) as usize;
    let arrives = if matches!(reach, Reach::PartOfRequest) { &request[..part(request)] } else { request };
    if remote.write_all(arrives).await.is_err() {
        return;
    }
    if !matches!(reach, Reach::PartOfRequest) {
        // The effect takes place before anything is cut: what an effect after the cut does is another fault.
        let Some(answer) = message(&mut remote).await else { return };
        if matches!(reach, Reach::PartOfAnswer) && us.write_all(&answer[..part(&answer)]).await.is_err() {
            return;
        }
    }
    match end {
        End::Close => {}
        End::Reset => us.set_zero_linger().expect("a socket can be reset"),
        End::Silence => {
            let mut rest = Vec::new();
            while more(&mut us, &mut rest).await.is_some() {}
        }
    }
}

/// One HTTP message, head and body; `None`: the other side ended before it was whole.
async fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        more(from, &mut bytes).await?;
    };
    let text = std::str::from_utf8(&bytes[..head]).expect("a head is text").to_ascii_lowercase();
    assert!(!text.contains("transfer-encoding"), "neither side sends chunks: {text}");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let whole = head + length.unwrap_or(0_usize);
    while bytes.len() < whole {
        more(from, &mut bytes).await?;
    }
    Some(bytes)
}

async fn more(from: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    (from.read_buf(bytes).await.ok()? > 0).then_some(())
}

async fn through(layout: Layout, seed: u64) {
    let scene = Scene::new(layout, "WIRE", 60).await;
    let proxy = Proxy::before(scene.sandbox.address(), seed).await;
    let settings = Settings { in_doubt_for: "2s", ..scene.settings() };
    let place = Place::at(proxy.address, settings);
    let bridge = Bridge::start(&place).await;
    let all = scene.tickets();
    // By and by: one batch after another, so that enough requests are made to meet every fault.
    for portion in all.chunks(5) {
        let before = proxy.requests();
        bridge.send(portion).await;
        crate::place::until("work goes on", async || (proxy.requests() >= before + 8 || scene.done()).then_some(()))
            .await;
    }
    scene.check(&bridge).await;
    assert!(proxy.requests() > EVERY * FAULTS.len(), "each fault was met: {} requests", proxy.requests());
    assert!(bridge.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_and_silent_connections_to_sfyc_double_nothing() {
    through(Layout::Sfyc, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_and_silent_connections_of_the_usual_pair_double_nothing() {
    through(Layout::Pair, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_and_silent_connections_to_cherwell_double_nothing() {
    through(Layout::Cherwell, 3).await;
}
