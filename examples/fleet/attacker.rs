//! Someone who has seen a client's token and requests, and can have the client's key sign while nobody looks.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealstamp_examples::client::Client;
use sealstamp_examples::clock::unix_seconds;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The attacker, with the victim's key at hand: so that only the nonce can be at fault.
pub(crate) struct Attacker<'a> {
    pub(crate) victim: &'a Client,
    pub(crate) addresses: &'a [String],
}

impl Attacker<'_> {
    /// 45 random bytes, spelled like a nonce.
    pub(crate) fn random_nonce(&self) -> Result<String> {
        let mut bytes = [0; 45];
        aws_lc_rs::rand::fill(&mut bytes)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The nonce with the last bit of its tag flipped.
    pub(crate) fn flipped(&self, nonce: &str) -> String {
        let mut bytes = URL_SAFE_NO_PAD.decode(nonce).unwrap_or_default();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Whether every server refuses a proof that is right but for its nonce, with this error and a nonce to use instead.
    pub(crate) async fn refused_everywhere(&self, nonce: Option<&str>, error: &str) -> Result<bool> {
        let mut refused = true;
        for address in self.addresses {
            let proof = self.victim.proof(nonce, unix_seconds())?;
            let answer = self.victim.send_add(address, &proof, 1).await?;
            refused &= answer.status == 401 && answer.challenge() == Some(error) && answer.nonce().is_some();
        }
        Ok(refused)
    }

    /// Whether every server accepts it.
    pub(crate) async fn accepted_everywhere(&self, nonce: &str) -> Result<bool> {
        let mut accepted = true;
        for address in self.addresses {
            let proof = self.victim.proof(Some(nonce), unix_seconds())?;
            accepted &= self.victim.send_add(address, &proof, 1).await?.is_accepted();
        }
        Ok(accepted)
    }

    /// The victim's token with a proof by the attacker's own key.
    pub(crate) async fn with_anothers_key(&self, thief: &Client, nonce: &str) -> Result<bool> {
        let mut refused = true;
        for address in self.addresses {
            let thief = thief.with_token_of(self.victim);
            let proof = thief.proof(Some(nonce), unix_seconds())?;
            let answer = thief.send_add(address, &proof, 1).await?;
            refused &= answer.status == 401 && answer.challenge() == Some("invalid_token");
        }
        Ok(refused)
    }

    /// One request as it went over the wire, and proofs made in stock while the key would sign anything.
    pub(crate) fn steal(&self, nonce: &str) -> Result<Stolen> {
        let now = unix_seconds();
        let stock =
            (0..60).map(|ahead| self.victim.proof(Some(nonce), now.saturating_add(ahead))).collect::<Result<_>>()?;
        Ok(Stolen { client: self.victim.clone(), proof: self.victim.proof(Some(nonce), now)?, made_at: now, stock })
    }
}

/// What an attacker keeps. The key is not among it.
pub(crate) struct Stolen {
    client: Client,
    proof: String,
    made_at: u64,
    stock: Vec<String>,
}

impl Stolen {
    /// How many servers accept the stolen request.
    pub(crate) async fn replay(&self, addresses: &[String]) -> Result<usize> {
        let mut accepted = 0_usize;
        for address in addresses {
            let answer = self.client.send_add(address, &self.proof, 1).await?;
            accepted = accepted.saturating_add(usize::from(answer.is_accepted()));
        }
        Ok(accepted)
    }

    /// Whether every server refuses it, for its nonce.
    pub(crate) async fn replay_is_refused(&self, addresses: &[String]) -> Result<bool> {
        self.refused(addresses, &self.proof).await
    }

    /// Whether every server refuses the proof from the stock that bears the present second.
    pub(crate) async fn stock_is_refused(&self, addresses: &[String]) -> Result<bool> {
        let age = usize::try_from(unix_seconds().saturating_sub(self.made_at))?;
        self.refused(addresses, self.stock.get(age).ok_or("the stock is used up")?).await
    }

    async fn refused(&self, addresses: &[String], proof: &str) -> Result<bool> {
        let mut refused = true;
        for address in addresses {
            let answer = self.client.send_add(address, proof, 1).await?;
            refused &= answer.status == 401 && answer.challenge() == Some("use_dpop_nonce");
        }
        Ok(refused)
    }
}
