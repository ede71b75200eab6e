//! A model's own rows and columns, from its query, its kind and what it mentions; nothing is bound yet.

use std::collections::BTreeSet;

use super::statements::{called_functions, hash_statements, hash_tokens, named_files};
use super::{Batching, Context, Fingerprint, ParentTables, external_rows};
use crate::graph::{Node, SelfReading};
use crate::hash::{Digest, Hasher};
use crate::ids::ModelName;
use crate::model::{
    DeclaredTime, DeletedRows, FirstVersion, Kind, KindName, Model, Past, ScdType2, Seed, TimeRange, VersionBy,
};
use crate::sql::{
    Analysis, Opaque, OutputName, Query, Read, Reads, Resolved, ShapeColumn, Syntax, Traits, analyze_syntax,
    stated_outputs,
};
use crate::time::Timestamp;

/// What a model comes to by itself.
pub(super) struct Local {
    pub(super) rows: Digest,
    pub(super) query_rows: Digest,
    pub(super) row_traits: Traits,
    pub(super) columns: Option<Vec<ShapeColumn>>,
    pub(super) written_order: Option<Digest>,
    pub(super) opaque: Option<Opaque>,
    pub(super) reads: Reads,
    pub(super) assumes: BTreeSet<String>,
    pub(super) batching: Batching,
    pub(super) start: Option<String>,
}

pub(super) fn local<'p>(
    model: &Model,
    syntax: Option<&Syntax>,
    node: &Node,
    context: &Context,
    tables: &ParentTables<'_, 'p>,
    parents: &dyn Fn(&ModelName) -> Option<&'p Fingerprint>,
) -> Local {
    let mut local = match (&model.kind, model.query.as_ref().zip(syntax)) {
        (Kind::Seed(seed), _) => of_seed(seed),
        (Kind::External, _) => of_external(model, context),
        (_, Some((query, syntax))) => {
            let analysis = match node.itself {
                SelfReading::Yes => Analysis::Opaque(Opaque::ReadsItself),
                SelfReading::No => analyze_syntax(query, syntax, tables),
            };
            match analysis {
                Analysis::Resolved(resolved) => of_resolved(resolved),
                Analysis::Opaque(what) => of_opaque(model, (query, syntax), node, context, parents, what),
            }
        }
        (_, None) => of_nothing(model),
    };
    declare_types(model, &mut local);
    if let Kind::ScdType2(scd) = &model.kind {
        add_validity(scd, &mut local);
    }
    local.start = model.properties.start.as_ref().map(as_written).or_else(|| inherited_start(node, parents));
    local.batching = batching(model, &local);
    local.query_rows = local.rows;
    local.rows = whole_rows(model, node, context, parents, &local);
    for parent in &node.hidden {
        local.reads.insert(Read::Whole(parent.clone()));
    }
    local
}

fn plain(rows: Digest, columns: Option<Vec<ShapeColumn>>) -> Local {
    Local {
        rows,
        query_rows: rows,
        row_traits: Traits::default(),
        columns,
        written_order: None,
        opaque: None,
        reads: Reads::new(),
        assumes: BTreeSet::new(),
        batching: Batching::Any,
        start: None,
    }
}

fn of_seed(seed: &Seed) -> Local {
    let column = |column: &crate::model::SeedColumn| ShapeColumn {
        name: OutputName::stated(&column.name),
        hash: Hasher::new("seed column").digest(column.content).text(&column.data_type).finish(),
        traits: Traits::default(),
    };
    plain(Hasher::new("seed").number(seed.rows).finish(), Some(seed.columns.iter().map(column).collect()))
}

fn of_external(model: &Model, context: &Context) -> Local {
    let mut rows = external_rows(&model.name, context);
    // What a Python model says.
    if let Some(stamp) = &model.properties.stamp {
        rows = Hasher::new("external content").digest(rows).text(stamp).finish();
    }
    let declared = &model.properties.columns;
    let columns = declared.iter().map(|column| ShapeColumn {
        name: OutputName::stated(&column.name),
        hash: open_column(rows, &column.name, model),
        traits: Traits::default(),
    });
    plain(rows, (!declared.is_empty()).then(|| columns.collect()))
}

/// A column known by name only; the same hash whether the table's columns were declared or not.
fn open_column(rows: Digest, name: &str, model: &Model) -> Digest {
    Hasher::new("open column").digest(rows).text(&model.dialect.fold_name(name, true)).finish()
}

