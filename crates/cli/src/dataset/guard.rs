//! What a reader of CSV passes over without a word, or tells in words that nobody understands, found before it reads: quotes that are
//! not closed, files whose columns are in another order, columns of one name. Each file is read once for it, in pieces.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Error, Result};
use lakegate_lake::FileRoot;
use object_store::ObjectMeta;

use super::stream;

/// Files that are read together.
pub const FILES: usize = 4;
/// Most bytes of a first line that are compared.
const LONGEST_HEADER: usize = 1 << 20;

/// Refuses CSV files that would be misread.
pub async fn refuse_misreadings(root: &FileRoot, files: &[ObjectMeta], compressed: bool) -> Result<()> {
    let looks = files.iter().map(|file| async move { look(root, file, compressed).await });
    let mut looks = futures::stream::iter(looks.collect::<Vec<_>>()).buffered(FILES);
    let mut first: Option<(String, Vec<u8>)> = None;
    for file in files {
        let Some(look) = looks.try_next().await? else { break };
        let place = stream::shown(root, &file.location);
        if look.quotes % 2 == 1 {
            return Err(Error::bad_input("a quote is opened and not closed")
                .at(place)
                .expected("an even number of quotes: one inside a quoted cell is written twice"));
        }
        match &first {
            Some((known, header)) if *header != look.header => {
                return Err(Error::bad_input("the file has another header than the first one")
                    .at(place)
                    .expected(format!("the header of {known}"))
                    .help("judge files of different columns one by one"));
            }
            Some(_) => {}
            None => {
                refuse_header(&look.header).map_err(|error| error.at(format!("{place}, line 1")))?;
                first = Some((place, look.header));
            }
        }
    }
    Ok(())
}

/// Refuses a header whose names do not tell the columns apart.
fn refuse_header(header: &[u8]) -> Result<()> {
    let header = String::from_utf8_lossy(header);
    let names = cells(header.trim_start_matches('\u{feff}'));
    if let [only] = names.as_slice()
        && let Some((separator, word)) = SEPARATORS.iter().find(|(separator, _)| only.contains(*separator))
    {
        return Err(Error::bad_input(format!("the cells seem to be separated by {word}")).expected("commas").help(
            format!(
                "write the file with commas; DuckDB: COPY (FROM read_csv('x.csv', delim='{}')) TO 'y.csv'",
                separator.escape_default()
            ),
        ));
    }
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, name) in (1..).zip(&names) {
        places.entry(name).or_default().push(place);
    }
    let Some(first) = names.iter().find(|name| places.get(name.as_str()).is_some_and(|places| places.len() > 1)) else {
        return Ok(());
    };
    let places: Vec<String> = places.get(first.as_str()).into_iter().flatten().map(ToString::to_string).collect();
    let (last, others) = places.split_last().map_or(("", String::new()), |(last, others)| (last, others.join(", ")));
    let found = match first.as_str() {
        "" => format!("columns {others} and {last} have no name"),
        name => format!("columns {others} and {last} are named `{name}`"),
    };
    Err(Error::bad_input(found).expected("a name of its own for each column"))
}

/// What other programs put between cells.
const SEPARATORS: [(char, &str); 3] = [(';', "semicolons"), ('\t', "tabs"), ('|', "vertical bars")];

/// The cells of a line; a quoted one may hold commas, and a quote that is written twice.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, cells.last_mut()) {
            ('"', Some(cell)) if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => cells.push(String::new()),
            (c, Some(cell)) => cell.push(c),
            _ => {}
        }
    }
    cells
}

/// What is seen of a text as it goes by.
#[derive(Default)]
struct Look {
    quotes: u64,
    header: Vec<u8>,
    header_ended: bool,
}

impl stream::Look for Look {
    fn see(&mut self, text: &[u8]) {
        self.quotes += memchr::memchr_iter(b'"', text).count() as u64;
        if !self.header_ended {
            let end = memchr::memchr(b'\n', text);
            self.header.extend(text.iter().take(end.unwrap_or(text.len())));
            self.header_ended = end.is_some() || self.header.len() > LONGEST_HEADER;
        }
    }
}

async fn look(root: &FileRoot, file: &ObjectMeta, compressed: bool) -> Result<Look> {
    let mut look = Look::default();
    stream::through(root, file, compressed, &mut look).await?;
    while look.header.last().is_some_and(u8::is_ascii_whitespace) {
        look.header.pop();
    }
    Ok(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(header: &str) -> Option<String> {
        refuse_header(header.as_bytes()).err().map(|error| error.found().to_owned())
    }

    #[test]
    fn names_of_columns_are_told_apart() {
        assert_eq!(refused("id,name,\"na,me\",Name"), None);
        assert_eq!(refused("id,name,\"id\",x,id").unwrap(), "columns 1, 3 and 5 are named `id`");
        assert_eq!(refused("\u{feff}id,id").unwrap(), "columns 1 and 2 are named `id`");
        assert_eq!(refused("a,,b,").unwrap(), "columns 2 and 4 have no name");
        // The first column of pandas has no name.
        assert_eq!(refused(",a,b"), None);
    }

    #[test]
    fn other_separators_are_named() {
        assert_eq!(refused("id;name").unwrap(), "the cells seem to be separated by semicolons");
        assert!(
            refused("id\tname").unwrap().ends_with("tabs") && refused("a;b,c").is_none() && refused("a b").is_none()
        );
    }
}
