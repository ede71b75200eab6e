//! Fingerprints: what a model's table would hold, as hashes that do not depend on how a tree came to be.
//!
//! | input | `rows` | its column | data fingerprint | metadata fingerprint |
//! |---|---|---|---|---|
//! | algorithm version | – | – | first | first |
//! | engine kind, default catalog, session settings (`Context`) | yes | – | through rows | – |
//! | query: FROM, WHERE, grouping, DISTINCT, LIMIT, … (`sql::analysis`) | yes | – | through rows | – |
//! | query: one projection | – | yes | through the column | – |
//! | query: outermost ORDER BY | – | – | yes, and through it what orderless readers take | – |
//! | comments, white space, case, aliases, CTE names | – | – | – | comments behind columns |
//! | output names, exactly as shown, in order | – | – | yes | – |
//! | declared column type | – | yes | through the column | – |
//! | kind VIEW, FULL, EMBEDDED | only with statements, draws or untyped columns | – | yes | – |
//! | TIME_RANGE: time column's hash, format, unit, start, end | yes | – | through rows | – |
//! | TIME_RANGE whose rows depend on what is due at once: `cron`, lookback, batch size | yes | – | through rows | yes |
//! | UNIQUE_KEY: key hashes; `when_matched`, `merge_filter` with all columns | yes | – | through rows | – |
//! | TIME_RANGE whose past is kept (`forward_only`, `disable_restatement`): that, until when (`--effective-from`), and the model's name in what readers take | yes | yes | through rows | what of it |
//! | PARTITION, UNMANAGED, UNIQUE_KEY whose past is kept, SCD_TYPE_2: that; keys, names, rule and all column hashes of the latter | yes | – | through rows | – |
//! | SEED: number of rows | yes | – | through rows | – |
//! | SEED: type and ordered cells of one column | – | yes | through the column | – |
//! | EXTERNAL: table and column names; statements of the project that write it | yes | name | through both | – |
//! | `stamp`, physical properties | yes | – | through rows | – |
//! | `partitioned_by`, `clustered_by` (neutral for rows on DuckDB and PostgreSQL) | – | – | yes | – |
//! | pre- and post-statements (but GRANT, COMMENT, ANALYZE, VACUUM) | yes | – | through rows | those four |
//! | `CREATE TEMP TABLE t AS FROM model`, which the query reads | as the model itself | as the model's | – | – |
//! | a function that a statement of the project creates | yes: that statement | – | through rows | – |
//! | hidden reads (`depends_on`, names in statements and texts), files of the tree named by a text | yes, whole | – | through rows | – |
//! | a parent | its `rows` | the columns that are read | – | – |
//! | an opaque query | tokens, and all of every parent | the same | through rows | – |
//! | cron, lookback, batch sizes, owner, description, tags, audits, grains, the rest | – | – | – | yes |
//!
//! What a stored model exports of draws and orderless constructs is bound to its name and data fingerprint, which are its
//! table: whoever reads them moves when they are drawn again. So is all that one exports which is opaque or has statements
//! beside its query, because those may draw, and all of a table that keeps what its query gave before. Why each line is as it is: research on soundness, W1 to W19.
//!
//! This module never reads files, state or warehouse; the same tree gives the same fingerprints anywhere.

mod copied;
mod examine;
mod local;
mod metadata;
mod outside;
mod reads;
mod sketch;
mod statements;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::decision::{Decisions, KeptRows, kept};
use crate::graph::{Graph, Node};
use crate::hash::{Digest, Hasher};
use crate::ids::{BlobId, FilePath, ModelName};
use crate::model::{KindName, Model, Past};
use crate::sql::{Opaque, OutputName, OwnFunction, Query, Reads, ShapeColumn, Syntax, TableShape, Tables, Traits};
use crate::time::{Interval, IntervalUnit};
use statements::own_functions;

