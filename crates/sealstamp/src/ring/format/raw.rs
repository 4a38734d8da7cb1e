//! From JSON text to its members. Only their shape is checked here.
//!
//! Each text borrows from the input. Nothing is copied, so nothing has to be wiped here.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::ring::format::error::RingErrorKind;

#[derive(Default)]
pub(super) struct RawRing<'a> {
    pub(super) format: Option<&'a str>,
    pub(super) serial: Option<u64>,
    pub(super) lifetime_s: Option<u64>,
    pub(super) max_skew_s: Option<u64>,
    pub(super) propagation_s: Option<u64>,
    pub(super) next_settings: Option<RawSettings<'a>>,
    pub(super) keys: Option<Vec<RawKey<'a>>>,
    pub(super) ancestors: Option<Vec<RawId<'a>>>,
}

#[derive(Default)]
pub(super) struct RawSettings<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) lifetime_s: Option<u64>,
    pub(super) max_skew_s: Option<u64>,
    pub(super) propagation_s: Option<u64>,
}

#[derive(Default)]
pub(super) struct RawId<'a> {
    pub(super) serial: Option<u64>,
    pub(super) digest: Option<&'a str>,
}

#[derive(Default)]
pub(super) struct RawKey<'a> {
    pub(super) kid: Option<&'a str>,
    pub(super) fingerprint: Option<&'a str>,
    pub(super) suite: Option<&'a str>,
    pub(super) secret: Option<&'a str>,
    pub(super) created_at: Option<&'a str>,
    pub(super) activates_at: Option<&'a str>,
    pub(super) revoked_at: Option<&'a str>,
}

/// The members of the file, or why there are none and on which line the fault is.
pub(super) fn parse(text: &str) -> Result<RawRing<'_>, (RingErrorKind, usize)> {
    let fault = Fault::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = Reader::<RawRing<'_>>::new(&fault).deserialize(&mut json).and_then(|ring| json.end().map(|()| ring));
    parsed.map_err(|error| {
        // The parser's own message may quote the file, so only the line is kept. If none of our rules was broken, a
        // value had the wrong type or the text is not JSON.
        let kind =
            fault.0.get().unwrap_or(if error.is_data() { RingErrorKind::WrongType } else { RingErrorKind::Syntax });
        (kind, error.line())
    })
}

/// Which rule was broken. The parser's own error cannot carry this: it has room for text only.
#[derive(Default)]
struct Fault(Cell<Option<RingErrorKind>>);

impl Fault {
    fn raise<E: serde::de::Error>(&self, kind: RingErrorKind) -> E {
        self.0.set(Some(kind));
        E::custom("refused")
    }
}

/// An object of the format: where the value of each member goes.
trait Members<'a>: Default {
    /// The place for the member of this name, if the format has it.
    fn member(&mut self, name: &str) -> Option<Slot<'_, 'a>>;
}

/// Where to put the value of a member.
enum Slot<'s, 'a> {
    Text(&'s mut Option<&'a str>),
    Number(&'s mut Option<u64>),
    Settings(&'s mut Option<RawSettings<'a>>),
    Keys(&'s mut Option<Vec<RawKey<'a>>>),
    Ids(&'s mut Option<Vec<RawId<'a>>>),
}

impl<'a> Members<'a> for RawRing<'a> {
    fn member(&mut self, name: &str) -> Option<Slot<'_, 'a>> {
        Some(match name {
            "format" => Slot::Text(&mut self.format),
            "serial" => Slot::Number(&mut self.serial),
            "lifetime_s" => Slot::Number(&mut self.lifetime_s),
            "max_skew_s" => Slot::Number(&mut self.max_skew_s),
            "propagation_s" => Slot::Number(&mut self.propagation_s),
            "next_settings" => Slot::Settings(&mut self.next_settings),
            "keys" => Slot::Keys(&mut self.keys),
            "ancestors" => Slot::Ids(&mut self.ancestors),
            _ => return None,
        })
    }
}

impl<'a> Members<'a> for RawSettings<'a> {
    fn member(&mut self, name: &str) -> Option<Slot<'_, 'a>> {
        Some(match name {
            "from" => Slot::Text(&mut self.from),
            "lifetime_s" => Slot::Number(&mut self.lifetime_s),
            "max_skew_s" => Slot::Number(&mut self.max_skew_s),
            "propagation_s" => Slot::Number(&mut self.propagation_s),
            _ => return None,
        })
    }
}

impl<'a> Members<'a> for RawId<'a> {
    fn member(&mut self, name: &str) -> Option<Slot<'_, 'a>> {
        Some(match name {
            "serial" => Slot::Number(&mut self.serial),
            "digest" => Slot::Text(&mut self.digest),
            _ => return None,
        })
    }
}

impl<'a> Members<'a> for RawKey<'a> {
    fn member(&mut self, name: &str) -> Option<Slot<'_, 'a>> {
        Some(Slot::Text(match name {
            "kid" => &mut self.kid,
            "fingerprint" => &mut self.fingerprint,
            "suite" => &mut self.suite,
            "secret" => &mut self.secret,
            "created_at" => &mut self.created_at,
            "activates_at" => &mut self.activates_at,
            "revoked_at" => &mut self.revoked_at,
            _ => return None,
        }))
    }
}

/// Reads one value: [`Text`], [`Number`], a [`List`] or an object. It is the seed and the visitor at once.
struct Reader<'f, T> {
    fault: &'f Fault,
    of: PhantomData<T>,
}

impl<'f, T> Reader<'f, T> {
    fn new(fault: &'f Fault) -> Self {
        Self { fault, of: PhantomData }
    }
}

struct Text;
struct Number;
/// An array of objects.
struct List<T>(PhantomData<T>);

impl<'de> DeserializeSeed<'de> for Reader<'_, Text> {
    type Value = &'de str;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, Text> {
    type Value = &'de str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text)
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_, Number> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_u64(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, Number> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(number)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(self.fault.raise(RingErrorKind::OutOfRange))
    }
}

impl<'de, T: Members<'de>> DeserializeSeed<'de> for Reader<'_, List<T>> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for Reader<'_, List<T>> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        let one = || Reader::<T>::new(self.fault);
        while let Some(object) = from.next_element_seed(one())? {
            list.push(object);
        }
        Ok(list)
    }
}

impl<'de, T: Members<'de>> DeserializeSeed<'de> for Reader<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: Members<'de>> Visitor<'de> for Reader<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let fault = self.fault;
        let mut object = T::default();
        while let Some(name) = from.next_key_seed(Reader::<Text>::new(fault))? {
            match object.member(name).ok_or_else(|| fault.raise(RingErrorKind::UnknownField))? {
                Slot::Text(slot) => fill(slot, from.next_value_seed(Reader::<Text>::new(fault))?, fault)?,
                Slot::Number(slot) => fill(slot, from.next_value_seed(Reader::<Number>::new(fault))?, fault)?,
                Slot::Settings(slot) => {
                    fill(slot, from.next_value_seed(Reader::<RawSettings<'_>>::new(fault))?, fault)?
                }
                Slot::Keys(slot) => fill(slot, from.next_value_seed(Reader::<List<RawKey<'_>>>::new(fault))?, fault)?,
                Slot::Ids(slot) => fill(slot, from.next_value_seed(Reader::<List<RawId<'_>>>::new(fault))?, fault)?,
            }
        }
        Ok(object)
    }
}

fn fill<T, E: serde::de::Error>(slot: &mut Option<T>, value: T, fault: &Fault) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(fault.raise(RingErrorKind::DuplicateMember)) } else { Ok(()) }
}
