//! The accumulated test of `docs/vectors/README.md`: 10,000 drawn rings, times, audiences, bindings and changes, whose
//! verdicts hash to one value that the second implementation computes too.
//!
//! The sections of that document are named where they are carried out. Keys are derived here once more, from the
//! specification, to write the rings and to seal what no honest minter would.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its helpers do too"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use sealstamp::{Audience, Binding, Fleet, Refusal, Ring, Thumbprint, UnixMillis};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update, XofReader};

const EPOCH: u64 = 4_096_000;
const LAST_EPOCH: u64 = u32::MAX as u64;
const ABSURD: [u64; 6] = [0, 1, (EPOCH << 32) - 1, EPOCH << 32, 1 << 63, u64::MAX];
const ODD: [&str; 8] = ["+", "/", "=", " ", ".", "\0", "\n", "\u{e9}"];

#[test]
fn accumulated() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors/accumulated.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let items = expected["items"].as_u64().unwrap();
    let every = expected["checkpoint_every"].as_u64().unwrap();
    assert_eq!((items, every), (10_000, 1_000));

    let chunk = |number: u64| -> Vec<_> {
        (number * every..(number + 1) * every).map(|item| Case::draw(item).line(item)).collect()
    };
    let chunks: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..items / every).map(|number| scope.spawn(move || chunk(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    let mut hash = Sha256::new();
    let mut verdicts: BTreeMap<String, u64> = BTreeMap::new();
    for (number, lines) in chunks.into_iter().enumerate() {
        for (line, verdict) in lines {
            Digest::update(&mut hash, line);
            *verdicts.entry(verdict).or_default() += 1;
        }
        let so_far = hex(&hash.clone().finalize());
        assert_eq!(expected["checkpoints"][number], so_far, "the thousand items number {number}");
    }
    assert_eq!(expected["sha256"], hex(&hash.finalize()));

    // The vectors tell apart the steps of one reason, which callers cannot see.
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in expected["verdicts"].as_object().unwrap() {
        let name = name.split(' ').next().unwrap().to_owned();
        *counts.entry(name).or_default() += count.as_u64().unwrap();
    }
    assert_eq!(counts, verdicts);
    assert_eq!(verdicts.len(), 10, "each reason, and opened");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The stream of one item.
struct Stream(Box<dyn XofReader>);

impl Stream {
    fn new(item: u64) -> Self {
        let mut xof = Shake256::default();
        xof.update(b"sealstamp v1 accumulated");
        xof.update(&u32::try_from(item).unwrap().to_be_bytes());
        Self(Box::new(xof.finalize_xof()))
    }

    fn take(&mut self, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(length).unwrap()];
        self.0.read(&mut bytes);
        bytes
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N as u64).try_into().unwrap()
    }

    fn word(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    fn draw(&mut self, n: u64) -> u64 {
        self.word() % n
    }

    fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.draw(n as u64)).unwrap()
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }

    fn edge(&mut self, low: u64, high: u64) -> u64 {
        match self.draw(8) {
            0 => low,
            1 => high,
            _ => low + self.draw(high - low + 1),
        }
    }

    fn near(&mut self, time: u64) -> u64 {
        time.saturating_add(self.draw(3)).saturating_sub(1)
    }
}

/// Section 4 of the specification, as far as the ring file needs it.
fn fingerprint(secret: &[u8; 32]) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    Hkdf::<Sha256>::new(Some(b"sealstamp v1"), secret).expand(b"sealstamp v1 fingerprint", &mut fingerprint).unwrap();
    fingerprint
}

/// RFC 3339 with as many digits as the ring file wants.
fn rfc3339(time: u64) -> String {
    let moment = std::time::UNIX_EPOCH + std::time::Duration::from_millis(time);
    if time.is_multiple_of(1000) {
        humantime::format_rfc3339_seconds(moment).to_string()
    } else {
        humantime::format_rfc3339_millis(moment).to_string()
    }
}

struct DrawnRing {
    json: Value,
    secrets: Vec<[u8; 32]>,
    versions: Vec<u8>,
    base: u64,
    dates: Vec<u64>,
    /// Lifetime and skew.
    settings: (u64, u64),
    /// The date of a change of the settings, and those to come.
    change: Option<(u64, (u64, u64))>,
}

