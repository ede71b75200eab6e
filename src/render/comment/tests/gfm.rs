//! What a GFM parser (comrak, which follows GitHub's own) makes of a text: tables, links, HTML, folds.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};

/// What is wrong with a text as GitHub would show it; nothing for a good one.
pub(super) fn faults(text: &str) -> Vec<String> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.alerts = true;
    options.extension.footnotes = true;
    let arena = Arena::new();
    let root = parse_document(&arena, text, &options);
    let mut look = Look::default();
    look.at(root);
    if look.depth != 0 {
        look.faults.push(format!("{} folds are left open", look.depth));
    }
    look.tables(text);
    look.faults
}

#[derive(Default)]
struct Look {
    faults: Vec<String>,
    /// Folds that are open.
    depth: i64,
    /// Whether `<code>` is open.
    in_code: bool,
    /// Rows of all tables, headers included.
    rows: usize,
}

/// The HTML that is ours.
const OURS: [&str; 8] = ["<br>", "<sub>", "</sub>", "<b>", "</b>", "<code>", "</code>", "</details>"];

impl Look {
    fn at<'a>(&mut self, node: &'a AstNode<'a>) {
        match &node.data().value {
            NodeValue::Link(link) if !link.url.starts_with("https://github.com/acme/analytics/") => {
                self.faults.push(format!("a link to {}", link.url));
            }
            NodeValue::Image(image) => self.faults.push(format!("an image of {}", image.url)),
            NodeValue::HtmlInline(html) => self.html(html),
            NodeValue::HtmlBlock(block) => self.block(&block.literal),
            // GitHub looks for mentions outside elements of code, whether Markdown or HTML made them.
            NodeValue::Text(_) if self.in_code => {}
            NodeValue::Text(text) => self.text(text),
            NodeValue::FootnoteReference(_) | NodeValue::TaskItem(_) => self.faults.push("a foreign mark".into()),
            NodeValue::TableRow(_) => self.rows += 1,
            NodeValue::Table(table) => {
                let columns = table.num_columns;
                for row in node.children() {
                    let cells = row.children().count();
                    if cells != columns {
                        self.faults.push(format!("a row of {cells} cells in a table of {columns}"));
                    }
                }
            }
            _ => {}
        }
        // Code is code, whatever is in it.
        for child in node.children() {
            self.at(child);
        }
    }

    fn html(&mut self, html: &str) {
        match html {
            "<code>" if self.in_code => self.faults.push("code in code".into()),
            "</code>" if !self.in_code => self.faults.push("an end of code without its beginning".into()),
            "<code>" | "</code>" => self.in_code = !self.in_code,
            _ => {}
        }
        if !OURS.contains(&html) {
            self.faults.push(format!("HTML that is not ours: {html}"));
        }
    }

    fn block(&mut self, html: &str) {
        for line in html.lines().filter(|line| !line.is_empty()) {
            match line {
                "</details>" => self.depth -= 1,
                line if line.starts_with("<!-- offshoot:") && line.ends_with(" -->") => {}
                line => {
                    match line.strip_prefix("<details><summary>").and_then(|rest| rest.strip_suffix("</summary>")) {
                        Some(title) => {
                            self.depth += 1;
                            let bare = OURS.iter().fold(title.to_owned(), |title, tag| title.replace(tag, ""));
                            if bare.contains(['<', '>', '@']) {
                                self.faults.push(format!("a title with foreign HTML: {title}"));
                            }
                        }
                        None => self.faults.push(format!("a block of HTML that is not ours: {line}")),
                    }
                }
            }
        }
    }

    /// Outside code nothing mentions anybody, and nothing that hides is left.
    fn text(&mut self, text: &str) {
        for (at, mark) in text.match_indices(['@', '#']) {
            let next = text[at + mark.len()..].chars().next();
            if next.is_some_and(char::is_alphanumeric) {
                self.faults.push(format!("a mention in {text}"));
            }
        }
        if text.contains(['\u{202e}', '\u{1b}', '\u{feff}']) {
            self.faults.push(format!("a hidden character in {text:?}"));
        }
    }

    /// Every line that we meant as a row of a table is one. Fences are skipped as GFM does.
    fn tables(&mut self, text: &str) {
        let mut fence: Option<String> = None;
        let mut meant = 0;
        for line in text.lines() {
            let ticks: String = line.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if ticks.len() >= open.len() && line.trim_start_matches('`').trim().is_empty() => {
                    fence = None;
                }
                Some(_) => {}
                None if ticks.len() >= 3 => fence = Some(ticks),
                None if line.starts_with("| ") || line.starts_with("|:") => meant += 1,
                None => {}
            }
        }
        if fence.is_some() {
            self.faults.push("a fence is left open".into());
        }
        // The line below a header is no row.
        let delimiters = text.lines().filter(|line| line.starts_with("|:--|")).count();
        if meant != self.rows + delimiters {
            self.faults.push(format!("{meant} lines of tables gave {} rows and {delimiters} headers", self.rows));
        }
    }
}

#[test]
fn the_parser_sees_what_it_should() {
    assert_eq!(faults("| a | b |\n|:--|:--|\n| `x` | <br> |\n"), Vec::<String>::new());
    for bad in [
        "<img src=x>",
        "[a](https://evil.example)",
        "@org/all",
        "<details><summary>x</summary>\n\nopen",
        "```\nopen",
        "| a | b |\n|:--|:--|\n| c |\n\ntext\n| d | e |",
        "https://evil.example",
        "a \u{202e}b",
    ] {
        assert!(!faults(bad).is_empty(), "{bad}");
    }
}
