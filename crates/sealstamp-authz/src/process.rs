//! The process: what it serves by, and how it stands.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use sealstamp::{ReloadStatus, UnixMillis};
use sealstamp_dpop::RemoteJwtValidator;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tracing::{error, info};

use crate::config::{self, Bounds, Findings, Mistake, Overrides, Settings};
use crate::metrics::Metrics;
use crate::resource::{self, IssuerKeys, Kept, Routes, followed_status};

/// How long a reload waits for the keys of issuers that are new.
const NEW_KEYS: Duration = Duration::from_secs(5);

/// How long a reload waits for files, which may be on a share that is away. What hangs is left to itself.
const READING: Duration = Duration::from_secs(30);

/// What is said of a reload that hung.
const NOT_READ: &str = "the configuration, or a file that it names, could not be read within 30 seconds";

/// What is said of a reload that panicked.
const FAULT: &str = "the configuration could not be read: that is a fault of this program";

/// All that answers need.
pub(crate) struct Process {
    pub(crate) routes: ArcSwap<Routes>,
    pub(crate) requests: Semaphore,
    file: PathBuf,
    overrides: Overrides,
    settings: Settings,
    reload: Mutex<Reload>,
    stopping: watch::Receiver<bool>,
    /// What is counted, if there is an operator to look.
    metrics: Option<Metrics>,
}

/// How the last reload went.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Reload {
    /// How often the file was read anew with success.
    pub(crate) done: u64,
    /// How often it was refused.
    pub(crate) failed: u64,
    /// What was wrong at the last attempt, if anything was.
    pub(crate) mistakes: Vec<String>,
    /// When it was last attempted.
    pub(crate) last_at: Option<String>,
}

/// What `/healthz` and `/readyz` show.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    format: &'static str,
    version: &'static str,
    stopping: bool,
    resources: Vec<String>,
    rings: Vec<ReloadStatus>,
    issuers: Vec<IssuerKeys>,
    configuration: Reload,
}

/// The configuration, read and found good.
pub(crate) struct Good {
    pub(crate) settings: Settings,
    routes: Routes,
}

/// Reads the configuration and all files that it names.
pub(crate) fn load(file: &Path, overrides: &Overrides, old: &Kept) -> Result<Good, Vec<Mistake>> {
    let (read, mut findings) = config::read(file)?;
    let settings = Settings::of(&read, overrides, &mut findings);
    let routes = resource::routes(&read, &settings, old, &mut findings);
    finish(Good { settings, routes }, findings)
}

fn finish(good: Good, findings: Findings) -> Result<Good, Vec<Mistake>> {
    if findings.count() == 0 { Ok(good) } else { Err(findings.into_mistakes()) }
}