pub use copied::over_originals;
pub use examine::{Examined, examine};
pub use metadata::{data_values, metadata_values, scd_values};
pub use outside::OutsideStatements;
pub use reads::{ModelReads, model_reads, refused_name, stated_names};
pub use sketch::{Known, Memory, Sketch, Wanted};
pub use statements::created_functions;

/// The version of every rule on this page and in `sql::analysis`, of the function tables too. One that moves a
/// fingerprint is a new number.
pub const ALGORITHM: u64 = 1;

/// What every model of a project is fingerprinted against.
#[derive(Clone, Debug)]
pub struct Context {
    /// Engine kind, default catalog and search path, session settings.
    pub engine: Digest,
    /// What `engine` was made of, for people who ask why it moved; `None` for values that are not for showing.
    pub shown: BTreeMap<String, Option<String>>,
    /// The files of the tree, for texts that name one.
    pub files: BTreeMap<FilePath, BlobId>,
    /// The project's statements beside queries: one that mentions a table which no model owns may write it.
    pub statements: OutsideStatements,
    /// Digests of the project's statements that create a function, by its name: whoever calls it depends on them.
    pub functions: BTreeMap<String, Digest>,
    /// What was decided of single definitions.
    pub decisions: Decisions,
}

/// One model's fingerprints, and what people want to know about them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Everything that can change the rows or columns of its table.
    pub data: Digest,
    /// What that would be without the decision by which the model's rows are kept; `None` where there is none.
    pub undecided: Option<Digest>,
    /// The rest.
    pub metadata: Digest,
    /// What its readers see.
    pub shape: TableShape,
    /// Its output columns before anything is bound to the stored table; `None` where they are not known.
    pub columns: Option<Vec<(OutputName, Digest)>>,
    /// Its rows before they are bound.
    pub rows: Digest,
    /// The rows of its query alone, before kind and properties.
    pub query_rows: Digest,
    /// The order in which its table is written.
    pub written_order: Option<Digest>,
    /// Why it could not be taken apart.
    pub opaque: Option<Opaque>,
    /// What it reads of its parents.
    pub reads: Reads,
    /// What is taken for granted.
    pub assumes: BTreeSet<String>,
    /// How its intervals may be loaded.
    pub batching: Batching,
    /// When it begins, as written: its own start, else its parents'. A moment if all of these are moments.
    pub start: Option<String>,
}

/// Whether several intervals may be loaded by one statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Batching {
    /// Yes: the result is the same.
    Any,
    /// No, and why.
    OneInterval {
        /// What in the query looks across intervals.
        why: String,
    },
    /// Rows that come of an interval may have a time outside of it, and would be lost if each were loaded by itself: as many at
    /// once as are due and `batch_size` allows, as SQLMesh does.
    AsDue {
        /// What the time column is.
        why: String,
    },
    /// The time column is the day of intervals that are shorter: whole days.
    WholeDays,
}

impl Batching {
    /// What of a range is loaded by one statement each, oldest first.
    pub fn loads(
        &self,
        range: Interval,
        unit: IntervalUnit,
        batch_size: Option<u32>,
    ) -> impl Iterator<Item = Interval> + Clone + use<> {
        match self {
            Self::Any | Self::AsDue { .. } => range.batches(unit, batch_size),
            Self::OneInterval { .. } => range.batches(unit, Some(1)),
            // What of the first day was loaded before is replaced with all of that day.
            Self::WholeDays => {
                let whole = Interval::new(IntervalUnit::Day.floor(range.start), range.end);
                whole.unwrap_or(range).batches(IntervalUnit::Day, Some(1))
            }
        }
    }
}

impl Fingerprint {
    /// The columns of a history's query: the table has two more.
    pub fn query_columns(&self, model: &Model) -> Option<&[(OutputName, Digest)]> {
        let columns = self.columns.as_deref()?;
        let own = if model.kind.name().has_versions() { columns.len().saturating_sub(2) } else { columns.len() };
        columns.get(..own)
    }
}

