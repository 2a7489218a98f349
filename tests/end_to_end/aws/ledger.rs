//! Two tables small enough to be loaded a hundred times in a test: one that is replaced, one that is appended to.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

const PROJECT: &str = "name = \"ledger\"\ntime_zone = \"UTC\"\n\n[lake]\nlocation = \"lake\"\n\n[connections.books]\nurl = \"sqlite:books.db\"\n";

const ENTRIES_JOB: &str = "[source]\nkind = \"rds\"\nconnection = \"books\"\ntable = \"entries\"\n";
const ENTRIES: &str = "description = \"Entries by month\"\nkey = [\"entry_id\"]\npartition_by = [\"month(day) as month\"]\ncolumns = [\n  { name = \"entry_id\", type = \"bigint\", nullable = false, comment = \"Number\" },\n  { name = \"day\", type = \"date\", nullable = false },\n  { name = \"load\", type = \"bigint\", nullable = false, comment = \"Which load wrote it\" },\n]\n";

const EVENTS_JOB: &str =
    "mode = \"append\"\n\n[source]\nkind = \"clicks\"\nfiles = \"events/*.json\"\nformat = \"json\"\n";
const EVENTS: &str = "partition_by = [\"date(ts) as day\"]\ncolumns = [\n  { name = \"event_id\", type = \"string\", nullable = false },\n  { name = \"ts\", type = \"timestamp\", nullable = false },\n]\n";

/// A project with `months` months of entries, of `rows` each, and two files of events over two days.
pub fn project(months: u32, rows: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lakegate.toml", PROJECT);
    write("jobs/entries.toml", ENTRIES_JOB);
    write("schemas/entries.toml", ENTRIES);
    write("jobs/events.toml", EVENTS_JOB);
    write("schemas/events.toml", EVENTS);
    fs::create_dir_all(folder.path().join("events")).unwrap();
    let database = rusqlite::Connection::open(folder.path().join("books.db")).unwrap();
    database
        .execute_batch("CREATE TABLE entries (entry_id INTEGER PRIMARY KEY, day TEXT, load INTEGER); BEGIN")
        .unwrap();
    for number in 0..months * rows {
        let month = number % months;
        let day = format!("{:04}-{:02}-{:02}", 1900 + month / 12, 1 + month % 12, 1 + number % 28);
        database.execute("INSERT INTO entries VALUES (?1, ?2, 1)", (number, day)).unwrap();
    }
    database.execute_batch("COMMIT").unwrap();
    add_events(folder.path(), 1);
    folder
}

/// Marks all entries with a load.
pub fn set_load(project: &Path, load: u32) {
    let database = rusqlite::Connection::open(project.join("books.db")).unwrap();
    database.execute("UPDATE entries SET load = ?1", [load]).unwrap();
}

/// Events of a file.
pub const EVENTS_PER_FILE: u64 = 40;

/// Adds a file of events over the same two days.
pub fn add_events(project: &Path, number: u32) {
    let line = |i: u64| {
        format!("{{\"event_id\": \"e-{number}-{i}\", \"ts\": \"2026-03-{:02}T{:02}:00:00Z\"}}\n", 1 + i % 2, i % 24)
    };
    let text: String = (0..EVENTS_PER_FILE).map(line).collect();
    fs::write(project.join(format!("events/{number:04}.json")), text).unwrap();
}
