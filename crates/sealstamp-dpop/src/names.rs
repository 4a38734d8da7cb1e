//! Which of the server's public names a client used.

/// A public name by its number: 0 is the one of the public URL, the others are those that a trusted proxy may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) usize);

impl Name {
    /// The origin of the public URL.
    pub(crate) const MAIN: Self = Self(0);

    /// What there is under this name; what the first has, if there is nothing.
    pub(crate) fn pick<T>(self, of: &[T]) -> Option<&T> {
        of.get(self.0).or_else(|| of.first())
    }
}
