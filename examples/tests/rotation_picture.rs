//! The picture in `docs/` is what the tool's data says, drawn by the example in this repository.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test stops by panicking")]

use sealstamp_examples::rotation_picture::draw;

#[test]
fn the_picture_of_a_rotation_is_up_to_date() {
    let list = serde_json::from_str(include_str!("../../docs/rotation.json")).unwrap();
    assert!(draw(&list).unwrap() == include_str!("../../docs/rotation.svg"), "run the command in docs/operations.md");
}

#[test]
fn without_a_retiring_key_there_is_no_picture() {
    let calm = include_str!("../../docs/rotation.json").replace("retiring", "prunable");
    assert_eq!(draw(&serde_json::from_str(&calm).unwrap()), None);
}
