//! What a body says that it is, read as JSON-RPC.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Members that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Method,
    Params,
    Name,
    Uri,
    TaskId,
}

impl Member {
    /// Those in which a name may be.
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Uri, Self::TaskId];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Params => "params",
            Self::Name => "name",
            Self::Uri => "uri",
            Self::TaskId => "taskId",
        }
    }

    /// The one of these that a member's name is. An error if it is nearly one: some readers of JSON ignore case, and
    /// take `Method` for `method`. Some of them fold `ſ` and the Kelvin sign too.
    fn of<E: Error>(name: &str, members: &[Self]) -> Result<Option<Self>, E> {
        let folded = |text: &'static str| text.chars().flat_map(char::to_lowercase);
        let fold = || name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        let found = members.iter().copied().find(|member| fold().eq(folded(member.as_str())));
        match found {
            Some(member) if member.as_str() != name => Err(E::custom("a name in another case")),
            found => Ok(found),
        }
    }
}

/// What is read of a JSON-RPC request.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) method: Option<String>,
    pub(super) params: Params,
}

/// What is read of its parameters.
#[derive(Debug, Default)]
pub(super) struct Params {
    /// In the order of [`Member::ALL`].
    names: [Option<Named>; 3],
}

impl Params {
    pub(super) fn get(&self, member: Member) -> Option<&str> {
        let place = Member::ALL.iter().position(|known| *known == member)?;
        match self.names.get(place)? {
            Some(Named::Text(text)) => Some(text),
            Some(Named::Other) | None => None,
        }
    }
}

/// The value of a member that may be a name.
#[derive(Debug)]
enum Named {
    Text(String),
    Other,
}

impl Call {
    /// One object in UTF-8, and nothing behind it. A batch, which revision 2025-06-18 has done away with, is none.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_str(std::str::from_utf8(body).ok()?);
        let call = deserializer.deserialize_map(CallVisitor).ok()?;
        deserializer.end().is_ok().then_some(call)
    }
}

struct CallVisitor;

impl<'de> Visitor<'de> for CallVisitor {
    type Value = Call;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Call, A::Error> {
        let (mut method, mut params) = (None, None);
        while let Some(member) = map.next_key_seed(Known(&[Member::Method, Member::Params]))? {
            match member {
                Some(Member::Method) => once(&mut method, map.next_value::<String>()?)?,
                Some(_) => once(&mut params, map.next_value_seed(ParamsSeed)?)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Call { method, params: params.unwrap_or_default() })
    }
}

/// Keeps a value. An error if there is one already.
fn once<T, E: Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    if place.replace(value).is_some() { Err(E::custom("a repeated member")) } else { Ok(()) }
}

/// A member's name, as one of these.
struct Known(&'static [Member]);

impl<'de> DeserializeSeed<'de> for Known {
    type Value = Option<Member>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Known {
    type Value = Option<Member>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Member::of(name, self.0)
    }
}

/// Parameters by name, or anything else, which has no names.
struct ParamsSeed;

impl<'de> DeserializeSeed<'de> for ParamsSeed {
    type Value = Params;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Params, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ParamsSeed {
    type Value = Params;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
        let mut params = Params::default();
        while let Some(member) = map.next_key_seed(Known(&Member::ALL))? {
            let place = Member::ALL.iter().position(|known| Some(*known) == member);
            match place.and_then(|place| params.names.get_mut(place)) {
                Some(place) => once(place, map.next_value::<Named>()?)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(params)
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamedVisitor)
    }
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = Named;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Named, E> {
        Ok(Named::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Named, E> {
        Ok(Named::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Named, E> {
        Ok(Named::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Named, E> {
        Ok(Named::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Named, E> {
        Ok(Named::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Named, E> {
        Ok(Named::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Named, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Named::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Named, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Named::Other)
    }
}
