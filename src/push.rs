//! What git tells a pre-push hook: one line for each ref that is pushed (githooks(5), `pre-push`). Pure: reading the lines
//! is somebody else's.

use crate::ids::CommitId;

/// A ref that is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRef {
    /// What is pushed, as the person named it: a full ref, or anything that names a commit, such as `HEAD~`.
    pub local_ref: String,
    /// Its commit; `None` where the remote ref is deleted.
    pub local: Option<CommitId>,
    /// The full ref that is written.
    pub remote_ref: String,
    /// The commit that it had when git last asked; `None` where it is new. It need not be here.
    pub remote: Option<CommitId>,
}

impl PushedRef {
    /// The branch that is written; `None` for tags and notes.
    pub fn branch(&self) -> Option<&str> {
        self.remote_ref.strip_prefix("refs/heads/").filter(|name| !name.is_empty())
    }
}

/// Reads the lines; those that are not understood come apart. Lines are cut from the right, because the local name may hold
/// spaces (`main@{1 second ago}`).
pub fn pushed_refs(input: &str) -> (Vec<PushedRef>, Vec<&str>) {
    let (mut pushed, mut odd) = (Vec::new(), Vec::new());
    for line in input.lines().filter(|line| !line.is_empty()) {
        match pushed_ref(line) {
            Some(one) => pushed.push(one),
            None => odd.push(line),
        }
    }
    (pushed, odd)
}

fn pushed_ref(line: &str) -> Option<PushedRef> {
    let mut fields = line.rsplitn(4, ' ');
    let (remote, remote_ref, local, local_ref) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (remote, local) = (object(remote)?, object(local)?);
    Some(PushedRef { local_ref: local_ref.to_owned(), local, remote_ref: remote_ref.to_owned(), remote })
}

/// An object id of either length; the inner one is `None` for all zeroes, which stands for no object.
fn object(text: &str) -> Option<Option<CommitId>> {
    let is_id = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| CommitId::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    #[test]
    fn names_with_spaces_are_cut_from_the_right() {
        let line = format!("main@{{1 second ago}} {ONE} refs/heads/feature {TWO}\n");
        let (pushed, odd) = pushed_refs(&line);
        assert!(odd.is_empty());
        assert_eq!(pushed[0].local_ref, "main@{1 second ago}");
        assert_eq!(pushed[0].branch(), Some("feature"));
        assert_eq!(pushed[0].remote, Some(CommitId::new(TWO)));
    }

    #[test]
    fn zeroes_are_no_commit_in_either_length() {
        let long = "0".repeat(64);
        let input = format!("(delete) {ZERO} refs/heads/old {ONE}\nrefs/heads/x {ONE} refs/heads/x {long}\n");
        let (pushed, _) = pushed_refs(&input);
        assert_eq!((&pushed[0].local, &pushed[1].remote), (&None, &None));
        assert_eq!(pushed[1].local, Some(CommitId::new(ONE)));
    }

    #[test]
    fn what_is_no_such_line_is_told() {
        let (pushed, odd) = pushed_refs("\nrefs/heads/x\na b c d\n  \nrefs/heads/x 12 refs/heads/x 34\n");
        assert!(pushed.is_empty());
        assert_eq!(odd, ["refs/heads/x", "a b c d", "  ", "refs/heads/x 12 refs/heads/x 34"]);
    }

    #[test]
    fn tags_are_no_branches() {
        let (pushed, _) = pushed_refs(&format!("v1 {ONE} refs/tags/v1 {ZERO}"));
        assert_eq!(pushed[0].branch(), None);
    }
}
