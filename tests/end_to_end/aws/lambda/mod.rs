//! The binary as a Lambda function: a runtime interface on this machine, and a stand-in for what is around it.

mod alarms;
mod deadline;
mod events;
mod firehose;
mod roles;
mod runtime;
mod uploads;

use std::time::Duration;

use serde_json::Value;

use super::{Cloud, PREFIX, ledger};
use crate::support::{binary, edit};
use runtime::Function;

/// More time than any of these needs.
const AMPLE: Duration = Duration::from_secs(60);

impl Cloud {
    /// The project's files are in the bucket, below `data/`.
    fn inputs_in_the_bucket(&self) {
        let settings = format!("\n[env.test.inputs]\nlocation = \"s3://{}/in\"\n", self.bucket);
        self.append(&settings);
    }

    /// Adds to `lakegate.toml`.
    fn append(&self, text: &str) {
        let file = self.path().join("lakegate.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, before + text).unwrap();
    }

    /// A queue for dead letters, which the project's function knows; its URL.
    fn dead_letters(&self) -> String {
        let url = self.queue("dead");
        self.append(&format!("\n[env.test.lambda]\ndead_letters = \"{url}\"\n"));
        url
    }

    /// A queue of this test; its URL.
    fn queue(&self, name: &str) -> String {
        self.tool(&["queue", &format!("{name}-{}", self.bucket)]).json()["url"].as_str().unwrap().to_owned()
    }

    /// What a queue holds.
    fn peek(&self, url: &str) -> Vec<Value> {
        self.tool(&["peek", url]).json().as_array().unwrap().clone()
    }

    /// The project as a function.
    fn function(&self) -> Function {
        let folder = self.path().to_path_buf();
        Function::new(move || {
            let mut command = std::process::Command::new(binary());
            command.current_dir(&folder).env("LAKEGATE_ENV", "test").env_remove("LAKEGATE_PROJECT");
            command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
            command.env("AWS_EC2_METADATA_DISABLED", "true").env_remove("AWS_PROFILE");
            command
        })
    }
}

/// A ledger whose events are objects: a small function that appends.
fn events_function() -> Option<(Cloud, Function)> {
    let cloud = Cloud::of(|| ledger::project(2, 2))?;
    cloud.inputs_in_the_bucket();
    let function = cloud.function();
    Some((cloud, function))
}

/// Puts the files of events with these numbers into the bucket; their keys.
fn put_events(cloud: &Cloud, numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    for number in numbers.clone() {
        ledger::add_events(cloud.path(), number);
    }
    cloud.tool(&["upload", &cloud.bucket, "in/events/", cloud.path().join("events").to_str().unwrap()]);
    numbers.map(|number| format!("in/events/{number:04}.json")).collect()
}
