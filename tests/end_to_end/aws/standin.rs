//! The stand-in's control: faults by rule, and what was asked of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a test waits for a request that it is sure of.
const PATIENCE: Duration = Duration::from_secs(40);

/// The stand-in.
pub struct Standin {
    /// Its address: `http://127.0.0.1:port`.
    pub endpoint: String,
}

/// A rule that is in force until it is removed.
pub struct Rule<'a> {
    standin: &'a Standin,
    id: String,
}

impl Standin {
    pub fn new(endpoint: String) -> Self {
        Self { endpoint }
    }

    /// Sets a rule; see `tests/standin/rules.py` for what it may say.
    pub fn rule(&self, rule: Value) -> Rule<'_> {
        let made = self.ask("POST", "/_control/rules", Some(&rule));
        Rule { standin: self, id: text(&made["id"]) }
    }

    /// The operations that a bucket or database was asked for, in order.
    pub fn operations(&self, scope: &str) -> Vec<String> {
        self.log(scope).iter().map(|call| text(&call["operation"])).collect()
    }

    /// Everything that a bucket or database was asked for.
    pub fn log(&self, scope: &str) -> Vec<Value> {
        self.ask("GET", &format!("/_control/log?scope={scope}"), None).as_array().unwrap().clone()
    }

    /// Forgets what was asked so far.
    pub fn forget(&self, scope: &str) {
        self.ask("DELETE", &format!("/_control/log?scope={scope}"), None);
    }

    /// How queries of a database go.
    pub fn athena(&self, settings: Value) {
        self.ask("POST", "/_control/athena", Some(&settings));
    }

    /// The messages that Slack's double has taken under a scope.
    pub fn slack(&self, scope: &str) -> Vec<Value> {
        self.ask("GET", &format!("/_control/slack?scope={scope}"), None).as_array().unwrap().clone()
    }

    /// A run of a job of Glue's own, which took so many seconds.
    pub fn glue_run(&self, job: &str, run: &str, seconds: u32) {
        let run = json!({ "job": job, "run": run, "execution_time": seconds, "state": "SUCCEEDED", "arguments": {} });
        self.ask("POST", "/_control/glue_runs", Some(&run));
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let host = self.endpoint.strip_prefix("http://").unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 ") || head.contains(" 201 "), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }
}

impl Rule<'_> {
    /// How often it has acted.
    pub fn hits(&self) -> u64 {
        self.standin.ask("GET", &format!("/_control/rules/{}", self.id), None)["hits"].as_u64().unwrap()
    }

    /// Waits until it has acted; `false` when `gone` says that nobody will ask any more.
    pub fn wait(&self, mut gone: impl FnMut() -> bool) -> bool {
        let began = Instant::now();
        loop {
            if self.hits() > 0 {
                return true;
            }
            if gone() {
                return self.hits() > 0;
            }
            assert!(began.elapsed() < PATIENCE, "no request has met the rule");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lets go on what it holds, and removes it.
    pub fn release(self) {}
}

impl Drop for Rule<'_> {
    fn drop(&mut self) {
        self.standin.ask("DELETE", &format!("/_control/rules/{}", self.id), None);
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The stand-in must be right about what the tests rest on.
#[test]
fn the_stand_in_passes_its_own_suite() {
    let Some(python) = crate::support::python() else { return };
    let script = crate::support::repository().join("tests/standin/self_test.py");
    crate::support::run_python(&python, &script, &[]).expect_code(0);
}

/// A rule over one operation of a scope.
pub fn on(scope: &str, operation: &str, action: &str) -> Value {
    json!({ "scope": scope, "operation": operation, "action": action })
}