impl DrawnRing {
    /// 1. The ring.
    fn draw(s: &mut Stream) -> Self {
        let (lifetime_s, max_skew_s) = (s.edge(1, 3600), s.edge(0, 60));
        let (propagation_s, serial) = (s.edge(0, 2_592_000), s.edge(1, (1 << 53) - 1));
        let base = match s.draw(4) {
            0 => s.draw(3 * EPOCH),
            1 => EPOCH * (1 + s.draw(400_000)),
            _ => s.draw(4_102_444_800_000),
        };
        let dated = 1 + s.draw(4);
        let count = dated + s.draw(3);
        let survivor = s.draw(dated);
        let mut next = base;
        let (mut keys, mut secrets, mut versions, mut dates) = (vec![], vec![], vec![], vec![]);
        for number in 0..count {
            let secret: [u8; 32] = s.array();
            let version = if s.draw(2) == 0 { 1 } else { 2 };
            let mut date = None;
            if number < dated {
                date = Some(next);
                next += s.edge(1, 3 * EPOCH);
            }
            let revoked = s.draw(4) == 0 && number != survivor;
            if revoked && date.is_some() && s.draw(2) == 0 {
                date = None;
            }
            dates.extend(date);
            let fingerprint = fingerprint(&secret);
            let mut key = json!({
                "kid": hex(&fingerprint[..4]),
                "fingerprint": BASE64URL.encode(fingerprint),
                "suite": if version == 1 { "aes-256-gcm" } else { "chacha20-poly1305" },
                "created_at": rfc3339(base),
            });
            if let Some(date) = date {
                key["activates_at"] = rfc3339(date).into();
            }
            if revoked {
                key["revoked_at"] = rfc3339(base).into();
            } else {
                key["secret"] = BASE64URL.encode(secret).into();
            }
            keys.push(key);
            secrets.push(secret);
            versions.push(version);
        }
        let version_1 = s.draw(4) == 0;
        let mut change = None;
        if !version_1 && s.draw(2) == 0 {
            let from = if s.draw(2) == 0 {
                let date = s.pick(&dates);
                s.near(date)
            } else {
                base + s.draw(5 * EPOCH)
            };
            dates.push(from);
            change = Some((from, s.edge(1, 3600), s.edge(0, 60), s.edge(0, 2_592_000)));
        }
        let mut json = json!({
            "format": if version_1 { "sealstamp-ring/1" } else { "sealstamp-ring/2" },
            "serial": serial,
            "lifetime_s": lifetime_s,
            "max_skew_s": max_skew_s,
            "propagation_s": propagation_s,
            "keys": keys,
        });
        if !version_1 {
            json["ancestors"] = json!([]);
        }
        if let Some((from, lifetime_s, max_skew_s, propagation_s)) = change {
            json["next_settings"] = json!({
                "from": rfc3339(from),
                "lifetime_s": lifetime_s,
                "max_skew_s": max_skew_s,
                "propagation_s": propagation_s,
            });
        }
        let change = change.map(|(from, lifetime_s, max_skew_s, _)| (from, (lifetime_s * 1000, max_skew_s * 1000)));
        let settings = (lifetime_s * 1000, max_skew_s * 1000);
        Self { json, secrets, versions, base, dates, settings, change }
    }

    fn widest_skew(&self) -> u64 {
        self.settings.1.max(self.change.map_or(0, |(_, (_, max_skew))| max_skew))
    }

    /// Lifetime and skew for a nonce minted at `iat`.
    fn window(&self, iat: u64) -> (u64, u64) {
        match self.change {
            Some((from, settings)) if from <= iat => settings,
            _ => (self.settings.0, self.widest_skew()),
        }
    }

    fn parse(&self) -> Ring {
        Ring::parse(self.json.to_string().as_bytes()).unwrap()
    }

    fn kid(&self, number: usize) -> [u8; 4] {
        fingerprint(&self.secrets[number])[..4].try_into().unwrap()
    }
}

/// A seal that breaks the rules of minting, made by somebody who has the ring.
struct Forged<'c> {
    secret: &'c [u8; 32],
    version: u8,
    epoch: u32,
    audience: &'c str,
    binding: Option<[u8; 32]>,
    iat: u64,
    iv: [u8; 12],
}

impl Forged<'_> {
    fn seal(&self) -> String {
        let prk = Hkdf::<Sha256>::new(Some(b"sealstamp v1"), self.secret);
        let mut info = b"sealstamp v1 epoch".to_vec();
        info.push(self.version);
        info.extend(self.epoch.to_be_bytes());
        info.extend(u16::try_from(self.audience.len()).unwrap().to_be_bytes());
        info.extend(self.audience.as_bytes());
        let mut material = [0; 64];
        prk.expand(&info, &mut material).unwrap();
        let key: [u8; 32] = material[..32].try_into().unwrap();

        let mut aad = vec![self.version];
        aad.extend(&fingerprint(self.secret)[..4]);
        aad.extend(self.epoch.to_be_bytes());
        let mut nonce = aad.clone();
        match self.binding {
            None => aad.push(0),
            Some(thumbprint) => {
                aad.push(1);
                aad.extend(thumbprint);
            }
        }

        let mut time = self.iat.to_be_bytes();
        let tag: [u8; 16] = if self.version == 1 {
            Aes256Gcm::new(&key.into())
                .encrypt_inout_detached(&self.iv.into(), &aad, time.as_mut_slice().into())
                .unwrap()
                .into()
        } else {
            ChaCha20Poly1305::new(&key.into())
                .encrypt_inout_detached(&self.iv.into(), &aad, time.as_mut_slice().into())
                .unwrap()
                .into()
        };
        nonce.extend(self.iv);
        nonce.extend(time);
        nonce.extend(tag);
        BASE64URL.encode(nonce)
    }
}

fn bind(thumbprint: Option<[u8; 32]>) -> Binding {
    thumbprint.map_or(Binding::None, |bytes| Binding::Thumbprint(Thumbprint::new(bytes)))
}