fn of_resolved(resolved: Resolved) -> Local {
    let columns = resolved.known_columns().map(<[ShapeColumn]>::to_vec);
    let Resolved { rows, row_traits, columns: _, written_order, reads, assumes, crossing } = resolved;
    let batching = match crossing {
        Some(why) => Batching::OneInterval { why },
        None => Batching::Any,
    };
    Local {
        rows,
        query_rows: rows,
        row_traits,
        columns,
        written_order,
        opaque: None,
        reads,
        assumes,
        batching,
        start: None,
    }
}

fn of_nothing(model: &Model) -> Local {
    plain(Digest::of("no query", &model.name.to_string()), None)
}

/// The whole model by its significant tokens, with everything of everything that it mentions.
fn of_opaque<'p>(
    model: &Model,
    (query, syntax): (&Query, &Syntax),
    node: &Node,
    context: &Context,
    parents: &dyn Fn(&ModelName) -> Option<&'p Fingerprint>,
    what: Opaque,
) -> Local {
    let mut hasher = Hasher::new("opaque").digest(hash_tokens(query.text(), syntax.tokens()));
    for parent in node.parents() {
        hasher = hasher.text(&parent.to_string()).option_digest(parents(parent).map(whole));
    }
    for name in &node.external {
        hasher = hasher.digest(external_rows(name, context));
    }
    let rows = hasher.finish();
    let declared = model.properties.columns.iter().map(|column| OutputName::stated(&column.name));
    let declared: Vec<OutputName> = declared.collect();
    let names = if declared.is_empty() { stated_outputs(query, syntax) } else { Some(declared) };
    let column = |name: OutputName| ShapeColumn {
        hash: Hasher::new("opaque column").digest(rows).text(&name.text).finish(),
        name,
        traits: Traits::default(),
    };
    let columns = names.map(|names| names.into_iter().map(column).collect());
    let reads = node.parents().map(|parent| Read::Whole(parent.clone())).collect();
    Local { opaque: Some(what), reads, ..plain(rows, columns) }
}

/// Everything of a parent: what it holds and how it is stored.
fn whole(parent: &Fingerprint) -> Digest {
    let mut hasher = Hasher::new("whole").digest(parent.data).digest(parent.shape.storage).digest(parent.shape.rows);
    for column in parent.shape.columns.iter().flatten() {
        hasher = hasher.text(&column.name.text).digest(column.hash);
    }
    hasher.finish()
}

fn declare_types(model: &Model, local: &mut Local) {
    if matches!(model.kind, Kind::Seed(_) | Kind::External) {
        return;
    }
    for column in local.columns.iter_mut().flatten() {
        let folded = model.dialect.fold_name(&column.name.text, true);
        let mut declared = model.properties.columns.iter();
        let declared = declared.find(|declared| model.dialect.is_name(&declared.name, &folded));
        if let Some(data_type) = declared.and_then(|declared| declared.data_type.as_ref()) {
            column.hash = Hasher::new("declared").digest(column.hash).text(&type_text(data_type)).finish();
            column.traits.untyped = false;
        }
    }
}

/// The case of a quoted part, as in ENUM('a', 'A'), is part of the type.
fn type_text(data_type: &str) -> String {
    if data_type.contains(['\'', '"']) { data_type.to_owned() } else { data_type.to_lowercase() }
}

/// The two columns that a history has besides those of its query.
fn add_validity(scd: &ScdType2, local: &mut Local) {
    let Some(columns) = &mut local.columns else { return };
    let column = |name: &String| ShapeColumn {
        name: OutputName::stated(name),
        hash: Hasher::new("validity").text(name).text(&scd.time_type.to_lowercase()).finish(),
        traits: Traits::default(),
    };
    // An opaque query's columns are those that are declared, and these may be among them.
    if local.opaque.is_some() {
        columns.retain(|column| column.name.text != scd.valid_from && column.name.text != scd.valid_to);
    }
    columns.extend([column(&scd.valid_from), column(&scd.valid_to)]);
}

fn whole_rows<'p>(
    model: &Model,
    node: &Node,
    context: &Context,
    parents: &dyn Fn(&ModelName) -> Option<&'p Fingerprint>,
    local: &Local,
) -> Digest {
    if matches!(model.kind, Kind::External) {
        return local.rows;
    }
    let mut hasher = Hasher::new("rows").digest(context.engine).digest(local.rows).digest(kind_rows(model, local));
    hasher = hasher.option(model.properties.stamp.as_deref());
    hasher = hasher.number(model.properties.physical_properties.len() as u64);
    for (name, value) in &model.properties.physical_properties {
        hasher = hasher.text(name).text(value);
    }
    hasher = hasher.option_digest(hash_statements(model));
    for parent in &node.hidden {
        hasher = hasher.text("hidden").text(&parent.to_string()).option_digest(parents(parent).map(whole));
    }
    for (name, digest) in called_functions(model, context) {
        hasher = hasher.text("function").text(name).digest(digest);
    }
    for (path, blob) in named_files(model, &context.files) {
        hasher = hasher.text("file").text(path.as_str()).text(blob.as_str());
    }
    // Where the columns are not known, there is none to be hashed with its type.
    for column in model.properties.columns.iter().filter(|_| local.columns.is_none()) {
        if let Some(data_type) = &column.data_type {
            let name = model.dialect.fold_name(&column.name, true);
            hasher = hasher.text("declared").text(&name).text(&type_text(data_type));
        }
    }
    hasher.finish()
}

