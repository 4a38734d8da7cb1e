//! The options of a store.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, RedisError};
use sealstamp::UnixMillis;

use crate::error::{BuildError, Kind};
use crate::store::{Connection, RedisStore};

/// How long a request waits for the store, unless [`bound`](RedisStoreBuilder::bound) says otherwise: 100 ms.
pub const DEFAULT_BOUND: Duration = Duration::from_millis(100);

/// How long the operating system waits until it gives up a connection whose other end does not confirm what was sent.
const GIVE_UP: Duration = Duration::from_secs(5);

impl RedisStore {
    /// A store on one server: `redis://[user:password@]host[:port][/database]`, `redis+unix:///path`, or `rediss://` with
    /// the feature `tls`.
    #[must_use]
    pub fn builder(address: &str) -> RedisStoreBuilder {
        RedisStoreBuilder::new(vec![address.to_owned()])
    }

    /// A store on a cluster, by the addresses of some of its nodes.
    #[cfg(feature = "cluster")]
    #[must_use]
    pub fn cluster<'a>(addresses: impl IntoIterator<Item = &'a str>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(addresses.into_iter().map(str::to_owned).collect())
    }
}

/// Options of a [`RedisStore`], from [`RedisStore::builder`].
pub struct RedisStoreBuilder {
    addresses: Vec<String>,
    prefix: String,
    bound: Duration,
    clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    #[cfg(feature = "tls")]
    root_certificate: Option<Vec<u8>>,
}

impl RedisStoreBuilder {
    fn new(addresses: Vec<String>) -> Self {
        Self {
            addresses,
            prefix: "sealstamp:".to_owned(),
            bound: DEFAULT_BOUND,
            clock: Arc::new(|| UnixMillis::from_system_time(SystemTime::now())),
            #[cfg(feature = "tls")]
            root_certificate: None,
        }
    }

    /// What stands before the 32 bytes of an id in a key: `sealstamp:` unless set. All replicas of a fleet use the same.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.to_owned();
        self
    }

    /// How long a request waits for the store at most, connecting included: 1 millisecond to 60 seconds.
    /// [`DEFAULT_BOUND`] unless set.
    ///
    /// A request that has waited that long is treated as [`WhenAway`](sealstamp_dpop::WhenAway) says.
    #[must_use]
    pub fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// Another clock than the system's, for tests. It is read once for each claim.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The certificate, in PEM, that the server's own must come from. Unless set, it is one of those that the system
    /// trusts.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificate(mut self, pem: &[u8]) -> Self {
        self.root_certificate = Some(pem.to_vec());
        self
    }

    /// The store. It connects when the first proof is claimed, and again whenever the connection is lost. So a process can
    /// start before its store.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if the address, the bound or the certificate makes no sense, or if there is no tokio runtime.
    pub fn build(self) -> Result<RedisStore, BuildError> {
        self.check()?;
        let address = self.addresses.first().map(String::as_str).unwrap_or_default();
        let address = connection_info(address).map_err(bad_address)?;
        let client = self.client(address).map_err(bad_address)?;
        // A short pause between attempts: the store should be in use again soon after it is back.
        let config = ConnectionManagerConfig::new()
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500))
            .set_connection_timeout(Some(self.bound.max(Duration::from_secs(1))))
            .set_response_timeout(Some(self.bound));
        let manager = ConnectionManager::new_lazy_with_config(client, config).map_err(bad_address)?;
        Ok(RedisStore::new(Connection::One(manager), self.prefix.into_bytes(), self.bound, self.clock))
    }

    /// The store on a cluster, whose keys are spread over its nodes. It is connected when this returns, and finds the nodes
    /// anew when they change.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if an address, the bound or the certificate makes no sense, or if no node answers.
    #[cfg(feature = "cluster")]
    pub async fn connect_cluster(self) -> Result<RedisStore, BuildError> {
        self.check()?;
        let addresses: Result<Vec<_>, _> = self.addresses.iter().map(|address| connection_info(address)).collect();
        let builder = redis::cluster::ClusterClient::builder(addresses.map_err(bad_address)?)
            .tcp_settings(tcp_settings())
            .connection_timeout(self.bound.max(Duration::from_secs(1)))
            .response_timeout(self.bound)
            // See `redirect`.
            .retries(0);
        #[cfg(feature = "tls")]
        let builder = match &self.root_certificate {
            Some(pem) => builder.certs(redis::TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) }),
            None => builder,
        };
        let client = builder.build().map_err(bad_address)?;
        let connection =
            client.get_async_connection().await.map_err(|error| BuildError(Kind::Cluster(error.kind())))?;
        Ok(RedisStore::new(Connection::Cluster(connection), self.prefix.into_bytes(), self.bound, self.clock))
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.bound < Duration::from_millis(1) || self.bound > Duration::from_secs(60) {
            return Err(BuildError(Kind::Bound));
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(BuildError(Kind::NoRuntime));
        }
        // The library takes a text without any certificate for a list of none, and then trusts nobody.
        #[cfg(feature = "tls")]
        if self.root_certificate.as_deref().is_some_and(|pem| !is_certificate(pem)) {
            return Err(BuildError(Kind::Certificate));
        }
        // rustls panics if a process has two providers of cryptography to choose from, and none is chosen.
        #[cfg(feature = "tls")]
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have chosen one meanwhile, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        Ok(())
    }

    fn client(&self, address: ConnectionInfo) -> Result<Client, RedisError> {
        #[cfg(feature = "tls")]
        if let Some(pem) = &self.root_certificate {
            let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) };
            return Client::build_with_tls(address, certificates);
        }
        Client::open(address)
    }
}

fn connection_info(address: &str) -> Result<ConnectionInfo, RedisError> {
    Ok(address.into_connection_info()?.set_tcp_settings(tcp_settings()))
}

fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let settings = settings.set_user_timeout(GIVE_UP);
    settings
}

#[cfg(feature = "tls")]
fn is_certificate(pem: &[u8]) -> bool {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    CertificateDer::pem_slice_iter(pem).next().is_some_and(|certificate| certificate.is_ok())
}

fn bad_address(error: RedisError) -> BuildError {
    BuildError(Kind::Address(error.kind()))
}
