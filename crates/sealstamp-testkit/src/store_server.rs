//! A server of Redis or Valkey that a test starts, kills and starts again, and one in front of it that is slow.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// An installed program: `redis-server` from the path, or `valkey-server` from there or from where
/// `SEALSTAMP_VALKEY_SERVER` says.
#[derive(Clone, Debug)]
pub struct StoreProgram {
    kind: &'static str,
    path: PathBuf,
}

impl StoreProgram {
    /// One of each kind that is installed.
    ///
    /// # Panics
    ///
    /// With `CI=true`, if one is missing: nothing may be skipped then.
    #[must_use]
    pub fn each_kind() -> Vec<Self> {
        let valkey = std::env::var_os("SEALSTAMP_VALKEY_SERVER").unwrap_or("valkey-server".into());
        let valkey = Self { kind: "valkey", path: valkey.into() };
        Self::redis().into_iter().chain(valkey.is_installed().then_some(valkey)).collect()
    }

    /// `redis-server`, if it is installed.
    ///
    /// # Panics
    ///
    /// With `CI=true`, if it is not.
    #[must_use]
    pub fn redis() -> Option<Self> {
        let redis = Self { kind: "redis", path: "redis-server".into() };
        redis.is_installed().then_some(redis)
    }

    fn is_installed(&self) -> bool {
        let version = Command::new(&self.path).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if version.is_err() {
            let kind = self.kind;
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "nothing may be skipped: no {kind}-server");
            eprintln!("skipped with {kind}: there is no {}", self.path.display());
        }
        version.is_ok()
    }

    /// `redis` or `valkey`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// A server on a free port of the loopback interface. It writes each claim to its file before it answers.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(&self) -> StoreServer {
        self.start_with(|_| Vec::new())
    }

    /// With more options, which may depend on the port. They win over those of [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start_with(&self, options: impl Fn(u16) -> Vec<String>) -> StoreServer {
        // Somebody else may take the port before the server does: then it dies, and another one is tried.
        for _ in 0..20 {
            let port = free_port();
            let folder = tempfile::tempdir().expect("a folder");
            let options = options(port);
            let child = self.spawn(port, folder.path(), &options);
            let mut server = StoreServer { program: self.clone(), port, folder, options, child };
            if server.comes_up() {
                return server;
            }
        }
        panic!("{}-server does not start", self.kind);
    }

    fn spawn(&self, port: u16, folder: &Path, options: &[String]) -> Child {
        let mut command = Command::new(&self.path);
        command.args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]);
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"]);
        command.args(["--port", &port.to_string(), "--dir"]).arg(folder).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("it has said its version")
    }
}

/// A port of the loopback interface that nobody listens on now.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A running server. It is killed when it is dropped, and its files are removed.
#[derive(Debug)]
pub struct StoreServer {
    program: StoreProgram,
    port: u16,
    folder: TempDir,
    options: Vec<String>,
    child: Child,
}

impl StoreServer {
    /// One server of each kind that is installed.
    #[must_use]
    pub fn each_kind() -> Vec<Self> {
        StoreProgram::each_kind().iter().map(StoreProgram::start).collect()
    }

    /// `redis` or `valkey`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.program.kind
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address, as clients of Redis write it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// As if the power had gone: SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// On the same port, with the files that are there.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_again(&mut self) {
        self.child = self.program.spawn(self.port, self.folder.path(), &self.options);
        assert!(self.comes_up(), "{}-server does not start again", self.kind());
    }

    /// Whether it listens, before it dies or the time is up.
    fn comes_up(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if self.child.try_wait().expect("a child").is_some() {
                return false;
            }
            if TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).is_ok() {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Stands before a server. It hands on what it hears at once, and what is answered after a delay, which is none at
/// first.
#[derive(Debug)]
pub struct SlowStore {
    port: u16,
    delay_ms: Arc<AtomicU64>,
}

impl SlowStore {
    /// Before this server. Its threads end with the process.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    #[must_use]
    pub fn before(server: &StoreServer) -> Self {
        let delay_ms = Arc::new(AtomicU64::new(0));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let (port, behind) = (listener.local_addr().expect("an address").port(), server.port);
        let delay = Arc::clone(&delay_ms);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)) else { continue };
                let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { continue };
                let delay = Arc::clone(&delay);
                thread::spawn(move || hand_on(client, server, || {}));
                thread::spawn(move || {
                    hand_on(server_too, client_too, || {
                        thread::sleep(Duration::from_millis(delay.load(Ordering::SeqCst)));
                    });
                });
            }
        });
        Self { port, delay_ms }
    }

    /// From now on answers come that much later.
    pub fn delay_by(&self, delay: Duration) {
        self.delay_ms.store(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Its address, as clients of Redis write it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

/// Until either side hangs up.
fn hand_on(mut from: TcpStream, mut to: TcpStream, wait: impl Fn()) {
    let mut buffer = [0; 4_096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        wait();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
