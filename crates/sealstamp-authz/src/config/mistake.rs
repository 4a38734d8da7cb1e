//! What is wrong with a configuration: line, key, and what is allowed.
//!
//! No message has a value in it: a secret may stand in the wrong place.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The most characters of a key that are shown, if it is none that is known.
const KEY_CHARS: usize = 64;

/// One mistake in one file, or in a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Empty for a flag, whose name is the key then.
    file: PathBuf,
    line: usize,
    key: String,
    says: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}:", self.file.display())?;
            if self.line > 0 {
                write!(f, "{}:", self.line)?;
            }
            f.write_str(" ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.says)
    }
}

/// What a setting comes from.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A place in the file.
    File(Range<usize>),
    /// A flag, or the variable that stands for it.
    Flag(&'static str),
}

/// Two settings are the same wherever they come from.
impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The text of a configuration, which knows where in it a mistake is, and the mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    file: PathBuf,
    text: String,
    found: Vec<Mistake>,
    /// Whether all that stands in the file could be read. If not, what seems to be missing may only be misspelt.
    complete: bool,
}

impl Findings {
    pub(crate) fn new(file: &Path, text: String) -> Self {
        Self { file: file.to_owned(), text, ..Self::default() }
    }

    /// Where relative paths in the file begin.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// A mistake in the value at this place.
    pub(crate) fn add(&mut self, at: Range<usize>, says: impl fmt::Display) {
        let key = key_at(&self.text, &at);
        self.push(at.start, key, says.to_string());
    }

    /// A mistake of a flag.
    pub(crate) fn add_flag(&mut self, flag: &str, says: impl fmt::Display) {
        let (file, key) = (PathBuf::new(), flag.to_owned());
        self.found.push(Mistake { file, line: 0, key, says: says.to_string() });
    }

    /// A mistake of what this place names.
    pub(crate) fn add_at(&mut self, place: &Place, says: impl fmt::Display) {
        match place {
            Place::File(at) => self.add(at.clone(), says),
            Place::Flag(flag) => self.add_flag(flag, says),
        }
    }

    /// Something that is not there, and is needed at this place.
    pub(crate) fn add_missing(&mut self, at: Range<usize>, says: impl fmt::Display) {
        if self.complete {
            self.add(at, says);
        }
    }

    /// A table that is not there. It would stand at the end of the file.
    pub(crate) fn add_missing_table(&mut self, table: &str, says: impl fmt::Display) {
        if self.complete {
            self.push(self.text.trim_end().len(), table.to_owned(), says.to_string());
        }
    }

    /// A mistake of the whole file, which could not be read.
    pub(crate) fn add_unread(&mut self, line: usize, says: impl fmt::Display) {
        let (file, key) = (self.file.clone(), String::new());
        self.found.push(Mistake { file, line, key, says: says.to_string() });
    }

    /// What makes this text no TOML. False if it is, though a key may stand in it twice.
    pub(crate) fn add_syntax(&mut self, errors: &[toml::de::Error]) -> bool {
        let mut broken = false;
        for error in errors {
            let at = error.span().unwrap_or(0..0);
            let (line, message) = (self.line_of(at.start), error.message().trim());
            if message == "duplicate key" {
                let key = self.in_its_table(&at);
                self.push(at.start, key, "this key stands here twice".to_owned());
            } else if !broken || self.found.last().is_some_and(|last| last.line < line) {
                // One broken line makes several errors, and may make others of the lines behind it.
                broken = true;
                let message = message.lines().collect::<Vec<_>>().join(", ");
                self.push(at.start, String::new(), format!("this is no TOML: {message}"));
            }
        }
        broken
    }

    /// All that stands in the file has been read.
    pub(crate) fn read(&mut self) {
        self.complete = self.found.is_empty();
    }

