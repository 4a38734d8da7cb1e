//! The whole decision: a request's head as it comes off the wire, and requests with one thing or many done wrong.

use std::net::IpAddr;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use sealstamp::{Audience, Binding, Fleet, Fresh, Nonce, Ring, Settings, Suite, Thumbprint, UnixMillis};
use sealstamp_dpop::{
    Accepted, Answer, DPOP_NONCE, Nonces, Reason, Rejection, RequestHead, TokenBinding, TokenDefect, TokenFacts,
    Verifier,
};
use sealstamp_testkit::{Key, PUBLIC_URL, b64, sha256};

use crate::client::{self, CLIENT, NOW, OTHER, TOKEN, quoted};
use crate::htu;
use crate::input::Input;

const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const ORIGINS: [&str; 2] = ["https://mcp.example.com", "https://mcp.example.org:8443"];

struct World {
    fleet: Fleet,
    /// As most servers are.
    plain: Verifier,
    /// Accepts unbound tokens under `Bearer`, and knows a proxy.
    open: Verifier,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let fleet = fleet(PUBLIC_URL);
    let builder = || Verifier::builder(PUBLIC_URL, Nonces::Required(fleet.clone()));
    let plain = builder().resource_metadata("https://mcp.example.com/.well-known/oauth-protected-resource/mcp");
    let open = builder().dangerously_accept_unbound_bearer_tokens().trust_proxy([PROXY], ORIGINS);
    let build = |builder: sealstamp_dpop::VerifierBuilder| builder.build().expect("a good configuration");
    World { plain: build(plain), open: build(open), fleet }
});

/// Its first nonce is the same in every run.
fn fleet(audience: &str) -> Fleet {
    let ring = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, Fresh::insecure_from_seed(1));
    Fleet::with_seed(ring, Audience::new(audience).expect("a good audience"), [0x5a; 32], 0)
}

/// The proof of the request that stands whole in the corpus.
static VALID: LazyLock<String> = LazyLock::new(|| {
    let nonce = fleet(PUBLIC_URL).mint(NOW.saturating_sub(1_000), &Binding::None);
    let now = NOW.get() / 1_000;
    let (htu, ath) = (quoted(PUBLIC_URL), sha256(TOKEN));
    let claims = format!(r#"{{"jti":"a0","htm":"POST","htu":{htu},"iat":{now},"ath":"{ath}","nonce":"{nonce}"}}"#);
    CLIENT.jws(client::header(), claims)
});

/// The request as text, as the input is.
pub(crate) fn valid_request() -> String {
    format!("rPOST /mcp\nAuthorization: DPoP {TOKEN}\nDPoP: {}\n", *VALID)
}

/// What is known of a token. It stands for all validators.
fn facts(token: &str) -> Result<TokenFacts, TokenDefect> {
    let binding = match token {
        TOKEN => TokenBinding::Thumbprint(client::thumbprint()),
        "another-token" => TokenBinding::Thumbprint(Thumbprint::new([0; 32])),
        "an-unbound-token" => TokenBinding::None,
        "a-token-with-a-certificate" => TokenBinding::Unknown,
        _ => return Err(DEFECTS[token.len() % DEFECTS.len()]),
    };
    Ok(TokenFacts::new(binding))
}

const DEFECTS: [TokenDefect; 10] = [
    TokenDefect::Malformed,
    TokenDefect::Unacceptable,
    TokenDefect::UnknownKey,
    TokenDefect::BadSignature,
    TokenDefect::WrongIssuer,
    TokenDefect::WrongAudience,
    TokenDefect::Expired,
    TokenDefect::NotYetValid,
    TokenDefect::Inactive,
    TokenDefect::Unavailable,
];

/// Input: `r` and a request's head, a line each, the first of them method and URI; or anything else, then changes to a
/// good request (4 bytes each).
pub fn decision(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() {
        b'r' => raw(input.rest()),
        _ => attempted(input),
    }
}

fn decide(verifier: &Verifier, request: RequestHead<'_>, now: UnixMillis) -> Result<Accepted, Rejection> {
    let proven = verifier.check(request, now)?;
    let facts = facts(proven.token());
    proven.bind(facts, now)?.accept(now)
}

fn raw(text: &[u8]) {
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut first = lines.next().unwrap_or_default().splitn(2, |byte| *byte == b' ');
    let method = Method::from_bytes(first.next().unwrap_or_default());
    let (Ok(method), Ok(uri)) = (method, Uri::try_from(first.next().unwrap_or_default())) else { return };
    let mut headers = HeaderMap::new();
    for line in lines.take(64).filter(|line| !line.is_empty()) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return };
        // A server drops the blanks around a value (RFC 9112 section 5).
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) else { return };
        headers.append(name, value);
    }
    let world = &*WORLD;
    let request = RequestHead::new(&method, &uri, &headers);
    let here = htu::names(PUBLIC_URL, uri.path(), PUBLIC_URL, None);
    let proven = method == "POST" && here && is_dpop(&headers);
    let bearer =
        sole(&headers, "authorization").is_some_and(|field| is_credentials(field, "bearer", "an-unbound-token"));
    judge(&world.plain, decide(&world.plain, request, NOW), proven, NOW);
    judge(&world.open, decide(&world.open, request, NOW), proven || bearer, NOW);
    let forwarded = is_forwarded_here(&headers);
    judge(&world.open, decide(&world.open, request.from_peer(PROXY), NOW), proven && forwarded || bearer, NOW);

    let token_request = world.plain.check_token_request(request, NOW);
    let proven = method == "POST" && here && sole(&headers, "dpop") == Some(VALID.as_bytes());
    assert_eq!(token_request.is_ok(), proven);
    if let Err(refused) = token_request {
        let response = world.plain.authorization_server_response(&refused);
        assert_eq!(response.status(), 400);
        assert!(response.headers().contains_key(DPOP_NONCE));
    }
}

