//! Another reader of strict JSON than the verifier's: to a tree, with what is not allowed looked for on the way.

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// One object, its members distinct, 32 at most and 8 deep at most, at every level; 64 commas and backslashes at most.
pub(crate) fn object(text: &[u8]) -> Option<Map<String, Value>> {
    if text.iter().filter(|byte| b",\\".contains(byte)).count() > 64 {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { containers_left: 8 }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// The NumericDate of that name in an object that [`object`] reads: whole seconds, a fraction dropped towards the past.
/// Not one with an exponent, and none out of the range of `i64`.
pub(crate) fn date(object: &[u8], name: &str) -> Option<i64> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(object).ok()?;
    let text = members.get(name)?.get();
    let below_zero = text.starts_with('-');
    let (whole, fraction) = text.split_once('.').map_or((text, "0"), |(whole, fraction)| (whole, fraction));
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    if !digits(whole.trim_start_matches('-')) || !digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let rest = i64::from(below_zero && fraction.chars().any(|c| c != '0'));
    whole.checked_sub(rest)
}

#[derive(Clone, Copy)]
struct Strict {
    containers_left: u8,
}

impl Strict {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let containers_left = self.containers_left.checked_sub(1).ok_or_else(|| E::custom("too deep"))?;
        Ok(Self { containers_left })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(inner)?;
            if members.insert(name, value).is_some() || members.len() > 32 {
                return Err(A::Error::custom("a repeated member, or too many"));
            }
        }
        Ok(members.into())
    }
}
