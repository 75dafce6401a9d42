//! Telling systemd how the service is (`Type=notify`): one datagram to the socket that it names in `NOTIFY_SOCKET`.
//!
//! Without that variable nothing happens, and what cannot be told stops nothing: systemd then ends the start by its own
//! time-out.

/// What systemd is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The start is over: tickets are received.
    Ready,
    /// A stop has begun: what is in flight is settled.
    Stopping,
}

impl State {
    fn message(self) -> &'static str {
        match self {
            Self::Ready => "READY=1\nSTATUS=Receiving and sending.",
            Self::Stopping => "STOPPING=1\nSTATUS=Settling what is in flight.",
        }
    }
}

/// Tells it, if anyone asked.
pub(crate) fn tell(state: State) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = send(&socket, state.message()) {
        crate::output::talk(&format!("warning: systemd cannot be told of the service's state: {error}"));
    }
}

#[cfg(target_os = "linux")]
fn send(socket: &std::ffi::OsStr, message: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    // `@` stands for the zero byte of a name that is no file.
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn send(_: &std::ffi::OsStr, _: &str) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    /// The first line of the next message.
    fn heard(socket: &UnixDatagram) -> Option<String> {
        let mut message = [0; 200];
        let length = socket.recv(&mut message).ok()?;
        String::from_utf8_lossy(&message[..length]).lines().next().map(str::to_owned)
    }

    #[test]
    fn both_sorts_of_sockets_hear_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let file = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), State::Ready.message()).unwrap();
        assert_eq!(heard(&file).as_deref(), Some("READY=1"));
        let name = format!("ticketbridge-test-{}", std::process::id());
        let named = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(format!("@{name}").as_ref(), State::Stopping.message()).unwrap();
        assert_eq!(heard(&named).as_deref(), Some("STOPPING=1"));
        assert!(send("/nowhere/at/all".as_ref(), "READY=1").is_err());
    }
}
