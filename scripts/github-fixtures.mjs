// Makes fixtures/github anew from what GitHub publishes. Needed only when GitHub's API changes; needs node and npm:
//
//   mkdir scratch && cd scratch
//   SCARF_ANALYTICS=false npm install --ignore-scripts @octokit/openapi@23.0.2 @octokit/webhooks-examples@7.6.1
//   node ../scripts/github-fixtures.mjs node_modules ../fixtures/github
//
// api.json: the description of the calls in PATHS, with all that they refer to, as plain JSON schema (`nullable` of
// OpenAPI 3.0 becomes a type), without examples and prose. events/*.json: official payloads cut down to the fields that
// the bot reads and a few that it must not trip over, and those that the official examples lack.

import fs from "node:fs";
import path from "node:path";

const [packages, target] = process.argv.slice(2);
const R = "/repos/{owner}/{repo}";
const PATHS = {
  "/user": ["get"],
  [`${R}/pulls`]: ["get"],
  [`${R}/pulls/{pull_number}`]: ["get"],
  [`${R}/issues/{issue_number}/comments`]: ["get", "post"],
  [`${R}/issues/comments/{comment_id}`]: ["get", "patch"],
  [`${R}/issues/comments/{comment_id}/reactions`]: ["post"],
  [`${R}/check-runs`]: ["post"],
  [`${R}/check-runs/{check_run_id}`]: ["get", "patch"],
  [`${R}/commits/{ref}/check-runs`]: ["get"],
  [`${R}/commits/{commit_sha}/pulls`]: ["get"],
  [`${R}/collaborators/{username}/permission`]: ["get"],
  [`${R}/branches/{branch}`]: ["get"],
  [`${R}/compare/{basehead}`]: ["get"],
  [`${R}/git/blobs/{file_sha}`]: ["get"],
};
const PROSE = new Set(["description", "summary", "example", "examples", "externalDocs", "tags", "operationId", "title"]);

function trimApi() {
  const file = path.join(packages, "@octokit/openapi/generated/api.github.com.json");
  const whole = JSON.parse(fs.readFileSync(file, "utf8"));
  const paths = {};
  for (const [name, methods] of Object.entries(PATHS)) {
    const { parameters = [] } = whole.paths[name];
    paths[name] = {};
    for (const method of methods) {
      const call = whole.paths[name][method];
      paths[name][method] = plain({
        parameters: [...parameters, ...(call.parameters ?? [])],
        requestBody: call.requestBody,
        responses: call.responses,
      });
    }
  }
  const components = {};
  const open = [paths];
  while (open.length > 0) {
    for (const reference of references(open.pop())) {
      const [, , kind, name] = reference.split("/");
      components[kind] ??= {};
      if (components[kind][name] === undefined) {
        components[kind][name] = plain(whole.components[kind][name]);
        open.push(components[kind][name]);
      }
    }
  }
  const from = { package: "@octokit/openapi", version: version("@octokit/openapi"), licence: "MIT" };
  write("api.json", JSON.stringify({ "x-from": from, paths, components: sorted(components) }));
}

// Without prose, and with `null` as a type. A property may have the name of a word of the schema language.
function plain(value, isNames = false) {
  if (Array.isArray(value)) return value.map((one) => plain(one));
  if (value === null || typeof value !== "object") return value;
  const output = {};
  for (const [key, one] of Object.entries(value)) {
    const isProse = !isNames && (PROSE.has(key) || key.startsWith("x-") || key === "nullable" || key === "headers");
    if (!isProse) output[key] = plain(one, !isNames && (key === "properties" || key === "schemas"));
  }
  if (isNames || value.nullable !== true) return output;
  if (typeof output.type === "string") {
    output.type = [output.type, "null"];
    if (output.enum && !output.enum.includes(null)) output.enum.push(null);
    return output;
  }
  return { anyOf: [output, { type: "null" }] };
}

function* references(value) {
  if (Array.isArray(value)) for (const one of value) yield* references(one);
  else if (value !== null && typeof value === "object") {
    if (typeof value.$ref === "string") yield value.$ref;
    for (const one of Object.values(value)) yield* references(one);
  }
}

function sorted(components) {
  const byName = (object) => Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
  return Object.fromEntries(Object.entries(components).map(([kind, all]) => [kind, byName(all)]));
}

const HEAD = "9f3c2e1000000000000000000000000000000001";
const BASE = "77ab01d000000000000000000000000000000002";
const LABEL = { id: 4243, name: "Bot:diff-all" };
const ZEROES = "0".repeat(40);

