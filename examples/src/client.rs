//! A DPoP client: signs a fresh proof for every request, keeps the newest nonce, and tries once more when asked for
//! one.

use std::error::Error;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use sealstamp_testkit::{Issuer, Key};
use serde_json::{Value, json};

use crate::clock::unix_seconds;

/// A DPoP proof (RFC 9449 section 4.2) for one request with one token, signed with the client's own key.
///
/// # Errors
///
/// When the system gives no randomness for the `jti`.
pub fn proof(
    key: &Key,
    method: &str,
    url: &str,
    token: &str,
    nonce: Option<&str>,
    issued_at: u64,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let public_key: Value = serde_json::from_str(&key.jwk().json())?;
    let header = json!({ "typ": "dpop+jwt", "alg": key.algorithm(), "jwk": public_key });
    let mut jti = [0; 16];
    rand::fill(&mut jti)?;
    let mut claims = json!({
        "jti": URL_SAFE_NO_PAD.encode(jti),
        "htm": method,
        "htu": url,
        "iat": issued_at,
        "ath": URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes())),
    });
    if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    Ok(key.jws(header.to_string(), claims.to_string()))
}

/// What a server said.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The response headers.
    pub headers: HeaderMap,
    /// The JSON body; null if there is none.
    pub body: Value,
}

impl Answer {
    /// The nonce that came with it (RFC 9449 section 8.2).
    pub fn nonce(&self) -> Option<&str> {
        self.headers.get("dpop-nonce")?.to_str().ok()
    }

    /// The `error` of its DPoP challenge, if it is one.
    pub fn challenge(&self) -> Option<&str> {
        let challenge = self.headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
        let (_, rest) = challenge.split_once("error=\"")?;
        rest.split('"').next()
    }

    /// The text that a tool answered with.
    pub fn text(&self) -> Option<&str> {
        self.body.pointer("/result/content/0/text")?.as_str()
    }

    /// Whether the tool ran.
    pub fn is_accepted(&self) -> bool {
        self.status.is_success()
    }

    fn asks_for_nonce(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && self.challenge() == Some("use_dpop_nonce")
    }
}

/// One client: a key, a token bound to it, and the newest nonce it was given.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    key: Key,
    token: String,
    url: String,
    nonce: Option<String>,
    /// Refusals of a nonce, each of which cost one more request.
    pub refusals: u64,
    /// Answers that say the server is at fault (5xx).
    pub server_errors: u64,
}

impl Client {
    /// A client with a new key and a token of `issuer` for the server at `url`, its public address.
    ///
    /// # Errors
    ///
    /// When there is no HTTP client to be had.
    pub fn new(subject: &str, url: &str, issuer: &Issuer) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let key = Key::generate("ES256");
        let token = issuer.token(subject, url, &key.thumbprint(), unix_seconds());
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            key,
            token,
            url: url.to_owned(),
            nonce: None,
            refusals: 0,
            server_errors: 0,
        })
    }

    /// The newest nonce, if any.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The thumbprint of the client's key.
    pub fn thumbprint(&self) -> String {
        self.key.thumbprint()
    }

    /// Calls a tool at one replica, and once more at `retry_at` if the nonce was refused: the second replica need not
    /// be the first.
    ///
    /// # Errors
    ///
    /// When a replica does not answer. A refusal is an answer.
    pub async fn call(
        &mut self,
        replica: &str,
        retry_at: &str,
        tool: &str,
        arguments: Value,
    ) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let body = tool_call(tool, arguments);
        let proof = self.proof(self.nonce.as_deref(), unix_seconds())?;
        let mut answer = self.send(replica, &proof, &body).await?;
        self.observe(&answer);
        if answer.asks_for_nonce() {
            self.refusals = self.refusals.saturating_add(1);
            let proof = self.proof(self.nonce.as_deref(), unix_seconds())?;
            answer = self.send(retry_at, &proof, &body).await?;
            self.observe(&answer);
        }
        Ok(answer)
    }

    /// A proof for the server with any nonce and any time, as the client's key can sign it.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn proof(&self, nonce: Option<&str>, issued_at: u64) -> Result<String, Box<dyn Error + Send + Sync>> {
        proof(&self.key, "POST", &self.url, &self.token, nonce, issued_at)
    }

    /// This client's key with the token of another.
    #[must_use]
    pub fn with_token_of(&self, other: &Self) -> Self {
        Self { token: other.token.clone(), ..self.clone() }
    }

    /// A request that says nothing about who sends it: the answer carries a nonce all the same.
    ///
    /// # Errors
    ///
    /// When the replica does not answer.
    pub async fn send_without_credentials(&self, replica: &str) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let response = self.http.post(self.address(replica)).send().await?;
        Ok(Answer { status: response.status(), headers: response.headers().clone(), body: Value::Null })
    }

    /// A call of `add` with a proof as it stands: `number` and one.
    ///
    /// # Errors
    ///
    /// When the replica does not answer.
    pub async fn send_add(
        &self,
        replica: &str,
        proof: &str,
        number: u64,
    ) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        self.send(replica, proof, &tool_call("add", json!({ "a": number, "b": 1 }))).await
    }

    /// Sends one request as it stands: what someone can do who has a token and a proof, but not the key.
    ///
    /// # Errors
    ///
    /// When the replica does not answer.
    pub async fn send(&self, replica: &str, proof: &str, body: &Value) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let response = self
            .http
            .post(self.address(replica))
            .header(AUTHORIZATION, format!("DPoP {}", self.token))
            .header("dpop", proof)
            .header(CONTENT_TYPE, "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", body.pointer("/params/name").and_then(Value::as_str).unwrap_or_default())
            .body(body.to_string())
            .send()
            .await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Answer { status, headers, body })
    }

    // The client is its own load balancer: it signs the public URL and connects to a replica.
    fn address(&self, replica: &str) -> String {
        let path = url::Url::parse(&self.url).map_or_else(|_| "/".to_owned(), |url| url.path().to_owned());
        format!("http://{replica}{path}")
    }

    // RFC 9449 section 8.2: the newest nonce is the one to use, whatever it came with.
    fn observe(&mut self, answer: &Answer) {
        self.server_errors = self.server_errors.saturating_add(u64::from(answer.status.is_server_error()));
        if let Some(nonce) = answer.nonce() {
            self.nonce = Some(nonce.to_owned());
        }
    }
}

/// An MCP request of revision 2026-07-28: it carries its protocol version along, so no session has to be opened first.
pub fn tool_call(tool: &str, arguments: Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "fleet", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    })
}
