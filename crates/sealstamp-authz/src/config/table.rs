//! Reading one table of the file, key by key.
//!
//! Each key is asked for once, by the one place that knows what it may hold. What is there and was never asked for is a
//! mistake, and so is what was needed and is not there. So all mistakes of a file are found in one go.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::mistake::{Findings, choice, joined, like, like_part, no_such_value, printable, same};

/// A table that is being read.
pub(crate) struct Table<'f, 't> {
    values: &'t DeTable<'t>,
    at: Range<usize>,
    /// The names of the tables that it is in, and its own: `resource.issuer`.
    path: String,
    asked: Vec<&'static str>,
    /// Keys that must be there and are not, and what they may hold, if that can be listed.
    missing: Vec<(&'static str, String)>,
    homes: Homes,
    findings: &'f mut Findings,
}

/// Makes a value of a table. `None` if something that must be there is not; the findings say what.
pub(crate) type Make<T> = fn(&mut Table<'_, '_>) -> Option<T>;

/// All tables that a file may have, as their headers are written, and the keys of each.
pub(crate) type Homes = fn() -> Vec<(&'static str, Vec<&'static str>)>;

/// What the value of a key is read as.
type Value<'t> = (Range<usize>, &'t DeValue<'t>);

/// Reads the whole file.
pub(crate) fn read<T>(
    values: &Spanned<DeTable<'_>>,
    make: Make<T>,
    homes: Homes,
    findings: &mut Findings,
) -> Option<T> {
    Table::new(values.get_ref(), values.span(), String::new(), homes, findings).made(make)
}

/// The keys that a table may have: those that are asked for.
pub(crate) fn keys<T>(make: Make<T>) -> Vec<&'static str> {
    let (empty, mut nowhere) = (DeTable::new(), Findings::default());
    let mut table = Table::new(&empty, 0..0, String::new(), Vec::new, &mut nowhere);
    let _ = make(&mut table);
    table.asked
}

impl<'f, 't> Table<'f, 't> {
    fn new(values: &'t DeTable<'t>, at: Range<usize>, path: String, homes: Homes, findings: &'f mut Findings) -> Self {
        Self { values, at, path, asked: Vec::new(), missing: Vec::new(), homes, findings }
    }

    fn made<T>(mut self, make: Make<T>) -> Option<T> {
        let made = make(&mut self);
        self.finish();
        made
    }

