//! What is right and wrong, in true time: the promises of the design, told apart from what the replicas believe.
//!
//! A refusal of a nonce within its lifetime is false unless a revocation explains *that* nonce: its key was revoked, or
//! had to step in before every replica could know it. How much else was revoked at the time is no excuse.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use sealstamp::{Fleet, Kid, Nonce, Opened, Refusal, Ring, Settings, UnixMillis};

use crate::replica::{self, Held, Replica};

/// What a refused nonce was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Older than its lifetime.
    Expired,
    /// Hit by a revocation, this many milliseconds after it.
    Revocation { after_ms: u64 },
    /// Minted or opened by a replica that went astray.
    AnotherLine,
    /// Good, and refused all the same.
    False,
}

/// What is known of a key, in true time.
struct Life {
    /// When the first file with it was written.
    written: u64,
    revoked: Option<u64>,
    date: Option<UnixMillis>,
    /// When a revocation made it step in.
    stepped_in: Option<u64>,
    /// The last mint time that it may authenticate, and when the file that says so was written.
    window: Option<(UnixMillis, u64)>,
}

pub(crate) struct Judge {
    /// The newest ring, which has the settings in force and those to come.
    newest: Ring,
    /// The propagation of the first ring. All files keep to it, whatever later rings say.
    propagation: u64,
    serial: u64,
    keys: HashMap<Kid, Life>,
    /// When keys were revoked.
    revocations: Vec<u64>,
    /// Handles that each hold one key of the ring, and mint with it for ever.
    thieves: Vec<Fleet>,
}

impl Judge {
    pub(crate) fn new(settings: Settings, first: &Ring, now: u64) -> Self {
        let ms = |seconds: u32| u64::from(seconds) * 1_000;
        let mut judge = Self {
            newest: first.clone(),
            propagation: ms(settings.propagation_s()),
            serial: 0,
            keys: HashMap::new(),
            revocations: Vec::new(),
            thieves: Vec::new(),
        };
        judge.written(first, false, UnixMillis::new(now), now);
        judge
    }

    /// The serial of the newest ring that it knows.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// A new ring was written, when the operator's clock showed `shown`.
    pub(crate) fn written(&mut self, ring: &Ring, by_revocation: bool, shown: UnixMillis, now: u64) {
        self.serial = ring.serial();
        self.newest = ring.clone();
        for status in ring.status(shown) {
            let new = Life { written: now, revoked: None, date: None, stepped_in: None, window: None };
            let life = self.keys.entry(status.key.kid()).or_insert(new);
            let date = status.key.activates_at();
            if by_revocation && date.is_some() && date != life.date {
                life.stepped_in.get_or_insert(now);
            }
            life.date = date;
            if status.key.revoked_at().is_some() && life.revoked.is_none() {
                life.revoked = Some(now);
            }
            if life.window.map(|(until, _)| until) != status.mints_until {
                life.window = status.mints_until.map(|until| (until, now));
            }
        }
        if by_revocation {
            self.revocations.push(now);
        }
    }

    /// Whether a nonce was accepted that should not have been: too old, or of a key that was revoked long enough ago.
    pub(crate) fn is_late(&self, opened: &Opened, held: &Held, replica: &Replica, now: u64) -> bool {
        now - held.minted > self.lifetime(held) + 2 * self.max_skew()
            || self.is_dead(opened.kid(), now) && replica.knows_better(opened.kid())
    }

    /// How long this nonce is good: what was in force when it was minted.
    fn lifetime(&self, held: &Held) -> u64 {
        u64::from(self.newest.settings_at(held.shown).lifetime_s()) * 1_000
    }

    /// The longest lifetime that a nonce may have that is not expired.
    fn longest_lifetime(&self) -> u64 {
        let next = self.newest.next_settings().map_or(0, |next| next.settings.lifetime_s());
        u64::from(self.newest.settings().lifetime_s().max(next)) * 1_000
    }

    fn max_skew(&self) -> u64 {
        let next = self.newest.next_settings().map_or(0, |next| next.settings.max_skew_s());
        u64::from(self.newest.settings().max_skew_s().max(next)) * 1_000
    }