/// The fingerprints of every model of a tree.
pub type Fingerprints = BTreeMap<ModelName, Fingerprint>;

/// A tree's models with their graph and fingerprints.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The models by name.
    pub models: BTreeMap<ModelName, Arc<Model>>,
    /// Who reads whom.
    pub graph: Graph,
    /// What they were fingerprinted against.
    pub context: Context,
    /// Their fingerprints; members of cycles have none.
    pub fingerprints: Fingerprints,
    /// Models that a file claims and that cannot be loaded: they are not gone.
    pub broken: BTreeSet<ModelName>,
    /// For each model the digest of everything that it and its parents are made from.
    pub sources: BTreeMap<ModelName, Digest>,
}

impl Tree {
    /// Finds the graph of the models and fingerprints them; cycles are problems. What is the same as in `like`, all of
    /// its parents included, is taken from there.
    pub fn new(
        models: BTreeMap<ModelName, Arc<Model>>,
        files: BTreeMap<FilePath, BlobId>,
        engine: Digest,
        like: Option<&Self>,
    ) -> (Self, Vec<crate::problem::Problem>) {
        let sketch = Sketch::of(models, files, engine, None);
        let known = like.map(Self::by_source).unwrap_or_default();
        sketch.finish(Wanted::Everything, &|_, source| remembered(&known, source), &|_| None)
    }

    /// The same as it is with what was decided; of a tree without decisions. Only what they reach costs anything.
    #[must_use]
    pub fn decided(self, decisions: &Decisions) -> Self {
        if decisions.is_empty() {
            return self;
        }
        let Context { engine, shown, files, .. } = self.context.clone();
        let sketch = Sketch::of(self.models.clone(), files, engine, None).with_decisions(decisions.clone());
        let known = self.by_source();
        let (tree, _) = sketch.finish(Wanted::Everything, &|_, source| remembered(&known, source), &|_| None);
        tree.with_broken(self.broken).with_context(shown)
    }

    /// What was decided with this very tree: models with the fingerprints that they have otherwise, and which of their rows
    /// are kept.
    pub fn newly_decided(&self) -> impl Iterator<Item = (&ModelName, Digest, KeptRows)> {
        let decisions = &self.context.decisions;
        self.fingerprints.iter().filter_map(|(name, fingerprint)| {
            let data = fingerprint.undecided.filter(|data| decisions.made(name, *data).is_none())?;
            Some((name, data, decisions.rows(name, data)?))
        })
    }

    /// Which rows of a model are kept because that was decided, or is with this very tree.
    pub fn decided_rows(&self, name: &ModelName) -> Option<KeptRows> {
        self.context.decisions.rows(name, self.fingerprints.get(name)?.undecided?)
    }

    /// The same with models that could not be loaded.
    pub fn with_broken(mut self, broken: BTreeSet<ModelName>) -> Self {
        self.broken = broken;
        self
    }

    /// The same with what its context was made of.
    pub fn with_context(mut self, shown: BTreeMap<String, Option<String>>) -> Self {
        self.context.shown = shown;
        self
    }

    /// What is known, by what it was made from.
    pub fn by_source(&self) -> BySource<'_> {
        let known = |(name, fingerprint)| Some((*self.sources.get(name)?, (fingerprint, self.graph.node(name)?)));
        self.fingerprints.iter().filter_map(known).collect()
    }
}

/// What was computed in this run, by what it was made from.
pub type BySource<'a> = BTreeMap<Digest, (&'a Fingerprint, &'a Node)>;

/// What was computed in this run from the same sources.
pub fn remembered(known: &BySource<'_>, source: Digest) -> Option<Memory> {
    known.get(&source).map(|known| Memory::OfThisRun((*known).into()))
}

/// Two trees whose models are fingerprinted against the same context.
pub struct SameContext<'a> {
    one: &'a Tree,
    other: &'a Tree,
}

