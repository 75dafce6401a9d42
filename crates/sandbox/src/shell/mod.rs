//! The HTTP shell: one port for all stand-ins and their control, real time, and connections that really break.
//!
//! The files: `line` (connections that can be cut) · `desk` (a model at work under real time) · `platform` (calls of a
//! platform) · `control`, `control_sfyc`, `control_cherwell`, `control_tixngo`, `control_s360` and `window` (`/sandbox/…`) · `date` (a clock that is wrong) · `body` (answers on the wire).
//!
//! Guarantees: an effect takes place at its time even if the caller is gone by then; a shutdown ends within
//! [`SHUTDOWN_LIMIT`]; effects still to come are dropped by it. Limits: bodies of [`MAX_BODY`] bytes, `max_connections` at once, [`MAX_PENDING_EFFECTS`] delayed effects.

mod body;
mod control;
mod control_cherwell;
mod control_s360;
mod control_sfyc;
mod control_tixngo;
mod date;
mod desk;
mod line;
mod platform;
mod window;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::date::DateShift;
use self::desk::Desk;
use self::line::{Grip, Lines};
use crate::cherwell::{self, CherwellModel, CherwellSettings, SettingsError};
use crate::clock::Clock;
use crate::faults::{FaultBoard, FaultError, Rule};
use crate::s360::{self, S360Model};
use crate::sfyc::{SfycModel, Stats};
use crate::tixngo::{self, TixngoModel};

/// The largest body of a request, in bytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;
/// The most delayed effects that wait for their time; one more takes place at once.
pub const MAX_PENDING_EFFECTS: usize = 10_000;
/// How long a shutdown waits for answers on their way.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The seed of all randomness.
    pub seed: u64,
    /// The most records of each sort (tickets, work orders, notes, contacts…) that a platform holds.
    pub max_records: usize,
    /// The most connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// The settings of Cherwell.
    pub cherwell: CherwellSettings,
}

impl Default for SandboxConfig {
    /// A free port of this machine, seed 0, a million records, 512 connections.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            max_records: 1_000_000,
            max_connections: 512,
            cherwell: CherwellSettings::default(),
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The address cannot be listened on.
    #[error("the sandbox cannot listen on {address}: {source}; give another address or stop what uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A setting of Cherwell is wrong.
    #[error("the settings of Cherwell are wrong: {0}")]
    Settings(#[from] SettingsError),
}

/// The stand-ins under this roof.
#[derive(Debug, Clone)]
struct House {
    sfyc: Arc<Desk<SfycModel>>,
    cherwell: Arc<Desk<CherwellModel>>,
    tixngo: Arc<Desk<TixngoModel>>,
    s360: Arc<Desk<S360Model>>,
    date: DateShift,
}

impl House {
    /// Works on the fault rules of all platforms, none of which can change meanwhile. Nothing else holds two platforms at
    /// once in another order.
    fn with_boards<R>(&self, work: impl FnOnce([&mut FaultBoard; 4]) -> R) -> R {
        self.sfyc.with(|sfyc, _| {
            self.cherwell.with(|cherwell, _| {
                self.tixngo.with(|tixngo, _| {
                    self.s360.with(|s360, _| {
                        let (sfyc, cherwell) = (sfyc.faults_mut(), cherwell.faults_mut());
                        work([sfyc, cherwell, tixngo.faults_mut(), s360.faults_mut()])
                    })
                })
            })
        })
    }

    fn clear_faults(&self) {
        self.with_boards(|boards| {
            for board in boards {
                board.remove(None, None);
            }
        });
    }

    fn reset(&self) {
        self.sfyc.reset();
        self.cherwell.reset();
        self.tixngo.reset();
        self.s360.reset();
        self.date.set(0);
    }
}

/// Starts stand-ins.
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Starts all stand-ins on one port; they serve when this returns.
    pub async fn start(config: SandboxConfig) -> Result<Running, SandboxError> {
        let failed = |source| SandboxError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (closing, closed) = watch::channel(false);
        let clock = Clock::start();
        let sfyc = SfycModel::new(config.max_records);
        let cherwell = CherwellModel::new(config.max_records, config.cherwell)?;
        let house = House {
            sfyc: Arc::new(Desk::new(sfyc, config.seed, clock, closed.clone())),
            cherwell: Arc::new(Desk::new(cherwell, config.seed, clock, closed.clone())),
            tixngo: Arc::new(Desk::new(TixngoModel::new(config.max_records), config.seed, clock, closed.clone())),
            s360: Arc::new(Desk::new(S360Model::new(config.max_records), config.seed, clock, closed.clone())),
            date: DateShift::new(clock),
        };
        let date = house.date.clone();
        let router = Router::new()
            .merge(control::routes().with_state(house.clone()))
            .merge(platform::routes("/sfyc", &house.sfyc))
            .merge(platform::routes("/tixngo", &house.tixngo))
            .merge(platform::routes("/s360", &house.s360))
            .merge(Router::new().fallback(platform::serve_cherwell).with_state(house.clone()))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .layer(map_response(move |response| std::future::ready(date.stamp(response))))
            .into_make_service_with_connect_info::<Grip>();
        let serving = axum::serve(Lines::new(listener, config.max_connections), router)
            .with_graceful_shutdown(async move { desk::until_closing(closed).await });
        let server = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::warn!(%error, "the sandbox stopped serving");
            }
        });
        Ok(Running { address, house, closing, server })
    }
}

