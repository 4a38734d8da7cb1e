//! The MCP server itself: two tools, and nothing about DPoP but the caller that the layer has verified.

use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use sealstamp_dpop::Accepted;
use serde_json::json;

/// The tools of the example server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tools;

/// What `add` adds.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct Sum {
    /// One number.
    a: i64,
    /// The other.
    b: i64,
}

#[tool_router]
impl Tools {
    /// Who is calling, as the proof and the access token say.
    #[tool(description = "Says who is calling: the key's thumbprint and the token's subject")]
    async fn whoami(&self, Extension(request): Extension<http::request::Parts>) -> String {
        // The layer lets nothing through without it.
        let Some(caller) = request.extensions.get::<Accepted>() else { return "nobody".to_owned() };
        json!({
            "subject": caller.token().subject(),
            "client": caller.token().client_id(),
            "thumbprint": caller.proof().map(|proof| proof.thumbprint().to_string()),
        })
        .to_string()
    }

    /// The sum of two numbers.
    #[tool(description = "Adds two numbers")]
    async fn add(&self, Parameters(Sum { a, b }): Parameters<Sum>) -> String {
        a.saturating_add(b).to_string()
    }
}

#[tool_handler]
impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("sealstamp-example", env!("CARGO_PKG_VERSION")))
    }
}