/// The only field of that name.
fn sole<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let fields: Vec<_> = headers.get_all(name).iter().collect();
    match fields[..] {
        [field] => Some(field.as_bytes()),
        _ => None,
    }
}

fn is_dpop(headers: &HeaderMap) -> bool {
    sole(headers, "authorization").is_some_and(|field| is_credentials(field, "dpop", TOKEN))
        && sole(headers, "dpop") == Some(VALID.as_bytes())
}

/// The scheme in any case, spaces, and exactly the token.
fn is_credentials(field: &[u8], scheme: &str, token: &str) -> bool {
    let Some(blanks) = field.to_ascii_lowercase().strip_prefix(scheme.as_bytes()).map(<[u8]>::to_vec) else {
        return false;
    };
    let spaces = blanks.iter().take_while(|byte| **byte == b' ').count();
    spaces > 0 && &field[scheme.len() + spaces..] == token.as_bytes()
}

/// What the proxy says, if anything, is the public URL's origin.
fn is_forwarded_here(headers: &HeaderMap) -> bool {
    let [host, scheme] = ["x-forwarded-host", "x-forwarded-proto"].map(|name| {
        let fields: Vec<_> = headers.get_all(name).iter().collect();
        fields
    });
    match (&host[..], &scheme[..]) {
        ([], []) => true,
        ([host], [scheme]) => {
            let (Ok(host), Ok(scheme)) = (host.to_str(), scheme.to_str()) else { return false };
            let origin = format!("{scheme}://{host}");
            htu::names(&origin, "/", "https://mcp.example.com/", None) && !origin.contains(['?', '#'])
        }
        _ => false,
    }
}

