//! Whether it really runs: the image as it is, and on candidates, each started once.

use super::{Candidate, Recommendation};
use crate::analyze::compat::Verdict;
use crate::blob::Compression;
use crate::measure::{self, MeasureError, Outcome, Ready};
use crate::rewrite::{Encoding, LayoutWriter, Plan, RewriteError};

/// The name of the image as it is, in the layout that is written.
const NOW: &str = "now";

/// What came of running an image on a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Whether it did there what it does as it is. One start is no proof: this can break a verdict, not make one.
    pub verdict: Verdict,
    /// What it did.
    pub outcome: Outcome,
}

/// What the image did as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The engine that ran it.
    pub engine: &'static str,
    /// What was run in place of what the image says.
    pub command: Vec<String>,
    /// What it did.
    pub now: Outcome,
}

impl Recommendation {
    /// Writes what is to be run: the image as it is, and stacked on candidates that were asked for or that are not known
    /// to break.
    pub fn write_trials(&self, to: &mut LayoutWriter) -> Result<(), RewriteError> {
        // All layers stay as they are: nothing is compressed.
        let unused = Encoding::usual(Compression::None);
        let mut write = |plan: Plan<'_>, name: &str| {
            let image = plan.write(to, unused, &|_| false)?;
            to.list(image, Some(name));
            Ok::<_, RewriteError>(())
        };
        write(Plan::stacked(&self.image, None, &self.image.image.manifest.config.config), NOW)?;
        let base_layers = self.base.layers.unwrap_or(0);
        for (at, candidate) in self.candidates.iter().enumerate() {
            if let (true, Some(below), Some(found)) =
                (candidate.is_tried(), &candidate.scanned, &candidate.compatibility)
            {
                write(Plan::stacked(below, Some((&self.image, base_layers)), &found.config), &name(at))?;
            }
        }
        Ok(())
    }

    /// What tells that the image is ready, by what it says itself.
    pub fn ready(&self) -> Ready {
        Ready::of_image(&self.image.image.manifest.config.config)
    }

    /// Runs what was written, by the name it has there, and judges.
    pub fn try_all(
        &mut self,
        engine: &'static str,
        trial: measure::Trial,
        run: &mut dyn FnMut(&str, &measure::Trial) -> Result<Outcome, MeasureError>,
    ) -> Result<(), MeasureError> {
        let now = run(NOW, &trial)?;
        let trial = trial.beside(&now);
        for (at, candidate) in self.candidates.iter_mut().enumerate().filter(|(_, candidate)| candidate.is_tried()) {
            let outcome = run(&name(at), &trial)?;
            candidate.trial = Some(Trial { verdict: judged(&now, &outcome), outcome });
        }
        self.tried = Some(Tried { engine, command: trial.command, now });
        self.sort();
        Ok(())
    }
}

impl Candidate {
    fn is_tried(&self) -> bool {
        let verdict = self.compatibility.as_ref().map(|found| found.verdict);
        verdict.is_some_and(|verdict| self.told || verdict != Verdict::Breaks)
    }
}

fn name(candidate: usize) -> String {
    format!("candidate-{candidate}")
}

/// What does not run as it is tells nothing. What serves in one place and ends in the other, though well, is not the
/// same.
fn judged(now: &Outcome, then: &Outcome) -> Verdict {
    match (now.is_good(), then.is_good()) {
        (false, _) => Verdict::Undecided,
        (true, true) if now.has_ended() == then.has_ended() => Verdict::Works,
        (true, _) => Verdict::Breaks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_judged_by_what_the_image_does_as_it_is() {
        let ended = |status| Outcome::Ended { status: Some(status), said: "x".into() };
        let (ready, runs) = (Outcome::Ready("port=1".into()), Outcome::Runs(5));
        let refused = Outcome::Refused("x".into());
        let late = Outcome::NeverReady { ready: "port=1".into(), seconds: 300, said: "x".into() };
        for (now, then, verdict) in [
            (&ready, &ready, Verdict::Works),
            (&runs, &runs, Verdict::Works),
            (&ended(0), &ended(0), Verdict::Works),
            (&runs, &ended(0), Verdict::Breaks),
            (&ready, &ended(1), Verdict::Breaks),
            (&ready, &late, Verdict::Breaks),
            (&ended(0), &refused, Verdict::Breaks),
            (&ended(1), &ended(1), Verdict::Undecided),
            (&late, &ready, Verdict::Undecided),
        ] {
            assert_eq!(judged(now, then), verdict, "{now} {then}");
        }
    }
}
