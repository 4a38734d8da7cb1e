//! What to run.

/// What to run. The ring has the default settings: lifetime 2 minutes, skew 5 s, propagation 10 minutes.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Replicas behind the balancer, at least 1.
    pub replicas: usize,
    /// Requests by clients, retries not counted.
    pub requests: u64,
    /// Rotations that the operator completes.
    pub rotations: u64,
    /// All clocks are within half of this of true time, in milliseconds.
    pub skew_ms: u64,
    /// The longest that any replica takes to load a file, in milliseconds.
    pub load_delay_ms: u64,
    /// Where all chance comes from.
    pub seed: u64,
}
