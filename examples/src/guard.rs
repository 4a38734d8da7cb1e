//! The flags of `mcp_server` about policy: which tools want a young nonce, and whether proofs name the body.

use std::time::Duration;

use sealstamp_dpop::{DigestDemand, McpPolicy, NonceDemand, VerifierBuilder};

/// What some requests have to show, or all.
#[derive(Clone, Debug, clap::Args)]
pub struct GuardFlags {
    /// A tool, or the beginning of names with a * behind it, whose calls want a nonce that was just handed out; may be
    /// repeated [default: none]
    #[arg(long, value_name = "TOOL")]
    guard: Vec<String>,
    /// How old that nonce may be
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    guard_within: humantime::Duration,
    /// Whether a proof names the body by a content_digest claim
    #[arg(long, value_enum, default_value = "off")]
    body_digest: DigestFlag,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum DigestFlag {
    Off,
    IfPresent,
    Required,
}

impl GuardFlags {
    /// The verifier with what these flags ask for.
    #[must_use]
    pub fn apply(&self, verifier: VerifierBuilder) -> VerifierBuilder {
        let verifier = verifier.body_digest(match self.body_digest {
            DigestFlag::Off => DigestDemand::Off,
            DigestFlag::IfPresent => DigestDemand::IfPresent,
            DigestFlag::Required => DigestDemand::Required,
        });
        if self.guard.is_empty() {
            return verifier;
        }
        let seconds = u32::try_from(Duration::from(self.guard_within).as_secs()).unwrap_or(u32::MAX);
        let guard = |policy: McpPolicy, tool: &String| {
            policy.tool(tool, move |usual| usual.with_nonce(NonceDemand::Within { seconds }))
        };
        verifier.mcp_policy(self.guard.iter().fold(McpPolicy::new(), guard))
    }
}
