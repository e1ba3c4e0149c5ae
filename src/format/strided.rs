//! Where the elements of a strided array lie.

/// Distances in elements from one index to the next along each dimension of an array in C order (last index fastest).
pub(crate) fn c_strides(shape: &[usize]) -> Vec<usize> {
    let mut stride = 1usize;
    let mut strides: Vec<usize> = Vec::with_capacity(shape.len());
    for &len in shape.iter().rev() {
        strides.push(stride);
        stride = stride.saturating_mul(len);
    }
    strides.reverse();
    strides
}

/// Walks a strided array, last dimension fastest, and gives the offset of each element from the first.
pub(crate) struct Offsets {
    /// Length, stride and current index of each dimension.
    dims: Vec<(usize, usize, usize)>,
    at: usize,
    left: usize,
}

impl Offsets {
    /// The offsets of an array whose dimensions have these lengths and strides.
    pub(crate) fn new(dims: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let dims: Vec<_> = dims.into_iter().map(|(len, stride)| (len, stride, 0)).collect();
        let left = dims.iter().fold(1usize, |count, (len, ..)| count.saturating_mul(*len));
        Offsets { dims, at: 0, left }
    }
}

impl Iterator for Offsets {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        for (len, stride, index) in self.dims.iter_mut().rev() {
            if *index + 1 < *len {
                *index += 1;
                self.at += *stride;
                break;
            }
            self.at -= *stride * *index;
            *index = 0;
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_follow_the_strides() {
        assert_eq!(c_strides(&[2, 3, 4]), [12, 4, 1]);
        assert_eq!(Offsets::new([(2, 3), (3, 1)]).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(Offsets::new([(2, 1), (3, 2)]).collect::<Vec<_>>(), [0, 2, 4, 1, 3, 5]);
        assert_eq!(Offsets::new([]).collect::<Vec<_>>(), [0]);
        assert_eq!(Offsets::new([(2, 1), (0, 1)]).count(), 0);
    }
}
