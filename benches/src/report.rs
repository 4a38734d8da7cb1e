//! What a run says: tables for people, JSON for machines, and each line of what was asked for with its bound.

use serde_json::{Map, Value, json};

use crate::measure::Comparison;

/// Everything that `compare` measures.
pub struct Results {
    /// Minting a nonce, AES-256-GCM.
    pub mint: Comparison,
    /// Opening it.
    pub open: Comparison,
    /// A whole proof.
    pub verify: Comparison,
    /// A proof with a forged nonce, its challenge built.
    pub refuse_forged: Comparison,
    /// A proof with an expired nonce, its challenge built.
    pub refuse_expired: Comparison,
    /// Minting and opening with ChaCha20-Poly1305.
    pub chacha: [Comparison; 2],
    /// Opening under a ring of 1,000 keys beside one of a single key.
    pub keys: Comparison,
    /// A request through the whole layer, its token known, beside the floor and beside 1,000 tokens in turn.
    pub layer: Comparison,
    /// The same with single use in a store of memory, beside the floor and beside the layer without.
    pub once: Comparison,
    /// A claim of a new proof in a store of memory, beside what the others have, Redis on loopback included where it is
    /// installed. The store's own work alone.
    pub claim: Comparison,
    /// The layer that compares a body with the digest in the proof, for 1 KiB and 1 MiB, beside the layer with the option
    /// off and beside SHA-256 alone.
    pub digest: [Comparison; 2],
    /// What a cache of tokens holds beyond its bound after a million distinct tokens, in bytes.
    pub flood: u64,
    /// The throughput of two threads over one: mint, open, verify, and a request through the layer with its token known.
    pub threads: [(&'static str, f64); 4],
    /// The same for the floor, where the threads share nothing: what the machine gives.
    pub threads_sharing_nothing: f64,
}

/// A figure that was asked for, and its bound.
pub struct Line {
    what: &'static str,
    figure: f64,
    bound: Bound,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing was asked: the figure says what the machine can do.
    None,
}

impl Line {
    /// A figure that should not be above its bound.
    #[must_use]
    pub const fn at_most(what: &'static str, figure: f64, bound: f64) -> Self {
        Self { what, figure, bound: Bound::AtMost(bound) }
    }

    /// The line as text.
    #[must_use]
    pub fn text(&self) -> String {
        let met = if self.is_met() { "ok" } else { "missed" };
        let asked = match self.bound {
            Bound::AtMost(bound) => format!("at most  {bound:<6}{met}"),
            Bound::AtLeast(bound) => format!("at least {bound:<6}{met}"),
            Bound::None => "what this machine gives".to_owned(),
        };
        format!("{:<46}{:>8.3}   {asked}\n", self.what, self.figure)
    }

    /// The line as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let (at_most, at_least) = match self.bound {
            Bound::AtMost(bound) => (Some(bound), None),
            Bound::AtLeast(bound) => (None, Some(bound)),
            Bound::None => (None, None),
        };
        let figure = rounded(self.figure, 1_000.0);
        json!({ "line": self.what, "figure": figure, "at_most": at_most, "at_least": at_least, "met": self.is_met() })
    }

    /// Whether the figure is within its bound.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(bound) => self.figure <= bound,
            Bound::AtLeast(bound) => self.figure >= bound,
            Bound::None => true,
        }
    }
}

/// The peers with nonces of the server's, used as they document it.
fn has_nonces(name: &str) -> bool {
    name == "dpop-verifier" || name.starts_with("huskarl")
}

