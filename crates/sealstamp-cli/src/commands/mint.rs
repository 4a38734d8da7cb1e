//! `mint`: a nonce as a server would give it.

use sealstamp::{Binding, Fleet};

use crate::cli::Mint;
use crate::say::{self, Failure, Outcome};
use crate::store::Store;
use crate::text;

pub(super) fn run(args: &Mint, store: &Store) -> Result<Outcome, Failure> {
    let binding = args.of.bind.map_or(Binding::None, Binding::Thumbprint);
    let fleet = Fleet::new(store.load()?, args.of.audience.clone()).map_err(Failure::new)?;
    let nonce = fleet.mint(text::clock(), &binding);
    say::data(&format!("{nonce}\n"))?;
    Ok(Outcome::Done)
}
