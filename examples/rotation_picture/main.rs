//! Draws a rotation as SVG from what `sealstamp list --json` says of a ring whose old key is retiring.
//!
//! ```text
//! sealstamp list --json | cargo run --example rotation_picture > rotation.svg
//! ```

use std::io;

use sealstamp_examples::rotation_picture::draw;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let list = serde_json::from_reader(io::stdin().lock())?;
    let svg = draw(&list).ok_or("no key of the list is retiring: look at the ring just after a key took over")?;
    print!("{svg}");
    Ok(())
}
