//! Strict JSON objects: distinct member names at every level, exact types, bounded nesting, nothing after the end.
//!
//! `serde_json` reads; this module adds what it leaves open. With a repeated member, two readers of one text may see
//! two values in it. RFC 7519 section 4: "The Claim Names within a JWT Claims Set MUST be unique"; RFC 7515 section 4
//! says the same of headers. A string without escapes is borrowed from the text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How many members one object may have: names are compared with each other, so their number is bounded.
const MAX_MEMBERS: usize = 32;

/// How deep values may nest. A proof needs two levels: its header, and the `jwk` in it.
const MAX_DEPTH: u8 = 8;

/// How many commas and backslashes one text may have. Each comma brings a value and each backslash an escape, and they
/// are what takes time to read; a text of letters alone takes a fraction of it. A proof needs about ten.
const MAX_MARKS: usize = 64;

/// The text is not one strict JSON object with members of the expected types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotStrict;

/// The members of an object that a reader wants.
pub(crate) trait Members<'de>: Default {
    /// Reads the value of the member of that name; a member that is not wanted is [skipped](Value::skip).
    fn take<A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error>;
}

/// Reads one object.
pub(crate) fn object<'de, M: Members<'de>>(text: &'de [u8]) -> Result<M, NotStrict> {
    if memchr::memchr2_iter(b',', b'\\', text).nth(MAX_MARKS).is_some() {
        return Err(NotStrict);
    }
    // Checked as a whole, which is faster than string by string.
    let text = std::str::from_utf8(text).map_err(|_| NotStrict)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = Object::<M>::at(MAX_DEPTH).deserialize(&mut deserializer).map_err(|_| NotStrict)?;
    deserializer.end().map_err(|_| NotStrict)?;
    Ok(members)
}

/// A member's value, not read yet.
pub(crate) struct Value<'m, A> {
    map: &'m mut A,
    depth: u8,
}

impl<'de, A: MapAccess<'de>> Value<'_, A> {
    /// A string.
    pub(crate) fn string(self) -> Result<Cow<'de, str>, A::Error> {
        self.map.next_value_seed(Text)
    }

    /// A string, or nothing if it is `null`.
    pub(crate) fn string_or_null(self) -> Result<Option<Cow<'de, str>>, A::Error> {
        self.map.next_value_seed(TextOrNull)
    }

    /// A string, or nothing if it is anything else, which is then [skipped](Self::skip).
    pub(crate) fn string_or_other(self) -> Result<Option<Cow<'de, str>>, A::Error> {
        let text: &'de RawValue = self.map.next_value()?;
        let mut deserializer = serde_json::Deserializer::from_str(text.get());
        let read = match text.get().starts_with('"') {
            true => Text.deserialize(&mut deserializer).map(Some),
            false => Skipped { depth: self.depth }.deserialize(&mut deserializer).map(|()| None),
        };
        read.map_err(A::Error::custom)
    }

    /// A NumericDate: "non-integer values can be represented" (RFC 7519 section 2). A fraction is dropped, towards the
    /// past. What is left is in the range of `i64`. An exponent is refused: no clock writes one, and it makes short
    /// texts of huge numbers.
    pub(crate) fn numeric_date(self) -> Result<i64, A::Error> {
        let text: &'de RawValue = self.map.next_value()?;
        floor(text.get()).ok_or_else(|| A::Error::custom("not a date"))
    }

    /// An object.
    pub(crate) fn object<M: Members<'de>>(self) -> Result<M, A::Error> {
        self.map.next_value_seed(Object::<M>::at(self.depth))
    }

    /// Anything, which is still held to the rules of this module.
    pub(crate) fn skip(self) -> Result<(), A::Error> {
        self.map.next_value_seed(Skipped { depth: self.depth })
    }
}

struct Object<M> {
    depth: u8,
    members: PhantomData<M>,
}

impl<M> Object<M> {
    fn at(depth: u8) -> Self {
        Self { depth, members: PhantomData }
    }
}

impl<'de, M: Members<'de>> DeserializeSeed<'de> for Object<M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<M, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, M: Members<'de>> Visitor<'de> for Object<M> {
    type Value = M;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<M, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut members = M::default();
        let mut names = [const { Cow::Borrowed("") }; MAX_MEMBERS];
        let mut count = 0_usize;
        while let Some(name) = map.next_key_seed(Text)? {
            let (seen, rest) = names.split_at_mut_checked(count).ok_or_else(|| A::Error::custom("too many members"))?;
            if seen.contains(&name) {
                return Err(A::Error::custom("a repeated member"));
            }
            members.take(&name, Value { map: &mut map, depth })?;
            *rest.first_mut().ok_or_else(|| A::Error::custom("too many members"))? = name;
            count = count.saturating_add(1);
        }
        Ok(members)
    }
}

struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

struct TextOrNull;

impl<'de> DeserializeSeed<'de> for TextOrNull {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for TextOrNull {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or null")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Text.deserialize(deserializer).map(Some)
    }
}

/// The greatest integer that is not above this JSON number. The text is used, and not a float: that would round
/// `1.9999999999999999999` up.
fn floor(number: &str) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    // Of all JSON values, only a number without an exponent passes both. The reader has checked the grammar.
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let below = number.starts_with('-') && fraction.bytes().any(|b| b != b'0');
    if below { seconds.checked_sub(1) } else { Some(seconds) }
}

/// A value that nobody asked for.
struct Skipped {
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Skipped {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        while seq.next_element_seed(Skipped { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Object::<Nothing>::at(self.depth).visit_map(map).map(drop)
    }
}

#[derive(Default)]
struct Nothing;

impl<'de> Members<'de> for Nothing {
    fn take<A: MapAccess<'de>>(&mut self, _: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        value.skip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Sample<'de> {
        text: Option<Cow<'de, str>>,
        number: Option<i64>,
        maybe: Option<Cow<'de, str>>,
        either: Option<Cow<'de, str>>,
        inner: Option<Box<Sample<'de>>>,
    }

    impl<'de> Members<'de> for Sample<'de> {
        fn take<A: MapAccess<'de>>(&mut self, name: &str, value: Value<'_, A>) -> Result<(), A::Error> {
            match name {
                "text" => self.text = Some(value.string()?),
                "number" => self.number = Some(value.numeric_date()?),
                "maybe" => self.maybe = value.string_or_null()?,
                "either" => self.either = value.string_or_other()?,
                "inner" => self.inner = Some(Box::new(value.object()?)),
                _ => value.skip()?,
            }
            Ok(())
        }
    }

