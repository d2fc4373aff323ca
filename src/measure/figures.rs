//! What was measured, run by run, and the middle of it.

/// One cold start, and the warm one after it. Seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// From the pull's begin to its end.
    pub pull: f64,
    /// Making the container.
    pub create: f64,
    /// From its start until it is ready.
    pub ready: f64,
    /// Create and ready once more, with everything there.
    pub warm: f64,
    /// Processor time of others while it went on, as a part of all there was.
    pub foreign: f64,
    /// Whether it counts: others did not disturb it.
    pub kept: bool,
}

impl Run {
    /// Pull, create and ready.
    pub fn total(&self) -> f64 {
        self.pull + self.create + self.ready
    }
}

/// A phase of a run: its number out of it.
pub type Phase = fn(&Run) -> f64;

/// All runs of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// In the order in which they were made.
    pub runs: Vec<Run>,
    /// How it was told that the image is ready.
    pub ready_by: String,
}

/// Middle, least and most of a phase over the runs that count. Seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Measured {
    /// A phase over the runs that count, or over all where none does; `None` without runs.
    pub fn figures(&self, phase: Phase) -> Option<Figures> {
        let any_kept = self.runs.iter().any(|run| run.kept);
        let runs = self.runs.iter().filter(|run| run.kept || !any_kept);
        let mut numbers: Vec<f64> = runs.map(phase).collect();
        numbers.sort_by(f64::total_cmp);
        let (least, most) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median = match numbers.len() % 2 {
            1 => numbers[middle],
            _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
        };
        Some(Figures { median, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pull: f64, kept: bool) -> Run {
        Run { pull, kept, ..Run::default() }
    }

    #[test]
    fn disturbed_runs_do_not_count_while_there_are_others() {
        let runs = vec![run(9.0, false), run(1.0, true), run(3.0, true), run(2.0, true), run(4.0, true)];
        let measured = Measured { runs, ready_by: String::new() };
        assert_eq!(measured.figures(|run| run.pull), Some(Figures { median: 2.5, least: 1.0, most: 4.0 }));
        let disturbed = Measured { runs: vec![run(9.0, false)], ready_by: String::new() };
        assert_eq!(disturbed.figures(Run::total).map(|figures| figures.median), Some(9.0));
        assert_eq!(Measured::default().figures(|run| run.pull), None);
    }
}
