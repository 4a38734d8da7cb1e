//! What an operator sees of one resource: its issuers, its cache of tokens, its store of used proofs.

use std::sync::{Arc, OnceLock};

use metrics::{counter, gauge};
use sealstamp_dpop::metrics::{describe, observe_keys, observe_store};
use sealstamp_dpop::{ByIssuer, Cached, IntrospectionValidator, MemoryStore, RemoteJwtValidator};

/// What is looked at for each scrape.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) issuers: Vec<RemoteJwtValidator>,
    pub(crate) introspection: Option<IntrospectionValidator>,
    pub(crate) store: Option<Arc<MemoryStore>>,
    /// What was counted under this name before the last reload: a reload begins with an empty cache, and a counter never
    /// goes back.
    before: Counts,
    begun: OnceLock<()>,
}

/// What only grows, for one resource.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    hits: u64,
    validations: u64,
    answered: u64,
    failed: u64,
}

impl Watched {
    /// Goes on counting where another left off.
    pub(crate) fn go_on(&mut self, old: &Self, old_tokens: &Cached<ByIssuer>) {
        self.before = old.counts(old_tokens);
    }

    /// Reads all states into metrics, which the caller gives the resource's name.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(crate) fn observe(&self, tokens: &Cached<ByIssuer>) {
        // From the first scrape on, every series is there: the first event of a kind is seen as a rise.
        self.begun.get_or_init(describe);
        for issuer in &self.issuers {
            observe_keys(&issuer.status());
        }
        let (status, counts) = (tokens.status(), self.counts(tokens));
        counter!("sealstamp_token_cache_hits_total").absolute(counts.hits);
        counter!("sealstamp_token_cache_validations_total").absolute(counts.validations);
        gauge!("sealstamp_token_cache_entries").set(status.entries() as f64);
        gauge!("sealstamp_token_cache_bytes").set(status.bytes() as f64);
        if self.introspection.is_some() {
            counter!("sealstamp_introspections_total", "result" => "ok").absolute(counts.answered);
            counter!("sealstamp_introspections_total", "result" => "failed").absolute(counts.failed);
        }
        if let Some(store) = &self.store {
            observe_store(store);
        }
    }

    fn counts(&self, tokens: &Cached<ByIssuer>) -> Counts {
        let (status, before) = (tokens.status(), self.before);
        let (asked, failed) = self.introspection.as_ref().map_or((0, 0), |one| (one.asked(), one.failed()));
        Counts {
            hits: before.hits.saturating_add(status.hits()),
            validations: before.validations.saturating_add(status.validations()),
            answered: before.answered.saturating_add(asked.saturating_sub(failed)),
            failed: before.failed.saturating_add(failed),
        }
    }
}
