//! Whether a star stands in the query as it is written: SQLMesh's linter looks at it before macros and Jinja are expanded.

use std::ops::Range;

use super::subject::Subject;
use crate::sql::{Piece, Token, TokenKind, tokenize};

/// What of a query the author wrote outside of macros.
pub(super) struct Written {
    text: String,
    /// Bytes of the text, ascending, and what of the file they are.
    pieces: Vec<(Range<usize>, Option<usize>)>,
    /// Bytes of the file, ascending, between the parentheses of macros.
    calls: Vec<Range<usize>>,
}

impl Written {
    /// `None` where the query is as it is written throughout.
    pub(super) fn of(subject: &Subject<'_>) -> Option<Self> {
        let template = subject.model.query.as_ref()?.template();
        if let [Piece::Source { .. }] = template.pieces() {
            return None;
        }
        let mut position = 0;
        let pieces = template.pieces().iter().map(|piece| {
            let start = position;
            let (length, offset) = match piece {
                Piece::Source { text, offset } => (text.len(), Some(*offset)),
                piece => (analysed(piece), None),
            };
            position += length;
            (start..position, offset)
        });
        let pieces = pieces.collect();
        let tokens = tokenize(subject.file(), subject.model.dialect).unwrap_or_default();
        Some(Self { text: template.text(), pieces, calls: calls(&tokens) })
    }

    /// Whether the star of a projection that begins at a byte of the text is the author's.
    pub(super) fn has_star(&self, offset: usize) -> bool {
        let rest = self.text.get(offset..).unwrap_or_default();
        // `FROM t` alone selects all.
        let (word, behind) = rest.split_at_checked("from".len()).unwrap_or_default();
        let is_from = word.eq_ignore_ascii_case("from") && behind.starts_with(char::is_whitespace);
        let star = if is_from { 0 } else { rest.find('*').unwrap_or(0) };
        let Some((range, Some(start))) = holding(&self.pieces, |(range, _)| range, offset + star) else { return false };
        let at = start + (offset + star - range.start);
        holding(&self.calls, |call| call, at).is_none()
    }
}

fn analysed(piece: &Piece) -> usize {
    crate::sql::Template::new(vec![piece.clone()]).text().len()
}

/// The range that a place is in.
fn holding<T>(all: &[T], range: impl Fn(&T) -> &Range<usize>, place: usize) -> Option<&T> {
    let next = all.partition_point(|one| range(one).start <= place);
    all.get(next.checked_sub(1)?).filter(|one| range(one).contains(&place))
}

/// What is between the parentheses of macros; of those within others, what is within the outermost.
fn calls(tokens: &[Token]) -> Vec<Range<usize>> {
    let significant: Vec<&Token> = tokens.iter().filter(|token| token.is_significant()).collect();
    let is_called = |open: usize| {
        let Some(name) = open.checked_sub(1).and_then(|at| significant.get(at)) else { return false };
        let is_marked = || open.checked_sub(2).is_some_and(|at| significant[at].is_symbol("@"));
        matches!(&name.kind, TokenKind::Word { value, .. } if value.starts_with('@') || is_marked())
    };
    let (mut found, mut depth, mut open) = (Vec::new(), 0_usize, None);
    for (index, token) in significant.iter().enumerate() {
        if token.is_symbol("(") {
            depth += 1;
            if open.is_none() && is_called(index) {
                open = Some((depth, token.range.start));
            }
        } else if token.is_symbol(")") {
            if let Some((_, start)) = open.filter(|(outermost, _)| *outermost == depth) {
                found.push(start..token.range.end);
                open = None;
            }
            depth = depth.saturating_sub(1);
        }
    }
    found
}
