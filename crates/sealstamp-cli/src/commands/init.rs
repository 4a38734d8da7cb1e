//! `init`: a new ring.

use sealstamp::{Fresh, Ring, Settings};

use crate::audit::Entry;
use crate::cli::Init;
use crate::commands::settings;
use crate::outcome::{Failure, Outcome};
use crate::store::Store;
use crate::{stderr, time};

pub(super) fn run(args: &Init, store: &Store) -> Result<Outcome, Failure> {
    let settings = Settings::new(args.lifetime, args.max_skew, args.propagation).map_err(settings::out_of_range)?;
    let fresh = Fresh::from_os().map_err(Failure::new)?;
    let now = time::clock();
    let ring = Ring::init(settings, args.suite, now, fresh);
    let changes = ring.status(now).map(|s| format!("key {} is {}", s.key.kid(), s.state)).collect();
    let entry = Entry::new("init", now, None, &ring);
    store.create(&ring, &Entry { changes, reason: args.reason.clone(), ..entry })?;
    for status in ring.status(now) {
        stderr::note(format_args!("key {} is {}", status.key.kid(), status.state));
    }
    if let Store::File(_) = store {
        stderr::note(format_args!("{store} is a new ring, readable by you alone; give it to every server"));
    }
    Ok(Outcome::Done)
}
