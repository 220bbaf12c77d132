//! Boots every probe and holds it to what it says of itself; see `docs/testing.md`.
//!
//! A harness of its own, so that each probe is a test with a name: a new probe needs
//! no line here.

use libtest_mimic::{Arguments, Failed, Trial};

use xenolith_ci::probe::{self, Run};

fn main() {
    let arguments = Arguments::from_args();
    let runs = match probe::all() {
        Ok(runs) => runs,
        Err(error) => {
            eprintln!("{error:#}");
            std::process::exit(1);
        }
    };
    let trials = (0..runs.len()).map(|index| trial(&runs, index)).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// A probe that is booted several times has its later runs numbered.
fn trial(runs: &[Run], index: usize) -> Trial {
    let run = runs[index].clone();
    let earlier = runs[..index].iter().filter(|r| r.name == run.name).count();
    let name = match earlier {
        0 => run.name.clone(),
        _ => format!("{}::{}", run.name, earlier + 1),
    };
    Trial::test(name, move || match run.check() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failed::from(format!("{error:#}"))),
    })
}
