//! What the commands that change a ring have in common: they say what will change and what it costs, then write the
//! ring, or say why not.

use std::fmt;

use sealstamp::{Cost, Force, Fresh, Key, Ring, Settings, Transition, TransitionError, UnixMillis};

use crate::audit::Entry;
use crate::cli::Change;
use crate::outcome::{Failure, Outcome};
use crate::span::Span;
use crate::store::Store;
use crate::{digest, stderr, time};

/// Why nothing is to be written.
pub(super) enum Stop {
    Refused(TransitionError),
    /// It must not or cannot be done, for a reason outside the core.
    Failed(Failure),
    /// There is nothing to do, for this reason. That is no error.
    Idle(String),
}

impl From<TransitionError> for Stop {
    fn from(refused: TransitionError) -> Self {
        Self::Refused(refused)
    }
}

/// What a transition is made from: the present ring, the time, fresh secrets, and whether the cost is accepted.
pub(super) struct Given<'r> {
    pub(super) ring: &'r Ring,
    pub(super) now: UnixMillis,
    pub(super) fresh: Fresh,
    pub(super) force: Force,
}

pub(super) fn run(
    what: &str,
    args: &Change,
    store: &Store,
    transition: impl FnOnce(Given<'_>) -> Result<Transition, Stop>,
) -> Result<Outcome, Failure> {
    let fresh = Fresh::from_os().map_err(Failure::new)?;
    let now = args.now.unwrap_or_else(time::clock);
    let force = if args.force { Force::YesAtACost } else { Force::No };
    let mut lines = Vec::new();
    let make = |ring: &Ring| {
        let made = transition(Given { ring, now, fresh, force })?;
        let news = News { old: ring, new: &made.ring, now, dry_run: args.dry_run };
        let changes = news.lines();
        if !args.dry_run {
            let (forced, reason) = (args.force, args.reason.clone());
            let entry = Entry::new(what, now, Some(ring), &made.ring);
            store.log(&Entry { forced, reason, changes: changes.clone(), ..entry }).map_err(Stop::Failed)?;
        }
        lines.extend(changes);
        let cost = cost_lines(&made.cost, &news);
        if args.force {
            for line in cost {
                stderr::note(format_args!("cost: {line}"));
            }
        } else {
            lines.extend(cost);
        }
        Ok(made)
    };
    let result = if args.dry_run { store.preview(make)? } else { store.update(make)? };
    match result {
        Ok(made) => {
            for line in lines {
                stderr::note(if args.dry_run { format!("dry run: {line}") } else { line });
            }
            if !args.dry_run {
                tell_next_step(store, &made.ring);
            }
            Ok(Outcome::Done)
        }
        Err(Stop::Idle(reason)) => {
            stderr::note(reason);
            Ok(Outcome::Done)
        }
        Err(Stop::Refused(refused)) => Err(refusal(what, refused, now)),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// The last line of a change: what to do with the new ring.
fn tell_next_step(store: &Store, ring: &Ring) {
    let (serial, propagation) = (ring.serial(), Span::from_s(ring.margins().propagation_s()));
    let digest = digest::hex(ring);
    let digest = digest::brief(&digest);
    match store {
        Store::File(_) => stderr::note(format_args!(
            "{store} is now serial {serial}, digest {digest}...; every replica is to have loaded it within {propagation}"
        )),
        Store::Pipe => stderr::note(format_args!(
            "serial {serial}, digest {digest}..., is on standard output; every replica is to have loaded it within {propagation}"
        )),
    }
}

fn refusal(what: &str, refused: TransitionError, now: UnixMillis) -> Failure {
    let wait = refused.legal_at().map(|at| format!(" ({})", time::from_now(at, now))).unwrap_or_default();
    let failure = Failure::refused(format_args!("refused: {refused}{wait}; nothing is changed"));
    match refused {
        TransitionError::Pending { kid, .. } => failure.hint(format_args!(
            "rotate again from then on; for another date: --at TIME; to take it back: --cancel; if key {kid} must not \
                 come: sealstamp revoke {kid}"
        )),
        TransitionError::DateStands { kid, .. } => {
            failure.hint(format_args!("rotate again from then on; if key {kid} must not come: sealstamp revoke {kid}"))
        }
        TransitionError::TooEarly { .. } if what == "settings" => {
            failure.hint("without --at, that date is the default")
        }
        TransitionError::TooEarly { .. } => {
            failure.hint("without --at, that date is the default; if the active key leaked: sealstamp revoke KID")
        }
        TransitionError::NotYetPrunable { .. } => failure.hint("prune again from then on"),
        TransitionError::OnlyKey { .. } => {
            failure.hint("if the key leaked, --force puts a new one in its place at once")
        }
        TransitionError::SettingsPending { .. } => failure.hint("change them again from then on"),
        TransitionError::UnknownKid => failure.hint("the kids are in: sealstamp list"),
        TransitionError::OutOfRange => failure.hint("prune, or see to this machine's clock"),
        _ => failure,
    }
}

/// Settings, as messages and tables name them.
pub(super) struct Words<'s>(pub(super) &'s Settings);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [lifetime, skew, propagation] =
            [self.0.lifetime_s(), self.0.max_skew_s(), self.0.propagation_s()].map(Span::from_s);
        write!(f, "lifetime {lifetime}, max skew {skew}, propagation {propagation}")
    }
}

