//! Mint and open take nothing from the heap.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops by panicking"
)]

use sealstamp::{Audience, Binding, Fleet, Fresh, Ring, Settings, Suite, Thumbprint, UnixMillis};

#[test]
fn mint_and_open_do_not_allocate() {
    let now = UnixMillis::new(1_795_374_000_000);
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let ring = Ring::init(Settings::default(), suite, now, Fresh::insecure_from_seed(1));
        let fleet = Fleet::new(ring, Audience::new("https://mcp.example.com/mcp").unwrap()).unwrap();
        let bound = Binding::Thumbprint(Thumbprint::new([7; 32]));
        for binding in [Binding::None, bound] {
            let warm = fleet.mint(now, &binding);
            assert!(fleet.open(&warm, now, &binding).is_ok());
            let used = allocation_counter::measure(|| {
                for n in 0..100 {
                    let nonce = std::hint::black_box(fleet.mint(now.saturating_add(n), &binding));
                    assert!(fleet.open(&nonce, now, &binding).is_ok());
                    assert!(fleet.open(&nonce[1..], now, &binding).is_err());
                    assert!(fleet.open(&nonce, now.saturating_add(500_000), &binding).is_err());
                }
            });
            assert_eq!(used.count_total, 0, "{suite}");
        }
    }
    assert_ne!(
        allocation_counter::measure(|| drop(std::hint::black_box(vec![1]))).count_total,
        0,
        "the counter counts"
    );
}
