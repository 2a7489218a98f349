//! Click logs: JSON events and web servers' access logs, plain or gzipped.
//!
//! Events need no line breaks between them (Firehose writes none by itself). A record that cannot be decoded is held by its
//! place alone, object and byte range of the decompressed text, and reading goes on behind it.

mod access_log;
mod decode;
mod fields;
mod json;
mod reader;
mod scanner;
mod source;
mod transform;
mod unread;

pub use source::{ClicksConfig, ClicksSource, LogFormat};

#[cfg(test)]
mod tests;
pub use transform::{CutEvent, CutFault, Transformation};