    /// The value, or `None` and a mistake at this place.
    pub(crate) fn some<T, E: fmt::Display>(&mut self, at: Range<usize>, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(at, error)).ok()
    }

    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// Those found, in the order of their lines.
    pub(crate) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.found.sort_by_key(|mistake| mistake.line);
        self.found.dedup();
        self.found
    }

    /// A mistake on the line of this byte, in the value of this key.
    pub(crate) fn push(&mut self, at: usize, key: String, says: String) {
        self.found.push(Mistake { file: self.file.clone(), line: self.line_of(at), key, says });
    }

    fn line_of(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
    }

    /// The key that is written here, with the tables that it is in.
    fn in_its_table(&self, at: &Range<usize>) -> String {
        let before = self.text.get(..at.start).unwrap_or_default();
        let (before, line) = before.rsplit_once('\n').unwrap_or(("", before));
        let key = printable(self.text.get(at.clone()).unwrap_or_default().trim());
        if line.trim_start().starts_with('[') {
            // In a header, all that stands before the key.
            return format!("{}{key}", line.trim_start().trim_start_matches('['));
        }
        let header = before.lines().rev().find_map(|line| line.trim_start().strip_prefix('['));
        let header = header.and_then(|header| header.trim_start_matches('[').split(']').next());
        header.map_or(key.clone(), |header| format!("{}.{key}", header.trim()))
    }
}

/// The key that has its name or its value at this place, with those around it: `resource.issuer.url`.
fn key_at(text: &str, at: &Range<usize>) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut path = Vec::new();
    in_table(table.get_ref(), at, &mut path);
    path.join(".")
}

fn in_table<'t>(table: &'t DeTable<'_>, at: &Range<usize>, path: &mut Vec<&'t str>) -> bool {
    // Only deepest first finds the tables that are written apart from their parents.
    for (key, value) in table {
        path.push(key.get_ref());
        if in_value(value, at, path) || key.span() == *at || value.span() == *at {
            return true;
        }
        path.pop();
    }
    false
}

fn in_value<'t>(value: &'t Spanned<DeValue<'_>>, at: &Range<usize>, path: &mut Vec<&'t str>) -> bool {
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, at, path),
        DeValue::Array(array) => in_array(array, at, path),
        _ => false,
    }
}

fn in_array<'t>(array: &'t DeArray<'_>, at: &Range<usize>, path: &mut Vec<&'t str>) -> bool {
    array.iter().any(|value| in_value(value, at, path) || value.span() == *at)
}

/// What is said about a name that is none of those allowed.
pub(crate) fn choice(says: &str, meant: Option<&str>, allowed: &[&str]) -> String {
    let meant = meant.map_or_else(|| ".".to_owned(), |meant| format!("; did you mean {meant}?"));
    format!("{says}{meant} Allowed: {}", joined(allowed.iter().copied()))
}

/// What is said about a value that is none of those known.
pub(crate) fn no_such_value(wrong: &str, known: &[&str]) -> String {
    choice("there is no such value", like(wrong, known), known)
}

pub(crate) fn joined<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Whether both are one name, but for how it is written: `publicUrl`, `PUBLIC-URL`, `public_url`.
pub(crate) fn same(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

/// Of these names the one that is most like the wrong one, if any is like it.
pub(crate) fn like<'n>(wrong: &str, names: &[&'n str]) -> Option<&'n str> {
    let wrong = bare(wrong);
    let alike = names.iter().map(|name| (strsim::jaro_winkler(&wrong, &bare(name)), *name));
    alike.filter(|(alike, _)| *alike > 0.8).max_by(|(one, _), (two, _)| one.total_cmp(two)).map(|(_, name)| name)
}

/// The one of these names of which the wrong one is a part, as `file` is of `jwks_file`.
pub(crate) fn like_part<'n>(wrong: &str, names: &[&'n str]) -> Option<&'n str> {
    let mut whole = names.iter().filter(|name| name.split('_').any(|part| part == wrong));
    let one = whole.next()?;
    if whole.next().is_none() { Some(one) } else { None }
}

fn bare(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

/// A key from the file, such that no character of it can do anything to a terminal or to a log.
pub(crate) fn printable(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    let short: String = key.chars().take(KEY_CHARS).collect();
    if plain { short } else { format!("\"{}\"", short.escape_debug()) }
}
