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
use crate::resource::{self, IssuerKeys, Kept, Routes, followed_status};

/// How long a reload waits for the keys of issuers that are new.
const NEW_KEYS: Duration = Duration::from_secs(5);

/// All that answers need.
pub(crate) struct Process {
    pub(crate) routes: ArcSwap<Routes>,
    pub(crate) requests: Semaphore,
    file: PathBuf,
    overrides: Overrides,
    settings: Settings,
    reload: Mutex<Reload>,
    stopping: watch::Receiver<bool>,
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
    let routes = resource::routes(&read, settings.ring.as_ref(), old, &mut findings);
    finish(Good { settings, routes }, findings)
}

fn finish(good: Good, findings: Findings) -> Result<Good, Vec<Mistake>> {
    if findings.is_empty() { Ok(good) } else { Err(findings.into_mistakes()) }
}

impl Process {
    pub(crate) fn new(file: PathBuf, overrides: Overrides, good: Good, stopping: watch::Receiver<bool>) -> Self {
        Self {
            routes: ArcSwap::from_pointee(good.routes),
            requests: Semaphore::new(good.settings.bounds.requests),
            file,
            overrides,
            settings: good.settings,
            reload: Mutex::default(),
            stopping,
        }
    }

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.settings.bounds
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Reads the configuration anew. If anything is wrong with it, all stays as it is.
    pub(crate) async fn reload(self: &Arc<Self>) {
        let mistakes = match self.read_anew().await {
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

    async fn read_anew(self: &Arc<Self>) -> Result<(), Vec<String>> {
        let process = Arc::clone(self);
        // Files are read and keys are parsed, which others should not wait for.
        let loaded = spawn_blocking(move || load(&process.file, &process.overrides, &process.routes.load().kept));
        let good = match loaded.await {
            Ok(good) => good.map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>())?,
            Err(_) => {
                return Err(vec!["the configuration could not be read: that is a fault of this program".to_owned()]);
            }
        };
        if let Some(key) = self.settings.difference(&good.settings) {
            return Err(vec![format!("{}: {key}: this has changed, and needs a restart", self.file.display())]);
        }
        wait_for_new_keys(&good.routes, &self.routes.load_full()).await;
        self.routes.store(Arc::new(good.routes));
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
