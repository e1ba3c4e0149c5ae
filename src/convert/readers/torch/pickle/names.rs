//! Which names a pickle may contain.
//!
//! No name is ever looked up, so none could do harm here. But a checkpoint that names functions that run commands,
//! open files or load code is an attack on anyone who opens it with Python, and is refused. For Python's own modules a
//! list says which harmless classes may occur. Names of other packages are allowed, since training scripts put their
//! own objects into checkpoints, except for a list of known ways to run code.

use super::value::Global;

/// Harmless names of Python's own modules, as in training arguments and histories.
const HARMLESS: &[(&str, &[&str])] = &[
    ("__builtin__", BUILTIN_TYPES), // Python 2, and protocol 2 of Python 3
    ("__main__", ANY),              // classes of the training script itself
    ("__mp_main__", ANY),
    ("_codecs", &["encode"]), // how protocol 2 writes bytes
    ("argparse", &["Namespace"]),
    ("array", &["array", "_array_reconstructor"]),
    ("builtins", BUILTIN_TYPES),
    ("collections", &["ChainMap", "Counter", "OrderedDict", "UserDict", "UserList", "defaultdict", "deque"]),
    ("copy_reg", &["_reconstructor"]),
    ("copyreg", &["_reconstructor"]),
    ("datetime", &["date", "datetime", "time", "timedelta", "timezone"]),
    ("decimal", &["Decimal"]),
    ("enum", ANY),
    ("fractions", &["Fraction"]),
    ("functools", &["partial"]),
    ("logging", &["getLogger"]),
    ("pathlib", PATHS),
    ("pathlib._local", PATHS), // Python 3.13
    ("random", &["Random"]),
    ("time", &["struct_time"]),
    ("types", &["SimpleNamespace"]),
    ("typing", ANY),
    ("uuid", &["SafeUUID", "UUID"]),
];

const ANY: &[&str] = &["*"];
const BUILTIN_TYPES: &[&str] = &[
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "long",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "unicode",
    "xrange",
];
const PATHS: &[&str] = &["Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"];

/// Python's own modules (`sys.stdlib_module_names`), including those of older versions. All names that start with an
/// underscore count as well.
const STANDARD_LIBRARY: &str = "\
    StringIO abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii \
    bisect builtins bz2 cPickle cProfile cStringIO calendar cgi cgitb chunk cmath cmd code codecs codeop collections \
    colorsys commands compileall compression concurrent configparser contextlib contextvars copy copy_reg copyreg \
    crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip \
    enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools gc genericpath \
    getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http httplib idlelib imaplib imghdr imp \
    importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap \
    marshal math mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path \
    numbers opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib \
    popen2 poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue \
    quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil \
    signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat \
    statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib \
    tempfile termios textwrap thread threading time timeit tkinter token tokenize tomllib trace traceback \
    tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib urllib2 uu uuid venv warnings wave \
    weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo";

/// Modules and functions of other packages that load or run code, including everything inside them.
const RUNNERS: &[&str] = &[
    "IPython",
    "cloudpickle",
    "dill",
    "joblib",
    "numpy.ctypeslib",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.lib",
    "numpy.load",
    "numpy.testing",
    "pandas.eval",
    "pandas.read_pickle",
    "pip",
    "pkg_resources",
    "setuptools",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.rpc",
    "torch.fx",
    "torch.hub",
    "torch.jit",
    "torch.load",
    "torch.multiprocessing",
    "torch.package",
    "torch.serialization",
    "torch.testing",
    "torch.utils._config_module",
    "torch.utils.bottleneck",
    "torch.utils.collect_env",
    "torch.utils.cpp_extension",
];

/// Functions in those modules that only look something up.
const LOOKUPS: &[&str] = &["torch.serialization._get_layout"]; // the layout of a sparse tensor, by its name

/// Refuses names that have no business in a checkpoint.
pub(super) fn check(global: Global<'_>) -> Result<(), String> {
    if may_run_code(global) {
        return Err(format!("it names {}, which can run code: refused, nothing of it was run", global.quoted()));
    }
    Ok(())
}

fn may_run_code(global: Global<'_>) -> bool {
    let Global { module, name } = global;
    let names = HARMLESS.iter().find(|(harmless, _)| *harmless == module).map_or(&[][..], |(_, names)| names);
    // "__globals__", "__import__" and the like give access to anything; so do modules reached through others.
    let leads_out = name.split('.').any(|part| part.starts_with("__") || (name.contains('.') && is_pythons(part)));
    if leads_out {
        return true;
    }
    if is_pythons(module.split('.').next().unwrap_or_default()) {
        return !(names == ANY || names.contains(&name));
    }
    let path = format!("{module}.{name}");
    if LOOKUPS.contains(&path.as_str()) {
        return false;
    }
    RUNNERS.iter().any(|runner| path.strip_prefix(runner).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

fn is_pythons(module: &str) -> bool {
    module.starts_with('_') || STANDARD_LIBRARY.split_ascii_whitespace().any(|own| own == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> bool {
        let (module, name) = path.split_once(' ').unwrap();
        check(Global { module, name }).is_err()
    }

    #[test]
    fn what_runs_code_is_refused() {
        for path in [
            "os system",
            "posix system",
            "nt system",
            "subprocess Popen",
            "builtins eval",
            "builtins exec",
            "builtins getattr",
            "builtins __import__",
            "__builtin__ eval",
            "__builtin__ compile",
            "runpy _run_code",
            "sys exit",
            "shutil rmtree",
            "webbrowser open",
            "pty spawn",
            "socket socket",
            "importlib import_module",
            "os.path join",
            "_io open",
            "_pickle loads",
            "functools reduce",
            "operator attrgetter",
            "types CodeType",
            "collections namedtuple",
            "uuid _get_command_stdout",
            "numpy load",
            "numpy.testing._private.utils runstring",
            "torch load",
            "torch.hub load",
            "torch.jit._script script",
            "torch.serialization os.system",
            "torch serialization.os.system",
            "mine Thing.__init__.__globals__",
            "__main__ __builtins__",
            "mine __import__",
        ] {
            assert!(refused(path), "{path}");
        }
    }

    #[test]
    fn what_checkpoints_contain_is_not() {
        for path in [
            "collections OrderedDict",
            "argparse Namespace",
            "builtins set",
            "__builtin__ object",
            "_codecs encode",
            "pathlib PosixPath",
            "typing Any",
            "torch FloatStorage",
            "torch._utils _rebuild_tensor_v2",
            "torch.loader Thing",
            "torch.serialization _get_layout",
            "numpy.core.multiarray scalar",
            "numpy dtype",
            "__main__ Config",
            "models.resnet ResNet",
            "models.resnet ResNet.Block",
            "pipeline Stage",
        ] {
            assert!(!refused(path), "{path}");
        }
    }

    #[test]
    fn tables_are_sorted() {
        let modules: Vec<&str> = STANDARD_LIBRARY.split_ascii_whitespace().collect();
        assert!(modules.is_sorted() && RUNNERS.is_sorted() && HARMLESS.is_sorted());
    }
}
