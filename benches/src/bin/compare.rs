//! Ours, the floor and the peers, side by side in one run of a minute:
//! `cargo run --release -p sealstamp-bench --bin compare [-- --json] [-- --svg FOLDER]`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that goes wrong should stop"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use sealstamp::{Binding, Fleet, Suite};
use sealstamp_bench::digest::{self, WithBody};
use sealstamp_bench::floor::{self, Signed};
use sealstamp_bench::inputs::{Client, Issuer, request};
use sealstamp_bench::measure::{Comparison, Task, side_by_side, two_threads_over_one};
use sealstamp_bench::ours::{self, Claims, Layer, Ours};
use sealstamp_bench::peers::{
    BrancaPeer, Cipher, DpopVerifierPeer, FernetPeer, Hs256Peer, Huskarl, HuskarlNonce, LIFETIME_S, PasetoPeer,
    SetOfJti, Tracker, Turbomcp,
};
use sealstamp_bench::plot::{self, Bar, Kind};
use sealstamp_bench::report::Results;
use sealstamp_bench::{clock, ready};
use sealstamp_redis::RedisStore;
use sealstamp_testkit::StoreProgram;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (json, folder) = match arguments[..] {
        [] => (false, None),
        ["--json"] => (true, None),
        ["--svg", folder] => (false, Some(folder)),
        _ => {
            eprintln!("usage: compare [--json | --svg FOLDER]");
            return ExitCode::from(2);
        }
    };
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().expect("the first provider");

    let world = World::new();
    let results = Results {
        mint: world.mint(),
        open: world.open(),
        verify: world.verify(),
        refuse_forged: world.refuse_forged(),
        refuse_expired: world.refuse_expired(),
        chacha: chacha(),
        keys: keys(),
        layer: world.layer(),
        once: world.once(),
        claim: claim(),
        digest: [world.digest("layer, digest of 1 KiB", 1 << 10), world.digest("layer, digest of 1 MiB", 1 << 20)],
        flood: ours::flood(1_000_000).0,
        threads: world.threads(),
        threads_sharing_nothing: {
            let floor = floor::aes();
            two_threads_over_one(|| black_box(&floor).mint(), Duration::from_secs(6))
        },
    };
    if json {
        println!("{:#}", results.json());
    } else {
        print!("{}", results.text());
    }
    if let Some(folder) = folder {
        draw(&results, Path::new(folder));
    }
    ExitCode::SUCCESS
}

/// One client, one issuer, and every server that they could talk to.
struct World {
    client: Client,
    token: String,
    fleet: Fleet,
    ours: Ours,
    dpop_verifier: DpopVerifierPeer,
    dpop_verifier_unbound: DpopVerifierPeer,
    huskarl_aes: HuskarlNonce,
    huskarl_xchacha: HuskarlNonce,
}

impl World {
    fn new() -> Self {
        let client = Client::new();
        let fleet = ours::fleet(Suite::Aes256Gcm);
        Self {
            token: Issuer::new().token(Some(client.thumbprint())),
            ours: Ours::new(&fleet, client.thumbprint()),
            dpop_verifier: DpopVerifierPeer::new(Some(client.thumbprint())),
            dpop_verifier_unbound: DpopVerifierPeer::new(None),
            huskarl_aes: HuskarlNonce::new(Cipher::AesGcm),
            huskarl_xchacha: HuskarlNonce::new(Cipher::XChaCha),
            fleet,
            client,
        }
    }

    fn proof(&self, nonce: &str) -> String {
        self.client.proof(&self.token, nonce)
    }

    fn mint(&self) -> Comparison {
        let floor = floor::aes();
        let (hs256, mut branca, fernet, paseto) =
            (Hs256Peer::new(), BrancaPeer::new(), FernetPeer::new(), PasetoPeer::new());
        let others = vec![
            Task::new("floor", || black_box(&floor).mint()),
            Task::new("dpop-verifier", || self.dpop_verifier.mint()),
            Task::new("dpop-verifier-unbound", || self.dpop_verifier_unbound.mint()),
            Task::new("huskarl-aes-gcm", || self.huskarl_aes.mint()),
            Task::new("huskarl-xchacha", || self.huskarl_xchacha.mint()),
            Task::new("jsonwebtoken-hs256", || hs256.mint()),
            Task::new("branca", || branca.mint()),
            Task::new("fernet", || fernet.mint()),
            Task::new("pasetors-v4-local", || paseto.mint()),
        ];
        let ours = Task::new("mint", || self.fleet.mint(clock(), black_box(&Binding::None)));
        side_by_side(ours, others, Duration::from_secs(6))
    }

