//! `open`: what a nonce says, and why it is accepted or refused.

use std::io::{self, BufRead as _, Read as _};

use sealstamp::{Audience, Binding, Fleet, KeyStatus, Opened, Refusal, Ring, UnixMillis, UnverifiedHeader};
use serde::Serialize;

use crate::cli::Open;
use crate::outcome::{Failure, Outcome};
use crate::span::Span;
use crate::store::Store;
use crate::{stdout, time};

pub(super) fn run(args: &Open, store: &Store) -> Result<Outcome, Failure> {
    let nonce = if args.nonce == "-" { from_stdin(store)? } else { args.nonce.clone() };
    let ring = store.load()?;
    let at = args.at.unwrap_or_else(time::clock);
    let binding = args.of.bind.map_or(Binding::None, Binding::Thumbprint);
    let explained = Explained::of(&ring, &args.of.audience, &nonce, &binding, at)?;
    if args.json {
        stdout::write_json(&explained)?;
    } else {
        stdout::write(&explained.page())?;
    }
    Ok(if explained.verdict == "accepted" { Outcome::Done } else { Outcome::Refused })
}

/// The first line of standard input.
fn from_stdin(store: &Store) -> Result<String, Failure> {
    if store.is_pipe() {
        return Err(Failure::usage("both the ring and the nonce are to come from standard input"));
    }
    let mut line = String::new();
    // So much is longer than any nonce.
    let read = io::stdin().lock().take(1_024).read_line(&mut line);
    read.map_err(|error| Failure::new(format_args!("standard input: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// `sealstamp-open/1`, described in docs/cli.md.
#[derive(Serialize)]
struct Explained {
    format: &'static str,
    at: String,
    /// `accepted` or the refusal's label.
    verdict: &'static str,
    why: String,
    /// What the seal covers. None if the seal does not hold.
    authentic: Option<Authentic>,
    /// What anybody could have made up.
    unauthenticated: Option<Claimed>,
}

#[derive(Serialize)]
struct Authentic {
    kid: String,
    key_state: &'static str,
    minted_at: String,
    age_ms: u64,
    good_until: String,
    renew: bool,
}

#[derive(Serialize)]
struct Claimed {
    version: u8,
    kid: String,
    key_state: Option<&'static str>,
    epoch: u32,
    epoch_starts_at: String,
    epoch_ends_at: String,
}

impl Explained {
    fn of(ring: &Ring, audience: &Audience, nonce: &str, binding: &Binding, at: UnixMillis) -> Result<Self, Failure> {
        let fleet = Fleet::new(ring.clone(), audience.clone()).map_err(Failure::new)?;
        let verdict = fleet.open(nonce, at, binding);
        let header = UnverifiedHeader::read(nonce);
        let minted_at = match (&verdict, header) {
            (Ok(opened), _) => Some(opened.minted_at()),
            (Err(_), Some(header)) => minted_at(&fleet, ring, nonce, header, binding),
            (Err(_), None) => None,
        };
        let key = header.and_then(|header| ring.status(at).find(|s| s.key.kid() == header.kid()));
        let why = match &verdict {
            Ok(opened) => accepted(opened),
            Err(refusal) => refused(*refusal, ring, key.as_ref(), minted_at, at),
        };
        Ok(Self {
            format: "sealstamp-open/1",
            at: at.to_string(),
            verdict: verdict.as_ref().map_or_else(Refusal::as_str, |_| "accepted"),
            why,
            authentic: minted_at.zip(key).map(|(minted_at, key)| Authentic {
                kid: key.key.kid().to_string(),
                key_state: key.state.as_str(),
                minted_at: minted_at.to_string(),
                age_ms: at.since(minted_at),
                good_until: good_until(ring, minted_at).to_string(),
                renew: verdict.is_ok_and(|opened| opened.renew()),
            }),
            unauthenticated: header.filter(|_| minted_at.is_none()).map(|header| Claimed {
                version: header.version(),
                kid: header.kid().to_string(),
                key_state: key.map(|k| k.state.as_str()),
                epoch: header.epoch(),
                epoch_starts_at: header.epoch_starts_at().to_string(),
                epoch_ends_at: header.epoch_starts_at().saturating_add(sealstamp::EPOCH_MS).to_string(),
            }),
        })
    }

    fn page(&self) -> String {
        let verdict = if self.verdict == "accepted" { "accepted".into() } else { format!("refused: {}", self.verdict) };
        let mut out = format!("verdict     {verdict}\nwhy         {}\nopened at   {}\n", self.why, self.at);
        if let Some(a) = &self.authentic {
            out.push_str(&format!(
                "kid         {} ({})\nminted at   {}\nage         {}\ngood until  {}\n",
                a.kid,
                a.key_state,
                a.minted_at,
                Span::from_ms(a.age_ms),
                a.good_until,
            ));
        }
        if let Some(c) = &self.unauthenticated {
            out.push_str(&format!(
                "\nnot authenticated, anybody can write this:\n  version   {}{}\n  kid       {} ({})\n  epoch     {}, {} to {}\n",
                c.version,
                match c.version {
                    1 => " (aes-256-gcm)",
                    2 => " (chacha20-poly1305)",
                    _ => "",
                },
                c.kid,
                c.key_state.unwrap_or("not in this ring"),
                c.epoch,
                c.epoch_starts_at,
                c.epoch_ends_at,
            ));
        }
        out
    }
}

/// The mint time of an authentic nonce, however old it is and whichever rule refuses it.
///
/// The nonce is opened as of a time shortly before its epoch. If the seal holds, the nonce is then from the future, and
/// the refusal says by how much. That is said of authentic nonces only.
fn minted_at(
    fleet: &Fleet,
    ring: &Ring,
    nonce: &str,
    header: UnverifiedHeader,
    binding: &Binding,
) -> Option<UnixMillis> {
    let widest = Span::from_s(ring.margins().max_skew_s()).ms();
    let early = header.epoch_starts_at().saturating_sub(widest.saturating_add(1));
    match fleet.open(nonce, early, binding) {
        Ok(opened) => Some(opened.minted_at()),
        Err(Refusal::InFuture { by_ms }) => {
            // How much skew was allowed depends on the time that is sought: from a change of the settings on, it is the
            // new one.
            let after = ring.next_settings().and_then(|next| {
                let skew = Span::from_s(next.settings.max_skew_s()).ms();
                Some(early.saturating_add(skew).saturating_add(by_ms)).filter(|minted_at| *minted_at >= next.from)
            });
            Some(after.unwrap_or(early.saturating_add(widest).saturating_add(by_ms)))
        }
        Err(_) => None,
    }
}

/// Until when the clock that is furthest behind takes it.
fn good_until(ring: &Ring, minted_at: UnixMillis) -> UnixMillis {
    minted_at
        .saturating_add(Span::from_s(ring.settings_at(minted_at).lifetime_s()).ms())
        .saturating_add(skew_for(ring, minted_at).ms())
}

/// The skew that is allowed to a nonce of this time.
fn skew_for(ring: &Ring, minted_at: UnixMillis) -> Span {
    let after = ring.next_settings().filter(|next| next.from <= minted_at).map(|next| next.settings);
    Span::from_s(after.unwrap_or(ring.margins()).max_skew_s())
}

fn accepted(opened: &Opened) -> String {
    let renewal =
        if opened.renew() { "past half its lifetime, so the response carries the next nonce" } else { "fresh" };
    format!("authentic and {renewal}")
}

fn refused(
    refusal: Refusal,
    ring: &Ring,
    key: Option<&KeyStatus<'_>>,
    minted_at: Option<UnixMillis>,
    at: UnixMillis,
) -> String {
    let span = Span::from_ms;
    match (refusal, minted_at) {
        (Refusal::Malformed, _) => "a nonce is exactly 60 characters of base64url".into(),
        (Refusal::UnknownVersion, _) => "no such version: damaged, or minted by a later one of sealstamp".into(),
        (Refusal::UnknownKey, _) => {
            "no key of this ring has the kid: from another fleet, a pruned key, or a ring newer than this one".into()
        }
        (Refusal::RevokedKey, _) => match key.and_then(|k| k.key.revoked_at()) {
            Some(revoked_at) => format!("the key that it names was revoked at {revoked_at}"),
            None => "the key that it names was revoked".into(),
        },
        (Refusal::OutsideWindow, Some(minted_at)) => {
            format!("authentic, and {}: its epoch is not even next to the current one", far(minted_at, at))
        }
        (Refusal::OutsideWindow, None) => {
            "the epoch that it names is not the current one nor next to it, and the seal does not hold".into()
        }
        (Refusal::NotAuthentic, _) => {
            "the seal does not hold: forged or damaged, for another audience, or bound to another client key than --bind".into()
        }
        (Refusal::KeyRetired, _) => match key.and_then(|k| k.mints_until) {
            Some(until) => format!(
                "authentic, but its key was to mint until {until} at the latest: from a replica that had not loaded the \
                 ring, or from somebody who has the key"
            ),
            None => "authentic, but minted after its key had retired".into(),
        },
        (Refusal::Expired { by_ms }, _) => format!("authentic and too old, by {}", span(by_ms)),
        (Refusal::InFuture { by_ms }, _) => format!(
            "authentic and from the future: {} more than max skew {} ahead, so the clock of the replica that minted it, or \
             this one, is wrong",
            span(by_ms),
            minted_at.map_or_else(|| Span::from_s(ring.margins().max_skew_s()), |at| skew_for(ring, at))
        ),
        (other, _) => other.to_string(),
    }
}

fn far(minted_at: UnixMillis, at: UnixMillis) -> String {
    if minted_at > at {
        format!("{} ahead", Span::from_ms(minted_at.since(at)))
    } else {
        format!("{} old", Span::from_ms(at.since(minted_at)))
    }
}