/// The grain of loading, with all that decides on rows beside it.
fn loaded_by(model: &Model, range: &TimeRange, batching: &Batching) -> String {
    let unit = model.unit().name();
    match batching {
        Batching::Any | Batching::OneInterval { .. } => unit.to_owned(),
        Batching::AsDue { .. } => {
            let size = range.batch_size.map_or("none".to_owned(), |size| size.to_string());
            let (cron, lookback) = (model.properties.cron.text(), range.lookback);
            format!("{unit}, together what is due by cron {cron}, lookback {lookback}, batch_size {size}")
        }
        Batching::WholeDays => format!("{unit}, by whole days"),
    }
}

fn kind_rows(model: &Model, local: &Local) -> Digest {
    let properties = &model.properties;
    // A table that begins earlier holds more rows, whoever says when it begins.
    let declared = |hasher: Hasher| {
        let end = properties.end.as_ref().map(as_written);
        hasher.option(local.start.as_deref()).option(end.as_deref())
    };
    match &model.kind {
        Kind::View | Kind::Full | Kind::Materialized | Kind::Embedded => match kind_matters(model, local) {
            true => Digest::of("kind", model.kind.name().text()),
            false => Digest::of("kind", "any"),
        },
        Kind::Seed(_) => Digest::of("kind", "seed"),
        Kind::External => Digest::of("kind", "external"),
        Kind::TimeRange(range) => {
            let hasher = Hasher::new("time range")
                .option_digest(column_hash(model, local, &range.time_column))
                .text(&range.time_column.to_lowercase())
                .text(&range.format)
                .text(&loaded_by(model, range, &local.batching));
            let hasher = kept(declared(hasher), range.past);
            let effective_from = range.effective_from.map(Timestamp::rfc3339);
            effective_from.iter().fold(hasher, |hasher, from| hasher.text("effective from").text(from)).finish()
        }
        Kind::UniqueKey(key) => {
            let mut hasher = Hasher::new("unique key").number(key.unique_key.len() as u64);
            let mut whole = key.adds_up();
            for expression in &key.unique_key {
                let column = column_hash(model, local, expression);
                whole |= column.is_none();
                hasher = hasher.option_digest(column).option(column.is_none().then_some(expression.as_str()));
            }
            hasher = hasher.option(key.when_matched.as_deref()).option(key.merge_filter.as_deref());
            if whole {
                hasher = hasher.digests(local.columns.iter().flatten().map(|column| column.hash));
            }
            kept(declared(hasher).text(model.unit().name()), key.past).finish()
        }
        // By which expressions is in the data fingerprint, which binds what readers take.
        Kind::Partition(_) | Kind::Unmanaged(_) => {
            let name = if matches!(model.kind, Kind::Partition(_)) { "partition" } else { "unmanaged" };
            match model.is_history_of_intervals() {
                true => declared(Hasher::new("kind of intervals").text(name)).text(model.unit().name()).finish(),
                false => Digest::of("kind", name),
            }
        }
        // Each load compares all that the query gives with what the last one found (research: soundness, W8).
        Kind::ScdType2(scd) => {
            let mut hasher = scd_rule(Hasher::new("scd type 2"), scd);
            if model.is_history_of_intervals() {
                hasher = declared(hasher.text("of intervals")).text(model.unit().name());
            }
            hasher.digests(local.columns.iter().flatten().map(|column| column.hash)).finish()
        }
    }
}