/// A running sandbox; it stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    house: House,
    closing: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of SFyC, without a slash at the end.
    pub fn sfyc_url(&self) -> String {
        format!("http://{}/sfyc", self.address)
    }

    /// The base URL of Cherwell, without a slash at the end.
    pub fn cherwell_url(&self) -> String {
        format!("http://{}{}", self.address, platform::CHERWELL_BASE)
    }

    /// Adds a fault rule to Cherwell; answers its id.
    pub fn add_cherwell_fault(&self, rule: impl Into<Rule>) -> Result<u64, FaultError> {
        self.house.cherwell.with(|model, _| model.faults_mut().add(rule))
    }

    /// The counters of Cherwell now.
    pub fn cherwell_stats(&self) -> cherwell::Stats {
        self.house.cherwell.with(|model, now| model.stats(now))
    }

    /// Works on the model of Cherwell and the time of now, between two calls.
    pub fn with_cherwell<R>(&self, work: impl FnOnce(&mut CherwellModel, crate::Millis) -> R) -> R {
        self.house.cherwell.with(work)
    }

    /// The base URL of TIXNGO, without a slash at the end; the call goes to `/diff` below it.
    pub fn tixngo_url(&self) -> String {
        format!("http://{}{}", self.address, platform::TIXNGO_BASE)
    }

    /// Adds a fault rule to TIXNGO; answers its id.
    pub fn add_tixngo_fault(&self, rule: impl Into<Rule>) -> Result<u64, FaultError> {
        self.house.tixngo.with(|model, _| model.faults_mut().add(rule))
    }

    /// The counters of TIXNGO now.
    pub fn tixngo_stats(&self) -> tixngo::Stats {
        self.house.tixngo.with(|model, _| model.stats())
    }

    /// Works on the model of TIXNGO and the time of now, between two calls.
    pub fn with_tixngo<R>(&self, work: impl FnOnce(&mut TixngoModel, crate::Millis) -> R) -> R {
        self.house.tixngo.with(work)
    }

    /// The base URL of S-360, without a slash at the end.
    pub fn s360_url(&self) -> String {
        format!("http://{}{}", self.address, platform::S360_BASE)
    }

    /// Adds a fault rule to S-360; answers its id.
    pub fn add_s360_fault(&self, rule: impl Into<Rule>) -> Result<u64, FaultError> {
        self.house.s360.with(|model, _| model.faults_mut().add(rule))
    }

    /// The counters of S-360 now.
    pub fn s360_stats(&self) -> s360::Stats {
        self.house.s360.with(|model, _| model.stats())
    }

    /// Works on the model of S-360 and the time of now, between two calls.
    pub fn with_s360<R>(&self, work: impl FnOnce(&mut S360Model, crate::Millis) -> R) -> R {
        self.house.s360.with(work)
    }

    /// Lets tickets live at TIXNGO and tells S-360 of the new ones first, as [`TixngoModel::play`] describes it.
    pub fn play(
        &self,
        organizer: &str,
        settings: &tixngo::play::PlaySettings,
    ) -> Result<tixngo::play::Played, tixngo::play::PlayError> {
        self.house.play(organizer, settings)
    }

    /// Adds a fault rule to SFyC; answers its id.
    pub fn add_sfyc_fault(&self, rule: impl Into<Rule>) -> Result<u64, FaultError> {
        self.house.sfyc.with(|model, _| model.faults_mut().add(rule))
    }

    /// Takes all fault rules of all platforms away; what fired stays counted.
    pub fn clear_faults(&self) {
        self.house.clear_faults();
    }

    /// The counters of SFyC now.
    pub fn sfyc_stats(&self) -> Stats {
        self.house.sfyc.with(|model, _| model.stats())
    }

    /// Works on the model of SFyC and the time of now, between two calls.
    pub fn with_sfyc<R>(&self, work: impl FnOnce(&mut SfycModel, crate::Millis) -> R) -> R {
        self.house.sfyc.with(work)
    }

    /// Puts the `Date` header of every answer so many seconds off, as of a platform whose clock is wrong.
    pub fn shift_date(&self, seconds: i64) {
        self.house.date.set(seconds);
    }

    /// Forgets all records, faults and counters and begins the randomness anew; effects still to come are dropped.
    pub fn reset(&self) {
        self.house.reset();
    }

    /// Answers what is on its way, hangs up on calls that were to wait, and stops.
    pub async fn shutdown(mut self) {
        self.closing.send_replace(true);
        if tokio::time::timeout(SHUTDOWN_LIMIT, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}