impl Results {
    /// Each line of the acceptance.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let at_most = Line::at_most;
        let is_peer = |name: &str| name != "floor";
        let refused = self.refuse_forged.ratio("verify").max(self.refuse_expired.ratio("verify"));
        let mut lines = vec![
            at_most("mint / floor", self.mint.ratio("floor"), 1.25),
            at_most("mint / faster of dpop-verifier, huskarl", self.mint.ratio_to_fastest(has_nonces), 0.45),
            at_most("open / floor", self.open.ratio("floor"), 1.2),
            at_most("open / faster of dpop-verifier, huskarl", self.open.ratio_to_fastest(has_nonces), 0.55),
            at_most("verify / floor", self.verify.ratio("floor"), 1.12),
            at_most("verify / fastest peer", self.verify.ratio_to_fastest(is_peer), 0.25),
            at_most("verify / fastest peer with nonces", self.verify.ratio_to_fastest(has_nonces), 0.25),
            at_most("refuse a bad nonce / verify", refused, 0.08),
            at_most("allocations, mint", self.mint.ours.allocations, 0.0),
            at_most("allocations, open", self.open.ours.allocations, 0.0),
            at_most("allocations, verify", self.verify.ours.allocations, 8.0),
            at_most("open, 1,000 keys / 1 key", self.keys.ratio("1 key"), 1.05),
            at_most("layer, token known / one ES256 verification", self.layer.ratio("floor"), 1.15),
            at_most("layer, 1,000 tokens in turn / 1 token", self.layer_tokens(), 1.1),
            at_most("flood of 10^6 tokens, bytes above the bound", self.flood as f64, 0.0),
        ];
        let threads =
            self.threads.iter().map(|(what, figure)| Line { what, figure: *figure, bound: Bound::AtLeast(1.9) });
        lines.extend(threads);
        let what = "sharing nothing, 2 threads / 1";
        lines.push(Line { what, figure: self.threads_sharing_nothing, bound: Bound::None });
        lines
    }

    fn layer_tokens(&self) -> f64 {
        1.0 / self.layer.ratio("1,000 tokens")
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let one = |compared: &Comparison| {
            let ratios: Map<String, Value> =
                compared.others.iter().map(|other| (other.name.to_owned(), rounded(other.ratio, 1_000.0))).collect();
            json!({
                "ns": rounded(compared.ours.ns, 10.0),
                "allocations": rounded(compared.ours.allocations, 100.0),
                "ratio": ratios,
            })
        };
        let least = self.threads.iter().map(|(_, ratio)| *ratio).fold(f64::INFINITY, f64::min);
        let mut scaling = Map::new();
        scaling.insert("keys_1000_over_1".to_owned(), rounded(self.keys.ratio("1 key"), 1_000.0));
        scaling.insert("threads_2_over_1".to_owned(), rounded(least, 1_000.0));
        for ((_, ratio), name) in self.threads.iter().zip(["mint", "open", "verify", "layer"]) {
            scaling.insert(format!("threads_2_over_1_{name}"), rounded(*ratio, 1_000.0));
        }
        scaling.insert("threads_2_over_1_sharing_nothing".to_owned(), rounded(self.threads_sharing_nothing, 1_000.0));
        json!({
            "mint": one(&self.mint),
            "open": one(&self.open),
            "verify": one(&self.verify),
            "refuse_forged": one(&self.refuse_forged),
            "refuse_expired": one(&self.refuse_expired),
            "layer": one(&self.layer),
            "layer_once": one(&self.once),
            "claim": one(&self.claim),
            "digest_1_kib": one(&self.digest[0]),
            "digest_1_mib": one(&self.digest[1]),
            "flood_bytes_above_bound": self.flood,
            "scaling": scaling,
            "lines": self.lines().iter().map(Line::json).collect::<Vec<_>>(),
        })
    }

    /// The same as text: a table for each comparison, then the lines of the acceptance.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            mint,
            open,
            verify,
            refuse_forged,
            refuse_expired,
            chacha: [chacha_mint, chacha_open],
            keys,
            layer,
            once,
            claim,
            digest: [small, large],
            ..
        } = self;
        let nonces = [mint, open, chacha_mint, chacha_open];
        let requests = [verify, refuse_forged, refuse_expired, keys, layer, once, claim, small, large];
        let tables: Vec<_> = nonces.into_iter().chain(requests).map(table).collect();
        let lines = self.lines();
        let lines = lines.iter().map(Line::text);
        format!("{}\n{}", tables.join("\n"), lines.collect::<String>())
    }
}

fn table(compared: &Comparison) -> String {
    let row = |name: &str, ns: f64, allocations: f64, ratio: String| {
        format!("{name:<30}{:>12}{allocations:>13}{ratio:>16}\n", duration(ns))
    };
    let head = format!("{:<30}{:>12}{:>13}{:>16}\n", compared.name, "median", "allocations", "ours / theirs");
    let ours = row("sealstamp", compared.ours.ns, compared.ours.allocations, String::new());
    let others = compared
        .others
        .iter()
        .map(|other| row(other.name, other.cost.ns, other.cost.allocations, format!("{:.3}", other.ratio)));
    format!("{head}{ours}{}", others.collect::<String>())
}

/// Nanoseconds as one reads them.
#[must_use]
pub fn duration(ns: f64) -> String {
    match ns {
        ns if ns < 999.5 => format!("{ns:.0} ns"),
        ns if ns < 999_995.0 => format!("{:.2} us", ns / 1_000.0),
        ns => format!("{:.2} ms", ns / 1_000_000.0),
    }
}

fn rounded(value: f64, steps: f64) -> Value {
    json!((value * steps).round() / steps)
}
