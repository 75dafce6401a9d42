//! A running `demo` that has done all its work and goes on answering.

use std::net::SocketAddr;
use std::process::{Child, Stdio};

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::bridge::{client, try_call};
use crate::place::{binary, signal, until};

/// A demo. Dropped, it is asked to end, so that it takes its files with it.
pub(crate) struct Demo {
    child: Child,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Demo {
    /// Starts one and waits until everything is done.
    pub(crate) async fn done() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let talk = folder.path().join("talk");
        let mut command = binary(folder.path());
        command.args(["demo", "--listen", "127.0.0.1:0"]).stdout(Stdio::null());
        command.stderr(std::fs::File::create(&talk).expect("a file"));
        let mut child = command.spawn().expect("the binary starts");
        let said = || std::fs::read_to_string(&talk).expect("the file is there");
        let address = until("the demo is done", async || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the demo ended with {status}: {}", said());
            }
            let text = said();
            let address = text.split_once("API http://")?.1.split_once('/')?.0.parse().ok()?;
            text.contains("The API goes on answering").then_some(address)
        })
        .await;
        Self { child, address, _folder: folder }
    }

    /// What the API answers.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = try_call(&client(), self.address, Method::GET, path, None).await.expect("the demo answers");
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.body
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        signal(self.child.id(), "INT");
        let _reaped = self.child.wait();
    }
}
