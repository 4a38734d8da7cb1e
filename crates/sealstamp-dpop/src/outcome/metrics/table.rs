//! Every metric there is.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which values came.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it: `counter` for example.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric: its name, its labels and what it says.
///
/// The values of labels come from this crate, or are the issuers that the server was configured with. A client's text
/// is in none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name, as Prometheus wants it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The unit in which it counts: `seconds`, `bytes`, `ratio`, or what is counted.
    pub unit: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one line.
    pub help: &'static str,
}

macro_rules! table {
    ($($name:literal $kind:ident $unit:literal [$($label:literal),*] $help:literal)+) => {
        /// Every metric of this crate's, whichever features are on.
        pub const ALL: &[Metric] = &[$(Metric {
            name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help,
        }),+];
    };
}

table! {
    "sealstamp_decisions_total" Counter "requests" ["outcome", "reason"]
        "Requests decided, by outcome (accepted, refused) and, for refused ones, the reason"
    "sealstamp_signature_checks_total" Counter "signatures" []
        "Signatures of proofs that were verified: the cost of a flood"
    "sealstamp_nonce_age_ratio" Histogram "ratio" ["outcome"]
        "Age of the nonces that opened or had expired, as a share of their lifetime"
    "sealstamp_store_claims_total" Counter "claims" ["result"]
        "Answers of the store of used proofs (first, again, late, full, unavailable)"
    "sealstamp_store_claim_duration_seconds" Histogram "seconds" []
        "How long the store of used proofs took to answer"
    "sealstamp_accepted_without_store_total" Counter "requests" []
        "Requests that went on although the store of used proofs gave no answer"
    "sealstamp_store_fill_ratio" Gauge "ratio" []
        "How much of its memory a store of used proofs in this process has taken; at 1 requests may be refused"
    "sealstamp_ring_serial" Gauge "serial" []
        "Serial of the ring in use"
    "sealstamp_ring_digest" Gauge "digest" []
        "First 6 bytes of the digest of the ring in use, as a number: equal rings, equal numbers"
    "sealstamp_ring_age_seconds" Gauge "seconds" []
        "Since the ring in use was last found in the ring file"
    "sealstamp_ring_key_age_seconds" Gauge "seconds" []
        "Since the key that mints now took over"
    "sealstamp_ring_propagation_seconds" Gauge "seconds" []
        "The longest time until every replica has loaded a new ring, as the ring's settings have it"
    "sealstamp_ring_fit" Gauge "boolean" []
        "1 if the last poll was good and recent, 0 if this replica may miss the next change"
    "sealstamp_ring_serving" Gauge "boolean" []
        "1 if nonces are opened, 0 if service is refused because the ring is not confirmed"
    "sealstamp_ring_reload_errors_total" Counter "polls" []
        "Polls of the ring file that have failed"
    "sealstamp_ring_fault" Gauge "boolean" ["kind"]
        "1 for the kind of error that the last poll of the ring file met, 0 for all others"
    "sealstamp_ring_warnings" Gauge "warnings" []
        "Warnings about who else may read or replace the ring file"
    "sealstamp_jwks_keys" Gauge "keys" ["issuer"]
        "Keys of the issuer's that are in use"
    "sealstamp_jwks_ready" Gauge "boolean" ["issuer"]
        "1 if there are keys and they are not too old, 0 if every token of the issuer's is refused"
    "sealstamp_jwks_age_seconds" Gauge "seconds" ["issuer"]
        "Since the issuer's keys were last fetched with success; infinite before that"
    "sealstamp_jwks_next_fetch_seconds" Gauge "seconds" ["issuer"]
        "Until the issuer's keys are fetched next, by the schedule"
    "sealstamp_jwks_fetches_total" Counter "fetches" ["issuer", "result"]
        "Fetches of the issuer's keys that have ended (ok, failed)"
    "sealstamp_token_signature_checks_total" Counter "signatures" ["issuer"]
        "Signatures of access tokens that were verified"
    "sealstamp_token_leeway_used_total" Counter "tokens" ["issuer"]
        "Access tokens that were accepted only because of the leeway for the issuer's clock"
    "sealstamp_token_cache_hits_total" Counter "requests" []
        "Requests whose access token was known from before"
    "sealstamp_token_cache_validations_total" Counter "validations" []
        "Access tokens that the cache had validated because it did not know them"
    "sealstamp_token_cache_entries" Gauge "tokens" []
        "Access tokens in the cache"
    "sealstamp_token_cache_bytes" Gauge "bytes" []
        "Bytes that they are charged"
    "sealstamp_introspections_total" Counter "questions" ["result"]
        "Questions to the issuer about opaque tokens (ok, failed)"
}