/// A decision is as expected, and if it is a refusal, the client gets a whole answer.
fn judge(
    verifier: &Verifier,
    decision: Result<Accepted, Rejection>,
    expected: bool,
    now: UnixMillis,
) -> Option<Rejection> {
    let refused = match decision {
        Ok(accepted) => {
            assert!(expected, "accepted: {accepted:?}");
            accepted.write_headers(&mut HeaderMap::new());
            return None;
        }
        Err(refused) => refused,
    };
    assert!(!expected, "refused: {}", refused.reason());
    let response = verifier.resource_server_response(&refused);
    let unavailable = refused.answer() == Answer::Unavailable;
    assert_eq!(response.status(), if unavailable { 503 } else { 401 });
    let headers = response.headers();
    let challenges: Vec<_> =
        headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok()).collect();
    // `Bearer` stands first where it is accepted, and has no word for what is wrong with a proof.
    let schemes: &[&str] = match (unavailable, std::ptr::eq(verifier, &WORLD.open)) {
        (true, _) => &[],
        (false, true) => &["Bearer", "DPoP"],
        (false, false) => &["DPoP"],
    };
    assert_eq!(challenges.len(), schemes.len(), "{challenges:?}");
    for (challenge, scheme) in challenges.iter().zip(schemes) {
        assert_eq!(challenge.split(' ').next(), Some(*scheme));
        let silent = *scheme == "Bearer" && refused.answer() != Answer::InvalidToken;
        let expected = refused.answer().error().filter(|_| !silent).map(|error| format!("error=\"{error}\""));
        match expected {
            Some(error) => assert!(challenge.contains(&error), "{challenge}"),
            None => assert!(!challenge.contains("error="), "{challenge}"),
        }
    }
    assert_eq!(headers["cache-control"], "no-store");
    let body: serde_json::Value = serde_json::from_str(response.body()).expect("a JSON-RPC error");
    assert_eq!(body["jsonrpc"], "2.0");
    // The nonce that comes with it is good.
    let nonce = headers[DPOP_NONCE].to_str().expect("a nonce is ASCII");
    assert_eq!(WORLD.fleet.open(nonce, now, &Binding::None).map(|opened| opened.minted_at()), Ok(now));
    Some(refused)
}

