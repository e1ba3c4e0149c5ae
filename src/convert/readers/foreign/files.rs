//! Single files, told by their first bytes and by their extension.

use crate::convert::readers::evidence::cut;
use crate::files::quoted;

/// What to do with a checkpoint that PyTorch wrote from several processes.
pub(in crate::convert::readers) const DCP_ADVICE: &str = "make one file of it with \
    `python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE.pt`";
const UNPACK: &str = "unpack it first";
const DOWNLOAD: &str = "download the file itself";
const NAME: &str = "name the checkpoint";
const OTHER_QUANTIZERS: &str = "its numbers are quantized in another way; convert the network that it was made of";

/// A form of files: where its first bytes lie, what they are, what the file is, and what to do.
type Form = (usize, &'static [u8], &'static str, &'static str);

/// Forms with bytes of their own.
const FORMS: [Form; 32] = [
    (
        0,
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, a text of a few lines that stands for the file",
        "fetch the file itself with `git lfs pull`",
    ),
    (0, b"\x1f\x8b", "a gzip file", "unpack it first, for example with `gunzip`"),
    (0, b"BZh", "a bzip2 file", "unpack it first, for example with `bunzip2`"),
    (0, b"\xfd7zXZ\0", "an xz file", "unpack it first, for example with `unxz`"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file", "unpack it first, for example with `unzstd`"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 file", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (257, b"ustar", "a tar archive", "unpack it first, for example with `tar xf`"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, .h5)", "save the variables as a NumPy .npz or .safetensors"),
    (0, b"\x93NUMPY", "a single .npy array", "save all variables together with np.savez"),
    (4, b"TFL3", "a TensorFlow Lite model", "convert the checkpoint that it was made of"),
    (0, b"GGUF", "a GGUF file (llama.cpp)", OTHER_QUANTIZERS),
    (0, b"lmgg", "a GGML file (llama.cpp)", OTHER_QUANTIZERS),
    (0, b"tjgg", "a GGML file (llama.cpp)", OTHER_QUANTIZERS),
    (0, b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "an MXNet file (.params)", "save the variables as .safetensors"),
    (0, b"MATLAB 5.0 MAT-file", "a MATLAB file", "save the variables as a NumPy .npz"),
    (0, b"ftrt", "a TensorRT engine", "convert the checkpoint that it was made of"),
    (0, b"ptrt", "a TensorRT engine", "convert the checkpoint that it was made of"),
    (4, b"ET12", "an ExecuTorch program (.pte)", "convert the checkpoint that it was exported from"),
    (4, b"ORTM", "a model of ONNX Runtime (.ort)", "convert the checkpoint that it was exported from"),
    (0, b"MATLAB 7.3 MAT-file", "a MATLAB file", "save the variables as a NumPy .npz"),
    (0, b"RKNN", "a model for Rockchip's NPU (.rknn)", "convert the checkpoint that it was made of"),
    (0, b"SQLite format 3\0", "an SQLite database", DOWNLOAD),
    (0, b"PAR1", "a Parquet file, a data set", NAME),
    (0, b"%PDF", "a PDF", NAME),
    (0, b"\x89PNG", "a picture", NAME),
    (0, b"\xff\xd8\xff", "a picture", NAME),
    (0, b"GIF8", "a picture", NAME),
    (0, b"\x7fELF", "a program or library", NAME),
    (0, b"MZ", "a program or library", NAME),
    (0, b"bplist00", "a property list of macOS", NAME),
];

/// Forms that only their extension tells.
const EXTENSIONS: [(&str, &str, &str); 14] = [
    ("onnx", "an ONNX model", "convert the PyTorch or TensorFlow checkpoint that it was exported from"),
    ("meta", "a TensorFlow graph definition (.meta), which holds no variables", "name the .index beside it"),
    ("pb", "a TensorFlow graph (.pb)", "convert the checkpoint that it was frozen from (PREFIX.index)"),
    ("tflite", "a TensorFlow Lite model", "convert the checkpoint that it was made of"),
    ("caffemodel", "a Caffe model", "save the variables as a NumPy .npz or .safetensors"),
    ("prototxt", "a Caffe network without weights", "save the variables as a NumPy .npz or .safetensors"),
    ("mlmodel", "a Core ML model", "convert the checkpoint that it was made of"),
    ("weights", "a Darknet file (.weights)", "save the variables as a NumPy .npz or .safetensors"),
    ("t7", "a file of Lua Torch (.t7)", "save the variables as a NumPy .npz or .safetensors"),
    ("msgpack", "a Flax file (.msgpack)", "save the variables as a NumPy .npz or .safetensors"),
    ("pdparams", "a PaddlePaddle file (.pdparams)", "save the variables as a NumPy .npz or .safetensors"),
    ("pdiparams", "a PaddlePaddle file (.pdiparams)", "save the variables as a NumPy .npz or .safetensors"),
    ("distcp", "a part of a distributed PyTorch checkpoint (.distcp)", DCP_ADVICE),
    ("engine", "a TensorRT engine", "convert the checkpoint that it was made of"),
];

/// What a file with these first bytes and this extension seems to be, with what to do; none if nothing is known of it.
pub(in crate::convert::readers) fn of_file(head: &[u8], extension: &str) -> Option<String> {
    let has = |&&(at, magic, ..): &&Form| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if let Some((_, _, what, advice)) = FORMS.iter().find(has) {
        return Some(format!("this seems to be {what}; {advice}"));
    }
    if head.is_empty() {
        return Some("this is an empty file; its writing or download may have failed".into());
    }
    if head.iter().all(|&byte| byte == 0) {
        return Some("this file starts with nothing but zeros; its download may have failed".into());
    }
    if is_onnx(head) {
        let (_, what, advice) = EXTENSIONS[0];
        return Some(format!("this seems to be {what}; {advice}"));
    }
    if let Some(text) = text(head) {
        return Some(of_text(text));
    }
    by_extension(extension)
}

/// What a file with this extension seems to be.
pub(in crate::convert::readers) fn by_extension(extension: &str) -> Option<String> {
    let known = EXTENSIONS.iter().find(|(known, ..)| extension.eq_ignore_ascii_case(known));
    known.map(|(_, what, advice)| format!("this seems to be {what}; {advice}"))
}

/// Whether a file starts like an ONNX model: with its format's version and the name of what wrote it.
fn is_onnx(head: &[u8]) -> bool {
    let &[0x08, 1..=31, 0x12, len, ref rest @ ..] = head else { return false };
    let name = rest.get(..usize::from(len)).unwrap_or_default();
    (1..0x80).contains(&len) && !name.is_empty() && name.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
}

/// The first bytes of a file as text, if they are.
fn text(head: &[u8]) -> Option<&str> {
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut.
        Err(error) if error.error_len().is_none() => str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || c.is_ascii_whitespace();
    text.chars().all(plain).then(|| text.trim_start_matches('\u{feff}').trim_start())
}

/// Texts that stand for a file which is kept elsewhere: what they contain, what they are, what fetches the file.
const POINTERS: [(&[&str], &str, &str); 3] = [
    (&["/annex/objects/"], "a pointer of git-annex", "git annex get"),
    (&["outs:", "md5:"], "a file of DVC", "dvc pull"),
    (&["# xet version"], "a pointer of Git Xet", "git lfs pull"),
];

fn of_text(text: &str) -> String {
    let start: String = text.chars().take(512).collect::<String>().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.contains("<html") {
        return "this is a web page and no checkpoint; the download may have needed a login or a confirmation: \
                download the file itself"
            .into();
    }
    let pointer = POINTERS.iter().find(|(parts, ..)| parts.iter().all(|part| start.contains(part)));
    if let Some((_, what, command)) = pointer {
        return format!("this is {what}, a text that stands for the file; fetch the file itself with `{command}`");
    }
    let line = cut(text.lines().next().unwrap_or_default());
    let line = quoted(line.chars().take(60).collect::<String>().as_bytes());
    match start.starts_with(['{', '[']) {
        true => format!("this is a JSON text that starts with {line}; name the file with the weights"),
        false => {
            format!("this is a text that starts with {line}; name the file with the weights, or download it again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_named_with_what_to_do() {
        let said = |head: &[u8], extension: &str| of_file(head, extension).unwrap_or_default();
        for (head, extension, expected) in [
            (&b"version https://git-lfs.github.com/spec/v1\noid sha256:a\n"[..], "pt", "`git lfs pull`"),
            (b"\x1f\x8b\x08\0", "gz", "`gunzip`"),
            (b"/annex/objects/SHA256E-s1--a.pt\n", "pt", "`git annex get`"),
            (b"outs:\n- md5: a1\n  path: a.pt\n", "dvc", "`dvc pull`"),
            (b"\n <!DOCTYPE HTML>\n<p>", "pth", "a web page"),
            (b"<?xml version=\"1.0\"?>\n<html>", "pth", "a web page"),
            (b"{\"message\": \"Not Found\"}", "pt", "a JSON text that starts with \"{\\\"message\\\": "),
            (b"404: Not Found", "pt", "a text that starts with \"404: Not Found\""),
            (b"\x08\x07\x12\x07pytorch\x1a\x05", "bin", "an ONNX model"),
            (b"\x08\x07\xff", "onnx", "an ONNX model"),
            (b"\x1c\0\0\0TFL3\0", "bin", "a TensorFlow Lite model"),
            (b"GGUF\x03\0\0\0", "gguf", "a GGUF file"),
            (b"\x89HDF\r\n\x1a\n\0", "h5", "an HDF5 file (Keras"),
            (b"", "pt", "an empty file"),
            (&[0; 64], "pt", "nothing but zeros"),
            (b"\x01\xff", "caffemodel", "a Caffe model"),
        ] {
            let said = said(head, extension);
            assert!(said.contains(expected), "expected '{expected}' in '{said}'");
        }
        let mut tar = vec![1u8; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(said(&tar, "tar").contains("`tar xf`"));
        assert_eq!(of_file(b"\x01\xff", "pt"), None);
        // A saved graph of TensorFlow starts as ONNX does, with a message in the place of a name.
        assert_eq!(of_file(b"\x08\x01\x12\x05\x01\x02\x03\x04\x05", ""), None);
    }
}
