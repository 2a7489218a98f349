//! The shop's click logs: a week of hours, gzipped JSON events.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use lakegate_contract::{Error, Result};

use crate::random::Random;
use crate::words::{CAMPAIGNS, EVENT_WEIGHTS, EVENTS, PAGES, REFERRERS, USER_AGENTS};
use crate::{FIRST_DAY, Options, Progress, Sizes, instant, unwritable};

const HOURS: u64 = 7 * 24;
/// Events of a file; Firehose's are about so large.
const EVENTS_A_FILE: u64 = 50_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// How busy each hour of the day is in Seoul.
const RHYTHM: [u64; 24] =
    [30, 18, 10, 7, 6, 8, 15, 30, 45, 55, 60, 64, 70, 66, 62, 60, 62, 66, 72, 80, 95, 100, 85, 55];

/// Makes the logs anew, hours on several threads: each has a generator of its own.
pub(crate) fn generate(
    folder: &Path,
    sizes: &Sizes,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|e| unwritable(&e, folder))?;
    }
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || -> Result<()> {
        loop {
            let hour = next.fetch_add(1, Ordering::Relaxed);
            if hour >= HOURS {
                return Ok(());
            }
            let count = events_of(hour, sizes.clicks);
            write_hour(folder, hour, count, sizes, options)?;
            let done = done.fetch_add(count, Ordering::Relaxed) + count;
            progress(Progress { part: "clicks", done, all: sizes.clicks });
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .try_for_each(|h| h.join().map_err(|_| Error::bug("a thread of the generator has stopped"))?)
    })
}

fn seoul_hour(hour: u64) -> usize {
    usize::try_from((hour + 9) % 24).unwrap_or(0)
}

fn events_of(hour: u64, all: u64) -> u64 {
    let weight = RHYTHM.get(seoul_hour(hour)).copied().unwrap_or(1);
    (all * weight / (RHYTHM.iter().sum::<u64>() * 7)).max(1)
}

fn write_hour(folder: &Path, hour: u64, count: u64, sizes: &Sizes, options: &Options) -> Result<()> {
    let start = FIRST_DAY * 1000 + i64::try_from(hour).unwrap_or(0) * HOUR_MILLIS;
    let stamp =
        chrono::DateTime::from_timestamp_millis(start).map(|t| t.format("%Y/%m/%d/%H").to_string()).unwrap_or_default();
    let place = folder.join(stamp);
    std::fs::create_dir_all(&place).map_err(|e| unwritable(&e, &place))?;
    let mut random = Random::new(options.seed, 1000 + hour);
    let mut left = count;
    let mut part = 0;
    while left > 0 {
        let events = left.min(EVENTS_A_FILE);
        // Firehose writes no line breaks by itself: neither does one file in twenty here.
        let glue = if random.chance(1, 20) { "" } else { "\n" };
        let text = events_text(&mut random, start, events, glue, sizes, options);
        let path = place.join(format!("part-{part}.json.gz"));
        write_gzip(&path, text.as_bytes()).map_err(|e| unwritable(&e, &path))?;
        left -= events;
        part += 1;
    }
    Ok(())
}

fn write_gzip(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut encoder = GzEncoder::new(std::fs::File::create(path)?, Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()?.flush()
}

fn events_text(random: &mut Random, start: i64, count: u64, glue: &str, sizes: &Sizes, options: &Options) -> String {
    let mut text = String::new();
    let mut event = String::new();
    for _ in 0..count {
        event.clear();
        write_event(&mut event, random, start, sizes, options);
        // Only whole lines are cut short: without line breaks nobody could say where a cut event ends.
        let cut = !glue.is_empty() && random.chance(1, 1000);
        if cut {
            let kept = event.len() / 2;
            let kept = (0..=kept).rev().find(|at| event.is_char_boundary(*at)).unwrap_or(0);
            text.push_str(event.get(..kept.max(1)).unwrap_or("{"));
            text.push('\n');
            continue;
        }
        text.push_str(&event);
        text.push_str(glue);
        if random.chance(1, 2000) {
            text.push_str(&event);
            text.push_str(glue);
        }
    }
    text
}

fn write_event(out: &mut String, random: &mut Random, start: i64, sizes: &Sizes, options: &Options) {
    let late = if random.chance(1, 100) { HOUR_MILLIS } else { 0 };
    let at = start + i64::try_from(random.below(HOUR_MILLIS.cast_unsigned())).unwrap_or(0) - late;
    let time = if random.chance(1, 2000) { "2026-13-45T99:61:00.000Z".to_owned() } else { instant(at) };
    let index = random.weighted(&EVENT_WEIGHTS);
    let name = if random.chance(1, 2000) { "hover_banner" } else { EVENTS.get(index).copied().unwrap_or_default() };
    let product = matches!(index, 1 | 2 | 4).then(|| 1 + random.skewed(sizes.products));
    let session = random.below(sizes.clicks / 7 + 1);
    let user = if session % 20 < 11 { Some(1 + session % sizes.users) } else { None };
    let page = match product {
        Some(product) => format!("/products/{product}"),
        None => random.pick(&PAGES).to_owned(),
    };
    let null = |number: Option<u64>| number.map_or_else(|| "null".to_owned(), |n| n.to_string());
    let (high, low) = (random.next(), random.next());
    let mark = options.canary.as_deref().unwrap_or_default();
    let _ = write!(
        out,
        "{{\"event_id\":\"{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}\",\"ts\":\"{time}\",\"user_id\":{},\"session_id\":\"{:016x}\",\
         \"event\":\"{name}\",\"page\":\"{page}\",\"product_id\":{},\"referrer\":{},\"user_agent\":\"{}\",\
         \"ip\":\"{mark}{}.{}.{}.{}\",\"utm\":{}}}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff,
        null(user),
        session.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        null(product),
        random.pick(&REFERRERS),
        random.pick(&USER_AGENTS),
        1 + random.below(223),
        random.below(256),
        random.below(256),
        1 + random.below(254),
        random.pick(&CAMPAIGNS),
    );
}
