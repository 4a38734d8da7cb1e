//! From start to stop: listeners, signals, and the end.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info};

use crate::config::Address;
use crate::flags::{Flags, MISTAKES};
use crate::manager;
use crate::metrics::Metrics;
use crate::process::{self, Process};
use crate::resource::Kept;
use crate::serve::{Limits, Listener, check, operator, room_for, serve};

/// The permissions of the operator's socket.
const OPERATOR_MODE: u32 = 0o660;

pub(crate) fn run(flags: &Flags) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no threads");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        let good = match process::load(&flags.config, &flags.overrides(), &Kept::default()) {
            Ok(good) => good,
            Err(mistakes) => {
                for mistake in mistakes {
                    error!("{mistake}");
                }
                return ExitCode::from(MISTAKES);
            }
        };
        let (stop, stopping) = watch::channel(false);
        let metrics = match good.settings.operator.as_ref().map(|_| Metrics::install()).transpose() {
            Ok(metrics) => metrics,
            Err(error) => {
                error!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let process = Process::new(flags.config.clone(), flags.overrides(), good, stopping.clone(), metrics);
        let process = Arc::new(process);
        match until_stopped(process, stop, stopping).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                error!("{error}");
                ExitCode::FAILURE
            }
        }
    });
    // Whoever still waits for a file or a resolver is left to it.
    runtime.shutdown_background();
    ended
}

async fn until_stopped(
    process: Arc<Process>,
    stop: watch::Sender<bool>,
    stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    // Before anything listens: from then on, a signal must not end the process.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let mut servers = JoinSet::new();
    let connections = room_for(process.bounds().connections);
    let limits = Limits::of(process.bounds(), connections);
    for at in &process.settings().listeners {
        let listener = bind(&at.address, at.socket_mode).await?;
        let (process, dialect) = (Arc::clone(&process), at.dialect);
        let handle = move |request| check(Arc::clone(&process), dialect, request);
        servers.spawn(serve(listener, limits.clone(), stopping.clone(), handle));
    }
    // The operator's pages answer until all else has ended, and while proxies have used up all connections.
    let (stop_operator, operator_stopping) = watch::channel(false);
    let mut pages = JoinSet::new();
    if let (Some(address), Some(metrics)) = (&process.settings().operator, process.metrics().cloned()) {
        tokio::spawn(metrics.clone().upkeep());
        let listener = bind(address, OPERATOR_MODE).await?;
        let limits = Limits::of(process.bounds(), connections);
        let process = Arc::clone(&process);
        let handle = move |request| operator(Arc::clone(&process), metrics.clone(), request);
        pages.spawn(serve(listener, limits, operator_stopping, handle));
    }
    info!("ready to answer");
    manager::ready();

    let reloading = Arc::clone(&process);
    let reloads = tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            manager::reloading();
            reloading.reload().await;
            manager::reloaded(&reloading.last_reload());
        }
    });
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    reloads.abort();
    info!("stopping: what has begun is finished");
    manager::stopping();
    stop.send_replace(true);
    while servers.join_next().await.is_some() {}
    stop_operator.send_replace(true);
    while pages.join_next().await.is_some() {}
    info!("stopped");
    Ok(())
}

async fn bind(address: &Address, mode: u32) -> io::Result<Listener> {
    let listener = Listener::bind(address, mode)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: cannot listen: {error}")))?;
    info!(address = listener.address(), "listening");
    Ok(listener)
}
