//! Whom an image runs as.

use super::Subject;
use super::distribution::content;

/// Whether the user that an image runs as is root, by its number: `USER` is none, `0`, or a name that the image's
/// `/etc/passwd` gives the number 0. Of a name that is not there nobody but root is root.
pub fn runs_as_root(subject: Subject<'_>) -> bool {
    let user = &subject.image.manifest.config.config.user;
    let name = user.split(':').next().unwrap_or_default().trim();
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return name.bytes().all(|byte| byte == b'0');
    }
    let accounts = content(subject.tree, "etc/passwd").unwrap_or_default();
    let mut lines = accounts.lines().map(|line| line.split(':'));
    let number = lines.find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.nth(1)).flatten());
    number.map_or(name == "root", |number| number.parse() == Ok(0_u32))
}