/// A request in parts, each of them good at first: what the oracle judges, and what is signed.
struct Attempt {
    server_now: UnixMillis,
    method: &'static str,
    path: &'static str,
    authorization: Vec<String>,
    scheme: &'static str,
    token: &'static str,
    proofs: Proofs,
    key: &'static Key,
    jwk: &'static Key,
    typ: &'static str,
    alg: &'static str,
    extra: &'static str,
    htm: &'static str,
    htu: &'static str,
    jti: String,
    iat: i64,
    ath: Option<String>,
    nonce: NonceClaim,
    damage: Option<(u16, u8)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Proofs {
    None,
    One,
    Two,
    Folded,
}

/// The `nonce` claim, and whether it may open, with its mint time.
#[derive(Clone, Copy)]
enum NonceClaim {
    Missing,
    Minted(Nonce, UnixMillis),
    Foreign(Nonce),
    Damaged(Nonce, u16),
}

fn attempted(mut input: Input<'_>) {
    let now = i64::try_from(NOW.get() / 1_000).expect("a time in this age");
    let mint = |at: UnixMillis| NonceClaim::Minted(fleet(PUBLIC_URL).mint(at, &Binding::None), at);
    let mut attempt = Attempt {
        server_now: NOW,
        method: "POST",
        path: "/mcp",
        authorization: Vec::new(),
        scheme: "DPoP",
        token: TOKEN,
        proofs: Proofs::One,
        key: &CLIENT,
        jwk: &CLIENT,
        typ: "dpop+jwt",
        alg: "EdDSA",
        extra: "",
        htm: "POST",
        htu: PUBLIC_URL,
        jti: "a0".into(),
        iat: now,
        ath: None,
        nonce: mint(NOW),
        damage: None,
    };
    for _ in 0..16 {
        if input.is_empty() {
            break;
        }
        let (op, a, b) = (input.u8() % 20, usize::from(input.u8()), input.u16());
        match op {
            0 => attempt.method = METHODS[a % METHODS.len()],
            1 => attempt.htm = METHODS[a % METHODS.len()],
            2 => attempt.path = PATHS[a % PATHS.len()],
            3 => attempt.htu = HTUS[a % HTUS.len()],
            4 => attempt.scheme = SCHEMES[a % SCHEMES.len()],
            5 => attempt.token = TOKENS[a % TOKENS.len()],
            6 => attempt.authorization.push(format!("{} {}", SCHEMES[a % 2], TOKENS[usize::from(b) % TOKENS.len()])),
            7 => attempt.ath = Some(sha256(TOKENS[a % TOKENS.len()])),
            8 => attempt.ath = Some(sha256(TOKEN)[..43 - a % 44].to_owned()),
            9 => attempt.proofs = [Proofs::None, Proofs::One, Proofs::Two, Proofs::Folded][a % 4],
            10 => attempt.key = [&*CLIENT, &*OTHER][a % 2],
            11 => attempt.jwk = [&*CLIENT, &*OTHER][a % 2],
            12 => attempt.typ = TYPES[a % TYPES.len()],
            13 => attempt.alg = ALGS[a % ALGS.len()],
            14 => attempt.extra = EXTRAS[a % EXTRAS.len()],
            15 => attempt.jti = ["a", "é"][a % 2].repeat(usize::from(b) % 300),
            16 => attempt.iat = now.saturating_add(i64::from(b.cast_signed()) << (a % 48)),
            17 => {
                let at = UnixMillis::new(NOW.get().saturating_add_signed(i64::from(b.cast_signed()) * 10));
                attempt.nonce = match a % 5 {
                    0 => NonceClaim::Missing,
                    1 => NonceClaim::Foreign(fleet("https://as.example.com").mint(at, &Binding::None)),
                    2 => NonceClaim::Foreign(fleet(PUBLIC_URL).mint(at, &Binding::Thumbprint(client::thumbprint()))),
                    3 => NonceClaim::Damaged(fleet(PUBLIC_URL).mint(NOW, &Binding::None), b),
                    _ => mint(at),
                };
            }
            18 => {
                attempt.server_now = UnixMillis::new(NOW.get().saturating_add_signed(i64::from(b.cast_signed()) * 20))
            }
            _ => attempt.damage = Some((b, u8::try_from(a % 8).unwrap_or_default())),
        }
    }
    check_attempt(attempt);
}

fn check_attempt(mut attempt: Attempt) {
    let verifier = &WORLD.plain;
    let nonce_good = attempt.nonce_is_good();
    let rest_good = attempt.rest_is_good();
    let refused = judge(verifier, attempt.decide(verifier), nonce_good && rest_good, attempt.server_now);
    let Some(refused) = refused else { return };
    if refused.answer() == Answer::UseDpopNonce {
        assert!(!nonce_good, "{}", refused.reason());
        assert_eq!(refused.nonce_refusal().is_none(), refused.reason() == Reason::NoNonce);
        // I9: one retry, with the nonce that came along.
        let nonce = *refused.nonce().expect("every refusal has a nonce");
        attempt.nonce = NonceClaim::Minted(nonce, attempt.server_now);
        judge(verifier, attempt.decide(verifier), rest_good, attempt.server_now);
    }
}

const METHODS: [&str; 6] = ["POST", "GET", "post", "POSTS", "POS", "M-SEARCH"];
const PATHS: [&str; 8] = ["/mcp", "/mcp?a=b", "/%6Dcp", "/x/../mcp", "/", "/mcp/", "//mcp", "/MCP"];
const HTUS: [&str; 10] = [
    PUBLIC_URL,
    "HTTPS://MCP.EXAMPLE.COM:443/%6dcp?x#y",
    "https://mcp.example.com/./mcp",
    "https://mcp.example.com/",
    "https://mcp.example.com/mcp/",
    "http://mcp.example.com/mcp",
    "https://mcp.example.com@evil.example/mcp",
    "https://mcp.example.com:8443/mcp",
    "https://evil.example/mcp",
    "/mcp",
];
const SCHEMES: [&str; 8] = ["DPoP", "dPOP", "Bearer", "Basic", "DPoP ", "DPoP\t", "", "DPoP,"];
const TOKENS: [&str; 8] = [
    TOKEN,
    "another-token",
    "an-unbound-token",
    "a-token-with-a-certificate",
    "an-expired-one",
    "a-bound-token=",
    "a-bound-token, DPoP b",
    "",
];
const TYPES: [&str; 6] = ["dpop+jwt", "DPOP+JWT", "jwt", "at+jwt", "application/dpop+jwt", ""];
const ALGS: [&str; 8] = ["EdDSA", "Ed25519", "none", "HS256", "ES256", "RS256", "eddsa", ""];
/// Members for the header, then for the `jwk`.
const EXTRAS: [&str; 7] = [
    "",
    r#","kid":"1","x5c":["a"]"#,
    r#","crit":["exp"]"#,
    r#","b64":true"#,
    r#","typ":"dpop+jwt""#,
    r#","\u0061lg":"EdDSA""#,
    r#","a":{"b":1,"b":1}"#,
];

impl Attempt {
    fn nonce_is_good(&self) -> bool {
        let NonceClaim::Minted(_, at) = self.nonce else { return false };
        let (minted, now) = (at.get(), self.server_now.get());
        minted <= now + 5_000 && now <= minted + 125_000
    }