    fn open(&self) -> Comparison {
        let floor = floor::aes();
        let (hs256, mut branca, fernet, paseto) =
            (Hs256Peer::new(), BrancaPeer::new(), FernetPeer::new(), PasetoPeer::new());
        let minted = floor.mint();
        let (bound, unbound) = (self.dpop_verifier.mint(), self.dpop_verifier_unbound.mint());
        let (aes, xchacha) = (self.huskarl_aes.mint(), self.huskarl_xchacha.mint());
        let (jwt, branca_token, fernet_token, paseto_token) =
            (hs256.mint(), branca.mint(), fernet.mint(), paseto.mint());
        let others = vec![
            Task::new("floor", || black_box(&floor).open(black_box(&minted))),
            Task::new("dpop-verifier", || self.dpop_verifier.open(black_box(&bound))),
            Task::new("dpop-verifier-unbound", || self.dpop_verifier_unbound.open(black_box(&unbound))),
            Task::new("huskarl-aes-gcm", || self.huskarl_aes.open(black_box(&aes))),
            Task::new("huskarl-xchacha", || self.huskarl_xchacha.open(black_box(&xchacha))),
            Task::new("jsonwebtoken-hs256", || hs256.open(black_box(&jwt))),
            Task::new("branca", || branca.open(black_box(&branca_token))),
            Task::new("fernet", || fernet.open(black_box(&fernet_token))),
            Task::new("pasetors-v4-local", || paseto.open(black_box(&paseto_token))),
        ];
        let nonce = self.fleet.mint(clock(), &Binding::None);
        side_by_side(open_with("open", &self.fleet, &nonce), others, Duration::from_secs(6))
    }

    fn verify(&self) -> Comparison {
        let request = request(&self.token, &self.proof(&self.fleet.mint(clock(), &Binding::None)));
        let signed = Signed::take_apart(request.headers["dpop"].to_str().expect("ASCII"), self.client.point());
        let (for_bound, for_unbound) =
            (self.proof(&self.dpop_verifier.mint()), self.proof(&self.dpop_verifier_unbound.mint()));
        let (for_aes, for_xchacha) =
            (self.huskarl_request(&self.huskarl_aes), self.huskarl_request(&self.huskarl_xchacha));
        let (aes, xchacha) = (Huskarl::new(Cipher::AesGcm, LIFETIME_S), Huskarl::new(Cipher::XChaCha, LIFETIME_S));
        let turbomcp = Turbomcp::new();
        let for_turbomcp = self.proof("not looked at, but as long as one of ours, which is sixty");
        let others = vec![
            Task::new("floor", || black_box(&signed).verify()),
            Task::new("dpop-verifier", || self.dpop_verifier.check(&self.token, black_box(&for_bound)).expect("good")),
            Task::new("dpop-verifier-unbound", || {
                self.dpop_verifier_unbound.check(&self.token, black_box(&for_unbound)).expect("good")
            }),
            Task::new("huskarl-aes-gcm", || aes.verify(black_box(&for_aes))),
            Task::new("huskarl-xchacha", || xchacha.verify(black_box(&for_xchacha))),
            Task::new("turbomcp-dpop", || turbomcp.verify(&self.token, black_box(&for_turbomcp))),
        ];
        let ours = Task::new("verify", || self.ours.verify(black_box(&request)));
        side_by_side(ours, others, Duration::from_secs(9))
    }

    fn huskarl_request(&self, nonces: &HuskarlNonce) -> http::request::Parts {
        request(&self.token, &self.proof(&nonces.mint()))
    }

    fn refuse_forged(&self) -> Comparison {
        let nonce = ours::forged(&self.fleet.mint(clock(), &Binding::None));
        let theirs = self.proof(&ours::forged(&self.dpop_verifier.mint()));
        let (aes, xchacha) = (self.huskarl_aes.mint(), self.huskarl_xchacha.mint());
        let (aes, xchacha) = (self.proof(&ours::forged(&aes)), self.proof(&ours::forged(&xchacha)));
        self.refuse("refuse_forged", &nonce, &theirs, [&aes, &xchacha], LIFETIME_S)
    }

    fn refuse_expired(&self) -> Comparison {
        let nonce = ours::expired(&self.fleet);
        let theirs = self.proof(&self.dpop_verifier.mint_at(clock().get() / 1000 - 200));
        // It takes no time to mint at; a lifetime of zero comes to the same a second later.
        let (aes, xchacha) = (self.proof(&self.huskarl_aes.mint()), self.proof(&self.huskarl_xchacha.mint()));
        std::thread::sleep(Duration::from_millis(1_100));
        self.refuse("refuse_expired", &nonce, &theirs, [&aes, &xchacha], 0)
    }

