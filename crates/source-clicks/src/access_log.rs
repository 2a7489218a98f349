//! Web servers' access logs: the common and the combined format.
//!
//! `host ident user [10/Oct/2000:13:55:36 -0700] "METHOD path PROTOCOL" status bytes "referrer" "user agent"`, the last two
//! in the combined format. <https://httpd.apache.org/docs/current/logs.html#combined>

use std::borrow::Cow;

use chrono::DateTime;

/// The fields that a contract may name, in the order of [`parse`]'s result.
pub(crate) const FIELDS: [&str; 13] = [
    "ip",
    "ident",
    "user",
    "time",
    "method",
    "path",
    "query",
    "protocol",
    "status",
    "bytes",
    "referrer",
    "user_agent",
    "request",
];

const TIME: usize = 3;

/// The fields of a line; `None` for `-` and for what the line does not have. The time is in ISO 8601.
pub(crate) fn parse(line: &str, combined: bool) -> Result<[Option<Cow<'_, str>>; 13], &'static str> {
    let mut fields: [Option<Cow<'_, str>>; 13] = Default::default();
    let mut rest = line;
    for field in fields.iter_mut().take(TIME) {
        *field = dash(word(&mut rest)?.into());
    }
    let time = between(&mut rest, "[", "]").ok_or("no time in brackets")?;
    let time = DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z").map_err(|_| "a time that is no time")?;
    let request = quoted(&mut rest).ok_or("no request in quotes")?;
    let status = word(&mut rest)?;
    if status.len() != 3 || !status.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a status that is no number of three digits");
    }
    let bytes = word(&mut rest)?;
    if bytes != "-" && !bytes.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a size that is no number");
    }
    let [.., method, path, query, protocol, status_field, bytes_field, referrer, user_agent, request_field] =
        &mut fields;
    if combined {
        *referrer = dash(quoted(&mut rest).ok_or("no referrer in quotes")?);
        *user_agent = dash(quoted(&mut rest).ok_or("no user agent in quotes")?);
    }
    *status_field = Some(status.into());
    *bytes_field = dash(bytes.into());
    (*method, *path, *query, *protocol) = parts(&request);
    *request_field = dash(request);
    if let Some(field) = fields.get_mut(TIME) {
        *field = Some(time.to_rfc3339().into());
    }
    Ok(fields)
}

type Field<'a> = Option<Cow<'a, str>>;

/// Method, path, query string and protocol of a request; nothing where it has not that form.
fn parts<'a>(request: &Cow<'a, str>) -> (Field<'a>, Field<'a>, Field<'a>, Field<'a>) {
    let own = |text: &str| Some(Cow::Owned(text.to_owned()));
    let mut words = request.splitn(3, ' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Default::default() };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, own(query)),
        None => (target, None),
    };
    (own(method), own(path), query, words.next().and_then(own))
}

fn dash(text: Cow<'_, str>) -> Field<'_> {
    (text != "-").then_some(text)
}

fn word<'a>(rest: &mut &'a str) -> Result<&'a str, &'static str> {
    let text = rest.trim_start_matches(' ');
    let end = text.find(' ').unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    *rest = after;
    if word.is_empty() { Err("too few fields") } else { Ok(word) }
}

fn between<'a>(rest: &mut &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (inner, after) = rest.trim_start_matches(' ').strip_prefix(open)?.split_once(close)?;
    *rest = after;
    Some(inner)
}

/// A field in quotes, in which `\"` stands for a quote.
fn quoted<'a>(rest: &mut &'a str) -> Option<Cow<'a, str>> {
    let text = rest.trim_start_matches(' ').strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let (inner, after) = (text.get(..at)?, text.get(at + 1..)?);
                *rest = after;
                return Some(if inner.contains("\\\"") { inner.replace("\\\"", "\"").into() } else { inner.into() });
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(fields: &'a [Field<'_>; 13], name: &str) -> Option<&'a str> {
        fields[FIELDS.iter().position(|f| *f == name).unwrap()].as_deref()
    }

    #[test]
    fn a_combined_line_is_taken_apart() {
        let line =
            r#"203.0.113.9 - frank [10/Oct/2000:13:55:36 -0700] "GET /a/b?q=1 HTTP/1.0" 200 - "-" "Mozilla \"x\"""#;
        let fields = parse(line, true).unwrap();
        for (name, value) in [
            ("ip", Some("203.0.113.9")),
            ("ident", None),
            ("user", Some("frank")),
            ("time", Some("2000-10-10T13:55:36-07:00")),
            ("method", Some("GET")),
            ("path", Some("/a/b")),
            ("query", Some("q=1")),
            ("protocol", Some("HTTP/1.0")),
            ("status", Some("200")),
            ("bytes", None),
            ("referrer", None),
            ("user_agent", Some("Mozilla \"x\"")),
        ] {
            assert_eq!(field(&fields, name), value, "{name}");
        }
    }

    #[test]
    fn malformed_lines_say_what_is_wrong_without_the_line() {
        for line in [
            "",
            "a b c",
            "a b c [x] \"r\" 200 1",
            "a b c [10/Oct/2000:13:55:36 -0700] GET 200 1",
            "a b c [10/Oct/2000:13:55:36 -0700] \"GET /\" 2xx 1",
        ] {
            assert!(parse(line, false).is_err(), "{line}");
        }
    }
}
