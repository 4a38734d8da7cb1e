//! What operators ask, on a listener of its own: `/livez`, `/readyz`, `/healthz`, `/metrics`.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use serde_json::json;

use crate::answer::{Reply, plain};
use crate::metrics::Metrics;
use crate::process::Process;

/// Answers an operator, or what watches for one.
pub(crate) async fn operator<B>(process: Arc<Process>, metrics: Metrics, request: Request<B>) -> Reply {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET alone\n");
    }
    match request.uri().path() {
        // Whoever reads this knows all that it says. What restarts a process on a 503 must ask here: while an issuer is
        // away or a ring is wrong, a restart loses what still serves.
        "/livez" => plain(StatusCode::OK, "text/plain", "alive\n"),
        "/healthz" => page(&process, process.is_well()),
        "/readyz" => page(&process, process.is_ready()),
        "/metrics" => {
            process.observe(&metrics);
            plain(StatusCode::OK, "text/plain; version=0.0.4", metrics.page())
        }
        _ => plain(StatusCode::NOT_FOUND, "text/plain", "/livez, /readyz, /healthz, /metrics\n"),
    }
}

/// 200 if it is good, and 503 if not. The body says why in both cases.
fn page(process: &Process, good: bool) -> Reply {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!(process.status());
    plain(status, "application/json", format!("{body}\n"))
}
