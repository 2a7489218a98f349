//! What each deployed function asks of AWS, beside what its role in `deploy/template.yaml` allows: no more, no less.

use std::time::Duration;

use lakegate_sample_shop::Options;
use serde_json::{Value, json};

use super::runtime::{Function, Invoked, batch, notification};
use super::{AMPLE, Cloud, edit};
use crate::support::{binary, python, repository, run_python, shop};

const OURS: &str = "data/clicks/late/";

/// The shop as it is deployed: `[env.prod]` with the variables that the template sets.
struct Deployed {
    cloud: Cloud,
    secret: String,
    dead_letters: String,
    topic: String,
}

impl Deployed {
    fn new() -> Option<Self> {
        let cloud = Cloud::of(|| shop(&Options { scale: 0.002, ..Options::default() }))?;
        let secret = format!("lakegate/{}", cloud.bucket);
        cloud.tool(&["secret", &secret, "{\"url\": \"sqlite:data/shop.db\"}"]);
        cloud.configure("lakegate/shop#url", &format!("{secret}#url"));
        let dead_letters = cloud.queue("dead");
        let topic = cloud.tool(&["topic", &format!("alarms-{}", cloud.bucket)]).stdout.trim().to_owned();
        cloud.tool(&["database", &cloud.database]);
        cloud.tool(&["upload", &cloud.bucket, "data/", cloud.path().join("data").to_str().unwrap()]);
        Some(Self { cloud, secret, dead_letters, topic })
    }