impl Process {
    pub(crate) fn new(
        file: PathBuf,
        overrides: Overrides,
        good: Good,
        stopping: watch::Receiver<bool>,
        metrics: Option<Metrics>,
    ) -> Self {
        Self {
            routes: ArcSwap::from_pointee(good.routes),
            requests: Semaphore::new(good.settings.bounds.requests),
            file,
            overrides,
            settings: good.settings,
            reload: Mutex::default(),
            stopping,
            metrics,
        }
    }

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.settings.bounds
    }

    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        self.metrics.as_ref()
    }

    /// Does this work, and counts what it brings about for this resource.
    pub(crate) async fn counting<F: Future>(&self, resource: &str, work: F) -> F::Output {
        match &self.metrics {
            Some(metrics) => metrics.of(resource).during(work).await,
            None => work.await,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Reads the configuration anew. If anything is wrong with it, all stays as it is.
    pub(crate) async fn reload(self: &Arc<Self>) {
        self.take(Arc::clone(self).read_anew(READING)).await;
    }

    /// Whatever becomes of this work is noted. A panic ends it alone, and the next reload is made all the same.
    async fn take(&self, work: impl Future<Output = Result<(), Vec<String>>> + Send + 'static) {
        let ended = tokio::spawn(work).await.unwrap_or_else(|_| Err(vec![FAULT.to_owned()]));
        let mistakes = match ended {
            Ok(()) => {
                info!(file = %self.file.display(), "configuration reloaded");
                Vec::new()
            }
            Err(mistakes) => {
                for mistake in &mistakes {
                    error!("{mistake}");
                }
                error!(file = %self.file.display(), "the configuration was not reloaded; the one in use stays");
                mistakes
            }
        };
        let mut reload = self.reload.lock().unwrap_or_else(PoisonError::into_inner);
        let count = if mistakes.is_empty() { &mut reload.done } else { &mut reload.failed };
        *count = count.saturating_add(1);
        reload.mistakes = mistakes;
        reload.last_at = Some(UnixMillis::from_system_time(SystemTime::now()).to_string());
    }

    async fn read_anew(self: Arc<Self>, patience: Duration) -> Result<(), Vec<String>> {
        let process = Arc::clone(&self);
        // Files are read and keys are parsed, which others should not wait for.
        let loaded = spawn_blocking(move || load(&process.file, &process.overrides, &process.routes.load().kept));
        let Ok(loaded) = timeout(patience, loaded).await else { return Err(vec![NOT_READ.to_owned()]) };
        let good = match loaded {
            Ok(good) => good.map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>())?,
            Err(_) => return Err(vec![FAULT.to_owned()]),
        };
        let changed = self.settings.differences(&good.settings);
        if !changed.is_empty() {
            let says = |key| format!("{}: {key}: this has changed, and needs a restart", self.file.display());
            return Err(changed.into_iter().map(says).collect());
        }
        let (old, mut routes) = (self.routes.load_full(), good.routes);
        wait_for_new_keys(&routes, &old).await;
        routes.go_on(&old);
        self.routes.store(Arc::new(routes));
        Ok(())
    }

    /// Whether a balancer should send requests here.
    pub(crate) fn is_ready(&self) -> bool {
        let routes = self.routes.load();
        !*self.stopping.borrow()
            && followed_status(&routes.kept).iter().all(|ring| ring.serving)
            && routes.kept.issuers.values().all(RemoteJwtValidator::is_ready)
    }

    /// Whether nobody has to look.
    pub(crate) fn is_well(&self) -> bool {
        let routes = self.routes.load();
        self.last_reload().mistakes.is_empty()
            && followed_status(&routes.kept).iter().all(|ring| ring.fit)
            && routes.kept.issuers.values().all(|issuer| issuer.status().ready)
    }

    pub(crate) fn last_reload(&self) -> Reload {
        self.reload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn status(&self) -> Status {
        let routes = self.routes.load();
        Status {
            format: "sealstamp-authz-status/1",
            version: env!("CARGO_PKG_VERSION"),
            stopping: *self.stopping.borrow(),
            resources: routes.resources.keys().cloned().collect(),
            rings: followed_status(&routes.kept),
            issuers: routes.kept.issuers.values().map(RemoteJwtValidator::status).collect(),
            configuration: self.last_reload(),
        }
    }
}

/// Requests go on by the routes in use meanwhile. An issuer that does not answer does not keep the others waiting for
/// ever, and one that did not answer before is not waited for.
async fn wait_for_new_keys(new: &Routes, old: &Routes) {
    let there = async {
        for (_, issuer) in new.kept.issuers.iter().filter(|(key, _)| !old.kept.issuers.contains_key(key)) {
            while !issuer.is_ready() {
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let _ = timeout(NEW_KEYS, there).await;
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sealstamp::{Fresh, Ring, RingFile, Settings as RingSettings, Suite};
    use sealstamp_testkit::issuer;
    use tempfile::TempDir;

    use super::*;

    const GOOD: &str = r#"[[listener]]
address = "127.0.0.1:9180"
dialect = "nginx"

[limits]
requests = 100

[ring]
file = "ring.json"

[[resource]]
name = "mcp"
public_url = "https://mcp.example.com/mcp"
scopes = ["tools:read"]

[[resource.issuer]]
url = "https://issuer.example.com"
jwks_file = "jwks.json"

[[resource.path]]
path = "/mcp/admin"
nonce_within_s = 10
"#;

    fn folder() -> TempDir {
        let folder = TempDir::new().unwrap();
        let now = UnixMillis::from_system_time(SystemTime::now());
        let ring = Ring::init(RingSettings::default(), Suite::Aes256Gcm, now, Fresh::from_os().unwrap());
        RingFile::new(folder.path().join("ring.json")).create(&ring).unwrap();
        fs::write(folder.path().join("jwks.json"), issuer().jwks()).unwrap();
        folder
    }

    /// A reload that panics is a refused one, and the next one is made.
    #[tokio::test]
    async fn a_panic_ends_one_reload() {
        let folder = folder();
        let file = folder.path().join("authz.toml");
        fs::write(&file, GOOD).unwrap();
        let good = load(&file, &Overrides::default(), &Kept::default()).map_err(drop).unwrap();
        let (_stop, stopping) = watch::channel(false);
        let process = Arc::new(Process::new(file, Overrides::default(), good, stopping, None));
        process.take(async { panic!("a fault") }).await;
        let Reload { done, failed, mistakes, .. } = process.last_reload();
        assert_eq!((done, failed, mistakes), (0, 1, vec![FAULT.to_owned()]));
        assert!(process.is_ready() && !process.is_well());
        process.reload().await;
        let Reload { done, failed, mistakes, .. } = process.last_reload();
        assert_eq!((done, failed, mistakes), (1, 1, Vec::new()));
        assert!(process.is_well());
    }

    /// A file that does not come ends one reload, and the next one is made.
    #[tokio::test]
    async fn a_file_that_hangs_ends_one_reload() {
        let folder = folder();
        let (file, pipe) = (folder.path().join("authz.toml"), folder.path().join("pipe"));
        fs::write(&file, GOOD).unwrap();
        let good = load(&file, &Overrides::default(), &Kept::default()).map_err(drop).unwrap();
        let (_stop, stopping) = watch::channel(false);
        let process = Arc::new(Process::new(file.clone(), Overrides::default(), good, stopping, None));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&pipe, &file).unwrap();
        process.take(Arc::clone(&process).read_anew(Duration::from_millis(20))).await;
        assert_eq!(process.last_reload().mistakes, [NOT_READ]);
        // A file again, and the first read comes to its end.
        fs::remove_file(&file).unwrap();
        fs::write(&file, GOOD).unwrap();
        fs::write(&pipe, "").unwrap();
        process.reload().await;
        assert!(process.is_well());
        assert_eq!((process.last_reload().done, process.last_reload().failed), (1, 1));
    }

    /// Whatever one key press does to a good file, what is said of it has a line and says something; or it is good.
    #[tokio::test]
    async fn each_key_press_is_named_or_harmless() {
        let folder = folder();
        let file = folder.path().join("authz.toml");
        let said = |text: &[u8]| {
            fs::write(&file, text).unwrap();
            load(&file, &Overrides::default(), &Kept::default()).err()
        };
        assert_eq!(said(GOOD.as_bytes()), None);
        let prefix = format!("{}:", file.display());
        let (mut good, mut bad) = (0, 0);
        for at in 0..GOOD.len() {
            let (before, after) = GOOD.as_bytes().split_at(at);
            let presses: [&[u8]; 4] = [b"", b"x", b"\"", b"\xff"];
            let edits = presses.iter().map(|press| [before, press, &after[1..]].concat());
            let inserted = [before, b"=", after].concat();
            for text in edits.chain([inserted, before.to_vec()]) {
                let Some(mistakes) = said(&text) else {
                    good += 1;
                    continue;
                };
                bad += 1;
                assert!(!mistakes.is_empty());
                for mistake in mistakes {
                    let line = mistake.to_string();
                    let (number, says) = line.strip_prefix(&prefix).unwrap().split_once(": ").unwrap();
                    assert!((1..=1 + GOOD.lines().count()).contains(&number.parse().unwrap()), "{line}");
                    assert!(!says.is_empty() && !line.contains('\n'), "{line:?}");
                }
            }
        }
        assert!(bad > 1_500 && good > 50, "{bad} {good}");
    }
}
