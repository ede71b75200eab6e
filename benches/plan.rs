//! How long `bot plan` takes on a project of 1,000 models in a real git repository, of which a branch edits three.
//!
//! The cache of parsed models is in memory and dies with each run, so every run reads, parses and fingerprints it all.
#![allow(clippy::disallowed_methods, missing_docs, reason = "a benchmark runs git and makes files of its own")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use criterion::{Criterion, criterion_group, criterion_main};
use offshoot::error::Exit;
use offshoot::output::Output;
use offshoot::surroundings::Surroundings;
use offshoot::time::Timestamp;

const SEEDS: usize = 20;
const STAGING: usize = 380;
const MARTS: usize = 600;

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is ours");
    fs::write(file, text).expect("the file is ours");
}

fn git(root: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .current_dir(root)
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "core.autocrlf=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .status()
        .expect("git is installed");
    assert!(status.success(), "git {arguments:?}");
}

/// `staging.s7`: twelve columns of a seed, cleaned, deduplicated and filtered.
fn staging(index: usize, filter: &str) -> String {
    let mut columns = String::new();
    for column in 0..10 {
        let _ = writeln!(columns, "    coalesce(c{column}, {column}) * {index} AS c{column}, -- of the source");
    }
    format!(
        "MODEL (name staging.s{index}, kind FULL, owner data, description 'stage {index}');\n\n\
         WITH source AS (\n  SELECT * FROM seeds.raw{}\n),\nranked AS (\n  SELECT *, row_number() OVER (PARTITION BY id \
         ORDER BY c0 DESC, c1) AS rn FROM source\n)\nSELECT\n    id,\n    trim(name) AS name,\n{columns}    c0 + c1 AS total\n\
         FROM ranked\nWHERE rn = 1 AND {filter}\n",
        index % SEEDS
    )
}

/// `marts.m7`: sums over a join of two or three models above it.
fn mart(index: usize) -> String {
    let parent = |step: usize| match index.checked_sub(step) {
        Some(above) if index.is_multiple_of(3) => format!("marts.m{above}"),
        _ => format!("staging.s{}", (index * 7 + step) % STAGING),
    };
    let mut columns = String::new();
    for column in 0..10 {
        let _ = writeln!(columns, "    sum(a.c{column} + CASE WHEN b.c{column} > 3 THEN 1 ELSE 0 END) AS c{column},");
    }
    format!(
        "MODEL (name marts.m{index}, kind {}, cron '@daily', tags (mart), grain id);\n\nSELECT\n    a.id,\n    \
         max(a.name) AS name,\n{columns}    count(*) AS total\nFROM {} AS a\nLEFT JOIN {} AS b ON a.id = b.id AND \
         b.total > 0\nWHERE a.name <> '' AND a.id IN (SELECT id FROM {})\nGROUP BY a.id\n",
        if index % 4 == 1 { "VIEW" } else { "FULL" },
        parent(1),
        parent(2),
        parent(13)
    )
}

fn project(root: &Path) {
    write(
        root,
        "config.yaml",
        "gateways: {local: {connection: {type: duckdb, database: warehouse.duckdb}}}\n\
         model_defaults: {dialect: duckdb, start: 2026-01-01}\n",
    );
    for seed in 0..SEEDS {
        let mut csv = "id,name,c0,c1,c2,c3,c4,c5,c6,c7,c8,c9\n".to_owned();
        for row in 0..200 {
            let _ = writeln!(csv, "{row},n{row},1,2,3,4,5,6,7,8,9,{seed}");
        }
        write(root, &format!("seeds/raw{seed}.csv"), &csv);
        let model = format!("MODEL (name seeds.raw{seed}, kind SEED (path '$root/seeds/raw{seed}.csv'));\n");
        write(root, &format!("models/seeds/raw{seed}.sql"), &model);
    }
    for index in 0..STAGING {
        write(root, &format!("models/staging/s{index}.sql"), &staging(index, "id > 0"));
    }
    for index in 0..MARTS {
        write(root, &format!("models/marts/m{index}.sql"), &mart(index));
    }
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "-m", "main"]);
    git(root, &["checkout", "--quiet", "-b", "feature/three"]);
    write(root, "models/staging/s7.sql", &staging(7, "id > 1"));
    write(
        root,
        "models/marts/m300.sql",
        &mart(300).replace("count(*) AS total", "count(*) AS total, min(a.id) AS least"),
    );
    write(
        root,
        "models/marts/m301.sql",
        &format!("-- a comment\n{}", mart(301)).replace("tags (mart)", "tags (mart, core)"),
    );
    git(root, &["commit", "--quiet", "--all", "-m", "three models"]);
}

fn plan(root: &Path) -> String {
    let (output, data, talk) = Output::in_memory();
    let surroundings = Surroundings::fixed(root, Timestamp(1_767_571_200_000));
    let exit = offshoot::run(&surroundings.with_arguments(["plan", "--format", "json"]), &output);
    assert_eq!(exit, Exit::Done, "{}", talk.text());
    data.text()
}

fn bench(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let told = plan(folder.path());
    assert!(told.contains("\"models\": 1000") || told.contains("\"models\":1000"), "a plan of 1,000 models");
    criterion.bench_function("plan of 1,000 models, 3 edited", |bencher| bencher.iter(|| plan(folder.path())));
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = bench }
criterion_main!(benches);