impl<'a> SameContext<'a> {
    /// The two trees, if their contexts are the same but for the files that a text may name.
    pub fn of(one: &'a Tree, other: &'a Tree) -> Option<Self> {
        let Context { engine, shown: _, files: _, statements, functions, decisions: _ } = &one.context;
        let is_same = *engine == other.context.engine
            && *functions == other.context.functions
            && statements.digest() == other.context.statements.digest();
        is_same.then_some(Self { one, other })
    }

    /// Whether a model is made from the same in both, its parents left out, and reads models of the same names: over the
    /// same parents it has the same fingerprint then.
    pub fn is_made_alike(&self, name: &ModelName) -> bool {
        let model = |tree: &'a Tree| tree.models.get(name).zip(tree.graph.node(name));
        let (Some((model, node)), Some((others, others_node))) = (model(self.one), model(self.other)) else {
            return false;
        };
        model.source == others.source
            && model.mentions.paths().is_empty()
            && node.is_alike(others_node)
            && self.one.context.decisions.agree(&self.other.context.decisions, name)
            // Over other parents the same decisions may hold in one of them alone.
            && self.one.decided_rows(name) == self.other.decided_rows(name)
    }
}

/// Fingerprints one model, as [`over_originals`] gives it, against parents that are looked up; also used to ask what a model
/// would be over other parents.
pub fn fingerprint_one<'a>(
    model: &Model,
    graph: &Graph,
    context: &Context,
    parents: &dyn Fn(&ModelName) -> Option<&'a Fingerprint>,
) -> Fingerprint {
    let node = graph.node(&model.name).cloned().unwrap_or_default();
    let syntax = model.query.as_ref().map(Query::syntax);
    fingerprint_syntax(model, syntax.as_ref(), &node, context, parents)
}

/// What a model is as it was decided: what it is otherwise says whether it was.
fn fingerprint_syntax<'a>(
    model: &Model,
    syntax: Option<&Syntax>,
    node: &Node,
    context: &Context,
    parents: &dyn Fn(&ModelName) -> Option<&'a Fingerprint>,
) -> Fingerprint {
    let undecided = fingerprint_as_written(model, syntax, node, context, parents);
    let Some(rows) = context.decisions.rows(&model.name, undecided.data) else { return undecided };
    let Ok(kept) = kept(model, rows) else { return undecided };
    let decided = fingerprint_as_written(&kept, syntax, node, context, parents);
    Fingerprint { undecided: Some(undecided.data), ..decided }
}

fn fingerprint_as_written<'a>(
    model: &Model,
    syntax: Option<&Syntax>,
    node: &Node,
    context: &Context,
    parents: &dyn Fn(&ModelName) -> Option<&'a Fingerprint>,
) -> Fingerprint {
    let tables = ParentTables { model: &model.name, functions: own_functions(model), context, parents };
    let local = local::local(model, syntax, node, context, &tables, parents);
    let data = data_fingerprint(model, &local);
    let storages = node.parents().filter_map(parents).map(|parent| parent.shape.storage);
    let storage = match model.kind.name() {
        kind if kind.has_table() => table_of(model, data),
        _ => Hasher::new("storage of a view").digest(data).digests(storages).finish(),
    };
    let shape = exported(model, &local, data, storage);
    Fingerprint {
        data,
        undecided: None,
        metadata: metadata::metadata(model),
        shape,
        columns: local
            .columns
            .as_ref()
            .map(|columns| columns.iter().map(|column| (column.name.clone(), column.hash)).collect()),
        rows: local.rows,
        query_rows: local.query_rows,
        written_order: local.written_order,
        opaque: local.opaque,
        reads: local.reads,
        assumes: local.assumes,
        batching: local.batching,
        start: local.start,
    }
}

/// The digest of an external table's rows: its name, and the project's own statements that write it.
fn external_rows(name: &ModelName, context: &Context) -> Digest {
    Hasher::new("external").text(&name.to_string()).option_digest(context.statements.writes(name)).finish()
}

