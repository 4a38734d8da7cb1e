//! The digest of a body in a proof: which claims are read, and which bodies pass with them.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, Method, Uri};
use sealstamp_dpop::{DigestDemand, MAX_PROOF_BYTES, Nonces, Reason, RequestHead, TokenBinding, TokenFacts, Verifier};
use sealstamp_testkit::{PUBLIC_URL, b64, sha256};
use serde_json::Value;
use sfv::{BareItem, Dictionary, FieldType, ListEntry, Parser};

use crate::client::{self, CLIENT, NOW, TOKEN, quoted};

static VERIFIERS: LazyLock<[(DigestDemand, Verifier); 3]> = LazyLock::new(|| {
    [DigestDemand::Off, DigestDemand::IfPresent, DigestDemand::Required].map(|demand| {
        let builder = Verifier::builder(PUBLIC_URL, Nonces::Off).body_digest(demand);
        (demand, builder.build().expect("a good configuration"))
    })
});

/// The digest of these bytes, as a member of a dictionary has it.
pub(crate) fn digest(body: &[u8]) -> String {
    format!("sha-256=:{}=:", sha256(body).replace('-', "+").replace('_', "/"))
}

/// Input: `t`, the claim's text, NUL, the body; or `m`, what stands before the body's digest, NUL, what stands behind
/// it, NUL, the body; or `j`, the claim as JSON, NUL, the body.
pub fn content_digest(data: &[u8]) {
    let (kind, rest) = data.split_first().map_or((b't', data), |(kind, rest)| (*kind, rest));
    let (first, rest) = cut(rest);
    let first = String::from_utf8_lossy(first);
    match kind {
        b'm' => {
            let (behind, body) = cut(rest);
            check(&Value::from(format!("{first}{}{}", digest(body), String::from_utf8_lossy(behind))), body);
        }
        // Lists and objects are held to the bounds of all claims, which others look at.
        b'j' => match serde_json::from_str(&first) {
            Ok(Value::Array(_) | Value::Object(_)) | Err(_) => {}
            Ok(claim) => check(&claim, rest),
        },
        _ => check(&Value::from(&*first), rest),
    }
}

fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

fn check(claim: &Value, body: &[u8]) {
    let (url, now, ath) = (quoted(PUBLIC_URL), NOW.get() / 1_000, sha256(TOKEN));
    let claims =
        format!(r#"{{"jti":"1","htm":"POST","htu":{url},"iat":{now},"ath":"{ath}","content_digest":{claim}}}"#);
    let proof = CLIENT.jws(client::header(), &claims);
    if claims.matches([',', '\\']).count() > 64 || proof.len() > MAX_PROOF_BYTES {
        return;
    }
    let mut headers = HeaderMap::new();
    headers.insert("dpop", HeaderValue::from_str(&proof).expect("base64url and dots"));
    headers.insert("authorization", HeaderValue::from_str(&format!("DPoP {TOKEN}")).expect("a token"));
    let uri = Uri::from_static("/mcp");
    let read = claim.as_str().and_then(read);
    for (demand, verifier) in &*VERIFIERS {
        let expected = match read {
            _ if *demand == DigestDemand::Off => Ok(()),
            None => Err(Reason::MalformedContentDigest),
            Some(read) if b64(read) == sha256(body) => Ok(()),
            Some(_) => Err(Reason::WrongContentDigest),
        };
        let proven = verifier.check(RequestHead::new(&Method::POST, &uri, &headers), NOW);
        let proven = proven.expect("all but the digest is good");
        let bound = proven.bind(Ok(TokenFacts::new(TokenBinding::Thumbprint(client::thumbprint()))), NOW);
        let accepted = bound.and_then(|bound| {
            assert_eq!(bound.needs_body(), *demand != DigestDemand::Off);
            bound.check_body(body, NOW)?.accept(NOW)
        });
        assert_eq!(accepted.map(drop).map_err(|refused| refused.reason()), expected, "{claim}");
    }
}

/// Another reader: that of the crate `sfv`, held to one spelling. What it reads must be what it would write, but for
/// the blanks around commas, so that no key is there twice and no digest has two forms.
fn read(text: &str) -> Option<[u8; 32]> {
    let dictionary: Dictionary = Parser::new(text).parse().ok()?;
    let mut found = None;
    for (key, entry) in &dictionary {
        let ListEntry::Item(item) = entry else { return None };
        // RFC 9530 has no parameters.
        if !item.params.is_empty() {
            return None;
        }
        let BareItem::ByteSequence(bytes) = &item.bare_item else { return None };
        if key.as_str() == "sha-256" {
            found = Some(bytes.as_slice().try_into().ok()?);
        }
    }
    let blanks = [' ', '\t'];
    let members: Vec<_> = text.split(',').map(|member| member.trim_matches(blanks)).collect();
    let one_spelling = text.trim_matches(blanks) == text && dictionary.serialize()? == members.join(", ");
    found.filter(|_| one_spelling)
}
