//! The first inputs of each target: good ones, for the fuzzer to break, and bad ones of every kind that was thought of.

use sealstamp::{Force, Fresh, Ring, Settings, Suite, UnixMillis};
use sealstamp_testkit::{ISSUER, PUBLIC_URL, b64};

use crate::client::{self, CLIENT, NOW, OTHER, TOKEN, quoted};
use crate::{content_digest, decision, jwks, nonce_open, proof, token};

/// Target, name of the file, input.
pub type Seed = (&'static str, String, Vec<u8>);

/// All of them, the same in every run.
#[must_use]
pub fn all() -> Vec<Seed> {
    let [digests, fields] = [content_digest_seeds(), mcp_fields_seeds()];
    let [decisions, htus, sets, nonces] = [decision_seeds(), htu_seeds(), jwks_seeds(), nonce_seeds()];
    let [proofs, rings, tokens, transitions] = [proof_seeds(), ring_seeds(), token_seeds(), transition_seeds()];
    [digests, decisions, htus, sets, fields, nonces, proofs, rings, tokens, transitions].concat()
}

/// Inputs of a target, numbered in their order.
fn numbered<I: AsRef<[u8]>>(target: &'static str, inputs: impl IntoIterator<Item = I>) -> Vec<Seed> {
    let seed = |(input, number): (I, u32)| (target, format!("seed-{number:02}"), input.as_ref().to_vec());
    inputs.into_iter().zip(1..).map(seed).collect()
}

fn content_digest_seeds() -> Vec<Seed> {
    let hello = content_digest::digest(b"hello");
    let text = |text: &str| format!("t{text}\0hello");
    let around = |before: &str, behind: &str| format!("m{before}\0{behind}\0hello");
    let inputs = [
        text(&hello),
        text(&content_digest::digest(b"jello")),
        text(""),
        text("sha-256"),
        text("sha-256=::"),
        text(&hello.replace("=:", "=\"").replace(':', "\"")),
        text(&hello.replace("sha", "SHA")),
        text(&hello[..hello.len() - 2]),
        text(&hello.replace("=:", ":")),
        text(&format!("{hello}, {hello}")),
        text("sha-512=:AAAA:"),
        text("sha-256=(:AAAA:)"),
        format!("t{}\0", content_digest::digest(b"")),
        around("", ""),
        around("sha-512=:AAAA:, ", ""),
        around("sha-512=:AA==:,\t", " , *a_-.9=::"),
        around("", ";a=1"),
        around("", ";a"),
        around(" ", ""),
        around("", ","),
        around("a=?1, ", ""),
        around("a=:AB==:, ", ""),
        around("a=:AA=:, ", ""),
        around("a=1, a=::, ", ""),
        around("sha-256=::, ", ""),
        around("", ", sha-256=::"),
        around("\u{e9}=::, ", ""),
        "jnull\0hello".into(),
        "j7\0hello".into(),
        "jtrue\0hello".into(),
        format!("j\"\\u0073{}\"\0hello", &hello[1..]),
    ];
    numbered("content_digest", inputs)
}

fn mcp_fields_seeds() -> Vec<Seed> {
    let call = |tool: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let read = r#"{"params":{"uri":"file:///a","name":7},"method":"resources/read"}"#;
    let input = |methods: &str, names: &str, body: &str| format!("{methods}\0{names}\0{body}");
    let add = call("add");
    let with = |from: &str, to: &str| input("tools/call", "add", &add.replace(from, to));
    let inputs = [
        input("tools/call", "add", &add),
        input("tools/call", "delete_all", &call("delete_all")),
        input("tools/call", "delete_file", &call("delete_file")),
        input("tools/call", "=?base64?ZGVsZXRlX2FsbA==?=", &call("delete_all")),
        input("tools/call", "=?base64?w6k=?=", &call("\u{e9}")),
        input("tools/call", "=?base64??=", &call("")),
        input("tools/call", "=?base64?=", &call("=?base64?=")),
        input("tools/call", "=?base64?YQ?=", &call("a")),
        input("tools/call", "=?base64?/w==?=", &call("a")),
        input("tools/call", "\u{e9}", &call("\u{e9}")),
        input("tools/call", "add", &call("delete_all")),
        input("tools/call", "", &add),
        input("", "add", &add),
        input("", "", &add),
        input("tools/list", "", list),
        input("tools/list", "", &add),
        input("tools/list", "add", list),
        input("tools/list\ntools/list", "", list),
        input("tools/call", "add\nadd", &add),
        input("resources/read", "file:///a", read),
        input("resources/subscribe", "file:///a", read),
        input("prompts/get", "p", r#"{"method":"prompts/get","params":{"name":"p"}}"#),
        input("tasks/get", "7", r#"{"method":"tasks/get","params":{"taskId":"7"}}"#),
        input("x", "y", r#"{"method":"x","params":{"uri":[1,{"a":null}],"taskId":"y"}}"#),
        input("tools/list", "", &format!("[{list}]")),
        input("tools/list", "", &format!("{list}{list}")),
        input("tools/list", "", ""),
        with("\"id\"", "\"method\":\"x\",\"id\""),
        with("\"id\"", "\"Method\""),
        with("\"id\"", "\"m\\u0065thod\""),
        with("\"id\"", "\"param\u{17f}\""),
        with("{\"name\"", "{\"name\":1,\"name\""),
        with("{\"name\"", "{\"NAME\":1,\"name\""),
        with("{\"name\"", "{\"tas\u{212a}Id\":1,\"name\""),
        with("\"add\"", "\"\\u0061dd\""),
        with("\"add\"", "[\"add\"]"),
        with("{\"name\":\"add\"}", "[\"add\"]"),
        with("{\"name\":\"add\"}", "null"),
        with("\"2.0\"", "\"\\ud800\""),
    ];
    numbered("mcp_fields", inputs)
}

fn decision_seeds() -> Vec<Seed> {
    let valid = decision::valid_request();
    let with = |from: &str, to: &str| valid.replace(from, to).into_bytes();
    let also = |line: &str| format!("{valid}{line}\n").into_bytes();
    let mut inputs = vec![
        valid.clone().into_bytes(),
        with("POST /mcp", "GET /mcp"),
        with("/mcp\n", "/x/../%6dcp?a=b\n"),
        with(TOKEN, "another-token"),
        with("Authorization: DPoP", "authorization: \tdPoP  "),
        with(&format!("DPoP {TOKEN}"), "Bearer an-unbound-token"),
        also(&format!("Authorization: DPoP {TOKEN}")),
        also("DPoP: a.b.c"),
        also("X-Forwarded-Host: mcp.example.com\nX-Forwarded-Proto: https"),
        also("X-Forwarded-Host: mcp.example.org:8443\nX-Forwarded-Proto: https"),
        b"rGET /\n".to_vec(),
        b"rPOST /mcp\nAuthorization: Basic YTpi\nHost: mcp.example.com\n".to_vec(),
    ];
    // Of attempts: each change alone, then several at once.
    inputs.extend((0..20).map(|op| vec![b'd', op, 1, 0, 9, op, 3, 0x80, 1]));
    inputs.push(b"d\x00\x01\x00\x00\x01\x01\x00\x00".to_vec());
    inputs.push(b"d\x12\x00\x0b\xb8\x11\x04\x00\x00\x10\x00\x00\x3c".to_vec());
    numbered("decision", inputs)
}

fn htu_seeds() -> Vec<Seed> {
    let inputs = [
        "https://mcp.example.com/mcp\n/mcp\nhttps://mcp.example.com/mcp",
        "HTTPS://MCP.Example.COM:443/x/../%6dcp?a=b#c\n/mcp\nhttps://mcp.example.com/mcp",
        "https://mcp.example.com/mcp/\n/mcp\nhttps://mcp.example.com/mcp",
        "https://user@mcp.example.com/mcp\n/mcp\nhttps://mcp.example.com/mcp",
        "https://mcp.example.com\\mcp\n/mcp\nhttps://mcp.example.com/mcp",
        "https:/mcp.example.com/mcp\n/mcp\nhttps://mcp.example.com/mcp",
        "https://mcp.ex%61mple.com/mcp\n/mcp\nhttps://mcp.example.com/mcp",
        "https://mcp.exam%C2%ADple.com/mcp\n/mcp\nhttps://mcp.example.com/mcp",
        "https://%EF%BD%8Dcp.example.com/mcp\n/mcp\nhttps://mcp.example.com/mcp",
        "http://0x7f.1:8080/mcp\n/mcp\nhttp://127.0.0.1:8080/mcp",
        "http://127%2E0.0.1:8080/mcp\n/mcp\nhttp://127.0.0.1:8080/mcp",
        "http://[0:0::1]:8080/mcp\n/mcp\nhttp://[::1]:8080/mcp",
        "https://h/a%2fb/%7E//c\n/a%2Fb/~//c\nhttps://h/",
        "https://h/a|b\"\n/a|b\"\nhttps://h/",
        "https://h/%zz\n/%zz\nhttps://h/",
        "https://h\n/\nhttps://h",
        "https://xn--bcher-kva.example/\n/\nhttps://xn--bcher-kva.example",
        "https://example.com/api/mcp/x\n/x\nhttps://example.com/api/mcp\n/",
        "https://example.com/api/mcp\n/mcp\nhttps://example.com/api/mcp/\n/mcp/",
        "https://example.com/api/a%7Cb\n/mcp/a|b\nhttps://example.com/api\n/mcp",
        "https://example.com/api//x\n/mcp//x\nhttps://example.com/api\n/mcp",
        "https://example.com/mcp/../x\n/mcp/../x\nhttps://example.com/api\n/mcp",
    ];
    numbered("htu", inputs)
}

fn jwks_seeds() -> Vec<Seed> {
    let good = jwks::good();
    let other = OTHER.canonical_jwk().replacen('{', r#"{"kid":"2","#, 1);
    let with = |member: &str| other.replacen('{', &format!("{{{member},"), 1);
    let instead = |from: &str, to: &str| other.replace(from, to);
    let x = quoted(&b64(OTHER.public_key()));
    let ed = |x: [u8; 32]| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, b64(x));
    let ec = |curve: &str, size: usize| {
        let number = b64(vec![7; size]);
        format!(r#"{{"kty":"EC","crv":"{curve}","x":"{number}","y":"{number}"}}"#)
    };
    let rsa = |first: u8, bytes: usize, e: &str| {
        let mut n = vec![0xc5; bytes];
        n[0] = first;
        format!(r#"{{"kty":"RSA","alg":"PS384","n":"{}","e":"{e}"}}"#, b64(n))
    };
    let named = |last: u8| {
        let mut y = [0xff; 32];
        (y[0], y[31]) = (last, 0x7f);
        y
    };
    let mut entries: Vec<String> =
        ["null", "7", "\"key\"", "[]", "{}", "1e400", "-0", " {\"kty\":7} "].map(Into::into).into();
    entries.push(format!("{}1{}", "[".repeat(200), "]".repeat(200)));
    entries.extend([good.clone(), other.clone(), format!("{other}\0{other}\0{good}")]);
    entries.extend([instead("\"2\"", "7"), instead("\"2\"", "null"), instead("\"2\"", "\"1\"")]);
    entries.extend([instead("\"OKP\"", "7"), instead("\"OKP\"", "null"), instead("\"OKP\"", "\"\"")]);
    entries.extend([instead("\"Ed25519\"", "[]"), instead("\"Ed25519\"", "\"X25519\"")]);
    entries.extend(["{}", "null", "\"AA\"", "\"\\ud800\""].map(|odd| instead(&x, odd)));
    entries.extend([r#""alg":["EdDSA"]"#, r#""alg":"ES256K""#, r#""alg":"Ed25519""#, r#""alg":"ES256""#].map(with));
    entries.extend([r#""use":1"#, r#""use":"enc""#, r#""use":"sig""#, r#""key_ops":"verify""#].map(with));
    entries.extend([r#""key_ops":["sign"]"#, r#""key_ops":["verify",7]"#, r#""d":"AAAA""#, r#""d":null"#].map(with));
    entries.extend([r#""x5c":"MIIB""#, r#""n":null"#, r#""n":7"#, r#""exp":1e400"#, r#""kid":"3""#].map(with));
    entries.extend([[0; 32], [9; 32], named(0xec), named(0xed), named(0xeb)].map(ed));
    entries.extend([ec("P-256", 32), ec("P-256", 31), ec("P-384", 48), ec("P-521", 66), ec("secp256k1", 32)]);
    entries.extend([rsa(0x80, 256, "AQAB"), rsa(0x7f, 256, "AQAB"), rsa(0x80, 256, "Aw"), rsa(0, 257, "AQAB")]);
    entries.extend([rsa(0xff, 512, "AQAB"), rsa(1, 513, "AQAB"), r#"{"kty":"oct","k":"AAAA"}"#.into()]);
    let whole = [
        String::new(),
        "null".into(),
        "{}".into(),
        "[[]]".into(),
        r#"{"keys":[]}"#.into(),
        r#"{"keys":{}}"#.into(),
        format!(r#"{{"keys":[null,{good},{other},{good}],"more":1e400}}"#),
        format!(r#"{{"keys":[null],"ke\u0079s":[{good}]}}"#),
        format!(r#"[[{good}]]"#),
    ];
    let whole = whole.into_iter().map(|set| format!("r{set}"));
    numbered("jwks", entries.into_iter().map(|entry| format!("b{entry}")).chain(whole))
}

fn nonce_seeds() -> Vec<Seed> {
    let mut inputs = vec![
        vec![b't'],
        [b"t".as_slice(), &[b'A'; 60]].concat(),
        [b"t".as_slice(), &[b'A'; 59], b"="].concat(),
        b"tAQAAAAIAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_vec(),
    ];
    inputs.extend(nonce_open::headers().map(|header| [b"t", header.as_bytes(), &[b'A'; 48]].concat()));
    // As it was minted, by every ring, for every binding; then each change alone, then with who opens it changed too.
    for end in [0x00, 0x01, 0x12, 0x23, 0x16] {
        inputs.push(vec![b'm', end, 0, 0x18, 0x6a, 0]);
        inputs.push(vec![b'm', end, 0, 0x24, 0x9f, 0, 13, 2, 0, 0]);
    }
    inputs.extend((0..16).map(|op| vec![b'm', 1, 0, 0x18, 0x6a, 0, op, 9, 1, 0x41]));
    inputs.extend((0..5).map(|by| vec![b'm', 1, 0, 0x18, 0x6a, 0, 15, by & 1, 0, by]));
    inputs.push(vec![b'm', 0, 0, 0x24, 0x9f, 0, 13, 1, 0, 0]);
    numbered("nonce_open", inputs)
}

fn proof_seeds() -> Vec<Seed> {
    let (header, claims) = (client::header(), proof::claims());
    let field = CLIENT.jws(&header, &claims);
    let signed = |header: &str, claims: &str| format!("s{header}\0{claims}");
    let with_header = |from: &str, to: &str| signed(&header.replace(from, to), &claims);
    let with_claims = |from: &str, to: &str| signed(&header, &claims.replace(from, to));
    let now = NOW.get() / 1_000;
    let with_iat = |by: i64| with_claims(&now.to_string(), &now.saturating_add_signed(by).to_string());
    let key =
        |alg: &str, jwk: &str| format!("u{{\"typ\":\"dpop+jwt\",\"alg\":\"{alg}\",\"jwk\":{jwk}}}\0{claims}\0....");
    let ec = |curve: &str, x: usize| {
        let x = "A".repeat(x);
        format!(r#"{{"kty":"EC","crv":"{curve}","x":"{x}","y":"{x}"}}"#)
    };
    let rsa = |n: usize, e: &str| format!(r#"{{"kty":"RSA","n":"{}","e":"{e}"}}"#, "_".repeat(n));
    let ed = |x: &str| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
    let inputs = [
        format!("f{field}"),
        format!("f{field}\n{field}"),
        format!("f{field},{field}"),
        format!("f{field}="),
        "fa.b".into(),
        "f...".into(),
        "fe30.e30.".into(),
        signed(&header, &claims),
        with_header("EdDSA", "Ed25519"),
        with_header("EdDSA", "none"),
        with_header("}}", "},\"crit\":[\"exp\"]}"),
        with_header("}}", ",\"d\":\"AA\"}}"),
        with_header("\"typ\"", "\"\\u0074yp\""),
        with_header("\"typ\"", "\"typ\":\"jwt\",\"typ\""),
        with_header("}}", ",\"x5c\":[[[[[[]]]]]]}}"),
        with_claims("a0b1c2", ""),
        with_claims("\"jti\":\"a0b1c2\"", "\"jti\":1"),
        with_claims("a0b1c2", &"\u{e9}".repeat(256)),
        with_claims("a0b1c2", "\\ud83d\\ude00"),
        with_claims(&quoted(PUBLIC_URL), "\"https:\\/\\/mcp.example.com:443\\/mcp?a\""),
        with_claims("\"iat\":", "\"iat\":-"),
        with_claims(",\"nonce\"", ".0,\"nonce\""),
        with_claims("\"ignored\"", "null"),
        with_claims("{", " {\"a\":[1,-1,1.5e3,true,null,{\"b\":{}}],"),
        with_header("dpop+jwt", "jwt"),
        with_claims("POST", "post"),
        with_iat(300),
        with_iat(301),
        with_iat(-300),
        with_iat(-301),
        key("ES256", &ec("P-256", 43)),
        key("ES384", &ec("P-384", 64)),
        key("ES512", &ec("P-521", 88)),
        key("RS256", &rsa(342, "AQAB")),
        key("PS512", &rsa(683, "AQAB")),
        key("RS256", &rsa(342, "Aw")),
        key("Ed25519", &ed(&"A".repeat(43))),
        key("EdDSA", &ed(&b64(CLIENT.public_key()))),
        with_claims(",\"nonce\"", ".999999,\"nonce\""),
        with_claims(",\"nonce\"", "e0,\"nonce\""),
        with_claims("}", &format!(",\"exp\":{now}.9}}")),
        with_claims("}", &format!(",\"exp\":{}.0}}", now + 1)),
        with_claims("}", &format!(",\"nbf\":{}}}", now + 1)),
        with_claims("}", &format!(",\"nbf\":{now}.9}}")),
        with_claims(&format!("{now},"), &format!("{0},\"nbf\":{0},", now + 300)),
        with_claims("}", ",\"exp\":null}"),
    ];
    numbered("proof", inputs)
}

fn ring_seeds() -> Vec<Seed> {
    let at = |seconds: u64| NOW.saturating_add(seconds * 1_000);
    let fresh = Fresh::insecure_from_seed;
    let small = Settings::new(1, 0, 0).expect("settings within their ranges");
    let made = Ring::init(Settings::default(), Suite::Aes256Gcm, NOW, fresh(1));
    let rotated = made.rotate(None, at(1_000), fresh(2), Force::No).expect("nothing is pending").ring;
    let kid = rotated.active(at(2_000)).kid();
    let revoked = rotated.revoke(kid, UnixMillis::new(at(2_000).get() + 7), fresh(3), Force::No);
    let revoked = revoked.expect("a successor is staged").ring;
    let pruned = revoked.prune(at(10_000), Force::No).expect("the first key is of no more use").ring;
    let other = Ring::init(small, Suite::ChaCha20Poly1305, UnixMillis::MAX_DATE, fresh(4));
    let oldest = Ring::init(small, Suite::ChaCha20Poly1305, UnixMillis::new(0), fresh(5));
    let leaked = oldest.revoke_all(at(0), fresh(6)).expect("a date within range").ring;
    let mut inputs: Vec<String> =
        [&made, &rotated, &revoked, &pruned, &other, &leaked].map(|ring| ring.to_json().to_string()).to_vec();
    let tight: String = inputs[1].split_ascii_whitespace().collect();
    inputs.push(tight.replace("1000Z", "1000.000Z"));
    inputs.push(tight[..tight.len() / 2].into());
    let hour = Settings::new(3_600, 60, 600).expect("settings within their ranges");
    let changing = rotated.change_settings(hour, None, at(1_001), Force::No).expect("nothing is changing").ring;
    inputs.push(changing.to_json().to_string());
    let recovered = made.recover(&[changing.id(), pruned.id()], at(1_002), fresh(7)).expect("two rings").ring;
    inputs.push(recovered.to_json().to_string());
    inputs.push(inputs[0].replace("ring/2", "ring/1").replace(",\n  \"ancestors\": []", ""));
    inputs.push(recovered.to_json().replace("\"serial\": 4,\n      \"digest\"", "\"serial\": 1,\n      \"digest\""));
    inputs.push(tight.replace("\"keys\"", "\"serial\":1,\"keys\""));
    inputs.push(inputs[0].replace("600,", "6e2,\n  \"x\": [{}, null],"));
    numbered("ring_file", inputs)
}

fn token_seeds() -> Vec<Seed> {
    let (header, claims) = (token::HEADER, token::claims());
    let signed = |choices: &str, header: &str, claims: &str| format!("s{choices}{header}\0{claims}");
    let with_header = |from: &str, to: &str| signed("0000", &header.replace(from, to), &claims);
    let with_claims = |from: &str, to: &str| signed("0000", header, &claims.replace(from, to));
    let also = |claim: &str| with_claims("}", &format!(",{claim}}}"));
    let now = NOW.get() / 1_000;
    let exp = (now + 60).to_string();
    let (iss, aud) = (quoted(ISSUER), quoted(PUBLIC_URL));
    let whole = &*token::VALID;
    let mut inputs = vec![
        format!("t{whole}"),
        format!("t{}", &whole[..whole.len() - 1]),
        "t...".into(),
        "te30.e30.".into(),
        format!("u{header}\0{claims}\0...."),
    ];
    // Each set, by its keys' holders and a stranger; then without a `kid`, and with others.
    for set in 0..4 {
        inputs.extend(["000", "020", "030"].map(|rest| signed(&format!("{set}{rest}"), header, &claims)));
        for kid in ["", r#","kid":"2""#, r#","kid":"""#, r#","kid":"3""#] {
            inputs.push(signed(&format!("{set}000"), &header.replace(r#","kid":"1""#, kid), &claims));
        }
    }
    inputs.extend([r#""typ":"at+jwt","#, "at+jwt"].map(|from| with_header(from, "")));
    inputs.extend(["AT+JWT", "application/at+jwt", "JWT", "dpop+jwt"].map(|typ| with_header("at+jwt", typ)));
    inputs.extend(["Ed25519", "ES256", "none", "HS256"].map(|alg| with_header("EdDSA", alg)));
    inputs.extend(
        [("\"1\"", "null"), ("{", r#"{"crit":["exp"],"#), ("{", r#"{"kid":"1","#)].map(|(a, b)| with_header(a, b)),
    );
    for list in [format!("[{aud}]"), format!("[\"x\",\"{}\"]", token::GUID), "[]".into(), "[1]".into(), "null".into()] {
        inputs.extend([with_claims(&aud, &list), with_claims(&iss, &list)]);
    }
    inputs.extend([
        with_claims(&iss, "\"https://other.example\""),
        with_claims(&aud, "\"https://mcp.example.com/mcp/\""),
    ]);
    // Each edge of each time, with each leeway.
    for (choice, leeway) in [('0', 30), ('1', 0), ('2', 120)] {
        let at =
            |claim: String| signed(&format!("0{choice}00"), header, &claims.replace(&format!("\"exp\":{exp}"), &claim));
        inputs.extend([now - leeway, now - leeway + 1].map(|time| at(format!("\"exp\":{time}"))));
        inputs.extend([now + leeway, now + leeway + 1].map(|time| at(format!("\"exp\":{exp},\"nbf\":{time}"))));
    }
    for odd in ["null", "-1", "-0.0", "1e300", "1e400", "1.8e9", "18446744073709551615", "1795361370.9", "1795361371.5"]
    {
        inputs.extend([with_claims(&exp, odd), also(&format!("\"nbf\":{odd}"))]);
    }
    // The clock: late within a second, at its start, at its end.
    inputs.extend(["0002", "0003", "0004"].map(|choices| signed(choices, header, &claims)));
    let bound = format!(r#""cnf":{{"jkt":"{}"}}"#, CLIENT.thumbprint());
    inputs.extend([&*bound, r#""cnf":null"#, r#""cnf":{"jkt":"x"}"#, r#""iss":7"#, r#""scope":"a b""#].map(also));
    numbered("token", inputs)
}

fn transition_seeds() -> Vec<Seed> {
    // Lifetime 120 s, propagation 600 s, skew 5 s, AES; at the start, no second ring.
    let defaults = [0, 119, 0, 15, 5, 0, 0, 0, 0, 0];
    // None of them but the lifetime.
    let instant = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    // Each step: by how much the clock moves, then what is done.
    let rotate = [3, 0x02, 0x58, 0];
    let rotate_at_once = [0, 0, 0, 2, 0, 0, 0];
    let force_a_date = [0, 0, 0, 0x80 + 7, 3, 0, 9];
    let revoke = |index: u8| [1, 0, 1, 3, index];
    let back = [4, 0x0e, 0x10, 0];
    let all = [3, 0, 1, 6];
    let prune = [5, 0, 2, 5];
    let at_an_edge = |nth: u8| [9, 0, 0, nth, 5];
    // Lifetime, propagation, skew of what is to come; or what is lost.
    let longer = [1, 0, 1, 0x40, 1, 0x2b, 0, 20, 9];
    let shorter = [1, 0, 1, 0x40, 0, 29, 0, 5, 1];
    let back_again = [1, 0, 1, 0x41, 0, 0, 0, 0, 0];
    let at_once = [1, 0, 1, 0xc2, 0, 29, 0, 5, 1, 0, 0, 0];
    let recover = [1, 0, 1, 0x60, 0, 9];
    let steps: [&[&[u8]]; 18] = [
        &[],
        &[&rotate, &rotate, &rotate, &prune],
        &[&rotate, &revoke(0), &revoke(1), &revoke(2), &prune],
        &[&rotate, &rotate_at_once, &force_a_date, &revoke(1), &prune],
        &[&rotate, &back, &rotate, &back, &revoke(0)],
        &[&rotate, &all, &rotate, &revoke(0), &prune, &all],
        &[&rotate, &rotate, &revoke(0), &at_an_edge(7), &at_an_edge(9)],
        &[&rotate, &revoke(1), &revoke(2), &revoke(9)],
        &[&[6, 0, 0, 0], &rotate, &all],
        &[&[7, 0, 0, 0], &rotate, &all, &prune],
        &[&[8, 0, 0, 6], &rotate, &revoke(0), &revoke(1)],
        &[&rotate, &rotate, &rotate, &rotate, &revoke(1), &revoke(3), &[5, 0, 9, 0x80 + 5]],
        &[&longer, &rotate, &prune, &shorter, &rotate, &prune],
        &[&rotate, &shorter, &rotate, &longer, &revoke(0), &prune],
        &[&longer, &back_again, &shorter, &rotate, &back_again],
        &[&rotate, &at_once, &rotate, &at_once, &longer, &all],
        &[&rotate, &recover, &longer, &recover, &rotate, &prune],
        &[&rotate, &longer, &recover, &revoke(3), &prune, &rotate],
    ];
    let inputs = steps.iter().flat_map(|steps| [defaults, instant].map(|start| [&start[..], &steps.concat()].concat()));
    numbered("transitions", inputs)
}
