//! The server around the tools.
