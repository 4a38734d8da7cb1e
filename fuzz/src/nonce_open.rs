//! `Fleet::open`: any text, and nonces that were minted and then tampered with.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp::{
    Audience, Binding, Fleet, Force, Fresh, Key, Nonce, Opened, Refusal, Ring, Settings, Suite, Thumbprint, UnixMillis,
};

use crate::input::Input;

const START: UnixMillis = UnixMillis::new(1_795_361_400_000);
const AUDIENCES: [&str; 3] = ["https://mcp.example.com/mcp", "https://mcp.example.com/mcp/", "https://as.example.com"];
const BINDINGS: [Binding; 3] =
    [Binding::None, Binding::Thumbprint(Thumbprint::new([0; 32])), Binding::Thumbprint(Thumbprint::new([0xa5; 32]))];

/// Four moments in the life of one ring: made, rotated, its active key revoked, pruned.
static RINGS: LazyLock<[Ring; 4]> = LazyLock::new(|| {
    let at = |seconds: u64| START.saturating_add(seconds * 1_000);
    let fresh = Fresh::insecure_from_seed;
    let made = Ring::init(Settings::default(), Suite::Aes256Gcm, START, fresh(1));
    let rotated = made.rotate(None, at(1_000), fresh(2), Force::No).expect("nothing is pending").ring;
    let kid = rotated.active(at(2_000)).kid();
    let revoked = rotated.revoke(kid, at(2_000), fresh(3), Force::No).expect("a successor is staged").ring;
    let pruned = revoked.prune(at(10_000), Force::No).expect("the first key is of no more use").ring;
    [made, rotated, revoked, pruned]
});

/// Openers are kept from one input to the next: what they opened before must not matter.
static OPENERS: LazyLock<Vec<Vec<Fleet>>> = LazyLock::new(|| {
    let fleets = |ring: &Ring| AUDIENCES.iter().map(|audience| fleet(ring, audience)).collect();
    RINGS.iter().map(fleets).collect()
});

/// Replicas with keys of both suites, who mint nothing that a target sees: what they compare is no help to a fuzzer
/// that watches.
static SILENT: LazyLock<[Fleet; 2]> = LazyLock::new(|| {
    [(Suite::Aes256Gcm, 8), (Suite::ChaCha20Poly1305, 9)].map(|(suite, seed)| {
        let ring = Ring::init(Settings::default(), suite, START, Fresh::insecure_from_seed(seed));
        fleet(&ring, AUDIENCES[0])
    })
});

/// Version, kid and epoch of nonces that they would mint, as text.
pub(crate) fn headers() -> [String; 2] {
    [0, 1].map(|nth| SILENT[nth].mint(START, &Binding::Thumbprint(Thumbprint::new([1; 32])))[..12].to_owned())
}

fn fleet(ring: &Ring, audience: &str) -> Fleet {
    Fleet::with_seed(ring.clone(), Audience::new(audience).expect("a good audience"), [0x5a; 32], 0)
}

/// Whom a nonce is from or for: indices of a ring, an audience and a binding, and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    ring: usize,
    audience: usize,
    binding: usize,
    at: UnixMillis,
}

impl End {
    fn read(input: &mut Input<'_>) -> Self {
        let all = input.u8();
        let at = START.saturating_add(u64::from(input.u32()) % 20_000_000);
        let [ring, audience, binding] = [all & 3, (all >> 2) % 3, (all >> 4) % 3].map(usize::from);
        Self { ring, audience, binding, at }
    }

    fn mint(self) -> Nonce {
        fleet(&RINGS[self.ring], AUDIENCES[self.audience]).mint(self.at, &BINDINGS[self.binding])
    }

    fn open(self, nonce: &str) -> Result<Opened, Refusal> {
        OPENERS[self.ring][self.audience].open(nonce, self.at, &BINDINGS[self.binding])
    }
}

/// Input: `t` and a text to open; or anything else, where a nonce comes from (5 bytes: ring, audience and binding, 4 of
/// time), and changes to it and to who opens it (4 bytes each).
pub fn nonce_open(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() {
        b't' => any_text(&String::from_utf8_lossy(input.rest())),
        _ => tampered(input),
    }
}

/// Nobody mints here, so no text opens.
fn any_text(text: &str) {
    for fleet in SILENT.iter() {
        for at in [0, 1, START.get(), START.get() + 2_000_000, UnixMillis::MAX_DATE.get(), u64::MAX] {
            let refusal = fleet.open(text, UnixMillis::new(at), &Binding::None).expect_err("a forgery opened");
            assert_eq!(refusal == Refusal::Malformed, raw(text).is_none(), "{refusal}");
            let _ = refusal.to_string();
        }
    }
}

