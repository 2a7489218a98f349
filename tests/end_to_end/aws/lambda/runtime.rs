//! Lambda's runtime interface, played on this machine: a process is started as `bootstrap`, asked with events, and killed at the
//! deadline. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// How an invocation ended.
#[derive(Debug)]
pub enum Invoked {
    /// The function answered.
    Answer(Value),
    /// It reported an error: its type and message.
    Failed { kind: String, message: String },
    /// The time was up: the process was killed.
    TimedOut,
    /// The process ended.
    Crashed,
}

impl Invoked {
    #[track_caller]
    pub fn answer(self) -> Value {
        match self {
            Invoked::Answer(answer) => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    #[track_caller]
    pub fn failed(self) -> (String, String) {
        match self {
            Invoked::Failed { kind, message } => (kind, message),
            other => panic!("no failure: {other:?}"),
        }
    }
}

/// What the process asks of the interface.
enum Asked {
    /// It is ready for an event; whoever hears this answers on the stream.
    Next(TcpStream),
    Answer(Value),
    Error(Value),
}

/// A function, with one environment at a time.
pub struct Function {
    make: Box<dyn Fn() -> Command>,
    address: String,
    asked: Receiver<Asked>,
    waiting: Option<TcpStream>,
    child: Option<Child>,
    logs: Arc<Mutex<String>>,
    number: u32,
}

impl Function {
    /// `make` gives the command of the process, without its environment for Lambda.
    pub fn new(make: impl Fn() -> Command + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, asked) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || serve(stream, &sender));
            }
        });
        Self { make: Box::new(make), address, asked, waiting: None, child: None, logs: Arc::default(), number: 0 }
    }

    /// An invocation that may take so long.
    pub fn invoke(&mut self, event: &Value, time: Duration) -> Invoked {
        self.number += 1;
        let id = format!("request-{}-{}", std::process::id(), self.number);
        self.invoke_as(&id, event, time)
    }

    /// The same, under an id: Lambda tries asynchronous invocations again under the id that they had.
    pub fn invoke_as(&mut self, id: &str, event: &Value, time: Duration) -> Invoked {
        let ended = self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some());
        if ended || self.child.is_none() {
            self.start();
        }
        let stream = match self.waiting.take() {
            Some(stream) => stream,
            None => match self.wait(Instant::now() + Duration::from_secs(10)) {
                Some(Asked::Next(stream)) => stream,
                Some(Asked::Error(_) | Asked::Answer(_)) => panic!("an answer without a question"),
                None => return self.end(Invoked::Crashed),
            },
        };
        let deadline = Instant::now() + time;
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        send_event(stream, id, &event.to_string(), epoch.as_millis());
        match self.wait(deadline) {
            Some(Asked::Answer(answer)) => Invoked::Answer(answer),
            Some(Asked::Error(error)) => {
                let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
                Invoked::Failed { kind: text("errorType"), message: text("errorMessage") }
            }
            Some(Asked::Next(stream)) => {
                self.waiting = Some(stream);
                panic!("the function asked for the next event without answering this one")
            }
            None if Instant::now() >= deadline => self.end(Invoked::TimedOut),
            None => self.end(Invoked::Crashed),
        }
    }

    /// What the process has written so far.
    pub fn logs(&self) -> String {
        // What was written before an answer may still be on its way.
        std::thread::sleep(Duration::from_millis(50));
        self.logs.lock().unwrap().clone()
    }

    /// Most memory that the process has held, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let child = self.child.as_ref().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Kills the process, as Lambda may at any time between invocations.
    pub fn kill(&mut self) {
        self.end(Invoked::Crashed);
    }

    fn start(&mut self) {
        let mut child = (self.make)()
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "shop-test")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout: Box<dyn std::io::Read + Send> = Box::new(child.stdout.take().unwrap());
        let stderr: Box<dyn std::io::Read + Send> = Box::new(child.stderr.take().unwrap());
        for stream in [stdout, stderr] {
            let logs = Arc::clone(&self.logs);
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    logs.lock().unwrap().push_str(&(line + "\n"));
                }
            });
        }
        self.child = Some(child);
    }

    /// What is asked next; `None` when the time is up or the process has ended.
    fn wait(&mut self, until: Instant) -> Option<Asked> {
        loop {
            if let Ok(asked) = self.asked.recv_timeout(Duration::from_millis(20)) {
                return Some(asked);
            }
            let ended = self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
            if ended || Instant::now() >= until {
                return self.asked.try_recv().ok();
            }
        }
    }

    fn end(&mut self, how: Invoked) -> Invoked {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.waiting = None;
        while self.asked.try_recv().is_ok() {}
        how
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.end(Invoked::Crashed);
    }
}

/// The requests of one connection, until the process asks for an event.
fn serve(mut stream: TcpStream, sender: &Sender<Asked>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some((head, body)) = request(&mut reader) {
        let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
        if path.ends_with("/invocation/next") {
            // The answer is written where the event is at hand; the next request comes on the same connection.
            if sender.send(Asked::Next(stream.try_clone().unwrap())).is_err() {
                return;
            }
            continue;
        }
        let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let asked = if path.ends_with("/response") { Asked::Answer(value) } else { Asked::Error(value) };
        // Passed on first: once it is acknowledged, the process may ask for the next event on another connection.
        let passed_on = sender.send(asked);
        let said = stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
        if said.is_err() || passed_on.is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut head, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        chunked |= lower.starts_with("transfer-encoding:") && lower.contains("chunked");
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    if chunked {
        return Some((head, chunks(reader)?));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        body.extend(chunk);
        if size == 0 {
            return Some(body);
        }
    }
}

fn send_event(mut stream: TcpStream, id: &str, event: &str, deadline: u128) {
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\
         Lambda-Runtime-Deadline-Ms: {deadline}\r\nLambda-Runtime-Trace-Id: Root=1-0-0\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:ap-northeast-2:123456789012:function:shop-test\r\n\
         Content-Length: {}\r\n\r\n{event}",
        event.len()
    );
}

/// A notification of S3 for these keys, as S3 sends it: keys are form-encoded.
pub fn notification(bucket: &str, keys: &[&str]) -> Value {
    let encoded = |key: &str| -> String {
        let byte = |b: u8| match b {
            b' ' => "+".to_owned(),
            b if b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_') => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        };
        key.bytes().map(byte).collect()
    };
    let record = |key: &&str| {
        json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "ap-northeast-2", "eventName": "ObjectCreated:Put",
            "s3": { "s3SchemaVersion": "1.0", "bucket": { "name": bucket }, "object": { "key": encoded(key), "sequencer": "0055" } }
        })
    };
    json!({ "Records": keys.iter().map(record).collect::<Vec<_>>() })
}

/// A batch of a queue, as Lambda hands it on: an id, how often it was received, and what it holds.
pub fn batch(messages: &[(&str, u32, Value)]) -> Value {
    let record = |(id, received, body): &(&str, u32, Value)| {
        json!({
            "messageId": id, "receiptHandle": format!("handle of {id}"), "body": body.to_string(), "eventSource": "aws:sqs",
            "attributes": { "ApproximateReceiveCount": received.to_string() }, "messageAttributes": {},
        })
    };
    json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
}
