//! One module a command.

pub mod catalog;
pub mod check;
pub mod demo;
pub mod doctor;
pub mod init;
pub mod plan;
pub mod quality;
pub mod query;
pub mod report;
pub mod run;
pub mod runs;
pub mod vacuum;