function thinEvents() {
  const file = path.join(packages, "@octokit/webhooks-examples/api.github.com/index.json");
  const all = JSON.parse(fs.readFileSync(file, "utf8"));
  const examples = (name) => all.find((event) => event.name === name).examples;
  const example = (name, action) => examples(name).find((one) => action === undefined || one.action === action);
  const pull = (action) => pullRequest(example("pull_request", action));
  for (const action of ["opened", "synchronize", "reopened", "ready_for_review", "converted_to_draft", "labeled", "closed"]) {
    event(`pull_request.${action}`, pull(action));
  }
  const closed = pull("closed");
  const merged = { merged: true, merged_at: "2026-04-01T09:41:00Z", merge_commit_sha: HEAD };
  event("pull_request.merged", { ...closed, pull_request: { ...closed.pull_request, ...merged } });
  const opened = pull("opened");
  const with_head_repo = (repo) => {
    const { head } = opened.pull_request;
    return { ...opened, pull_request: { ...opened.pull_request, head: { ...head, repo } } };
  };
  event("pull_request.fork", with_head_repo({ id: 4242, full_name: "mallory/Hello-World", fork: true }));
  event("pull_request.deleted_fork", with_head_repo(null));
  event("pull_request.draft", { ...opened, pull_request: { ...opened.pull_request, draft: true } });
  event("pull_request.new_base", { ...opened, action: "edited", changes: { base: { ref: { from: "develop" }, sha: { from: BASE } } } });
  const labels = (pull) => ({ ...pull, label: LABEL, pull_request: { ...pull.pull_request, labels: [...pull.pull_request.labels, LABEL] } });
  event("pull_request.our_label", labels(pull("labeled")));
  event("pull_request.our_label_gone", { ...pull("unlabeled"), label: LABEL });
  event("pull_request.our_label_on_a_fork", { ...labels(with_head_repo({ id: 4242, full_name: "mallory/Hello-World", fork: true })), action: "labeled" });
  event("pull_request.our_label_on_a_closed_one", { ...labels(closed), action: "labeled" });
  event("pull_request.no_label", { ...pull("unlabeled"), label: undefined });
  event("pull_request.new_title", { ...opened, action: "edited", changes: { title: { from: "before" } } });
  const push = pushed(examples("push").find((one) => one.ref.startsWith("refs/heads/")));
  event("push.branch", { ...push, before: BASE, after: HEAD, deleted: false });
  event("push.new_branch", { ...push, before: ZEROES, after: HEAD, created: true, deleted: false });
  event("push.deleted", { ...push, before: BASE, after: ZEROES, deleted: true });
  event("push.tag", { ...push, ref: "refs/tags/v1", before: ZEROES, after: HEAD, deleted: false });
  event("merge_group.checks_requested", mergeGroup(example("merge_group", "checks_requested")));
  event("merge_group.destroyed", { ...mergeGroup(example("merge_group", "checks_requested")), action: "destroyed" });
  const comment = commented(example("issue_comment", "created"));
  const onPull = { ...comment, issue: { ...comment.issue, pull_request: { url: `${comment.repository.url}/pulls/1` } } };
  const says = (body) => ({ ...onPull, comment: { ...onPull.comment, body } });
  event("issue_comment.plain_issue", { ...comment, comment: { ...comment.comment, body: "/bot plan" } });
  event("issue_comment.plan", says("/bot plan\r\n\r\nthe source was loaded again"));
  event("issue_comment.chat", says("please look at /bot plan"));
  event("issue_comment.unknown_command", says("/bot pln"));
  event("issue_comment.edited", { ...says("/bot plan"), action: "edited" });
  const program = { login: "github-actions[bot]", id: 41898282, type: "Bot" };
  event("issue_comment.program", { ...says("/bot plan"), comment: { ...says("/bot plan").comment, user: program } });
  event("issue_comment.ghost", { ...says("/bot plan"), comment: { ...says("/bot plan").comment, user: null } });
  const deleted = pick(example("delete"), { ref: 1, ref_type: 1, pusher_type: 1, repository: REPOSITORY });
  event("delete.tag", deleted);
  event("delete.branch", { ...deleted, ref: "feature/fx-rates", ref_type: "branch" });
  event("workflow_dispatch", pick(example("workflow_dispatch"), { ref: 1, inputs: 1, sender: ACCOUNT, repository: REPOSITORY }));
  event("schedule", { schedule: "17 4 * * *" });
}

const ACCOUNT = { login: 1, id: 1, type: 1 };
const REPOSITORY = { id: 1, full_name: 1, fork: 1, url: 1, default_branch: 1, owner: ACCOUNT };
const SIDE = { label: 1, ref: 1, sha: 1, repo: { id: 1, full_name: 1, fork: 1 } };

function pullRequest(payload) {
  const pull_request = {
    number: 1, state: 1, title: 1, user: ACCOUNT, draft: 1, merged: 1, merged_at: 1, mergeable: 1, merge_commit_sha: 1,
    head: SIDE, base: SIDE, labels: { id: 1, name: 1 }, author_association: 1,
  };
  return pick(payload, { action: 1, number: 1, before: 1, after: 1, changes: 1, label: { id: 1, name: 1 }, pull_request, repository: REPOSITORY, sender: ACCOUNT });
}

function pushed(payload) {
  return pick(payload, { ref: 1, before: 1, after: 1, created: 1, deleted: 1, forced: 1, repository: REPOSITORY, sender: ACCOUNT });
}

function mergeGroup(payload) {
  const merge_group = { head_sha: 1, head_ref: 1, base_sha: 1, base_ref: 1 };
  return pick(payload, { action: 1, merge_group, repository: REPOSITORY, sender: ACCOUNT });
}

function commented(payload) {
  const comment = { id: 1, user: ACCOUNT, body: 1, created_at: 1, updated_at: 1, author_association: 1 };
  const issue = { number: 1, state: 1, user: ACCOUNT, pull_request: 1 };
  return pick(payload, { action: 1, issue, comment, repository: REPOSITORY, sender: ACCOUNT });
}

function pick(value, shape) {
  if (shape === 1 || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((one) => pick(one, shape));
  const kept = Object.keys(shape).filter((key) => value[key] !== undefined);
  return Object.fromEntries(kept.map((key) => [key, pick(value[key], shape[key])]));
}

const event = (name, payload) => write(`events/${name}.json`, JSON.stringify(payload, null, 2));

function version(name) {
  return JSON.parse(fs.readFileSync(path.join(packages, name, "package.json"), "utf8")).version;
}

function write(name, text) {
  fs.mkdirSync(path.dirname(path.join(target, name)), { recursive: true });
  fs.writeFileSync(path.join(target, name), `${text}\n`);
}

trimApi();
thinEvents();