fn data_fingerprint(model: &Model, local: &local::Local) -> Digest {
    let mut hasher = Hasher::new("data").number(ALGORITHM).digest(local.rows).text(model.kind.name().text());
    match &local.columns {
        None => hasher = hasher.text("unknown columns"),
        Some(columns) => {
            hasher = hasher.text("columns").number(columns.len() as u64);
            for column in columns {
                hasher = hasher.text(&column.name.text).digest(column.hash);
            }
        }
    }
    // A view hands its order on too: `LIMIT 1` over it, without an ORDER BY of its own, reads that.
    hasher = hasher.option_digest(local.written_order);
    for list in [&model.properties.partitioned_by, &model.properties.clustered_by] {
        hasher = hasher.number(list.len() as u64);
        hasher = list.iter().fold(hasher, |hasher, expression| hasher.text(expression));
    }
    hasher.finish()
}

/// The table that holds a model: two models of one definition have one each, filled and drawn apart.
fn table_of(model: &Model, data: Digest) -> Digest {
    Hasher::new("table").text(&model.name.to_string()).digest(data).finish()
}

/// What readers take: draws of a stored model are bound to the table that they were drawn into, a view hands them on.
fn exported(model: &Model, local: &local::Local, data: Digest, storage: Digest) -> TableShape {
    let stored = model.kind.name().has_table();
    let is_opaque = local.opaque.is_some();
    let handed_on = |traits: Traits| match stored || model.kind.name() == KindName::External {
        true => Traits::default(),
        false => Traits {
            interval: false,
            crosses: false,
            daily: false,
            volatile: traits.volatile || is_opaque,
            redrawn: traits.redrawn || is_opaque,
            ..traits
        },
    };
    // What statements beside the query do is not known: they may fill what it reads with a sample.
    let is_unknown = is_opaque || statements::hash_statements(model).is_some();
    // A history holds what its query gave at other times.
    let is_history = model.is_history();
    let drawn = |traits: Traits| stored && (is_unknown || is_history || traits.is_drawn());
    let table = table_of(model, data);
    // What is kept is no other where its definition stays, and it is what no other model holds.
    let is_kept = model.past() != Past::Recomputed;
    let kept = |domain: &'static str, hash: Digest| match is_kept {
        true => Hasher::new(domain).text(&model.name.to_string()).digest(hash).finish(),
        false => hash,
    };
    let rows = match drawn(local.row_traits) {
        true => Hasher::new("bound rows").digest(table).finish(),
        false => kept("kept rows", local.rows),
    };
    let columns = local.columns.as_ref().map(|columns| {
        let column = |column: &ShapeColumn| ShapeColumn {
            name: column.name.clone(),
            hash: match drawn(column.traits) {
                true => Hasher::new("bound").digest(table).text(&column.name.text).finish(),
                false => kept("kept", column.hash),
            },
            traits: handed_on(column.traits),
        };
        columns.iter().map(column).collect()
    });
    TableShape { name: model.name.clone(), rows, row_traits: handed_on(local.row_traits), columns, storage }
}

struct ParentTables<'a, 'p> {
    model: &'a ModelName,
    functions: BTreeMap<String, OwnFunction>,
    context: &'a Context,
    parents: &'a dyn Fn(&ModelName) -> Option<&'p Fingerprint>,
}

impl Tables for ParentTables<'_, '_> {
    fn table(&self, name: &ModelName) -> Result<TableShape, Opaque> {
        if name == self.model {
            return Err(Opaque::ReadsItself);
        }
        if let Some(parent) = (self.parents)(name) {
            return Ok(parent.shape.clone());
        }
        let rows = external_rows(name, self.context);
        Ok(TableShape { name: name.clone(), rows, row_traits: Traits::default(), columns: None, storage: rows })
    }

    fn own_function(&self, name: &str) -> Option<OwnFunction> {
        self.functions.get(name).copied()
    }
}
