//! End-to-end tests: each runs the `lakegate` binary as a user would, and looks at what it left behind.
//!
//! `./test.sh` sets what they need: `LAKEGATE_TEST_PYTHON` (independent readers), `LAKEGATE_TEST_POSTGRES` and
//! `LAKEGATE_TEST_AWS` (a stand-in). A test whose needs are not set says so and passes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod aws;
mod bad_input;
mod command_line;
mod crash;
mod demo;
mod deploy;
mod examples;
mod leak;
mod quality;
mod quality_files;
mod quality_inputs;
mod quality_mistakes;
mod quality_oracle;
mod quarantine;
mod spill;
mod support;
mod workflow;
