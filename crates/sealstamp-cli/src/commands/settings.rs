//! `settings`: lifetime, skew or propagation change, from a date on.

use sealstamp::{Ring, Settings, SettingsError, UnixMillis};

use crate::cli;
use crate::commands::change::{self, Stop};
use crate::outcome::{Failure, Outcome};
use crate::store::Store;

pub(super) fn run(args: &cli::Settings, store: &Store) -> Result<Outcome, Failure> {
    let what = if args.cancel { "settings --cancel" } else { "settings" };
    change::run(what, &args.change, store, |given| {
        if args.cancel && given.ring.next_settings().is_none_or(|next| next.from <= given.now) {
            return Err(Stop::Failed(Failure::refused(
                "refused: no change of settings is to come; nothing is changed",
            )));
        }
        let settings = wanted(args, given.ring, given.now).map_err(|error| Stop::Failed(out_of_range(error)))?;
        Ok(given.ring.change_settings(settings, args.at, given.now, given.force)?)
    })
}

/// What is not asked for stays as it is, or as it is to become.
fn wanted(args: &cli::Settings, ring: &Ring, now: UnixMillis) -> Result<Settings, SettingsError> {
    let next = ring.next_settings().map(|next| next.settings).filter(|_| !args.cancel);
    let base = next.unwrap_or(*ring.settings_at(now));
    Settings::new(
        args.lifetime.unwrap_or(base.lifetime_s()),
        args.max_skew.unwrap_or(base.max_skew_s()),
        args.propagation.unwrap_or(base.propagation_s()),
    )
}

/// The option that is out of its range.
pub(super) fn out_of_range(error: SettingsError) -> Failure {
    let option = error.member().trim_end_matches("_s").replace('_', "-");
    Failure::usage(format_args!("--{option}: {error} (seconds)"))
}
