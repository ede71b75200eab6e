//! What people query in production and would lose: models that go away, and columns of models that stay. A person has to
//! allow each by name (research: SQLMesh 5625, "bypass the bot is not an answer").

use std::collections::{BTreeMap, BTreeSet};

use crate::data_diff::{DataDiff, SchemaChange};
use crate::fingerprint::Tree;
use crate::ids::{Login, ModelName};
use crate::plan::{Change, Plan};
use crate::sql::ShapeColumn;

/// Something that production shows and that would go away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destruction {
    /// The model.
    pub model: ModelName,
    /// The columns; empty where the model itself goes.
    pub columns: Vec<String>,
    /// Models that still read it by name.
    pub readers: Vec<ModelName>,
    /// Who allowed it for the present head.
    pub allowed_by: Option<Login>,
}

/// What of production's models (`shown`) goes away, by name. `allowed` holds who allowed which model for this head. Where
/// the columns of a model are not known from its query, only `data` tells which of them go.
pub fn destructions(
    plan: &Plan,
    (base, result): (&Tree, &Tree),
    data: Option<&DataDiff>,
    shown: &BTreeSet<ModelName>,
    allowed: &BTreeMap<ModelName, Login>,
) -> Vec<Destruction> {
    let readers = readers(result);
    let lost = |name: &ModelName, columns: Vec<String>| Destruction {
        model: name.clone(),
        columns,
        readers: readers.get(name).cloned().unwrap_or_default(),
        allowed_by: allowed.get(name).cloned(),
    };
    let mut found: Vec<Destruction> = plan
        .models
        .iter()
        .filter(|model| shown.contains(&model.name) && model.kind.has_view())
        .filter_map(|model| match model.change {
            Change::Removed => Some(lost(&model.name, Vec::new())),
            _ => {
                let of = |tree: &'_ Tree| tree.fingerprints.get(&model.name).map(|found| found.shape.columns.clone());
                let mut columns = lost_columns(of(base).flatten(), of(result).flatten());
                columns.extend(data.iter().flat_map(|data| lost_in_tables(data, &model.name)));
                columns.sort_by_key(|column| column.to_lowercase());
                columns.dedup_by_key(|column| column.to_lowercase());
                (!columns.is_empty()).then(|| lost(&model.name, columns))
            }
        })
        .collect();
    found.sort_by(|one, other| one.model.cmp(&other.model));
    found
}

/// Columns of the old shape that the new one lacks, in any case of letters.
fn lost_columns(old: Option<Vec<ShapeColumn>>, new: Option<Vec<ShapeColumn>>) -> Vec<String> {
    let (Some(old), Some(new)) = (old, new) else { return Vec::new() };
    let there: BTreeSet<String> = new.iter().map(|column| column.name.text.to_lowercase()).collect();
    let gone = old.into_iter().filter(|column| column.name.origin.is_named());
    gone.map(|column| column.name.text).filter(|name| !there.contains(&name.to_lowercase())).collect()
}

/// Columns that the table of the base has and the environment's has not.
fn lost_in_tables(data: &DataDiff, model: &ModelName) -> Vec<String> {
    let compared = data.models.iter().filter(|found| found.name == *model).flat_map(|found| &found.schema);
    let left_out = data.left_out.iter().filter(|found| found.name == *model).flat_map(|found| &found.schema);
    let changes = compared.chain(left_out);
    let gone = changes.filter_map(|change| match change {
        SchemaChange::Removed { column, .. } => Some(column.clone()),
        SchemaChange::Added { .. } | SchemaChange::Retyped { .. } => None,
    });
    gone.collect()
}

/// Who reads names that no model owns any more, and who reads each model.
fn readers(result: &Tree) -> BTreeMap<ModelName, Vec<ModelName>> {
    let mut readers: BTreeMap<ModelName, Vec<ModelName>> = BTreeMap::new();
    for (reader, node) in result.models.keys().filter_map(|name| Some((name, result.graph.node(name)?))) {
        for read in node.parents().chain(&node.external) {
            readers.entry(read.clone()).or_default().push(reader.clone());
        }
    }
    readers
}
