//! The kinds of edits, each by name: what people do to models, and what they should not notice.

use super::edit::Desk;
use super::scenes::Scene;
use super::{around, clauses, sessions, shown, values};

/// One kind of edit.
pub(crate) struct Edit {
    pub(crate) name: &'static str,
    pub(crate) make: Make,
}

/// How it is made.
#[derive(Clone, Copy)]
pub(crate) enum Make {
    /// Of one project; false where there is nothing to edit.
    Desk(fn(&mut Desk<'_>) -> bool),
    /// Of branches and environments.
    Scene(Scene),
}

macro_rules! edits {
    ($($name:literal $make:expr;)*) => {
        &[$(Edit { name: $name, make: $make },)*]
    };
}

pub(crate) static EDITS: &[Edit] = edits! {
    "literal" Make::Desk(values::literal);
    "operator or function" Make::Desk(values::operator);
    "operands swapped" Make::Desk(values::swap_parts);
    "another column" Make::Desk(values::another_column);
    "qualifier swapped" Make::Desk(values::another_input);
    "qualifier dropped or added" Make::Desk(values::qualify);
    "expression wrapped" Make::Desk(values::wrap);
    "expression replaced" Make::Desk(values::replace);
    "aggregate function" Make::Desk(values::aggregate);
    "rows from a value" Make::Desk(values::set_of_rows);
    "FILTER" Make::Desk(values::filter_clause);
    "window: partition or order" Make::Desk(clauses::some_window);
    "window: frame" Make::Desk(values::frame);
    "window: function" Make::Desk(values::window_function);
    "subquery: form" Make::Desk(values::subquery_form);
    "WHERE: part added" Make::Desk(clauses::add_filter);
    "WHERE: part dropped" Make::Desk(clauses::drop_filter);
    "AND reordered" Make::Desk(clauses::reorder_filter);
    "join: type" Make::Desk(clauses::join_type);
    "join: condition" Make::Desk(clauses::join_condition);
    "join: sides swapped" Make::Desk(clauses::swap_inputs);
    "join: added" Make::Desk(clauses::add_input);
    "relation replaced" Make::Desk(clauses::another_relation);
    "table function: number" Make::Desk(clauses::relation_number);
    "recursion: start or step" Make::Desk(clauses::recursion);
    "DISTINCT" Make::Desk(clauses::distinct);
    "DISTINCT ON" Make::Desk(clauses::distinct_on);
    "GROUP BY: key" Make::Desk(clauses::group_key);
    "GROUP BY: form" Make::Desk(clauses::group_form);
    "HAVING" Make::Desk(clauses::having);
    "QUALIFY" Make::Desk(clauses::qualify);
    "LIMIT" Make::Desk(clauses::limit);
    "ORDER BY: direction" Make::Desk(clauses::order_direction);
    "ORDER BY: added or dropped" Make::Desk(clauses::order);
    "set operation" Make::Desk(clauses::set_operator);
    "set operation: sides swapped" Make::Desk(clauses::swap_sides);
    "column added" Make::Desk(clauses::add_item);
    "column dropped" Make::Desk(clauses::drop_item);
    "columns reordered" Make::Desk(clauses::reorder_items);
    "collapsed to an aggregate" Make::Desk(clauses::collapse);
    "star options" Make::Desk(clauses::star);
    "column renamed, readers too" Make::Desk(around::rename_column);
    "column renamed by case" Make::Desk(around::rename_case);
    "type of a column" Make::Desk(around::cast_column);
    "CTE or alias renamed" Make::Desk(sessions::rename_inside);
    "CTE to subquery and back" Make::Desk(sessions::cte_or_subquery);
    "CTE to model" Make::Desk(around::cte_to_model);
    "model to CTE" Make::Desk(sessions::model_to_cte);
    "unused CTE, hint of a CTE" Make::Desk(sessions::cte_without_effect);
    "formatting" Make::Desk(sessions::format);
    "kind" Make::Desk(around::kind);
    "incremental: start, time column, key" Make::Desk(sessions::incremental);
    "session: setting, statement" Make::Desk(sessions::session);
    "session: macro, table" Make::Desk(sessions::session_objects);
    "declared type" Make::Desk(around::declare_type);
    "metadata" Make::Desk(around::metadata);
    "stamp" Make::Desk(around::stamp);
    "depends_on" Make::Desk(around::depends_on);
    "draw" Make::Desk(shown::draw);
    "NULL column" Make::Desk(shown::null_column);
    "seed: cell" Make::Desk(around::seed_cell);
    "seed: rows" Make::Desk(around::seed_rows);
    "seed: column" Make::Desk(around::seed_column);
    "model added" Make::Desk(around::add_model);
    "model dropped" Make::Desk(around::drop_model);
    "model renamed" Make::Desk(around::rename_model);
    "choice flipped" Make::Desk(around::flip);
    "two models at once" Make::Desk(around::two);
    "revert" Make::Scene(Scene::Revert);
    "edit and revert" Make::Scene(Scene::EditAndRevert);
    "two branches with the same edit" Make::Scene(Scene::SameEditTwice);
    "promote in between" Make::Scene(Scene::PromoteBetween);
    "branch behind main" Make::Scene(Scene::BehindMain);
    "promote" Make::Scene(Scene::Promote);
    "main merged into a branch" Make::Scene(Scene::Rebase);
};
