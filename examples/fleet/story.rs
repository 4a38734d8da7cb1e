//! What happens, in order.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use sealstamp::{Audience, Binding, Fleet, Settings};
use sealstamp_dpop::origin_audience;
use sealstamp_examples::client::Client;
use sealstamp_examples::clock::{now, unix_seconds};
use sealstamp_examples::replicas::{Replica, Setup};
use sealstamp_examples::ring_commands::Operator;
use sealstamp_testkit::Issuer;
use serde_json::Value;
use tokio::time::sleep;

use crate::attacker::{Attacker, Stolen};
use crate::traffic::{Tally, Traffic, call};
use crate::transcript::Transcript;

/// The one name of the service, whichever replica answers: what clients sign, and what nonces are for.
const PUBLIC_URL: &str = "https://mcp.fleet.example/mcp";
const LIFETIME_S: u32 = 3;
const MAX_SKEW_S: u32 = 1;
const PROPAGATION_S: u32 = 2;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Tells the story; whether every expectation held.
pub(crate) async fn tell() -> Result<bool> {
    let mut transcript = Transcript::open();
    let folder = tempfile::tempdir()?;
    let ring = folder.path().join("ring.json");
    let jwks = folder.path().join("jwks.json");
    let issuer = Issuer::new("https://issuer.fleet.example");
    std::fs::write(&jwks, issuer.jwks())?;
    let operator = Operator::init(&ring, Settings::new(LIFETIME_S, MAX_SKEW_S, PROPAGATION_S)?)?;

    println!("Three MCP servers. They share a ring file, and nothing else: no database, no messages.\n");
    let setup = Setup { public_url: PUBLIC_URL, ring: &ring, issuer: issuer.url(), jwks: &jwks };
    let program = std::env::current_exe()?;
    let mut replicas = Vec::new();
    for name in ["A", "B", "C"] {
        let replica = Replica::start(&program, &["server"], &setup).await?;
        println!("     server {name}  {}  process {}", replica.address, replica.id().unwrap_or_default());
        replicas.push(replica);
    }
    println!(
        "     a nonce lives {LIFETIME_S} s, clocks may differ by {MAX_SKEW_S} s, a file is everywhere within {PROPAGATION_S} s"
    );
    let addresses: Vec<String> = replicas.iter().map(|replica| replica.address.clone()).collect();

    everywhere(&mut transcript, &issuer, &addresses).await?;
    let clients = first_requests(&mut transcript, &issuer, &addresses).await?;
    let stolen = attack(&mut transcript, &operator, &issuer, &clients, &addresses).await?;
    let (clients, mut total) = rotation(&mut transcript, &operator, clients, &addresses).await?;
    too_late(&mut transcript, &stolen, &addresses).await?;
    add(&mut total, revocation(&mut transcript, &operator, clients, &addresses).await?);
    counts(&mut transcript, total, &addresses).await?;

    for replica in replicas {
        replica.stop().await?;
    }
    folder.close()?;
    Ok(transcript.close())
}

/// Every server's nonce, at every server.
async fn everywhere(transcript: &mut Transcript, issuer: &Issuer, addresses: &[String]) -> Result<()> {
    transcript.chapter("A nonce minted by any server opens at every server");
    let client = Client::new("nobody", PUBLIC_URL, issuer)?;
    let mut opened = Vec::new();
    for (from, minter) in addresses.iter().enumerate() {
        for (to, opener) in addresses.iter().enumerate() {
            let challenge = client.send_without_credentials(minter).await?;
            let proof = client.proof(challenge.nonce(), unix_seconds())?;
            if client.send_add(opener, &proof, 1).await?.is_accepted() {
                opened.push(format!("{}→{}", name(from), name(to)));
            }
        }
    }
    transcript.expect(opened.len() == 9, &format!("{} of 9 pairs: {}", opened.len(), opened.join(" ")));
    Ok(())
}