    /// Every rule but that of the nonce.
    fn rest_is_good(&self) -> bool {
        let now = i128::from(self.server_now.get() / 1_000);
        self.authorization.is_empty()
            && matches!(self.scheme, "DPoP" | "dPOP" | "DPoP ")
            && self.token == TOKEN
            && self.proofs == Proofs::One
            && std::ptr::eq(self.key, &raw const *CLIENT)
            && std::ptr::eq(self.jwk, &raw const *CLIENT)
            && self.typ == "dpop+jwt"
            && matches!(self.alg, "EdDSA" | "Ed25519")
            && matches!(self.extra, "" | r#","kid":"1","x5c":["a"]"#)
            && self.htm == self.method
            && htu::names(self.htu, self.path.split('?').next().unwrap_or_default(), PUBLIC_URL, None)
            && (1..=256).contains(&self.jti.chars().count())
            && (now - i128::from(self.iat)).abs() <= 300
            && self.ath.as_ref().is_none_or(|named| *named == sha256(TOKEN))
            && self.damage.is_none()
    }

    fn decide(&self, verifier: &Verifier) -> Result<Accepted, Rejection> {
        let nonce = match self.nonce {
            NonceClaim::Missing => String::new(),
            NonceClaim::Minted(nonce, _) | NonceClaim::Foreign(nonce) => format!(r#","nonce":"{nonce}""#),
            NonceClaim::Damaged(nonce, place) => {
                let mut text = nonce.to_string().into_bytes();
                let place = usize::from(place) % text.len();
                text[place] = if text[place] == b'A' { b'B' } else { b'A' };
                format!(r#","nonce":"{}""#, String::from_utf8_lossy(&text))
            }
        };
        let header = format!(
            r#"{{"typ":"{}","alg":"{}","jwk":{}{}}}"#,
            self.typ,
            self.alg,
            self.jwk.canonical_jwk(),
            self.extra
        );
        let ath = self.ath.clone().unwrap_or_else(|| sha256(self.token));
        let claims = format!(
            r#"{{"jti":"{}","htm":"{}","htu":"{}","iat":{},"ath":"{ath}"{nonce}}}"#,
            self.jti, self.htm, self.htu, self.iat
        );
        let signed = format!("{}.{}", b64(header), b64(claims));
        let mut signature = self.key.sign(&signed);
        if let Some((place, bit)) = self.damage {
            let place = usize::from(place) % signature.len();
            signature[place] ^= 1 << bit;
        }
        let proof = format!("{signed}.{}", b64(signature));

        let mut headers = HeaderMap::new();
        let credentials = format!("{} {}", self.scheme, self.token);
        for field in self.authorization.iter().chain([&credentials]) {
            headers.append("authorization", HeaderValue::from_str(field.trim_ascii()).expect("printable"));
        }
        let fields = match self.proofs {
            Proofs::None => vec![],
            Proofs::One => vec![proof],
            Proofs::Two => vec![proof.clone(), proof],
            Proofs::Folded => vec![format!("{proof}, {proof}")],
        };
        for field in fields {
            headers.append("dpop", HeaderValue::from_str(&field).expect("printable"));
        }
        let method = Method::from_bytes(self.method.as_bytes()).expect("a token");
        let uri = Uri::from_static(self.path);
        decide(verifier, RequestHead::new(&method, &uri, &headers), self.server_now)
    }
}
