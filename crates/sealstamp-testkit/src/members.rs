//! JSON objects whose every byte a test decides.

use std::fmt::Display;

/// An object's members, each as a name and the JSON text of its value, in order. Names may repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members(pub Vec<(String, String)>);

impl Members {
    /// These members, each value as JSON text.
    pub fn new<const N: usize>(members: [(&str, String); N]) -> Self {
        Self(members.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }

    /// Sets a member to a JSON text, in its place or at the end.
    pub fn set(&mut self, name: &str, json: impl Display) {
        match self.0.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, value)) => *value = json.to_string(),
            None => self.add(name, json),
        }
    }

    /// Adds a member at the end, even if there is one of that name.
    pub fn add(&mut self, name: &str, json: impl Display) {
        self.0.push((name.to_owned(), json.to_string()));
    }

    /// Removes every member of that name.
    ///
    /// # Panics
    ///
    /// If there is none: a test that removes nothing tests nothing.
    pub fn remove(&mut self, name: &str) {
        let before = self.0.len();
        self.0.retain(|(existing, _)| existing != name);
        assert_ne!(self.0.len(), before, "no member {name}");
    }

    /// The JSON text of the first member of that name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(existing, _)| existing == name).map(|(_, value)| value.as_str())
    }

    /// The JSON text of the first member of that name.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.find(name).expect("a member of that name")
    }

    /// As an object. Names are written as they are, so they may hold escapes.
    #[must_use]
    pub fn json(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}