/// Clients that know nothing yet.
async fn first_requests(transcript: &mut Transcript, issuer: &Issuer, addresses: &[String]) -> Result<Vec<Client>> {
    transcript.chapter("Four clients send each request to a server chosen at random");
    let mut clients = Vec::new();
    for subject in ["ada", "bob", "cy", "dot"] {
        let mut client = Client::new(subject, PUBLIC_URL, issuer)?;
        let mut accepted = 0_u64;
        for number in 0..100 {
            accepted = accepted.saturating_add(u64::from(call(&mut client, addresses, number).await?.is_accepted()));
        }
        transcript.expect(
            accepted == 100 && client.refusals == 1,
            &format!(
                "{subject}: {accepted} of 100 calls answered; asked for a nonce {} time, at the very first",
                client.refusals
            ),
        );
        clients.push(client);
    }
    Ok(clients)
}

/// Everything that must not work; what worked and should not be hidden; and a stolen request for later.
async fn attack(
    transcript: &mut Transcript,
    operator: &Operator,
    issuer: &Issuer,
    clients: &[Client],
    addresses: &[String],
) -> Result<Stolen> {
    transcript.chapter("An attacker forges the nonce of a request that is perfect otherwise");
    let victim = clients.first().ok_or("no clients")?;
    let attacker = Attacker { victim, addresses };
    let ring = operator.ring()?;
    let genuine = Fleet::new(ring.clone(), origin_audience(PUBLIC_URL)?)?;
    let other = Fleet::new(ring.clone(), Audience::new("https://other.fleet.example/mcp")?)?;
    let home_made = Fleet::new(
        sealstamp::Ring::init(*ring.settings(), sealstamp::Suite::Aes256Gcm, now(), sealstamp::Fresh::from_os()?),
        origin_audience(PUBLIC_URL)?,
    )?;
    let fresh = genuine.mint(now(), &Binding::None);
    let past = |ms| genuine.mint(now().saturating_sub(ms), &Binding::None).to_string();
    let ahead = |ms| genuine.mint(now().saturating_add(ms), &Binding::None).to_string();
    let seconds = |s: u32| u64::from(s).saturating_mul(1000);
    let forgeries = [
        ("no nonce at all", None),
        ("60 random characters", Some(attacker.random_nonce()?)),
        ("a real nonce with one bit flipped", Some(attacker.flipped(&fresh))),
        ("sealed by the attacker's own ring, for this server", Some(home_made.mint(now(), &Binding::None).to_string())),
        ("sealed by the real ring, for another audience", Some(other.mint(now(), &Binding::None).to_string())),
        (
            "real, but expired a second ago",
            Some(past(seconds(LIFETIME_S).saturating_add(seconds(MAX_SKEW_S)).saturating_add(1000))),
        ),
        ("real, but dated 10 s into the future", Some(ahead(10_000))),
    ];
    for (what, nonce) in forgeries {
        let refused = attacker.refused_everywhere(nonce.as_deref(), "use_dpop_nonce").await?;
        transcript.expect(refused, &format!("{what}: refused at all three, and told only to use a fresh one"));
    }
    let control = attacker.accepted_everywhere(&fresh).await?;
    transcript.expect(
        control,
        "the same request with the real nonce is accepted at all three: it was the nonce that they refused",
    );

    transcript.chapter("An attacker steals a token, and a whole request");
    let thief = Client::new("thief", PUBLIC_URL, issuer)?;
    let answer = attacker.with_anothers_key(&thief, &fresh).await?;
    transcript.expect(answer, "the token with a proof of the attacker's own key: invalid_token");
    let stolen = attacker.steal(&fresh)?;
    let at_once = stolen.replay(addresses).await?;
    transcript.expect(at_once == 3, "the whole request, sent again at once: accepted, at all three");
    transcript.say("That is so by design: a nonce bounds a proof's age, it does not make the proof single-use.");
    transcript.say("The attacker keeps it for later, with proofs signed in stock for the minutes to come.");
    Ok(stolen)
}

/// The key changes while clients call.
async fn rotation(
    transcript: &mut Transcript,
    operator: &Operator,
    clients: Vec<Client>,
    addresses: &[String],
) -> Result<(Vec<Client>, Tally)> {
    transcript.chapter("The key is rotated while the four clients call without a pause");
    let old = operator.active()?;
    let traffic = Traffic::start(clients, addresses);
    sleep(Duration::from_millis(500)).await;
    operator.rotate()?;
    sleep(Duration::from_secs(u64::from(PROPAGATION_S.saturating_add(LIFETIME_S)))).await;
    let (clients, tally) = traffic.stop().await?;
    let new = operator.active()?;
    transcript.expect(new != old, &format!("key {old} gave way to {new}"));
    transcript.expect(
        tally.failed == 0 && tally.calls > 100,
        &format!("{} calls meanwhile, {} failed", tally.calls, tally.failed),
    );
    transcript.expect(tally.refusals == 0, &format!("{} nonces refused: nobody noticed", tally.refusals));
    Ok((clients, tally))
}

