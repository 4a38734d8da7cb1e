//! `mint`: a nonce as a server would give it.

use sealstamp::{Binding, Fleet};

use crate::cli::Mint;
use crate::outcome::{Failure, Outcome};
use crate::store::Store;
use crate::{stdout, time};

pub(super) fn run(args: &Mint, store: &Store) -> Result<Outcome, Failure> {
    let binding = args.of.bind.map_or(Binding::None, Binding::Thumbprint);
    let fleet = Fleet::new(store.load()?, args.of.audience.clone()).map_err(Failure::new)?;
    let nonce = fleet.mint(time::clock(), &binding);
    stdout::write(&format!("{nonce}\n"))?;
    Ok(Outcome::Done)
}
