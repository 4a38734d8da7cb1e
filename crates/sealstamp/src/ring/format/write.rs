//! From a ring to bytes.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::encoding;
use crate::ring::Ring;
use crate::ring::format::{FORMAT, FORMAT_1};
use crate::ring::lineage::RingId;
use crate::secret::Secret;
use crate::settings::NextSettings;

impl Ring {
    /// SHA-256 of the ring's file without its secrets: 32 bytes. They tell two rings apart and reveal no secret.
    ///
    /// They cover the ancestors too, so two rings of different histories differ even if their keys are the same.
    ///
    /// `jq 'del(.keys[].secret)' ring.json | sha256sum` computes the same from the file.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.write(&FileForm::of(self).without_secrets()).as_bytes()).into()
    }

    /// The ring as a file, with its secrets: JSON of the format `sealstamp-ring/2`, or of `sealstamp-ring/1` if it was read
    /// from such a file. It ends in a line feed.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        self.write(&FileForm::of(self))
    }

    fn write(&self, form: &FileForm<'_>) -> Zeroizing<String> {
        // A buffer that grows leaves copies behind that nobody wipes. So the room is made first: a key takes less than 512
        // bytes, and so does all that is neither a key nor an ancestor. An ancestor takes less than 160.
        let ancestors = form.ancestors.as_ref().map_or(0, Vec::len).saturating_mul(160);
        let room = self.keys.len().saturating_mul(512).saturating_add(512).saturating_add(ancestors);
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        let mut json = serde_json::Serializer::with_formatter(&mut *out, serde_json::ser::PrettyFormatter::new());
        #[expect(clippy::expect_used, reason = "strings and numbers are written to memory; neither step can fail")]
        form.serialize(&mut json).expect("a ring can be written");
        out.push(b'\n');
        debug_assert!(out.len() <= room, "the file outgrew its room");
        #[expect(clippy::expect_used, reason = "serde_json writes UTF-8")]
        Zeroizing::new(String::from_utf8(std::mem::take(&mut *out)).expect("JSON is UTF-8"))
    }
}

/// The members of the file, in their order.
#[derive(Serialize)]
struct FileForm<'r> {
    format: &'static str,
    serial: u64,
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_settings: Option<SettingsForm>,
    keys: Vec<KeyForm<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ancestors: Option<Vec<IdForm>>,
}

#[derive(Serialize)]
struct SettingsForm {
    from: String,
    lifetime_s: u32,
    max_skew_s: u32,
    propagation_s: u32,
}

#[derive(Serialize)]
struct IdForm {
    serial: u64,
    digest: String,
}

#[derive(Serialize)]
struct KeyForm<'r> {
    kid: String,
    fingerprint: String,
    suite: &'static str,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret_text")]
    secret: Option<&'r Secret>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    activates_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

fn secret_text<S: serde::Serializer>(secret: &Option<&Secret>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => to.serialize_str(&secret.encode()),
        None => to.serialize_none(),
    }
}

impl<'r> FileForm<'r> {
    fn of(ring: &'r Ring) -> Self {
        let keys = ring.keys.iter().map(|key| KeyForm {
            kid: key.kid().to_string(),
            fingerprint: encoding::encode_32(&key.fingerprint),
            suite: key.suite.as_str(),
            secret: key.material.as_ref().map(|m| &m.secret),
            created_at: key.created_at.to_string(),
            activates_at: key.activates_at.map(|at| at.to_string()),
            revoked_at: key.revoked_at.map(|at| at.to_string()),
        });
        let id = |id: &RingId| IdForm { serial: id.serial, digest: encoding::hex_32(&id.digest) };
        let next = |next: &NextSettings| SettingsForm {
            from: next.from.to_string(),
            lifetime_s: next.settings.lifetime_s(),
            max_skew_s: next.settings.max_skew_s(),
            propagation_s: next.settings.propagation_s(),
        };
        Self {
            format: if ring.lineage.is_some() { FORMAT } else { FORMAT_1 },
            serial: ring.serial,
            lifetime_s: ring.settings.lifetime_s(),
            max_skew_s: ring.settings.max_skew_s(),
            propagation_s: ring.settings.propagation_s(),
            next_settings: ring.next_settings.as_ref().map(next),
            keys: keys.collect(),
            ancestors: ring.ancestors().map(|ids| ids.iter().map(id).collect()),
        }
    }

    fn without_secrets(mut self) -> Self {
        self.keys.iter_mut().for_each(|key| key.secret = None);
        self
    }
}
