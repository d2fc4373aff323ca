//! Lists that may be as long as an image has names.

use serde::{Serialize, Serializer};

/// Rows that are made when they are asked for: all at once may take more room than the images that they tell of.
pub struct Rows<'d, R> {
    len: usize,
    row: Box<dyn Fn(usize) -> R + 'd>,
}

impl<'d, R> Rows<'d, R> {
    /// So many; `row` makes one, counted from 0.
    pub fn new(len: usize, row: impl Fn(usize) -> R + 'd) -> Self {
        Self { len, row: Box::new(row) }
    }

    /// They, in order.
    pub fn iter(&self) -> impl Iterator<Item = R> {
        (0..self.len).map(&self.row)
    }
}

impl<R: Serialize> Serialize for Rows<'_, R> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_as_the_list_that_they_stand_for() {
        let rows = Rows::new(3, |at| at * 2);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(serde_json::to_string(&rows).unwrap(), "[0,2,4]");
    }
}