    /// Whether a nonce that a thief has just minted was accepted though its key was dead or had retired everywhere.
    pub(crate) fn is_forgery(&self, opened: &Opened, replica: &Replica, now: u64) -> bool {
        if !replica.knows_better(opened.kid()) {
            return false;
        }
        let retired = self.keys.get(&opened.kid()).and_then(|life| life.window);
        let retired = retired.is_some_and(|(until, written)| now > until.get() && now > written + self.propagation);
        // Which keys have retired, a replica of another line cannot know.
        let retired = retired && !replica.is_astray();
        retired || self.is_dead(opened.kid(), now)
    }

    /// I4: whether a key neither mints nor opens anywhere any more.
    fn is_dead(&self, kid: Kid, now: u64) -> bool {
        self.keys.get(&kid).and_then(|life| life.revoked).is_some_and(|revoked| now > revoked + self.propagation)
    }

    pub(crate) fn is_fresh(&self, held: &Held, now: u64) -> bool {
        now - held.minted <= self.lifetime(held)
    }

    pub(crate) fn refused(&self, refusal: Refusal, held: &Held, replica: &Replica, now: u64) -> Verdict {
        if !self.is_fresh(held, now) {
            return Verdict::Expired;
        }
        if held.astray || replica.is_astray() {
            return Verdict::AnotherLine;
        }
        let minted = held.minted;
        let Some(life) = kid_of(&held.nonce).and_then(|kid| self.keys.get(&kid)) else { return Verdict::False };
        let hit = match refusal {
            // By a replica that had not heard of the revocation, or before it.
            Refusal::RevokedKey => life.revoked.filter(|at| minted <= at + self.propagation),
            // By a replica that had, at one that cannot know the key yet.
            Refusal::UnknownKey => life.stepped_in.filter(|_| now <= life.written + self.propagation),
            _ => None,
        };
        hit.map_or(Verdict::False, |at| Verdict::Revocation { after_ms: now - at })
    }

    /// Whether nothing was revoked so lately that a nonce could still be hit by it.
    pub(crate) fn is_calm(&self, now: u64) -> bool {
        self.recent_revocations(now) == 0
    }

    /// I9: while an unpropagated key had to step in or a second revocation overlaps the first; and for a client that had
    /// no good nonce to begin with, if a replica that has not heard of a revocation gave it one.
    pub(crate) fn may_take_more_than_one_retry(&self, had_good_nonce: bool, now: u64) -> bool {
        let unknown = |life: &Life| life.stepped_in.is_some() && now <= life.written + self.propagation;
        match self.recent_revocations(now) {
            0 => false,
            1 => !had_good_nonce || self.keys.values().any(unknown),
            _ => true,
        }
    }

    /// Revocations whose last nonce may still be held by a client.
    fn recent_revocations(&self, now: u64) -> usize {
        let over = |at: u64| now > at + self.propagation + self.longest_lifetime();
        self.revocations.iter().rev().take_while(|at| !over(**at)).count()
    }

    /// Somebody gets hold of one key of the ring, not of the file.
    pub(crate) fn steal_a_key(&mut self, ring: &Ring, rng: &mut Rng) {
        if let Some(ring) = one_key_of(ring, rng) {
            self.thieves.push(replica::handle(ring, rng));
        }
        if self.thieves.len() > 16 {
            self.thieves.remove(0);
        }
    }

    pub(crate) fn some_thief(&self, rng: &mut Rng) -> Option<&Fleet> {
        rng.choice(&self.thieves)
    }
}

/// A ring of one key that has been active for ever.
fn one_key_of(ring: &Ring, rng: &mut Rng) -> Option<Ring> {
    let mut file: serde_json::Value = serde_json::from_str(&ring.to_json()).ok()?;
    let keys = file.get_mut("keys")?.as_array_mut()?;
    keys.retain(|key| key.get("secret").is_some());
    let mut key = rng.choice(keys.iter())?.clone();
    key.as_object_mut()?.insert("activates_at".into(), "2026-01-01T00:00:00Z".into());
    *keys = vec![key];
    Ring::parse(file.to_string().as_bytes()).ok()
}

/// Bytes 1 to 4 of a nonce.
fn kid_of(nonce: &Nonce) -> Option<Kid> {
    let bytes = URL_SAFE_NO_PAD.decode(nonce.as_str()).ok()?;
    let [_, a, b, c, d, ..] = bytes[..] else { return None };
    format!("{a:02x}{b:02x}{c:02x}{d:02x}").parse().ok()
}
