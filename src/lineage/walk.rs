//! The walk itself: breadth first from one part, upstream over what each model reads, downstream over its reverse.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Direction, Edge, Found, How, Lineage, Node, Part, Side};
use crate::fingerprint::{ModelReads, Tree, model_reads};
use crate::ids::ModelName;
use crate::sql::{Read, Reads};

/// Everything that a part comes from, and everything that reads it.
pub fn lineage(tree: &Tree, of: Node, direction: Direction) -> Lineage {
    let known = Known { tree, reads: RefCell::default() };
    let mut answer = Answer { known: &known, nodes: Vec::new(), edges: BTreeSet::new() };
    answer.add(of.clone(), Side::Itself, 0);
    if direction.has(Side::Upstream) {
        answer.walk(Side::Upstream, |node| known.read_by(node, &of));
    }
    if direction.has(Side::Downstream) {
        let readers = known.readers(&of);
        answer.walk(Side::Downstream, |node| readers.of(node));
    }
    Lineage { direction, nodes: answer.nodes, edges: answer.edges.into_iter().collect() }
}

/// What models read, each asked once.
struct Known<'t> {
    tree: &'t Tree,
    reads: RefCell<BTreeMap<ModelName, Rc<ModelReads>>>,
}

struct Answer<'k, 't> {
    known: &'k Known<'t>,
    nodes: Vec<Found>,
    edges: BTreeSet<Edge>,
}

impl Answer<'_, '_> {
    fn add(&mut self, node: Node, side: Side, distance: usize) -> usize {
        let kind = self.known.tree.models.get(&node.model).map(|model| model.kind.name());
        let opaque = self.known.of(&node.model).opaque.as_ref().map(ToString::to_string);
        self.nodes.push(Found { node, side, distance, kind, opaque });
        self.nodes.len() - 1
    }

    /// Breadth first from the first node; `next` tells a node's neighbours on that side.
    fn walk(&mut self, side: Side, next: impl Fn(&Node) -> Vec<(Node, How)>) {
        let mut places: BTreeMap<Node, usize> = BTreeMap::from([(self.nodes[0].node.clone(), 0)]);
        let mut queue = std::collections::VecDeque::from([0]);
        while let Some(from) = queue.pop_front() {
            let distance = self.nodes[from].distance;
            for (neighbour, how) in next(&self.nodes[from].node.clone()) {
                let to = match places.get(&neighbour) {
                    Some(to) => *to,
                    None => {
                        let to = self.add(neighbour.clone(), side, distance + 1);
                        places.insert(neighbour, to);
                        queue.push_back(to);
                        to
                    }
                };
                let (read, by) = if side == Side::Upstream { (to, from) } else { (from, to) };
                if read != by {
                    self.edges.insert(Edge { read, by, how });
                }
            }
        }
    }
}

