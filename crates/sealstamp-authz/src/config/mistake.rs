//! What is wrong with a configuration: line, key, and what is allowed.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// One mistake in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    file: PathBuf,
    line: usize,
    key: String,
    says: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.says)
    }
}

/// The text of a configuration, which knows where in it a mistake is, and the mistakes found so far.
#[derive(Debug)]
pub(crate) struct Findings {
    file: PathBuf,
    text: String,
    found: Vec<Mistake>,
}

impl Findings {
    pub(crate) fn new(file: &Path, text: String) -> Self {
        Self { file: file.to_owned(), text, found: Vec::new() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Where relative paths in the file begin.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// A mistake in the value at this place.
    pub(crate) fn add(&mut self, at: Range<usize>, says: impl fmt::Display) {
        let key = key_at(&self.text, &at);
        self.push(self.line_of(at.start), key, says.to_string());
    }

    /// A mistake of the whole file.
    pub(crate) fn add_whole(&mut self, says: impl fmt::Display) {
        self.push(0, String::new(), says.to_string());
    }

    /// A mistake that the parser found.
    pub(crate) fn add_parsed(&mut self, error: &toml::de::Error) {
        let at = error.span().unwrap_or(0..0);
        let says = reworded(error.message());
        if error.message().trim() == "duplicate key" {
            let key = self.text.get(at.clone()).unwrap_or_default().trim().to_owned();
            self.push(self.line_of(at.start), key, "this key stands here twice".to_owned());
        } else if says.in_syntax {
            self.push(self.line_of(at.start), String::new(), says.text);
        } else {
            self.add(at, says.text);
        }
    }

    /// The value, or `None` and a mistake at this place.
    pub(crate) fn some<T, E: fmt::Display>(&mut self, at: Range<usize>, value: Result<T, E>) -> Option<T> {
        value.map_err(|error| self.add(at, error)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Those found, in the order of their lines.
    pub(crate) fn into_mistakes(mut self) -> Vec<Mistake> {
        self.found.sort_by_key(|mistake| mistake.line);
        self.found
    }

    fn push(&mut self, line: usize, key: String, says: String) {
        self.found.push(Mistake { file: self.file.clone(), line, key, says });
    }

    fn line_of(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
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

struct Reworded {
    text: String,
    /// Whether the text is no TOML, so that no key can be named.
    in_syntax: bool,
}

/// The parser's message in the words of an operator. What stands in the file is not repeated: it may be a secret in a
/// wrong place.
fn reworded(message: &str) -> Reworded {
    let names = quoted(message);
    let text = if message.starts_with("unknown field") {
        choice("there is no such key", &names)
    } else if message.starts_with("unknown variant") {
        choice("there is no such value", &names)
    } else if let Some(name) = message.strip_prefix("missing field ") {
        format!("{} is missing here", name.trim_matches('`'))
    } else if let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        let found = found.split(['`', '"']).next().unwrap_or_default().trim();
        format!("this must be {}, and is {}", plain(expected), article(found))
    } else if let Some((_, expected)) =
        message.strip_prefix("invalid value: ").and_then(|rest| rest.split_once(", expected "))
    {
        format!("this must be {}", plain(expected))
    } else {
        let text = message.lines().collect::<Vec<_>>().join(", ");
        return Reworded { text: format!("this is no TOML: {text}"), in_syntax: true };
    };
    Reworded { text, in_syntax: false }
}

fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// The first name is the wrong one, and the others are allowed.
fn choice(says: &str, names: &[&str]) -> String {
    let Some((wrong, allowed)) = names.split_first() else { return says.to_owned() };
    let meant = match closest(wrong, allowed) {
        Some(meant) => format!("; did you mean {meant}?"),
        None => ".".to_owned(),
    };
    format!("{says}{meant} Allowed: {}", allowed.join(", "))
}

/// What is said about a value that is none of those known.
pub(crate) fn no_such_value(wrong: &str, known: &[&str]) -> String {
    let names: Vec<_> = std::iter::once(wrong).chain(known.iter().copied()).collect();
    choice("there is no such value", &names)
}

/// Of these names the one that is most like the wrong one, if any is like it.
fn closest<'n>(wrong: &str, names: &[&'n str]) -> Option<&'n str> {
    let wrong = wrong.to_ascii_lowercase().replace('-', "_");
    let alike = names.iter().map(|name| (strsim::jaro_winkler(&wrong, name), *name));
    alike.filter(|(alike, _)| *alike > 0.8).max_by(|(one, _), (two, _)| one.total_cmp(two)).map(|(_, name)| name)
}

fn plain(expected: &str) -> &str {
    match expected {
        "u64" | "u32" | "usize" => "a whole number, 0 or more",
        "a boolean" => "true or false",
        "a sequence" => "a list: [\"…\"]",
        "a string" | "path string" => "a text in quotes",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn article(found: &str) -> String {
    let found = match found {
        "sequence" => "list",
        "map" => "table",
        "boolean" => return "true or false".to_owned(),
        "string" => "text",
        "floating point" => "number with a point",
        "integer" => "whole number",
        other => other,
    };
    format!("a {found}")
}
