//! `cargo fuzz run content_digest`; without the fuzzer, runs the files that it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sealstamp_fuzz::content_digest(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    sealstamp_fuzz::replay(sealstamp_fuzz::content_digest)
}