/// What the attacker kept.
async fn too_late(transcript: &mut Transcript, stolen: &Stolen, addresses: &[String]) -> Result<()> {
    transcript.chapter("The attacker comes back with what was kept");
    transcript.expect(
        stolen.replay_is_refused(addresses).await?,
        "the stolen request: refused at all three, its nonce has expired",
    );
    transcript.expect(
        stolen.stock_is_refused(addresses).await?,
        "proofs signed in stock, dated for this very minute: refused at all three, for the same reason",
    );
    Ok(())
}

/// A key leaks, and goes.
async fn revocation(
    transcript: &mut Transcript,
    operator: &Operator,
    clients: Vec<Client>,
    addresses: &[String],
) -> Result<Tally> {
    transcript.chapter("The active key leaks and is revoked while they call");
    let leaked = operator.active()?;
    let thief = Fleet::new(operator.ring()?, origin_audience(PUBLIC_URL)?)?;
    let victim = clients.first().ok_or("no clients")?.clone();
    let attacker = Attacker { victim: &victim, addresses };
    let before = attacker.accepted_everywhere(&thief.mint(now(), &Binding::None)).await?;
    transcript.expect(before, "with the leaked key the attacker can mint nonces");
    let traffic = Traffic::start(clients, addresses);
    sleep(Duration::from_millis(500)).await;
    operator.revoke(leaked)?;
    sleep(Duration::from_secs(u64::from(PROPAGATION_S))).await;
    let after = attacker.refused_everywhere(Some(&thief.mint(now(), &Binding::None)), "use_dpop_nonce").await?;
    transcript.expect(after, &format!("key {leaked} is revoked: what it mints now is refused at all three"));
    let (_, tally) = traffic.stop().await?;
    transcript.expect(
        tally.failed == 0 && tally.calls > 100,
        &format!("{} calls meanwhile, {} failed", tally.calls, tally.failed),
    );
    transcript.expect(
        tally.worst_client <= 1,
        &format!(
            "{} nonces refused, at most {} to a client, each repaired by one retry",
            tally.refusals, tally.worst_client
        ),
    );
    Ok(tally)
}

/// What the servers themselves say.
async fn counts(transcript: &mut Transcript, total: Tally, addresses: &[String]) -> Result<()> {
    transcript.chapter("Counts");
    transcript.say(&format!(
        "{} calls through a rotation and a revocation, {} retries, {} failed",
        total.calls, total.refusals, total.failed
    ));
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut reasons = BTreeMap::<String, u64>::new();
    let mut serials = Vec::new();
    for address in addresses {
        let body = http.get(format!("http://{address}/healthz")).send().await?.bytes().await?;
        let health: Value = serde_json::from_slice(&body)?;
        serials.push(health.pointer("/ring/serial").and_then(Value::as_u64).unwrap_or_default());
        for (reason, count) in health.get("decisions").and_then(Value::as_object).into_iter().flatten() {
            let sum = reasons.entry(reason.clone()).or_default();
            *sum = sum.saturating_add(count.as_u64().unwrap_or_default());
        }
    }
    transcript.say("What the three servers counted; the reason is theirs to know and never told to a client:");
    for (reason, count) in &reasons {
        transcript.say(&format!("{count:>8}  {reason}"));
    }
    transcript.expect(serials == [3, 3, 3], &format!("each server has loaded the ring's third version: {serials:?}"));
    Ok(())
}

fn add(total: &mut Tally, more: Tally) {
    total.calls = total.calls.saturating_add(more.calls);
    total.refusals = total.refusals.saturating_add(more.refusals);
    total.failed = total.failed.saturating_add(more.failed);
}

fn name(replica: usize) -> &'static str {
    ["A", "B", "C"].get(replica).copied().unwrap_or("?")
}
