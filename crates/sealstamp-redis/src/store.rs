//! The store: one command for each claim.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{Cmd, RedisResult, Value};
use sealstamp::UnixMillis;
use sealstamp_dpop::{Claim, Claimed, ProofStore, StoreError};
use tokio::time::timeout;

#[cfg(feature = "cluster")]
use crate::redirect;

/// Remembers used proofs in Redis or Valkey. Cheap to clone; clones share a connection.
///
/// See the [crate's documentation](crate) for what the server must be told.
#[derive(Clone)]
pub struct RedisStore {
    connection: Connection,
    prefix: Arc<[u8]>,
    bound: Duration,
    clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
}

#[derive(Clone)]
pub(crate) enum Connection {
    One(ConnectionManager),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl RedisStore {
    pub(crate) fn new(
        connection: Connection,
        prefix: Vec<u8>,
        bound: Duration,
        clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    ) -> Self {
        Self { connection, prefix: prefix.into(), bound, clock }
    }

    /// How long the server keeps the key of a claim that is made now, in milliseconds.
    ///
    /// The key must be there for as long as another replica's command can arrive that was sent in time: one bound longer
    /// than the claim must be kept. The last millisecond is for clocks that count whole ones.
    fn keep_ms(&self, claim: &Claim, now: UnixMillis) -> u64 {
        let bound_ms = u64::try_from(self.bound.as_millis()).unwrap_or(u64::MAX);
        claim.keep_until().since(now).saturating_add(bound_ms).saturating_add(1)
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        match self.connection.clone() {
            Connection::One(mut manager) => command.query_async(&mut manager).await,
            #[cfg(feature = "cluster")]
            Connection::Cluster(mut cluster) => redirect::send(&mut cluster, command).await,
        }
    }
}

impl ProofStore for RedisStore {
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let now = (self.clock)();
        if now > claim.usable_until() {
            return Ok(Claimed::Late);
        }
        let key = [&self.prefix, claim.id().as_bytes().as_slice()].concat();
        let mut command = redis::cmd("SET");
        command.arg(key).arg(1).arg("NX").arg("PX").arg(self.keep_ms(&claim, now));
        match timeout(self.bound, self.send(&command)).await {
            Ok(Ok(Value::Okay)) => Ok(Claimed::First),
            Ok(Ok(Value::Nil)) => Ok(Claimed::Again),
            // It would have to evict a key, and may not.
            Ok(Err(error)) if error.code() == Some("OOM") => Err(StoreError::Full),
            Ok(Ok(_) | Err(_)) | Err(_) => Err(StoreError::Unavailable),
        }
    }
}

/// The address has a password in it, and stays out of logs.
impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("bound", &self.bound).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use sealstamp_dpop::ProofId;

    use super::*;

    #[tokio::test]
    async fn a_key_outlives_every_command_that_was_sent_in_time() {
        let store = RedisStore::builder("redis://127.0.0.1:1").bound(Duration::from_millis(30)).build().unwrap();
        let claim = Claim::new(ProofId::from_bytes([0; 32]), UnixMillis::new(1_000), UnixMillis::new(1_500));
        assert_eq!(store.keep_ms(&claim, UnixMillis::new(900)), 631);
        assert_eq!(store.keep_ms(&claim, UnixMillis::new(1_500)), 31);
        assert_eq!(store.keep_ms(&claim, UnixMillis::new(u64::MAX)), 31);
    }
}