    fn refuse(
        &self,
        name: &'static str,
        nonce: &str,
        for_dpop_verifier: &str,
        for_huskarl: [&str; 2],
        huskarl_lifetime_s: u32,
    ) -> Comparison {
        let bad = request(&self.token, &self.proof(nonce));
        let good = request(&self.token, &self.proof(&self.fleet.mint(clock(), &Binding::None)));
        let [for_aes, for_xchacha] = for_huskarl.map(|proof| request(&self.token, proof));
        let huskarl = |cipher| Huskarl::new(cipher, huskarl_lifetime_s);
        let (aes, xchacha) = (huskarl(Cipher::AesGcm), huskarl(Cipher::XChaCha));
        let others = vec![
            Task::new("verify", || self.ours.verify(black_box(&good))),
            Task::new("dpop-verifier", || self.dpop_verifier.refuse(&self.token, black_box(for_dpop_verifier))),
            Task::new("huskarl-aes-gcm", || aes.answer(black_box(&for_aes)).expect("a refusal")),
            Task::new("huskarl-xchacha", || xchacha.answer(black_box(&for_xchacha)).expect("a refusal")),
        ];
        let ours = Task::new(name, || self.ours.refuse(black_box(&bad)));
        side_by_side(ours, others, Duration::from_secs(5))
    }

    /// The layer as a server has it, behind a cache that knows its tokens.
    fn layer(&self) -> Comparison {
        let one = Layer::warm(&self.fleet, &self.client, 1);
        let thousand = Layer::warm(&self.fleet, &self.client, 1_000);
        let signed = Signed::take_apart(one.proof(), self.client.point());
        let others =
            vec![Task::new("floor", || black_box(&signed).verify()), Task::new("1,000 tokens", || thousand.call())];
        side_by_side(Task::new("layer, token known", || one.call()), others, Duration::from_secs(6))
    }

    /// The same layer, which accepts each proof once.
    fn once(&self) -> Comparison {
        let (once, without) = (Layer::warm_once(&self.fleet, &self.client), Layer::warm(&self.fleet, &self.client, 1));
        let signed = Signed::take_apart(once.proof(), self.client.point());
        let others = vec![
            Task::new("floor", || black_box(&signed).verify()),
            Task::new("layer, token known", || without.call()),
        ];
        side_by_side(Task::new("layer, single use in memory", || once.call()), others, Duration::from_secs(6))
    }

    /// The layer that compares a body of so many bytes with the digest in the proof.
    fn digest(&self, name: &'static str, bytes: usize) -> Comparison {
        let body = digest::body(bytes);
        let on = WithBody::warm(digest::verifier(&self.fleet), &self.fleet, &self.client, body.clone());
        let off = WithBody::warm(ours::verifier(&self.fleet), &self.fleet, &self.client, body.clone());
        let others = vec![
            Task::new("option off", || off.call()),
            Task::new("SHA-256 (AWS-LC)", || digest::sha_256(black_box(&body))),
        ];
        side_by_side(Task::new(name, || on.call()), others, Duration::from_secs(4))
    }

    fn threads(&self) -> [(&'static str, f64); 4] {
        let nonce = self.fleet.mint(clock(), &Binding::None);
        let request = request(&self.token, &self.proof(&nonce));
        let budget = Duration::from_secs(6);
        let mint = || self.fleet.mint(clock(), black_box(&Binding::None));
        let open = || self.fleet.open(black_box(&nonce), clock(), black_box(&Binding::None)).expect("fresh");
        let verify = || self.ours.verify(black_box(&request));
        let layer = Layer::warm(&self.fleet, &self.client, 1);
        [
            ("mint, 2 threads / 1", two_threads_over_one(mint, budget)),
            ("open, 2 threads / 1", two_threads_over_one(open, budget)),
            ("verify, 2 threads / 1", two_threads_over_one(verify, budget)),
            ("layer, token known, 2 threads / 1", two_threads_over_one(|| layer.call(), budget)),
        ]
    }
}

fn open_with<'t>(name: &'static str, fleet: &'t Fleet, nonce: &'t str) -> Task<'t> {
    Task::new(name, || fleet.open(black_box(nonce), clock(), black_box(&Binding::None)).expect("fresh"))
}

fn chacha() -> [Comparison; 2] {
    let (fleet, floor) = (ours::fleet(Suite::ChaCha20Poly1305), floor::chacha());
    let (nonce, minted) = (fleet.mint(clock(), &Binding::None), floor.mint());
    let mint = Task::new("mint, ChaCha20-Poly1305", || fleet.mint(clock(), black_box(&Binding::None)));
    let mint_floor = Task::new("floor", || black_box(&floor).mint());
    let open_floor = Task::new("floor", || black_box(&floor).open(black_box(&minted)));
    let budget = Duration::from_secs(2);
    [
        side_by_side(mint, vec![mint_floor], budget),
        side_by_side(open_with("open, ChaCha20-Poly1305", &fleet, &nonce), vec![open_floor], budget),
    ]
}

