//! Tensors that a state dict may hold and that are no plain arrays: named for what they are, with what to do.

use super::pickle::{Global, Pickle, Value};
use crate::format::ElementType;

/// About a tensor whose data were never there.
pub(super) const META: &str = "a tensor on the meta device, which has a shape but no data; load the weights into the \
    model before you save its state_dict";

/// Whether a class is that of parameters whose shape was not known yet.
pub(super) fn is_lazy(class: Global) -> bool {
    class.module == "torch.nn.parameter" && class.name.starts_with("Uninitialized")
}

/// What the tensor is that `function` rebuilds from `arguments`, of which the first may be a storage of `element`s.
pub(super) fn describe<'a>(
    pickle: &Pickle<'a>,
    function: Global<'a>,
    arguments: &[Value<'a>],
    element: Option<ElementType>,
) -> String {
    match function.name {
        "_rebuild_qtensor" => {
            let element = element.map_or(String::new(), |element| format!(" ({})", element.name()));
            format!(
                "a tensor of PyTorch's own quantization{element}, whose levels are evenly spaced; expected floats and \
                 the bases of an LQ-Net: save the state_dict before torch.quantization converts the model"
            )
        }
        "_rebuild_meta_tensor_no_storage" => META.into(),
        name if name.contains("sparse") => "a sparse tensor; save tensor.to_dense() instead".into(),
        "_rebuild_nested_tensor" => "a nested tensor; save its parts as tensors of their own".into(),
        "_rebuild_wrapper_subclass" => {
            let class = arguments.first().map_or("?".into(), |&class| pickle.describe(class));
            format!(
                "a tensor of the class {class}, which is no plain array; save a plain copy (tensor.full_tensor(), \
                 tensor.dequantize())"
            )
        }
        _ if is_lazy(function) => {
            "a parameter that was never given a shape; run the model once before you save its state_dict".into()
        }
        _ => format!(
            "a tensor of a kind that is not read ({}); save tensor.detach().cpu().contiguous() instead",
            function.quoted()
        ),
    }
}
