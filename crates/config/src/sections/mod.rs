//! One struct per section of the configuration file. `Default` is what holds where the file is silent; that it
//! equals the commented default file is proved by a test.

mod backends;
mod delivery;
mod feedback;
mod mail;
mod offload;
pub mod platforms;
mod retention;
mod server;
mod store;
mod telemetry;
mod workflow;

pub use backends::{Backend, BackendState};
pub use delivery::Delivery;
pub use feedback::{Feedback, Launch};
pub use mail::{Mail, MailSecurity};
pub use offload::Offload;
pub use platforms::{Platform, PlatformKind};
pub use retention::Retention;
pub use server::{ApiToken, Role, Server, Tls};
pub use store::{Store, StoreUrl};
pub use telemetry::Telemetry;
pub use workflow::{Start, Workflow};