    /// The value of a key that must be there, read by one of the functions below.
    pub(crate) fn needed<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        if self.value(name).is_none() {
            self.missing.push((name, String::new()));
        }
        read(self, name)
    }

    /// One of these values, for a key that must be there.
    pub(crate) fn needed_choice<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[(&'static str, T)],
    ) -> Option<Spanned<T>> {
        if self.value(name).is_none() {
            self.missing.push((name, format!(". Allowed: {}", joined(all.iter().map(|(name, _)| *name)))));
        }
        self.choice(name, all)
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Option<Spanned<String>> {
        self.text_like(name, "a text in quotes")
    }

    /// A text. `must_be` says what is allowed, for where the value is something else.
    pub(crate) fn text_like(&mut self, name: &'static str, must_be: &str) -> Option<Spanned<String>> {
        let (at, value) = self.take(name)?;
        match value {
            DeValue::String(text) => Some(Spanned::new(at, text.clone().into_owned())),
            other => self.wrong(name, at, must_be, other),
        }
    }

    /// The path of a file.
    pub(crate) fn file(&mut self, name: &'static str) -> Option<Spanned<PathBuf>> {
        let text = self.text_like(name, "the path of a file, in quotes")?;
        if text.get_ref().is_empty() || text.get_ref().contains('\0') {
            self.add(name, text.span().start, "this must be the path of a file".to_owned());
            return None;
        }
        Some(Spanned::new(text.span(), PathBuf::from(text.into_inner())))
    }

    /// A text that says something.
    pub(crate) fn word(&mut self, name: &'static str) -> Option<Spanned<String>> {
        let text = self.text(name)?;
        if text.get_ref().is_empty() {
            self.add(name, text.span().start, "this must not be empty".to_owned());
            return None;
        }
        Some(text)
    }

    /// A list of texts, each of which says something by being there.
    pub(crate) fn texts(&mut self, name: &'static str) -> Option<Spanned<Vec<Spanned<String>>>> {
        let (at, value) = self.take(name)?;
        let DeValue::Array(values) = value else {
            return self.wrong(name, at, "a list of texts: [\"…\"]", value);
        };
        let mut texts = Vec::new();
        for value in values {
            match value.get_ref() {
                DeValue::String(text) if texts.iter().any(|known: &Spanned<String>| known.get_ref() == text) => {
                    self.add(name, value.span().start, "this stands in the list twice".to_owned());
                }
                DeValue::String(text) => texts.push(Spanned::new(value.span(), text.clone().into_owned())),
                other => {
                    let says = format!("each of this list must be a text in quotes, and this one is {}", kind(other));
                    self.add(name, value.span().start, says);
                }
            }
        }
        Some(Spanned::new(at, texts))
    }

    /// A list of texts, empty unless set.
    pub(crate) fn list(&mut self, name: &'static str) -> Vec<Spanned<String>> {
        self.texts(name).map(Spanned::into_inner).unwrap_or_default()
    }

    /// Whether this is set to true.
    pub(crate) fn on(&mut self, name: &'static str) -> bool {
        self.switch(name).is_some_and(Spanned::into_inner)
    }

    /// True or false.
    pub(crate) fn switch(&mut self, name: &'static str) -> Option<Spanned<bool>> {
        let (at, value) = self.take(name)?;
        match value {
            DeValue::Boolean(is) => Some(Spanned::new(at, *is)),
            other => self.wrong(name, at, "true or false", other),
        }
    }

    /// A whole number in this range. One without an upper end has the greatest number there.
    pub(crate) fn whole(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<Spanned<u64>> {
        let (at, value) = self.take(name)?;
        let must_be = match *range.end() {
            u64::MAX => format!("a whole number, {} or more", range.start()),
            end => format!("a whole number, {} to {end}", range.start()),
        };
        let DeValue::Integer(number) = value else { return self.wrong(name, at, &must_be, value) };
        let read = u64::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| range.contains(number));
        if read.is_none() {
            self.add(name, at.start, format!("this must be {must_be}"));
        }
        Some(Spanned::new(at, read?))
    }

    /// One of these values.
    pub(crate) fn choice<T: Copy>(&mut self, name: &'static str, all: &[(&'static str, T)]) -> Option<Spanned<T>> {
        let (at, value) = self.take(name)?;
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        let DeValue::String(text) = value else {
            return self.wrong(name, at, &format!("one of these, in quotes: {}", names.join(", ")), value);
        };
        let found = all.iter().find(|(name, _)| name == text).map(|(_, value)| *value);
        if found.is_none() {
            self.add(name, at.start, no_such_value(text, &names));
        }
        Some(Spanned::new(at, found?))
    }

    /// A table of its own: `[name]`.
    pub(crate) fn table<T>(&mut self, name: &'static str, make: Make<T>) -> Option<Spanned<T>> {
        let (at, value) = self.take(name)?;
        let path = self.under(name);
        match value {
            DeValue::Table(values) => {
                let made = Table::new(values, at.clone(), path, self.homes, self.findings).made(make)?;
                Some(Spanned::new(at, made))
            }
            other if is_tables(other) => {
                self.add(name, at.start, format!("this must be written [{path}]: there is one of it"));
                None
            }
            other => self.wrong(name, at, &format!("a table: [{path}]"), other),
        }
    }

    /// Any number of tables: `[[name]]`.
    pub(crate) fn tables<T>(&mut self, name: &'static str, make: Make<T>) -> Vec<Spanned<T>> {
        let Some((at, value)) = self.take(name) else { return Vec::new() };
        let path = self.under(name);
        let must_be = format!("tables, each with the header [[{path}]]");
        let values = match value {
            DeValue::Array(values) => values,
            DeValue::Table(_) => {
                self.add(name, at.start, format!("this must be written [[{path}]]: there may be several"));
                return Vec::new();
            }
            other => {
                let _ = self.wrong::<()>(name, at, &must_be, other);
                return Vec::new();
            }
        };
        let mut all = Vec::new();
        for value in values {
            match value.get_ref() {
                DeValue::Table(values) => {
                    let table = Table::new(values, value.span(), path.clone(), self.homes, &mut *self.findings);
                    all.extend(table.made(make).map(|made| Spanned::new(value.span(), made)));
                }
                other => {
                    let _ = self.wrong::<()>(name, value.span(), &must_be, other);
                }
            }
        }
        all
    }

    fn value(&self, name: &str) -> Option<Value<'t>> {
        let (_, value) = self.values.iter().find(|(key, _)| key.get_ref() == name)?;
        Some((value.span(), value.get_ref()))
    }

    fn take(&mut self, name: &'static str) -> Option<Value<'t>> {
        self.asked.push(name);
        self.value(name)
    }

    fn under(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn add(&mut self, name: &str, at: usize, says: String) {
        self.findings.push(at, self.under(name), says);
    }

    fn wrong<T>(&mut self, name: &str, at: Range<usize>, must_be: &str, is: &DeValue<'_>) -> Option<T> {
        self.add(name, at.start, format!("this must be {must_be}, and is {}", kind(is)));
        None
    }

    /// Where a key belongs that has no place in this table, unless it might be many places.
    fn homes_of(&self, name: &str, value: &DeValue<'_>) -> Vec<String> {
        let homes = (self.homes)();
        let table =
            |header: &str| header.trim_matches(['[', ']']).rsplit('.').next().is_some_and(|last| same(last, name));
        if is_table(value) {
            let headers = homes.iter().filter(|(header, _)| table(header));
            return headers.map(|(header, _)| (*header).to_owned()).collect();
        }
        let has = |keys: &[&str]| keys.iter().any(|known| same(name, known) && !table_key(known, &homes));
        let at: Vec<_> = homes.iter().filter(|(_, keys)| has(keys)).map(|(header, _)| (*header).to_owned()).collect();
        if at.len() > 2 { Vec::new() } else { at }
    }

    /// What was never asked for, and what was needed and is not there.
    fn finish(mut self) {
        for (key, value) in self.values {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let meant = self.asked.iter().find(|known| same(name, known)).copied();
            let part = like_part(name, &self.asked);
            let meant = meant.or(part);
            let homes = if meant.is_none() { self.homes_of(name, value.get_ref()) } else { Vec::new() };
            let meant = meant.or_else(|| if homes.is_empty() { like(name, &self.asked) } else { None });
            let says = if homes.is_empty() {
                choice("there is no such key", meant, &self.asked)
            } else {
                let allowed = joined(self.asked.iter().copied());
                let verb = if is_table(value.get_ref()) { "it must be written" } else { "it belongs to" };
                format!("there is no such key here; {verb} {}. Allowed here: {allowed}", homes.join(" or "))
            };
            // What was meant is not missing as well.
            self.missing.retain(|(missing, _)| Some(*missing) != meant);
            let path = self.under(&printable(name));
            self.findings.push(key.span().start, path, says);
        }
        for (name, allowed) in std::mem::take(&mut self.missing) {
            self.findings.push(self.at.start, self.path.clone(), format!("{name} is missing here{allowed}"));
        }
    }
}

/// Whether this key is a table's name, and no value's.
fn table_key(name: &str, homes: &[(&'static str, Vec<&'static str>)]) -> bool {
    homes.iter().any(|(header, _)| header.trim_matches(['[', ']']).rsplit('.').next() == Some(name))
}

fn is_table(value: &DeValue<'_>) -> bool {
    value.is_table() || is_tables(value)
}

fn is_tables(value: &DeValue<'_>) -> bool {
    value.as_array().is_some_and(|values| values.iter().any(|value| value.get_ref().is_table()))
}

/// What stands there, in an operator's words.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