    fn read(text: &str) -> Result<Sample<'_>, NotStrict> {
        object(text.as_bytes())
    }

    #[test]
    fn strings_are_borrowed_unless_escaped() {
        assert!(matches!(read(r#"{"text":"plain"}"#).unwrap().text, Some(Cow::Borrowed("plain"))));
        assert!(matches!(read(r#"{"te\u0078t":"\u0061b"}"#).unwrap().text, Some(Cow::Owned(text)) if text == "ab"));
    }

    #[test]
    fn one_object_and_nothing_else() {
        assert_eq!(read(" {} "), Ok(Sample::default()));
        for text in
            ["", "[]", "null", "\"x\"", "{}{}", "{},", "{} x", "{\"a\":1,}", "{a:1}", "{'a':1}", "\u{feff}{}", "{"]
        {
            assert_eq!(read(text), Err(NotStrict), "{text}");
        }
        assert_eq!(object::<Sample>(b"{\"text\":\"\xff\"}"), Err(NotStrict));
        assert_eq!(object::<Sample>(b"{\"other\":\"\xff\"}"), Err(NotStrict));
        assert_eq!(object::<Sample>(b"{\"other\":\"\\ud800\"}"), Err(NotStrict));
    }

    #[test]
    fn members_are_distinct_at_every_level() {
        for text in [
            r#"{"text":"a","text":"a"}"#,
            r#"{"text":"a","te\u0078t":"b"}"#,
            r#"{"other":1,"other":2}"#,
            r#"{"other":{"a":1,"a":1}}"#,
            r#"{"other":[{"a":1,"b":2,"a":1}]}"#,
            r#"{"inner":{"number":1,"number":1}}"#,
            r#"{"inner":{"x":1,"x":1}}"#,
        ] {
            assert_eq!(read(text), Err(NotStrict), "{text}");
        }
        assert!(read(r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#).is_ok());
    }

    #[test]
    fn types_are_exact() {
        for (text, number) in
            [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(read(&format!(r#"{{"number":{text}}}"#)).unwrap().number, Some(number));
        }
        let wrong = "1e3 1E3 1.5e0 1.5E+1 0e0 1e400 -1e400 1e-400 9223372036854775808 -9223372036854775809 \
                     9223372036854775808.5 -9223372036854775808.5 18446744073709551615 01 01.5 +1 +1.5 1. .5 - -. -.5 \
                     1.5.5 1.-5 NaN Infinity -Infinity 0x10 1_0 \"1\" \"1.5\" null true [] {} [1]";
        for number in wrong.split(' ') {
            assert_eq!(read(&format!(r#"{{"number":{number}}}"#)), Err(NotStrict), "{number}");
        }
        for text in ["1", "null", "true", "[]", "{}", "[\"a\"]"] {
            assert_eq!(read(&format!(r#"{{"text":{text}}}"#)), Err(NotStrict), "{text}");
            assert_eq!(read(&format!(r#"{{"inner":{text}}}"#)).is_ok(), text == "{}", "{text}");
        }
        for text in ["1", "-1", "1.5", "null", "true", "\"a\"", "[]", "{}", "[1,[\"a\",null]]"] {
            assert!(read(&format!(r#"{{"other":{text}}}"#)).is_ok(), "{text}");
        }
    }

    /// J-2: a fraction of a second is dropped, towards the past, however long it is.
    #[test]
    fn a_date_may_have_a_fraction() {
        for (text, number) in [
            ("1.0", 1),
            ("1.5", 1),
            ("1.9999999999999999999999", 1),
            ("1795361400.999999", 1_795_361_400),
            ("-0", 0),
            ("-0.0", 0),
            ("0.5", 0),
            ("-0.5", -1),
            ("-0.0000000000000000000001", -1),
            ("-1.0", -1),
            ("-1.5", -2),
            ("9223372036854775807.9", i64::MAX),
            ("-9223372036854775807.9", i64::MIN),
            ("-9223372036854775808.0", i64::MIN),
        ] {
            assert_eq!(read(&format!(r#"{{"number":{text}}}"#)).unwrap().number, Some(number), "{text}");
        }
    }

    #[test]
    fn null_is_nothing_where_that_is_allowed() {
        assert_eq!(read(r#"{"maybe":null}"#), Ok(Sample::default()));
        assert_eq!(read(r#"{"maybe":"null"}"#).unwrap().maybe.as_deref(), Some("null"));
        assert_eq!(read(r#"{"maybe":null,"maybe":"a"}"#), Err(NotStrict), "still a member");
        for text in ["1", "true", "[]", "{}", "[null]", "nul", "NULL"] {
            assert_eq!(read(&format!(r#"{{"maybe":{text}}}"#)), Err(NotStrict), "{text}");
        }
    }

    #[test]
    fn other_values_are_skipped_where_that_is_allowed() {
        assert_eq!(read(r#"{"either":"a"}"#).unwrap().either.as_deref(), Some("a"));
        assert_eq!(read(r#"{"either":"\u0061"}"#).unwrap().either.as_deref(), Some("a"));
        for text in ["1", "-1", "1.5", "null", "true", "[]", "{}", r#"[{"a":1},["a"]]"#] {
            assert_eq!(read(&format!(r#"{{"either":{text}}}"#)), Ok(Sample::default()), "{text}");
        }
        for text in [r#"{"a":1,"a":1}"#, r#"[{"a":1,"a":1}]"#, "[[[[[[[[]]]]]]]]", "01", "\"a\",\"either\":1"] {
            assert_eq!(read(&format!(r#"{{"either":{text}}}"#)), Err(NotStrict), "{text}");
        }
    }

    #[test]
    fn commas_and_backslashes_are_bounded() {
        let values = |commas: usize| format!("{{\"a\":[{}1]}}", "1,".repeat(commas));
        assert!(read(&values(MAX_MARKS)).is_ok());
        assert_eq!(read(&values(MAX_MARKS + 1)), Err(NotStrict));
        let escapes = |count: usize| format!("{{\"a\":\"{}\"}}", "\\n".repeat(count));
        assert!(read(&escapes(MAX_MARKS)).is_ok());
        assert_eq!(read(&escapes(MAX_MARKS + 1)), Err(NotStrict));
    }

    #[test]
    fn nesting_and_members_are_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(usize::from(MAX_DEPTH) - 1)).is_ok());
        assert_eq!(read(&nested(usize::from(MAX_DEPTH))), Err(NotStrict));
        assert_eq!(read(&nested(4000)), Err(NotStrict));
        let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert!(read(&objects(usize::from(MAX_DEPTH))).is_ok());
        assert_eq!(read(&objects(usize::from(MAX_DEPTH) + 1)), Err(NotStrict));

        let wide = |members: usize| {
            let members: Vec<_> = (0..members).map(|i| format!("\"m{i}\":{i}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(read(&wide(MAX_MEMBERS)).is_ok());
        assert_eq!(read(&wide(MAX_MEMBERS + 1)), Err(NotStrict));
    }
}