/// A claim of a new proof, in each store. With Redis the time is that of the whole question, and it depends on the
/// machine's load more than on anybody's code.
fn claim() -> Comparison {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ours = Claims::in_memory();
    let (set, theirs) = (SetOfJti::default(), Tracker::in_memory());
    let (mut hashes, mut names, mut more_names) = (Names::default(), Names::default(), Names::default());
    let redis = StoreProgram::redis()
        .map(|redis| redis.start_with(|_| vec!["--appendfsync".to_owned(), "everysec".to_owned()]));
    let in_redis = redis.as_ref().map(|redis| {
        let store = || RedisStore::builder(&redis.address()).bound(Duration::from_secs(10)).build().expect("a store");
        runtime.block_on(async { (Claims::of(store()), Tracker::in_redis(&redis.address()).await) })
    });
    let mut others = vec![
        Task::new("a set behind a lock", || assert!(set.insert(hashes.hash()))),
        Task::new("turbomcp-dpop, memory", || ready(theirs.claim(names.text()))),
    ];
    if let Some((ours, theirs)) = &in_redis {
        others.push(Task::new("sealstamp, Redis", || runtime.block_on(ours.claim())));
        others.push(Task::new("turbomcp-dpop, Redis", || runtime.block_on(theirs.claim(more_names.text()))));
    }
    side_by_side(Task::new("claim, memory", || ready(ours.claim())), others, Duration::from_secs(6))
}

/// Proofs that are all new, as other stores know them.
#[derive(Default)]
struct Names {
    turn: u64,
    text: String,
}

impl Names {
    fn hash(&mut self) -> [u8; 32] {
        self.turn += 1;
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.turn.to_be_bytes());
        hash
    }

    /// Of 43 characters, as 32 bytes in base64url have.
    fn text(&mut self) -> &str {
        self.turn += 1;
        self.text.clear();
        write!(self.text, "{:043}", self.turn).expect("a string takes it");
        &self.text
    }
}

fn keys() -> Comparison {
    let (one, many) = (ours::fleet_of(1), ours::fleet_of(1_000));
    let (by_one, by_many) = (one.mint(clock(), &Binding::None), many.mint(clock(), &Binding::None));
    let others = vec![open_with("1 key", &one, &by_one)];
    side_by_side(open_with("open, 1,000 keys", &many, &by_many), others, Duration::from_secs(2))
}

/// A request through the layer, its token known, in its three parts.
fn parts(results: &Results) -> (&'static str, Vec<Bar<'static>>) {
    let whole = results.layer.ours.ns;
    let signature = whole / results.layer.ratio("floor");
    // The other rules by their ratio to the signature: times of different minutes do not add up.
    let rules = signature * (results.verify.ratio("floor") - 1.0);
    let bar = |name, ns, kind| Bar { name, ns, kind };
    let bars = vec![
        bar("the proof's signature", signature, Kind::Floor),
        bar("the proof's other rules", rules, Kind::Ours),
        bar("layer, cache, hash of token", (whole - signature - rules).max(0.0), Kind::Ours),
    ];
    ("a request through the layer, its token known", bars)
}

fn draw(results: &Results, folder: &Path) {
    fn group(compared: &Comparison) -> (&'static str, Vec<Bar<'static>>) {
        let ours = Bar { name: "sealstamp", ns: compared.ours.ns, kind: Kind::Ours };
        let others = compared.others.iter().filter(|other| other.name != "verify").map(|other| {
            let kind = if other.name == "floor" { Kind::Floor } else { Kind::Peer };
            Bar { name: other.name, ns: other.cost.ns, kind }
        });
        let mut bars: Vec<_> = others.chain([ours]).collect();
        bars.sort_by(|one, other| one.ns.total_cmp(&other.ns));
        (compared.name, bars)
    }
    let mut forged = group(&results.refuse_forged);
    forged.0 = "refuse a forged nonce";
    for (file, title, groups) in [
        ("nonce.svg", "Minting and opening a nonce", vec![group(&results.mint), group(&results.open)]),
        ("proof.svg", "Verifying a proof, and refusing a forged nonce", vec![group(&results.verify), forged]),
        ("request.svg", "Where the time of a request goes", vec![parts(results)]),
    ] {
        std::fs::write(folder.join(file), plot::bars(title, &groups)).expect("the folder can be written to");
    }
}