struct Case {
    ring: Ring,
    audience: String,
    binding: Option<[u8; 32]>,
    now: u64,
    nonce: String,
    given: String,
}

impl Case {
    fn draw(item: u64) -> Self {
        let s = &mut Stream::new(item);
        let drawn = DrawnRing::draw(s);

        // 2. The server.
        let length = s.edge(1, 1024);
        let mut audience: String = s.take(length).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        let mut binding = if s.draw(2) == 0 { None } else { Some(s.array()) };

        // 3. The time of minting.
        let iat = match s.draw(8) {
            0 => {
                let epoch = drawn.base / EPOCH + s.draw(4);
                s.near(epoch * EPOCH)
            }
            1 | 2 => {
                let date = s.pick(&drawn.dates);
                s.near(date + drawn.widest_skew())
            }
            3 => {
                let date = s.pick(&drawn.dates);
                s.near(date)
            }
            4 => s.pick(&ABSURD),
            _ => drawn.base + s.draw(5 * EPOCH),
        };

        // 4. The time of opening.
        let (lifetime, max_skew) = drawn.window(iat);
        let now = match s.draw(8) {
            0 => s.near(iat.saturating_sub(max_skew)),
            1 => s.near(iat.saturating_add(lifetime + max_skew)),
            2 => s.near(iat.saturating_add(lifetime / 2)),
            3 => iat,
            4 => iat.saturating_add(s.draw(3 * EPOCH)),
            5 => s.pick(&ABSURD),
            _ => iat.saturating_add(s.draw(lifetime + max_skew + 1)),
        };

        // 5. The nonce.
        let nonce = if s.draw(4) == 0 || iat / EPOCH > LAST_EPOCH {
            let number = s.index(drawn.secrets.len());
            let random = s.draw(1 << 32);
            let epoch = s.pick(&[now / EPOCH, iat / EPOCH + 1, random, iat / EPOCH]).min(LAST_EPOCH);
            let mut version = drawn.versions[number];
            if s.draw(8) == 0 {
                version = 3 - version;
            }
            let secret = &drawn.secrets[number];
            let epoch = u32::try_from(epoch).unwrap();
            let iv = s.array();
            Forged { secret, version, epoch, audience: &audience, binding, iat, iv }.seal()
        } else {
            let seed = s.array();
            let fleet = Fleet::with_seed(drawn.parse(), Audience::new(&audience).unwrap(), seed, s.word());
            fleet.mint(UnixMillis::new(iat), &bind(binding)).to_string()
        };

        // 6. The change.
        let mut raw: [u8; 45] = BASE64URL.decode(&nonce).unwrap().try_into().unwrap();
        let mut given = None;
        match s.draw(24) {
            0 | 1 => {
                let bit = s.index(360);
                raw[bit / 8] ^= 0x80 >> (bit % 8);
            }
            2 => {
                let at = s.index(60);
                given = Some(format!("{}{}{}", &nonce[..at], s.pick(&ODD), &nonce[at + 1..]));
            }
            3 => given = Some(nonce[..s.index(60)].to_owned()),
            4 => given = Some(nonce.clone() + &"A".repeat(1 + s.index(140))),
            5 => raw[0] = u8::try_from(s.draw(256)).unwrap(),
            6 => raw[1..5].copy_from_slice(&drawn.kid(s.index(drawn.secrets.len()))),
            7 => raw[1..5].copy_from_slice(&s.array::<4>()),
            8 if audience.len() == 1024 => {
                audience.pop();
            }
            8 => audience.push('a'),
            9 => {
                binding = match binding {
                    Some(_) if s.draw(2) == 0 => None,
                    _ => Some(s.array()),
                };
            }
            10 => {
                let epoch = u32::try_from(s.near(now / EPOCH).min(LAST_EPOCH)).unwrap();
                raw[5..9].copy_from_slice(&epoch.to_be_bytes());
            }
            _ => {}
        }
        let given = given.unwrap_or_else(|| BASE64URL.encode(raw));
        Self { ring: drawn.parse(), audience, binding, now, nonce, given }
    }

    /// 7. The line; and the verdict's first word.
    fn line(self, item: u64) -> (String, String) {
        let fleet = Fleet::with_seed(self.ring, Audience::new(&self.audience).unwrap(), [0; 32], 0);
        let opened = fleet.open(&self.given, UnixMillis::new(self.now), &bind(self.binding));
        let verdict = match opened {
            Ok(opened) => format!(
                "opened {} {} {} {}",
                opened.kid(),
                opened.minted_at().get(),
                opened.age_ms(),
                u8::from(opened.renew())
            ),
            Err(refusal @ (Refusal::Expired { by_ms } | Refusal::InFuture { by_ms })) => {
                format!("{} {by_ms}", refusal.as_str())
            }
            Err(refusal) => refusal.as_str().to_owned(),
        };
        let line = format!("{item} {} {verdict}\n", self.nonce);
        (line, verdict.split(' ').next().unwrap().to_owned())
    }
}
