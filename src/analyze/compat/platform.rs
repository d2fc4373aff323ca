//! Architecture and operating system.

use super::summary::Problem;
use super::{Facts, Verdict};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Problem> {
    let own = facts.application.image.image.manifest.config.platform();
    let new = facts.candidate.image.manifest.config.platform();
    if own.os != new.os || own.architecture != new.architecture {
        let what = format!("it is made for {own}; the base is for {new}");
        return vec![Problem::new(Verdict::Breaks, "platform", what).missing(own.to_string())];
    }
    Vec::new()
}
