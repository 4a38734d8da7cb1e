//! Clients that call without a pause, each request to a replica chosen at random.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealstamp_examples::client::{Answer, Client};
use serde_json::json;
use tokio::task::JoinSet;

/// What the clients saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Tool calls made.
    pub(crate) calls: u64,
    /// Nonces refused: one more request each.
    pub(crate) refusals: u64,
    /// The most refusals that one client saw.
    pub(crate) worst_client: u64,
    /// Calls that failed after their retry.
    pub(crate) failed: u64,
}

/// Clients at work until told to stop.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Result<(Client, Tally), Box<dyn Error + Send + Sync>>>,
}

impl Traffic {
    pub(crate) fn start(clients: Vec<Client>, replicas: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for client in clients {
            tasks.spawn(work(client, replicas.to_vec(), Arc::clone(&stop)));
        }
        Self { stop, clients: tasks }
    }

    /// Lets every call come to its end. The clients come back with the nonces that they hold.
    pub(crate) async fn stop(mut self) -> Result<(Vec<Client>, Tally), Box<dyn Error + Send + Sync>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        let mut clients = Vec::new();
        while let Some(done) = self.clients.join_next().await {
            let (client, tally) = done??;
            clients.push(client);
            all.calls = all.calls.saturating_add(tally.calls);
            all.refusals = all.refusals.saturating_add(tally.refusals);
            all.failed = all.failed.saturating_add(tally.failed);
            all.worst_client = all.worst_client.max(tally.refusals);
        }
        Ok((clients, all))
    }
}

async fn work(
    mut client: Client,
    replicas: Vec<String>,
    stop: Arc<AtomicBool>,
) -> Result<(Client, Tally), Box<dyn Error + Send + Sync>> {
    let before = client.refusals;
    let mut tally = Tally::default();
    while !stop.load(Ordering::Relaxed) {
        let answer = call(&mut client, &replicas, tally.calls).await?;
        tally.calls = tally.calls.saturating_add(1);
        if answer.text() != Some(&tally.calls.to_string()) {
            tally.failed = tally.failed.saturating_add(1);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tally.refusals = client.refusals.saturating_sub(before);
    Ok((client, tally))
}

/// One call of `add` at a replica chosen at random; the retry, if it comes to that, at another such.
pub(crate) async fn call(
    client: &mut Client,
    replicas: &[String],
    number: u64,
) -> Result<Answer, Box<dyn Error + Send + Sync>> {
    client.call(any(replicas)?, any(replicas)?, "add", json!({ "a": number, "b": 1 })).await
}

fn any(replicas: &[String]) -> Result<&str, Box<dyn Error + Send + Sync>> {
    let mut byte = [0; 8];
    aws_lc_rs::rand::fill(&mut byte)?;
    let count = u64::try_from(replicas.len())?;
    let index = u64::from_ne_bytes(byte).checked_rem(count).ok_or("no replicas")?;
    Ok(replicas.get(usize::try_from(index)?).ok_or("no replicas")?)
}
