//! Project files that travel inside the binary: the shop of `lakegate demo`, and the template of `lakegate init`.

use std::path::Path;

use lakegate_contract::Result;

/// A file: its path in a project, and its text.
pub type EmbeddedFile = (&'static str, &'static str);

macro_rules! shop_files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../", $path)))),*]
    };
}

macro_rules! template_files {
    ($($path:literal from $file:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../template/", $file)))),*]
    };
}

/// The shop: the files at the repository's top level.
pub const SHOP: &[EmbeddedFile] = shop_files![
    "lakegate.toml",
    "jobs/categories.toml",
    "jobs/clicks.toml",
    "jobs/order_items.toml",
    "jobs/orders.toml",
    "jobs/products.toml",
    "jobs/reviews.toml",
    "jobs/survey_responses.toml",
    "jobs/users.toml",
    "quality-rules/categories.dqdl",
    "quality-rules/clicks.dqdl",
    "quality-rules/order_items.dqdl",
    "quality-rules/orders.dqdl",
    "quality-rules/products.dqdl",
    "quality-rules/reviews.dqdl",
    "quality-rules/survey_responses.dqdl",
    "quality-rules/users.dqdl",
    "schemas/categories.toml",
    "schemas/clicks.toml",
    "schemas/order_items.toml",
    "schemas/orders.toml",
    "schemas/products.toml",
    "schemas/reviews.toml",
    "schemas/survey_responses.toml",
    "schemas/users.toml",
    "sql/category_sales.sql",
    "sql/category_sales_and_reviews.sql",
    "sql/category_sales_by_age_band.sql",
    "sql/channel_by_age_band.sql",
    "sql/hourly_clicks.sql",
];

/// A new project.
pub const TEMPLATE: &[EmbeddedFile] = template_files![
    "lakegate.toml" from "lakegate.toml",
    "jobs/orders.toml" from "jobs/orders.toml",
    "schemas/orders.toml" from "schemas/orders.toml",
    "quality-rules/orders.dqdl" from "quality-rules/orders.dqdl",
    "sql/orders_by_month.sql" from "sql/orders_by_month.sql",
    ".gitignore" from "gitignore",
];

/// Writes `files` below `folder`, making folders as needed. A file that exists is left as it is.
///
/// # Errors
/// When the folder or a file cannot be written.
pub fn write_files(folder: &Path, files: &[EmbeddedFile]) -> Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        if path.exists() {
            continue;
        }
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|e| crate::output::unwritable(&e, &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_embedded_shop_is_the_one_at_the_top_level() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut found = BTreeSet::from(["lakegate.toml".to_owned()]);
        for folder in ["jobs", "quality-rules", "schemas", "sql"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                found.insert(format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
            }
        }
        let embedded: BTreeSet<String> = SHOP.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, embedded);
    }
}
