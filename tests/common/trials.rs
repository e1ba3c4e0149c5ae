//! Tests that find out when they run whether this machine has what they need. The standard harness cannot report such a test
//! as ignored, so they are listed as trials of `libtest-mimic`, which takes the same arguments and prints the same lines.

pub use libtest_mimic::{Arguments, Completion, Trial, run};

/// A trial of `test`, ignored with the reason if there is one.
pub fn trial(name: String, missing: Option<String>, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || match missing {
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None => {
            test();
            Ok(Completion::Completed)
        }
    })
}

/// Trials of the functions of modules; all need the same.
macro_rules! trials {
    ($missing:expr; $($module:ident: $($name:ident),+;)+) => {
        vec![$($(crate::trials::trial(
            concat!(stringify!($module), "::", stringify!($name)).to_owned(),
            $missing.clone(),
            $module::$name,
        )),+),+]
    };
}
pub(crate) use trials;