/// The difference between two rings, whichever transition made it.
struct News<'r> {
    old: &'r Ring,
    new: &'r Ring,
    now: UnixMillis,
    dry_run: bool,
}

impl News<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for key in self.old.keys() {
            match self.new.keys().iter().find(|k| k.kid() == key.kid()) {
                None => lines.push(format!("key {} is removed", key.kid())),
                Some(then) if then.revoked_at().is_some() && key.revoked_at().is_none() => {
                    lines.push(format!("key {} is revoked; its secret is gone from the ring", key.kid()));
                }
                Some(_) => {}
            }
        }
        for key in self.new.keys().iter().filter(|key| key.revoked_at().is_none()) {
            let before = self.old.keys().iter().find(|k| k.kid() == key.kid());
            let name = self.name(key);
            match (key.activates_at(), before) {
                (None, Some(before)) if before.activates_at().is_some() => {
                    lines.push(format!("{name} is staged again, without a date"));
                }
                (Some(at), Some(before)) if before.activates_at() == Some(at) => {}
                (Some(at), _) if at > self.now => {
                    lines.push(format!("{name} takes over at {at}, {}", time::from_now(at, self.now)));
                }
                (Some(_), _) => lines.push(format!("{name} takes over now")),
                (None, None) => lines.push(format!("{name} is staged, to be the next")),
                (None, Some(_)) => {}
            }
        }
        lines.extend(self.settings());
        lines
    }

    fn settings(&self) -> Option<String> {
        let (before, after) = (self.old.next_settings(), self.new.next_settings());
        match after {
            _ if before == after => None,
            Some(next) => {
                let in_words = Words(&next.settings);
                Some(format!("from {} on ({}): {in_words}", next.from, time::from_now(next.from, self.now)))
            }
            // Once a change has settled, the next write says the same with fewer words.
            None if before.is_some_and(|next| next.from <= self.now) => None,
            None => Some(format!("the settings stay: {}", Words(self.new.settings()))),
        }
    }

    /// The key's name. A key that a dry run made and threw away has none.
    fn name(&self, key: &Key) -> String {
        let is_new = !self.old.keys().iter().any(|k| k.kid() == key.kid());
        if is_new && self.dry_run { "a new key".into() } else { format!("key {}", key.kid()) }
    }

    /// The key that mints now, which replicas with the old ring may not know of.
    fn stepped_in(&self) -> Option<&Key> {
        let same =
            |key: &&Key| self.old.keys().iter().any(|k| k.kid() == key.kid() && k.activates_at() == key.activates_at());
        self.new.keys().iter().find(|k| k.revoked_at().is_none() && k.activates_at().is_some() && !same(k))
    }
}

fn cost_lines(cost: &Cost, news: &News<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let until = |at: UnixMillis| format!("until {at} ({})", time::from_now(at, news.now));
    if let Some(at) = cost.retries_until {
        lines.push(format!(
            "{} a client may be refused once, and retries once with the nonce of the refusal",
            until(at)
        ));
    }
    if let Some(at) = cost.unknown_key_until {
        let key = news.stepped_in().map_or("the key that steps in".into(), |key| news.name(key));
        lines.push(format!(
            "{} at the latest, a replica that has not loaded serial {} may not know {key} and refuse its nonces, so that a \
             client may need more than one retry",
            until(at),
            news.new.serial()
        ));
        lines.push("that ends as soon as every replica has loaded the ring: restart or reload them now".into());
    }
    if lines.is_empty() {
        lines.push("clients will notice nothing".into());
    }
    lines
}
