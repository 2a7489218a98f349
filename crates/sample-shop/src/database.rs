//! The shop's database.

use std::path::Path;

use lakegate_contract::{Error, Result};
use rusqlite::{Connection, params};

use crate::random::Random;
use crate::words::{
    ADJECTIVES, GIVEN_NAMES, GOODS, PHRASES, STATUS_WEIGHTS, STATUSES, STREETS, SUB_CATEGORIES, SURNAMES,
    TOP_CATEGORIES,
};
use crate::{CATEGORIES, DAY, LAST_MOMENT, Options, Progress, Sizes, instant, unwritable};

const TABLES: &str = "
CREATE TABLE users (user_id INTEGER PRIMARY KEY, email TEXT NOT NULL, password_hash TEXT NOT NULL, name TEXT NOT NULL,
    phone TEXT NOT NULL, address TEXT NOT NULL, birth_date TEXT NOT NULL, gender TEXT, signup_at TEXT NOT NULL);
CREATE TABLE categories (category_id INTEGER PRIMARY KEY, name TEXT NOT NULL, parent_id INTEGER);
CREATE TABLE products (product_id INTEGER PRIMARY KEY, name TEXT NOT NULL, category_id INTEGER NOT NULL, price TEXT NOT NULL,
    created_at TEXT NOT NULL);
CREATE TABLE orders (order_id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, status TEXT NOT NULL, ordered_at TEXT NOT NULL,
    total_amount TEXT NOT NULL);
CREATE TABLE order_items (order_item_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, product_id INTEGER NOT NULL,
    quantity INTEGER NOT NULL, unit_price TEXT NOT NULL);
CREATE TABLE reviews (review_id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, user_id INTEGER NOT NULL,
    rating INTEGER NOT NULL, body TEXT NOT NULL, created_at TEXT NOT NULL);
";

type Done<'a> = dyn Fn(Progress) + Sync + 'a;

/// Makes the database anew.
pub(crate) fn generate(path: &Path, sizes: &Sizes, options: &Options, progress: &Done<'_>) -> Result<()> {
    if path.exists() {
        std::fs::remove_file(path).map_err(|e| unwritable(&e, path))?;
    }
    fill(path, sizes, options, progress).map_err(|e| {
        Error::unavailable("the sample's database cannot be written").at(path.display().to_string()).caused_by(e)
    })
}

fn fill(path: &Path, sizes: &Sizes, options: &Options, progress: &Done<'_>) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE")?;
    connection.execute_batch(TABLES)?;
    let transaction = connection.transaction()?;
    users(&transaction, sizes, options, progress)?;
    categories(&transaction)?;
    let prices = products(&transaction, sizes, options)?;
    orders(&transaction, sizes, options, &prices, progress)?;
    reviews(&transaction, sizes, options, progress)?;
    transaction.commit()
}

fn tell(progress: &Done, part: &'static str, done: u64, all: u64) {
    const STEP: u64 = 10_000;
    if done.is_multiple_of(STEP) || done == all {
        progress(Progress { part, done, all });
    }
}

fn users(connection: &Connection, sizes: &Sizes, options: &Options, progress: &Done<'_>) -> rusqlite::Result<()> {
    let mut random = Random::new(options.seed, 1);
    let mark = options.canary.as_deref().unwrap_or_default();
    let mut insert = connection.prepare("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for id in 1..=sizes.users {
        let email = format!("{mark}user{id}@{}", random.pick(&["example.com", "shop.example.kr", "mail.example.net"]));
        let hash = format!("{mark}{:016x}{:016x}", random.next(), random.next());
        let name = format!("{}{}{mark}", random.pick(&SURNAMES), random.pick(&GIVEN_NAMES));
        let phone = format!("010-{:04}-{:04}{mark}", random.below(10_000), random.below(10_000));
        let address =
            format!("{} {}, {}호{mark}", random.pick(&STREETS), 1 + random.below(900), 101 + random.below(2400));
        let age_days = i64::try_from(14 * 365 + random.below(62 * 365)).unwrap_or(0);
        let birth =
            chrono::DateTime::from_timestamp(LAST_MOMENT - age_days * DAY, 0).map(|t| t.format("%Y-%m-%d").to_string());
        let gender = [Some("F"), Some("M"), None].get(random.weighted(&[56, 41, 3])).copied().flatten();
        let signup = moment(&mut random, 3 * 365);
        insert.execute(params![id, email, hash, name, phone, address, birth, gender, signup])?;
        tell(progress, "users", id, sizes.users);
    }
    Ok(())
}