/// The bytes of a text that has the form of a nonce, by a decoder of its own.
fn raw(text: &str) -> Option<[u8; 45]> {
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.len() != 60 || !text.bytes().all(alphabet) {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn tampered(mut input: Input<'_>) {
    let minter = End::read(&mut input);
    let minted = minter.mint();
    let mut genuine = vec![(minter, minted)];
    let mut text = minted.as_bytes().to_vec();
    let mut opener = minter;
    for _ in 0..32 {
        if input.is_empty() {
            break;
        }
        let (op, a, b) = (input.u8() % 16, input.u8(), input.u16());
        let mut nonce = std::str::from_utf8(&text).ok().and_then(raw).unwrap_or([0; 45]);
        let place = usize::from(a) % 45;
        let mut other = || {
            let [ring, audience, binding] = [b & 3, (b >> 2) % 3, (b >> 4) % 3].map(usize::from);
            let at = minter.at.saturating_add(u64::from(b >> 6) * 1_000);
            let end = End { ring, audience, binding, at };
            let nonce = end.mint();
            genuine.push((end, nonce));
            raw(&nonce).expect("a nonce has its form")
        };
        match op {
            // The bytes of the nonce, and parts of another's.
            0 => nonce[place] ^= 1 << (b & 7),
            1 => nonce[place] = b.to_be_bytes()[1],
            2 => nonce[place..].copy_from_slice(&other()[place..]),
            3 => nonce[..place].copy_from_slice(&other()[..place]),
            4 => nonce[0] = a,
            5 => {
                let keys = RINGS[usize::from(a) % 4].keys();
                nonce[1..5].copy_from_slice(keys[usize::from(b) % keys.len()].kid().as_bytes());
            }
            6 => {
                let epoch = u32::from_be_bytes([nonce[5], nonce[6], nonce[7], nonce[8]]);
                nonce[5..9].copy_from_slice(&epoch.wrapping_add_signed(i32::from(a.cast_signed())).to_be_bytes());
            }
            7 => nonce = raw(&minted).expect("a nonce has its form"),
            // Its text.
            8 => text.truncate(usize::from(b) % 64),
            9 => text.push(a),
            10 => {
                let length = text.len().max(1);
                text.get_mut(usize::from(b) % length).into_iter().for_each(|byte| *byte = a);
            }
            // Who opens it, and when: somewhere, or at an edge of the window.
            11 => opener.audience = usize::from(a) % 3,
            12 => opener.binding = usize::from(a) % 3,
            13 => opener.ring = usize::from(a) % 4,
            14 if a % 2 == 0 => opener.at = opener.at.saturating_add(u64::from(b) * u64::from(a)),
            14 => opener.at = opener.at.saturating_sub(u64::from(b) * u64::from(a)),
            _ if a % 2 == 0 => opener.at = minter.at.saturating_add(125_000 + u64::from(b % 5)).saturating_sub(2),
            _ => opener.at = minter.at.saturating_sub(5_000 + u64::from(b % 5)).saturating_add(2),
        }
        if op < 8 {
            text = URL_SAFE_NO_PAD.encode(nonce).into_bytes();
        }
    }
    let text = String::from_utf8_lossy(&text);
    let verdict = opener.open(&text);
    if let Some((minter, _)) = genuine.iter().find(|(_, nonce)| **nonce == *text) {
        let verdict = verdict.map(|opened| (opened.minted_at(), opened.age_ms(), opened.renew()));
        assert_eq!(verdict, expected(*minter, opener), "minted by {minter:?}, opened by {opener:?}");
    } else {
        let refusal = verdict.expect_err("a nonce opened that nobody minted");
        assert_eq!(refusal == Refusal::Malformed, raw(&text).is_none(), "{refusal}");
    }
}

/// What must come of a nonce that is as it was minted: its time, its age, and whether to renew it.
fn expected(minter: End, opener: End) -> Result<(UnixMillis, u64, bool), Refusal> {
    let kid = RINGS[minter.ring].active(minter.at).kid();
    let mut keys = RINGS[opener.ring].keys().iter().skip_while(|key| key.kid() != kid);
    let key = keys.next().ok_or(Refusal::UnknownKey)?;
    if key.revoked_at().is_some() {
        return Err(Refusal::RevokedKey);
    }
    let (minted, now) = (minter.at.get(), opener.at.get());
    if (minted / 4_096_000).abs_diff(now / 4_096_000) > 1 {
        return Err(Refusal::OutsideWindow);
    }
    if (minter.audience, minter.binding) != (opener.audience, opener.binding) {
        return Err(Refusal::NotAuthentic);
    }
    if minted > now + 5_000 {
        return Err(Refusal::InFuture { by_ms: minted - now - 5_000 });
    }
    if now > minted + 125_000 {
        return Err(Refusal::Expired { by_ms: now - minted - 125_000 });
    }
    if keys.find_map(Key::activates_at).is_some_and(|date| minted > date.get() + 5_000) {
        return Err(Refusal::KeyRetired);
    }
    let age = now.saturating_sub(minted);
    Ok((minter.at, age, age > 60_000))
}
