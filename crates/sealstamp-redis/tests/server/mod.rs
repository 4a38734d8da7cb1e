//! A server that a test starts, kills and starts again, and one in front of it that is slow.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One server of each kind that is installed.
pub(crate) fn each_kind() -> Vec<Server> {
    let valkey = std::env::var_os("SEALSTAMP_VALKEY_SERVER").unwrap_or("valkey-server".into());
    let kinds = [("redis", PathBuf::from("redis-server")), ("valkey", PathBuf::from(valkey))];
    kinds.into_iter().filter_map(|(kind, program)| Server::start(kind, program)).collect()
}

/// A server on a free port of the loopback interface. It writes each claim to its file before it answers.
pub(crate) struct Server {
    kind: &'static str,
    program: PathBuf,
    port: u16,
    folder: TempDir,
    child: Child,
}

impl Server {
    fn start(kind: &'static str, program: PathBuf) -> Option<Self> {
        let version = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if version.is_err() {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "nothing may be skipped: no {kind}-server");
            eprintln!("skipped with {kind}: there is no {}", program.display());
            return None;
        }
        // Somebody else may take the port before the server does: then it dies, and another one is tried.
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = spawn(&program, port, &folder);
            let mut server = Self { kind, program: program.clone(), port, folder, child };
            if server.comes_up() {
                return Some(server);
            }
        }
        panic!("{kind}-server does not start");
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn connection(&self) -> MultiplexedConnection {
        redis::Client::open(self.address()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// As if the power had gone: SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// On the same port, with the files that are there.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.program, self.port, &self.folder);
        assert!(self.comes_up(), "{}-server does not start again", self.kind);
    }

    /// Whether it listens, before it dies or the time is up.
    fn comes_up(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port))).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &PathBuf, port: u16, folder: &TempDir) -> Child {
    let port = port.to_string();
    let mut command = Command::new(program);
    command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--daemonize", "no"]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"]).arg("--dir");
    command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Hands on what it hears at once, and what is answered after a delay, which is none at first.
pub(crate) struct Slow {
    port: u16,
    delay_ms: Arc<AtomicU64>,
}

impl Slow {
    pub(crate) async fn start(server: &Server) -> Self {
        let delay_ms = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_ms);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), server.port);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let delay = Arc::clone(&delay);
                tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                tokio::spawn(async move {
                    let mut buffer = vec![0; 4_096];
                    while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                        tokio::time::sleep(Duration::from_millis(delay.load(Ordering::SeqCst))).await;
                        if to_client.write_all(&buffer[..length]).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { port, delay_ms }
    }

    pub(crate) fn delay_by(&self, delay: Duration) {
        self.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}