/// A moment within the last `days`.
fn moment(random: &mut Random, days: i64) -> String {
    let back = random.below(u64::try_from(days * DAY * 1000).unwrap_or(1));
    instant(LAST_MOMENT * 1000 - 1 - i64::try_from(back).unwrap_or(0))
}

fn categories(connection: &Connection) -> rusqlite::Result<()> {
    let mut insert = connection.prepare("INSERT INTO categories VALUES (?, ?, ?)")?;
    let tops = TOP_CATEGORIES.len() as u64;
    for id in 1..=CATEGORIES {
        let index = usize::try_from((id - 1) % tops).unwrap_or(0);
        let top = TOP_CATEGORIES.get(index).copied().unwrap_or_default();
        if id <= tops {
            insert.execute(params![id, top, None::<u64>])?;
        } else {
            let sub =
                SUB_CATEGORIES.get(usize::try_from((id - 1) / tops - 1).unwrap_or(0)).copied().unwrap_or_default();
            insert.execute(params![id, format!("{top}/{sub}"), index + 1])?;
        }
    }
    Ok(())
}

/// Products; their prices in won.
fn products(connection: &Connection, sizes: &Sizes, options: &Options) -> rusqlite::Result<Vec<u64>> {
    let mut random = Random::new(options.seed, 2);
    let mut insert = connection.prepare("INSERT INTO products VALUES (?, ?, ?, ?, ?)")?;
    let tops = TOP_CATEGORIES.len() as u64;
    let mut prices = Vec::new();
    for id in 1..=sizes.products {
        let category = if random.chance(3, 10) { 12 } else { tops + 1 + random.below(CATEGORIES - tops) };
        let price = 1_000 * (1 + random.skewed(200));
        let name = format!("{} {} {id}", random.pick(&ADJECTIVES), random.pick(&GOODS));
        insert.execute(params![id, name, category, format!("{price}.00"), moment(&mut random, 900)])?;
        prices.push(price);
    }
    Ok(prices)
}

/// Orders with one to four items each; two in a thousand carry a mistake that a rule finds.
fn orders(
    connection: &Connection,
    sizes: &Sizes,
    options: &Options,
    prices: &[u64],
    progress: &Done,
) -> rusqlite::Result<()> {
    let mut random = Random::new(options.seed, 3);
    let mut insert_order = connection.prepare("INSERT INTO orders VALUES (?, ?, ?, ?, ?)")?;
    let mut insert_item = connection.prepare("INSERT INTO order_items VALUES (?, ?, ?, ?, ?)")?;
    let mut item_id = 0;
    for id in 1..=sizes.orders {
        let mut total = 0;
        for _ in 0..=random.weighted(&[25, 30, 25, 20]) {
            item_id += 1;
            let product = random.skewed(prices.len() as u64);
            let price = prices.get(usize::try_from(product).unwrap_or(0)).copied().unwrap_or(0);
            let quantity = 1 + random.skewed(5);
            total += price * quantity;
            insert_item.execute(params![item_id, id, product + 1, quantity, format!("{price}.00")])?;
        }
        let mut status = STATUSES.get(random.weighted(&STATUS_WEIGHTS)).copied().unwrap_or_default();
        let mut amount = format!("{total}.00");
        match random.below(1000) {
            0 => status = "unknown",
            1 => amount = format!("-{total}.00"),
            _ => {}
        }
        let user = 1 + random.skewed(sizes.users);
        insert_order.execute(params![id, user, status, moment(&mut random, 730), amount])?;
        tell(progress, "orders", id, sizes.orders);
    }
    Ok(())
}

fn reviews(connection: &Connection, sizes: &Sizes, options: &Options, progress: &Done<'_>) -> rusqlite::Result<()> {
    let mut random = Random::new(options.seed, 4);
    let mark = options.canary.as_deref().unwrap_or_default();
    let mut insert = connection.prepare("INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?)")?;
    for id in 1..=sizes.reviews {
        let rating = match random.below(500) {
            0 => 7,
            _ => 1 + random.weighted(&[5, 7, 15, 33, 40]),
        };
        let body = format!("{} {}{mark}", random.pick(&PHRASES), random.pick(&PHRASES));
        let (product, user) = (1 + random.skewed(sizes.products), 1 + random.below(sizes.users));
        insert.execute(params![id, product, user, rating, body, moment(&mut random, 700)])?;
        tell(progress, "reviews", id, sizes.reviews);
    }
    Ok(())
}
