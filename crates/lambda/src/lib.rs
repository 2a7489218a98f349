//! What wakes a Lambda function, told apart and taken apart, and what it answers. No client, no I/O: events are data.

mod event;
mod firehose;
mod message;
mod upload;

pub use event::{Event, GlueJobEvent, RunRequest};
pub use firehose::{FirehoseRecord, FirehoseRequest, FirehoseVerdict, Refused};
pub use message::{DeadLetter, Message, batch_response};
pub use upload::{Upload, uploads_of};
