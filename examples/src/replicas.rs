//! Server processes that end when their owner does.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A program that `cargo test` builds along with the test that asks for it.
///
/// # Errors
///
/// When it is not there: `cargo test --test NAME` alone builds no examples.
pub fn built(name: &str) -> Result<PathBuf, Box<dyn Error + Send + Sync>> {
    let here = std::env::current_exe()?;
    let path = here.parent().and_then(Path::parent).ok_or("a test is in target/PROFILE/deps")?.join(name);
    let hint = "build it first: cargo build -p sealstamp-cli -p sealstamp-examples --bins --examples";
    if path.exists() { Ok(path) } else { Err(hint.into()) }
}

/// What every replica is started with; see the flags of `mcp_server`.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The address that clients use, and the audience of tokens. Nonces are for its origin.
    pub public_url: &'a str,
    /// The ring file, which is all that replicas share.
    pub ring: &'a Path,
    /// The issuer of access tokens.
    pub issuer: &'a str,
    /// Its JWK set.
    pub jwks: &'a Path,
}

/// One running server process. Dropping it kills the process.
#[derive(Debug)]
pub struct Replica {
    child: Child,
    /// Where it listens: an address and a port.
    pub address: String,
}

impl Replica {
    /// Starts `program` with `role` before the flags, and waits until it listens.
    ///
    /// The process gets a pipe for its standard input that nobody writes to: it closes when this process ends, however it
    /// ends.
    ///
    /// # Errors
    ///
    /// When the program cannot be started, or does not say where it listens within ten seconds.
    pub async fn start(program: &Path, role: &[&str], setup: &Setup<'_>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut child = Command::new(program)
            .args(role)
            .args(["--listen", "127.0.0.1:0", "--public-url", setup.public_url])
            .arg("--ring")
            .arg(setup.ring)
            .args(["--issuer", setup.issuer])
            .arg("--issuer-jwks")
            .arg(setup.jwks)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the child has no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = timeout(Duration::from_secs(10), async {
            while let Some(line) = lines.next_line().await? {
                if let Some(address) = line.strip_prefix("listening on ") {
                    return Ok(address.to_owned());
                }
            }
            Err::<_, Box<dyn Error + Send + Sync>>("the server ended before it listened".into())
        })
        .await??;
        Ok(Self { child, address })
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Asks the process to end, by closing its standard input, and waits; kills it if it takes more than three seconds.
    ///
    /// # Errors
    ///
    /// When the process cannot be waited for.
    pub async fn stop(mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        drop(self.child.stdin.take());
        if timeout(Duration::from_secs(3), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}
