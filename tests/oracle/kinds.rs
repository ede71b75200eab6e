//! The kinds of edits, each by name: what people do to models, and what they should not notice.

use super::edit::Desk;

/// One kind of edit.
pub(crate) struct Edit {
    pub(crate) name: &'static str,
    /// Makes the edit; false where there is nothing to edit.
    pub(crate) make: fn(&mut Desk<'_>) -> bool,
}

macro_rules! edits {
    ($($name:literal $make:path;)*) => {
        &[$(Edit { name: $name, make: $make },)*]
    };
}

use super::{around, clauses, values};

pub(crate) static EDITS: &[Edit] = edits! {
    "literal" values::literal;
    "operator or function" values::operator;
    "operands swapped" values::swap_parts;
    "another column" values::another_column;
    "qualifier swapped" values::another_input;
    "qualifier dropped or added" values::qualify;
    "expression wrapped" values::wrap;
    "expression replaced" values::replace;
    "aggregate function" values::aggregate;
    "FILTER" values::filter_clause;
    "window: partition or order" values::window;
    "window: frame" values::frame;
    "window: function" values::window_function;
    "subquery: form" values::subquery_form;
    "WHERE: part added" clauses::add_filter;
    "WHERE: part dropped" clauses::drop_filter;
    "AND reordered" clauses::reorder_filter;
    "join: type" clauses::join_type;
    "join: condition" clauses::join_condition;
    "join: sides swapped" clauses::swap_inputs;
    "join: added" clauses::add_input;
    "relation replaced" clauses::another_relation;
    "table function: number" clauses::relation_number;
    "DISTINCT" clauses::distinct;
    "DISTINCT ON" clauses::distinct_on;
    "GROUP BY: key" clauses::group_key;
    "GROUP BY: form" clauses::group_form;
    "HAVING" clauses::having;
    "QUALIFY" clauses::qualify;
    "WINDOW clause" clauses::named_window;
    "LIMIT" clauses::limit;
    "ORDER BY: direction" clauses::order_direction;
    "ORDER BY: added or dropped" clauses::order;
    "set operation" clauses::set_operator;
    "set operation: sides swapped" clauses::swap_sides;
    "column added" clauses::add_item;
    "column dropped" clauses::drop_item;
    "columns reordered" clauses::reorder_items;
    "collapsed to an aggregate" clauses::collapse;
    "star options" clauses::star;
    "column renamed, readers too" around::rename_column;
    "column renamed by case" around::rename_case;
    "type of a column" around::cast_column;
    "CTE renamed" around::rename_cte;
    "alias renamed" around::rename_alias;
    "CTE to subquery" around::inline_cte;
    "subquery to CTE" around::extract_cte;
    "CTE to model" around::cte_to_model;
    "unused CTE" around::unused_cte;
    "comment or white space" around::reformat;
    "parentheses or quotes" around::requote;
    "kind" around::kind;
    "start" around::start;
    "declared type" around::declare_type;
    "metadata" around::metadata;
    "stamp" around::stamp;
    "depends_on" around::depends_on;
    "draw" around::draw;
    "NULL column" around::null_column;
    "seed: cell" around::seed_cell;
    "seed: rows" around::seed_rows;
    "seed: column" around::seed_column;
    "model added" around::add_model;
    "model dropped" around::drop_model;
    "model renamed" around::rename_model;
    "choice flipped" around::flip;
    "two models at once" around::two;
};
