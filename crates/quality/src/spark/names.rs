//! Names of tables and columns: Spark does not tell upper from lower case, DataFusion does.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, TableFactor, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// The tables that a statement may name, with their columns.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Columns by table, both as they are spelled.
    tables: BTreeMap<String, Vec<String>>,
    /// Tables by the alias that the statement gives them, in lower case.
    aliases: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn new(tables: BTreeMap<String, Vec<String>>) -> Self {
        let aliases = tables.keys().map(|table| (table.to_lowercase(), table.clone())).collect();
        Self { tables, aliases }
    }

    /// Spells the names of a query as the tables do.
    pub(super) fn resolve(mut self, query: &mut Query) {
        let _ = query.visit(&mut Aliases(&mut self));
        let _ = query.visit(&mut Spelling(&self));
    }

    /// Spells the names of an expression over one table.
    pub(super) fn resolve_expression(&self, expression: &mut Expr) {
        let _ = expression.visit(&mut Spelling(self));
    }

    fn column(&self, ident: &Ident, table: Option<&str>) -> Ident {
        let known = || {
            let of_table = |name: &String| table.is_none_or(|table| table == name);
            self.tables.iter().filter(move |(name, _)| of_table(name)).flat_map(|(_, columns)| columns)
        };
        spelled(ident, known().map(String::as_str))
    }
}

/// The name as one of `known` is spelled: exactly so, or in other letters' case if only one is.
fn spelled<'a>(ident: &Ident, known: impl Iterator<Item = &'a str> + Clone) -> Ident {
    if known.clone().any(|name| name == ident.value) {
        return quoted(ident, &ident.value);
    }
    let lower = ident.value.to_lowercase();
    let mut same = known.filter(|name| name.to_lowercase() == lower);
    match (same.next(), ident.quote_style) {
        (Some(name), _) if same.all(|other| other == name) => quoted(ident, name),
        // What is quoted can only be a name that the statement itself gives, spelled alike.
        (_, Some(_)) => quoted(ident, &ident.value),
        _ => quoted(ident, &lower),
    }
}

fn quoted(ident: &Ident, value: &str) -> Ident {
    Ident { value: value.to_owned(), quote_style: Some('"'), span: ident.span }
}

/// Collects which alias stands for which table, and spells the tables.
struct Aliases<'a>(&'a mut Names);

impl VisitorMut for Aliases<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name: ObjectName(parts), alias, .. } = factor
            && let [ObjectNamePart::Identifier(ident)] = parts.as_mut_slice()
        {
            *ident = spelled(ident, self.0.tables.keys().map(String::as_str));
            if let (Some(alias), true) = (alias, self.0.tables.contains_key(&ident.value)) {
                self.0.aliases.insert(alias.name.value.to_lowercase(), ident.value.clone());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Spells the columns.
struct Spelling<'a>(&'a Names);

impl VisitorMut for Spelling<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => *ident = self.0.column(ident, None),
            Expr::CompoundIdentifier(parts) => {
                if let [first, second, ..] = parts.as_mut_slice() {
                    let alias = first.value.to_lowercase();
                    match self.0.aliases.get(&alias) {
                        Some(table) => {
                            // The alias itself is what the statement defines: DataFusion has it in lower case.
                            *first = quoted(first, if alias == table.to_lowercase() { table } else { &alias });
                            *second = self.0.column(second, Some(table));
                        }
                        // An alias of a subquery, or a column that is a struct.
                        None => {
                            *first = self.0.column(first, None);
                            *second = self.0.column(second, None);
                        }
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