impl Known<'_> {
    fn of(&self, name: &ModelName) -> Rc<ModelReads> {
        if let Some(known) = self.reads.borrow().get(name) {
            return known.clone();
        }
        let found = Rc::new(model_reads(self.tree, name));
        self.reads.borrow_mut().insert(name.clone(), found.clone());
        found
    }

    /// What a part is made of; the part that was asked about also names the rows that it stands in.
    fn read_by(&self, node: &Node, asked: &Node) -> Vec<(Node, How)> {
        let drawn = self.drawn(&node.model).into_iter().filter(|drawn| drawn == node);
        let whole = drawn.map(|drawn| (Node { part: Part::All, ..drawn }, How::All));
        self.made_of(node, asked).into_iter().chain(whole).collect()
    }

    /// Parts whose values are drawn when the table is filled: they change with whatever makes it be filled again.
    fn drawn(&self, model: &ModelName) -> Vec<Node> {
        // An opaque model's parts read everything already.
        let is_opaque = self.of(model).opaque.is_some();
        let Some(found) = self.tree.fingerprints.get(model).filter(|_| !is_opaque) else { return Vec::new() };
        let own = found.columns.iter().flatten().zip(found.shape.columns.iter().flatten());
        let columns =
            own.filter(|((_, own), shown)| *own != shown.hash).map(|((name, _), _)| Part::Column(name.text.clone()));
        let rows = (found.rows != found.shape.rows).then_some(Part::Rows);
        columns.chain(rows).map(|part| Node { model: model.clone(), part }).collect()
    }

    fn made_of(&self, node: &Node, asked: &Node) -> Vec<(Node, How)> {
        let reads = self.of(&node.model);
        match &node.part {
            Part::Model => self.models_read(&reads.all(), &node.model),
            Part::All => self.parts(&reads.all(), &node.model, &How::All),
            Part::Rows if reads.opaque.is_some() => self.parts(&reads.rows, &node.model, &How::All),
            Part::Rows => self.parts(&reads.rows, &node.model, &How::Rows),
            Part::Order => self.parts(&reads.order, &node.model, &How::Order),
            Part::Column(_) if reads.opaque.is_some() => self.parts(&reads.rows, &node.model, &How::All),
            Part::Column(column) => {
                let mut columns = reads.columns.iter().flatten();
                let own = columns.find(|(name, _)| name == column).map(|(_, reads)| reads.clone()).unwrap_or_default();
                let mut parts = self.parts(&own, &node.model, &How::Value);
                if node == asked && !reads.rows.is_empty() {
                    parts.push((Node { model: node.model.clone(), part: Part::Rows }, How::Rows));
                }
                parts
            }
        }
    }

    fn parts(&self, reads: &Reads, reader: &ModelName, how: &How) -> Vec<(Node, How)> {
        reads.iter().map(|read| (self.node_of(read, reader), how.clone())).collect()
    }

    /// One neighbour for each model, with the parts that are read of it.
    fn models_read(&self, reads: &Reads, reader: &ModelName) -> Vec<(Node, How)> {
        let mut parts: BTreeMap<ModelName, Vec<Part>> = BTreeMap::new();
        for read in reads {
            let Node { model, part } = self.node_of(read, reader);
            parts.entry(model).or_default().push(part);
        }
        parts.into_iter().map(|(model, parts)| (Node { model, part: Part::Model }, How::Reads(parts))).collect()
    }

    /// A read as a part of what is read, a column by the name that its own model shows.
    fn node_of(&self, read: &Read, reader: &ModelName) -> Node {
        match read {
            Read::Rows(model) => Node { model: model.clone(), part: Part::Rows },
            Read::Whole(model) => Node { model: model.clone(), part: Part::All },
            Read::Column(model, folded) => {
                let dialect = self.tree.models.get(reader).map(|model| model.dialect);
                let is_it = |name: &str| dialect.is_some_and(|dialect| dialect.fold(name, true) == *folded);
                let reads = self.of(model);
                let shown = reads.columns.iter().flatten().map(|(name, _)| name).find(|name| is_it(name));
                Node { model: model.clone(), part: Part::Column(shown.unwrap_or(folded).clone()) }
            }
        }
    }

    /// Who reads the parts of a model and of everything below it.
    fn readers(&self, of: &Node) -> Readers {
        let mut readers = Readers::default();
        let mut seen: BTreeSet<ModelName> = BTreeSet::from([of.model.clone()]);
        let mut queue: Vec<ModelName> = self.children(&of.model);
        self.put_drawn(&mut readers, of, &of.model);
        while let Some(reader) = queue.pop() {
            if !seen.insert(reader.clone()) {
                continue;
            }
            queue.extend(self.children(&reader));
            self.put_drawn(&mut readers, of, &reader);
            let reads = self.of(&reader);
            let node = |part: Part| Node { model: reader.clone(), part };
            if of.part == Part::Model {
                readers.put(self.models_read(&reads.all(), &reader), &node(Part::Model));
            } else if reads.opaque.is_some() {
                readers.put(self.parts(&reads.all(), &reader, &How::All), &node(Part::All));
            } else {
                readers.put(self.parts(&reads.rows, &reader, &How::Rows), &node(Part::Rows));
                readers.put(self.parts(&reads.order, &reader, &How::Order), &node(Part::Order));
                for (column, own) in reads.columns.iter().flatten() {
                    readers.put(self.parts(own, &reader, &How::Value), &node(Part::Column(column.clone())));
                }
            }
        }
        readers
    }

    fn put_drawn(&self, readers: &mut Readers, of: &Node, model: &ModelName) {
        if of.part == Part::Model {
            return;
        }
        for drawn in self.drawn(model) {
            readers.put(vec![(Node { part: Part::All, ..drawn.clone() }, How::All)], &drawn);
        }
    }

    fn children(&self, name: &ModelName) -> Vec<ModelName> {
        let graph = &self.tree.graph;
        if self.tree.models.contains_key(name) {
            return graph.children(name).cloned().collect();
        }
        let reads = |reader: &&ModelName| graph.node(reader).is_some_and(|node| node.external.contains(name));
        self.tree.models.keys().filter(reads).cloned().collect()
    }
}

/// For each part, who reads it.
#[derive(Default)]
struct Readers(BTreeMap<Node, Vec<(Node, How)>>);

impl Readers {
    fn put(&mut self, read: Vec<(Node, How)>, by: &Node) {
        for (node, how) in read {
            self.0.entry(node).or_default().push((by.clone(), how));
        }
    }

    /// Whoever reads all of a model reads each part of it, and all of it changes with each.
    fn of(&self, node: &Node) -> Vec<(Node, How)> {
        let of_part = |part: Part| self.0.get(&Node { model: node.model.clone(), part }).into_iter().flatten();
        match &node.part {
            Part::All => {
                let first = Node { model: node.model.clone(), part: Part::Model };
                let parts = self.0.range(first..).take_while(|(read, _)| read.model == node.model);
                parts.flat_map(|(_, readers)| readers).cloned().collect()
            }
            Part::Model => of_part(Part::Model).cloned().collect(),
            // Nobody sees the order of a table's rows.
            Part::Order => Vec::new(),
            part => of_part(part.clone()).chain(of_part(Part::All)).cloned().collect(),
        }
    }
}
