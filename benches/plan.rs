//! How long `bot plan` takes within this process, on the generated project of 1,000 models with one model edited.
//!
//! Surroundings are fixed and have no cache folder, so every run reads, parses and fingerprints what it needs.
#![allow(missing_docs, reason = "a benchmark")]

mod generated;

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use generated::{Size, project};
use offshoot::error::Exit;
use offshoot::output::Output;
use offshoot::surroundings::Surroundings;
use offshoot::time::Timestamp;

fn plan(root: &Path) -> String {
    let (output, data, talk) = Output::in_memory();
    let surroundings = Surroundings::fixed(root, Timestamp(1_767_571_200_000));
    let exit = offshoot::run(&surroundings.with_arguments(["plan", "--format", "json"]), &output);
    assert_eq!(exit, Exit::Done, "{}", talk.text());
    data.text()
}

fn bench(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), Size { models: 1_000, history: 20 });
    let told = plan(folder.path());
    assert!(told.contains("\"models\": 1000") || told.contains("\"models\":1000"), "a plan of 1,000 models");
    criterion.bench_function("plan of 1,000 models, 1 edited", |bencher| bencher.iter(|| plan(folder.path())));
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = bench }
criterion_main!(benches);
