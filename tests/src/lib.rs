//! Nothing: this package holds the end-to-end tests of the `lakegate` binary (`end_to_end/`).