/// All of the kind that shapes the rows; whether a change of the columns is taken shapes none.
fn scd_rule(hasher: Hasher, scd: &ScdType2) -> Hasher {
    let ScdType2 { unique_key, valid_from, valid_to, time_type, by, first, deleted, changes: _ } = scd;
    let list = |hasher: Hasher, list: &[String]| {
        list.iter().fold(hasher.number(list.len() as u64), |hasher, text| hasher.text(text))
    };
    let hasher = list(hasher, unique_key).text(valid_from).text(valid_to).text(&time_type.to_lowercase());
    let hasher = match by {
        VersionBy::Time { updated_at } => hasher.text("time").text(updated_at),
        VersionBy::Columns { compared: None, .. } => hasher.text("all columns"),
        VersionBy::Columns { compared: Some(columns), .. } => list(hasher.text("columns"), columns),
    };
    let hasher = match by {
        VersionBy::Columns { updated_at: Some(updated_at), .. } => hasher.text("updated at").text(updated_at),
        VersionBy::Columns { updated_at: None, .. } | VersionBy::Time { .. } => hasher,
    };
    let hasher = hasher.text(match first {
        FirstVersion::Epoch => "epoch",
        FirstVersion::AsLaterOnes => "as later ones",
    });
    hasher.text(match deleted {
        DeletedRows::Stay => "stay",
        DeletedRows::End => "end",
    })
}

/// A declared time: a moment however it is written, or words that only the clock makes one.
fn as_written(time: &DeclaredTime) -> String {
    time.absolute.map_or_else(|| time.text.clone(), Timestamp::date_time)
}

/// The earliest start of the parents (research: SQLMesh, section 5.2); all of them where only the clock says which it is.
fn inherited_start<'p>(node: &Node, parents: &dyn Fn(&ModelName) -> Option<&'p Fingerprint>) -> Option<String> {
    let starts: BTreeSet<&str> =
        node.parents().filter_map(parents).filter_map(|parent| parent.start.as_deref()).collect();
    let are_moments = starts.iter().all(|start| Timestamp::parse(start).is_some());
    match are_moments {
        true => starts.first().map(|first| (*first).to_owned()),
        false => Some(starts.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// FULL, VIEW and EMBEDDED hold the same only without what storing changes (research: soundness, W13). The order in
/// which rows are written is no such thing: who depends on it takes `storage`, and the kind is in that.
/// Rows of earlier definitions are among those that are kept.
fn kept(hasher: Hasher, past: Past) -> Hasher {
    if past == Past::Recomputed { hasher } else { hasher.text("kept") }
}

fn kind_matters(model: &Model, local: &Local) -> bool {
    let draws = |traits: Traits| traits.is_drawn() || traits.untyped;
    local.opaque.is_some()
        || hash_statements(model).is_some()
        // A table is cast to its declared types, a view is not.
        || model.properties.columns.iter().any(|column| column.data_type.is_some())
        || draws(local.row_traits)
        || local.columns.iter().flatten().any(|column| draws(column.traits))
}

fn column_hash(model: &Model, local: &Local, name: &str) -> Option<Digest> {
    let folded = model.dialect.fold_name(name.trim_matches('"'), true);
    let mut columns = local.columns.iter().flatten();
    columns.find(|column| model.dialect.is_name(&column.name.text, &folded)).map(|column| column.hash)
}

/// Whether several intervals may be loaded at once with the same result (research: soundness, #15 and W8).
fn batching(model: &Model, local: &Local) -> Batching {
    let Some(query) = &model.query else { return Batching::Any };
    let statements = model.pre_statements.iter().chain(&model.post_statements);
    let in_statements = statements.into_iter().any(crate::sql::Template::mentions_interval);
    let in_query = query.written().mentions_interval();
    if !in_query && !in_statements {
        return Batching::Any;
    }
    let one = |why: &str| Batching::OneInterval { why: why.to_owned() };
    if in_statements {
        return one("a statement beside the query mentions the interval");
    }
    if let Some(what) = &local.opaque {
        return one(&format!("the query is opaque ({what})"));
    }
    if model.kind.name() == KindName::IncrementalByUniqueKey {
        return one("the query of a keyed model mentions the interval");
    }
    let Kind::TimeRange(range) = &model.kind else { return Batching::Any };
    if local.columns.iter().flatten().any(|column| column.traits.interval) {
        return one("a column is computed from the interval");
    }
    let folded = model.dialect.fold_name(&range.time_column, true);
    let mut columns = local.columns.iter().flatten();
    let time = columns.find(|column| model.dialect.is_name(&column.name.text, &folded));
    match (&local.batching, time) {
        (_, Some(time)) if time.traits.strays => {
            Batching::AsDue { why: "the interval's filter is not on the time column".to_owned() }
        }
        (_, Some(time)) if time.traits.daily && model.unit().is_shorter_than_a_day() => Batching::WholeDays,
        (Batching::OneInterval { why }, _) => one(why),
        (_, Some(time)) if !time.traits.crosses => Batching::Any,
        (_, Some(_)) => one("the interval's filter is not on the time column alone"),
        (_, None) => one("the time column is not among the output columns"),
    }
}
