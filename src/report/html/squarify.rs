//! A rectangle cut into parts of given sizes, as square as can be (Bruls, Huizing, van Wijk, "Squarified Treemaps").

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
}

/// One rectangle for each size, in order; the sizes fall. Sizes of nothing get rectangles of nothing.
pub(super) fn squarify(sizes: &[u64], within: Rect) -> Vec<Rect> {
    let total: f64 = sizes.iter().map(|size| *size as f64).sum();
    let scale = if total > 0.0 { within.w * within.h / total } else { 0.0 };
    let areas: Vec<f64> = sizes.iter().map(|size| *size as f64 * scale).collect();
    let (mut out, mut free, mut rest) = (Vec::with_capacity(areas.len()), within, &areas[..]);
    while !rest.is_empty() {
        let (row, others) = rest.split_at(row(rest, free.w.min(free.h)));
        free = cut(row, free, &mut out);
        rest = others;
    }
    out
}

/// How many of the areas make the first row along a side: as many as make it squarer.
fn row(areas: &[f64], side: f64) -> usize {
    let (mut sum, mut worst) = (0.0, f64::INFINITY);
    let largest = areas[0];
    for (at, area) in areas.iter().enumerate() {
        sum += area;
        let thickness = sum / side;
        let ratio = |area: f64| (area / thickness / thickness).max(thickness * thickness / area);
        let next = ratio(largest).max(ratio(*area));
        if next > worst || (at > 0 && !next.is_finite()) {
            return at;
        }
        worst = next;
    }
    areas.len()
}

/// Lays a row along the shorter side; what is left free.
fn cut(row: &[f64], free: Rect, out: &mut Vec<Rect>) -> Rect {
    let sum: f64 = row.iter().sum();
    let wide = free.w >= free.h;
    let side = if wide { free.h } else { free.w };
    let thickness = if side > 0.0 { (sum / side).min(free.w.max(free.h)) } else { 0.0 };
    let mut along = 0.0;
    for area in row {
        let length = if sum > 0.0 { side * area / sum } else { 0.0 };
        out.push(match wide {
            true => Rect { x: free.x, y: free.y + along, w: thickness, h: length },
            false => Rect { x: free.x + along, y: free.y, w: length, h: thickness },
        });
        along += length;
    }
    match wide {
        true => Rect { x: free.x + thickness, w: free.w - thickness, ..free },
        false => Rect { y: free.y + thickness, h: free.h - thickness, ..free },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: Rect = Rect { x: 3.0, y: 5.0, w: 960.0, h: 540.0 };

    #[test]
    fn the_example_of_the_paper() {
        let rects = squarify(&[6, 6, 4, 3, 2, 2, 1], Rect { x: 0.0, y: 0.0, w: 6.0, h: 4.0 });
        let first = [Rect { x: 0.0, y: 0.0, w: 3.0, h: 2.0 }, Rect { x: 0.0, y: 2.0, w: 3.0, h: 2.0 }];
        assert_eq!(rects[..2], first);
        assert!((rects[2].x - 3.0).abs() < 1e-9 && (rects[2].h - 7.0 / 3.0).abs() < 1e-9, "{rects:?}");
    }

    proptest! {
        #[test]
        fn areas_are_the_sizes_inside_and_apart(mut sizes in prop::collection::vec(0_u64..1 << 45, 0..40)) {
            sizes.sort_by_key(|size| std::cmp::Reverse(*size));
            let rects = squarify(&sizes, WHOLE);
            prop_assert_eq!(rects.len(), sizes.len());
            let total: f64 = sizes.iter().map(|size| *size as f64).sum();
            for (at, (rect, size)) in rects.iter().zip(&sizes).enumerate() {
                let share = if total > 0.0 { *size as f64 / total } else { 0.0 };
                prop_assert!((rect.w * rect.h - share * WHOLE.w * WHOLE.h).abs() < 1e-3, "{:?} {}", rect, share);
                prop_assert!(rect.x >= WHOLE.x - 1e-6 && rect.x + rect.w <= WHOLE.x + WHOLE.w + 1e-6);
                prop_assert!(rect.y >= WHOLE.y - 1e-6 && rect.y + rect.h <= WHOLE.y + WHOLE.h + 1e-6);
                for other in &rects[..at] {
                    let (left, right) = (rect.x.max(other.x), (rect.x + rect.w).min(other.x + other.w));
                    let (top, bottom) = (rect.y.max(other.y), (rect.y + rect.h).min(other.y + other.h));
                    prop_assert!(right - left < 1e-6 || bottom - top < 1e-6, "{:?} {:?}", rect, other);
                }
            }
        }
    }
}
