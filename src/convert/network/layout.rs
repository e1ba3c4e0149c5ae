//! The order in which a framework stores the numbers of a parameter.

/// The conventions of a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Weights `[kh, kw, in, out]` or, of a dense layer, `[in, out]`.
    Tensorflow,
    /// Weights `[out, in, kh, kw]` or, of a dense layer, `[out, in]`.
    Torch,
}

/// The dimensions of the weights of a convolution or a dense layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightDims {
    /// Output channels.
    pub outputs: usize,
    /// Height and width of the window.
    pub size: [usize; 2],
    /// Input channels of one group.
    pub inputs: usize,
    /// Whether the window covers the whole input, so that it may be a dense layer, which flattens in the order C,H,W.
    pub dense: bool,
    /// How many weights the trained network has for each number of the input: more than one if it repeats its pixels
    /// (see [`Definition::copies`](crate::zoo::Definition::copies)).
    pub copies: usize,
}

impl WeightDims {
    /// Positions of the window.
    pub(crate) fn taps(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Weights of one output channel, ordered `[kh, kw, in]`.
    pub(crate) fn rows(&self) -> usize {
        self.taps() * self.inputs
    }

    /// Index among [`WeightDims::rows`] of weight `flat` of an output channel in the order C,H,W, in which copies are
    /// adjacent.
    pub(crate) fn row(&self, flat: usize) -> usize {
        let (flat, taps) = (flat / self.copies.max(1), self.taps().max(1));
        flat % taps * self.inputs + flat / taps
    }
}

impl Layout {
    /// Shapes in which weights may be saved, the usual one first.
    pub(crate) fn weight_shapes(self, dims: &WeightDims) -> Vec<Vec<usize>> {
        let WeightDims { outputs, size: [kh, kw], inputs, .. } = *dims;
        let (conv, dense) = match self {
            Layout::Tensorflow => (vec![kh, kw, inputs, outputs], vec![dims.rows() * dims.copies, outputs]),
            Layout::Torch => (vec![outputs, inputs, kh, kw], vec![outputs, dims.rows() * dims.copies]),
        };
        match (dims.dense, dims.copies) {
            (false, _) => vec![conv],
            (true, 1) => vec![dense, conv],
            (true, _) => vec![dense],
        }
    }

    /// Elements of a variable with weights that belong together: those of one input and all outputs, or of one output.
    pub(crate) fn weight_unit(self, dims: &WeightDims) -> usize {
        match self {
            Layout::Tensorflow => dims.outputs,
            Layout::Torch => dims.rows() * dims.copies,
        }
    }

    /// Tells `put` the output, the row and the value of every weight in `piece`, whole units of which the first is
    /// unit number `first` of a variable of shape `shape`.
    pub(crate) fn each_weight(
        self,
        dims: &WeightDims,
        shape: &[usize],
        first: usize,
        piece: &[f32],
        mut put: impl FnMut(usize, usize, f32),
    ) {
        let unit = self.weight_unit(dims).max(1);
        match self {
            Layout::Tensorflow => {
                let row = |flat| if shape.len() == 2 { dims.row(flat) } else { flat };
                let rows: Vec<usize> = (first..).take(piece.len() / unit).map(row).collect();
                for output in 0..dims.outputs {
                    let weights = piece.iter().skip(output).step_by(unit);
                    rows.iter().zip(weights).for_each(|(&row, &weight)| put(output, row, weight));
                }
            }
            // A matrix and a convolution have the same order here.
            Layout::Torch => {
                let rows: Vec<usize> = (0..unit).map(|flat| dims.row(flat)).collect();
                for (output, weights) in (first..).zip(piece.chunks_exact(unit)) {
                    rows.iter().zip(weights).for_each(|(&row, &weight)| put(output, row, weight));
                }
            }
        }
    }

    /// Input channels of convolution weights of this shape.
    pub(crate) fn inputs(self, shape: &[usize]) -> Option<usize> {
        match self {
            Layout::Tensorflow => shape.get(2).copied(),
            Layout::Torch => shape.get(1).copied(),
        }
    }

    /// Output channels of weights of this shape.
    pub(crate) fn outputs(self, shape: &[usize]) -> Option<usize> {
        match self {
            Layout::Tensorflow => shape.last().copied(),
            Layout::Torch => shape.first().copied(),
        }
    }
}