    fn function(&self) -> Function {
        let folder = self.cloud.path().to_path_buf();
        let variables = [
            ("LAKEGATE_BUCKET", self.cloud.bucket.clone()),
            ("LAKEGATE_KMS_KEY", "arn:aws:kms:ap-northeast-2:123456789012:key/k".to_owned()),
            ("LAKEGATE_DATABASE", self.cloud.database.clone()),
            ("LAKEGATE_WORK_GROUP", "shop".to_owned()),
            ("LAKEGATE_ALARM_TOPIC", self.topic.clone()),
            ("LAKEGATE_DEAD_LETTERS", self.dead_letters.clone()),
            ("LAKEGATE_ENV", "prod".to_owned()),
            ("AWS_ENDPOINT_URL", self.cloud.standin.endpoint.clone()),
            ("AWS_REGION", "ap-northeast-2".to_owned()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        Function::new(move || {
            let mut command = std::process::Command::new(binary());
            command
                .current_dir(&folder)
                .envs(variables.clone())
                .env_remove("AWS_PROFILE")
                .env_remove("LAKEGATE_PROJECT");
            command
        })
    }

    fn scopes(&self) -> Vec<String> {
        let name = |address: &str| address.rsplit(['/', ':']).next().unwrap().to_owned();
        let Self { cloud, secret, dead_letters, topic } = self;
        vec![cloud.bucket.clone(), cloud.database.clone(), secret.clone(), name(dead_letters), name(topic)]
    }

    /// Forgets what was asked, lets `work` happen, and fails the test unless the role of `function` allows exactly what was
    /// asked since.
    fn holds(&self, function: &str, more: &[String], work: impl FnOnce()) {
        let scopes: Vec<String> = self.scopes().into_iter().chain(more.iter().cloned()).collect();
        scopes.iter().for_each(|scope| self.cloud.standin.forget(scope));
        work();
        // But for what the test itself has put into the bucket meanwhile.
        let ours = |call: &Value| call["key"].as_str().is_some_and(|key| key.starts_with(OURS));
        let asked: Vec<Value> = scopes
            .iter()
            .flat_map(|scope| self.cloud.standin.log(scope))
            .filter(|call| call["operation"] != "PutObject" || !ours(call))
            .collect();
        assert!(!asked.is_empty());
        let file = self.cloud.path().join("requests.json");
        std::fs::write(&file, json!(asked).to_string()).unwrap();
        let root = repository();
        let set = |name: &str, value: &str| ["--set".to_owned(), format!("{name}={value}")];
        let [_, _, _, queue, topic] = &scopes[..5] else { panic!("five scopes") };
        let settings = [
            set("LakeBucketName", &self.cloud.bucket),
            set("DatabaseName", &self.cloud.database),
            set("DatabaseSecretName", &self.secret),
            set("DeadLetters", queue),
            set("AlarmTopic", topic),
        ]
        .concat();
        let template = root.join("deploy/template.yaml");
        let mut arguments = vec![template.to_str().unwrap(), function, file.to_str().unwrap()];
        arguments.extend(settings.iter().map(String::as_str));
        let verdict =
            run_python(&self.cloud.python, &root.join("tests/oracle/roles.py"), &arguments).expect_code(0).json();
        assert_eq!(verdict["denied"], json!([]), "{function} asks for more than its role allows: {verdict:#}");
        assert_eq!(verdict["unused"], json!([]), "{function} is allowed more than it asks for: {verdict:#}");
    }

    /// Runs with a shop that has changed since.
    fn change_the_shop(&self) {
        let database = rusqlite::Connection::open(self.cloud.path().join("data/shop.db")).unwrap();
        // Any write counts.
        database.execute_batch("UPDATE users SET user_id = user_id").unwrap();
    }
}

#[test]
fn the_nightly_tables_ask_for_what_their_role_allows() {
    let Some(shop) = Deployed::new() else { return };
    let nightly = json!({ "run": ["categories", "users", "products", "orders", "order_items", "reviews"] });
    shop.holds("TablesFunction", &[], || {
        let mut function = shop.function();
        function.invoke(&nightly, AMPLE).answer();
        shop.change_the_shop();
        function.invoke(&nightly, AMPLE).answer();
        // A run that is killed before it publishes, and the one that clears up behind it.
        shop.change_the_shop();
        let held = json!({ "scope": shop.cloud.bucket, "operation": "PutObject", "key": r"orders/_delta_log/\d{20}\.json$", "action": "hold_before" });
        let rule = shop.cloud.standin.rule(held);
        function.invoke(&nightly, Duration::from_secs(8));
        assert!(rule.hits() > 0);
        rule.release();
        function.invoke(&json!({ "resume": true }), AMPLE).answer();
        // One that is slow is told, with how long it usually takes.
        edit(&shop.cloud.path().join("jobs/users.toml"), "max_duration = \"10m\"", "max_duration = \"1s\"");
        shop.change_the_shop();
        let slow = json!({ "scope": shop.cloud.database, "operation": "GetTable", "action": "delay", "seconds": 2, "times": 1 });
        let _rule = shop.cloud.standin.rule(slow);
        function.kill();
        function.invoke(&json!({ "run": ["users"] }), AMPLE).answer();
        function.invoke(&json!({ "vacuum": ["users", "orders"] }), AMPLE).answer();
    });
}

#[test]
fn the_clicks_ask_for_what_their_role_allows() {
    let Some(shop) = Deployed::new() else { return };
    let clicks = json!({ "run": ["clicks"] });
    shop.holds("ClicksFunction", &[], || {
        let mut function = shop.function();
        let first = function.invoke(&clicks, AMPLE);
        assert!(matches!(first, Invoked::Answer(_)), "{first:?}\n{}", function.logs());
        // More of an hour that is there already.
        let event = |id: u32| {
            format!(
                "{{\"event_id\":\"late-{id}\",\"ts\":\"2026-03-03T01:00:00Z\",\"session_id\":\"0123456789abcdef\",\
                 \"event\":\"product_view\",\"product_id\":1}}\n"
            )
        };
        let put = |id| shop.cloud.tool(&["put", &shop.cloud.bucket, &format!("{OURS}{id}.json.gz"), &event(id)]);
        put(1);
        function.invoke(&clicks, AMPLE).answer();
        put(2);
        edit(&shop.cloud.path().join("jobs/clicks.toml"), "max_duration = \"5m\"", "max_duration = \"1s\"");
        let slow = json!({ "scope": shop.cloud.database, "operation": "GetTable", "action": "delay", "seconds": 2, "times": 1 });
        let _rule = shop.cloud.standin.rule(slow);
        function.kill();
        function.invoke(&clicks, AMPLE).answer();
        function.invoke(&json!({ "vacuum": ["clicks"] }), AMPLE).answer();
    });
}

#[test]
fn the_surveys_ask_for_what_their_role_allows() {
    let Some(shop) = Deployed::new() else { return };
    let keys: Vec<String> = ["2025Q2", "2025Q3"].map(|q| format!("data/surveys/설문_{q}.xlsx")).into();
    shop.cloud.tool(&["put", &shop.cloud.bucket, "data/surveys/설문_2027Q1.xlsx", "no workbook"]);
    shop.holds("SurveysFunction", &[], || {
        let mut function = shop.function();
        for (id, key) in [("one", &keys[0]), ("two", &keys[1]), ("bad", &"data/surveys/설문_2027Q1.xlsx".to_owned())] {
            let event = batch(&[(id, 1, notification(&shop.cloud.bucket, &[key]))]);
            assert_eq!(function.invoke(&event, AMPLE).answer(), json!({ "batchItemFailures": [] }), "{}", function.logs());
        }
        edit(&shop.cloud.path().join("jobs/survey_responses.toml"), "max_duration = \"2m\"", "max_duration = \"1s\"");
        let slow = json!({ "scope": shop.cloud.database, "operation": "GetTable", "action": "delay", "seconds": 2, "times": 1 });
        let _rule = shop.cloud.standin.rule(slow);
        function.kill();
        // Of many objects the folder is listed.
        let many: Vec<String> = (0..20).map(|i| format!("data/surveys/gone_{i}.xlsx")).collect();
        let keys: Vec<&str> = many.iter().map(String::as_str).chain(["data/surveys/설문_2025Q4.xlsx"]).collect();
        function.invoke(&batch(&[("three", 1, notification(&shop.cloud.bucket, &keys))]), AMPLE).answer();
        function.invoke(&json!({ "vacuum": ["survey_responses"] }), AMPLE).answer();
    });
}

#[test]
fn the_watch_asks_for_what_its_role_allows() {
    let Some(shop) = Deployed::new() else { return };
    let mut tables = shop.function();
    let away = json!({ "scope": shop.cloud.database, "operation": "UpdateTable", "action": "status", "status": 400, "error": "InvalidInputException", "times": -1 });
    let rule = shop.cloud.standin.rule(away);
    tables.invoke(&json!({ "run": ["users", "orders"] }), AMPLE);
    drop(rule);
    let job = format!("lakegate-{}", shop.cloud.bucket);
    shop.cloud.standin.glue_run(&job, "jr_1", 840);
    shop.cloud.append(&format!("\n[env.prod.alarms.glue_jobs.\"{job}\"]\nmax_duration = \"10m\"\n"));
    shop.holds("AlarmsFunction", std::slice::from_ref(&job), || {
        let mut function = shop.function();
        function.invoke(&json!({ "check": "freshness" }), AMPLE).answer();
        let ended = json!({ "source": "aws.glue", "detail-type": "Glue Job State Change", "detail": { "jobName": job, "state": "SUCCEEDED", "jobRunId": "jr_1" } });
        for _ in 0..2 {
            function.invoke(&ended, AMPLE).answer();
        }
    });
}

#[test]
fn the_roles_are_read_as_aws_would() {
    let Some(python) = python() else { return };
    let root = repository();
    let template = root.join("deploy/template.yaml");
    let script = root.join("tests/oracle/roles.py");
    run_python(&python, &script, &[template.to_str().unwrap(), "--self-test"]).expect_code(0);
}
