//! What is shipped: the package of a project.

use std::path::Path;
use std::process::Command;

use lakegate_sample_shop::Options;

use crate::support::{Outcome, edit, python, repository, run_python, shop};

/// Packs a project with a program that any Linux has: what is tested is the package, not what is in it.
fn package(project: &Path, output: &Path) -> Outcome {
    let script = repository().join("deploy/package");
    Command::new(script).args(["--output", output.to_str().unwrap(), "/bin/true"]).arg(project).output().unwrap().into()
}

#[test]
fn a_package_is_the_same_byte_for_byte_and_holds_no_secret() {
    let Some(python) = python() else { return };
    if Command::new("objdump").arg("--version").output().is_err() {
        eprintln!("skipped: objdump is not installed");
        return;
    }
    let shop = shop(&Options { scale: 0.001, ..Options::default() });
    let out = tempfile::tempdir().unwrap();
    let (first, second) = (out.path().join("1.zip"), out.path().join("2.zip"));
    package(shop.path(), &first).expect_code(0);
    package(shop.path(), &second).expect_code(0);
    assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());
    let script = out.path().join("list.py");
    std::fs::write(
        &script,
        "import sys, zipfile\nfor one in zipfile.ZipFile(sys.argv[1]).infolist(): print(oct(one.external_attr >> 16 & 0o777), one.filename)\n",
    )
    .unwrap();
    let listed = run_python(&python, &script, &[first.to_str().unwrap()]).expect_code(0).stdout;
    assert!(
        listed.contains("0o755 bootstrap") && listed.contains("lakegate.toml") && listed.contains("jobs/orders.toml")
    );
    assert!(!listed.contains("data/") && !listed.contains("shop.db"), "{listed}");

    let refused = |change: &dyn Fn(&Path)| {
        let shop = crate::support::shop(&Options { scale: 0.001, ..Options::default() });
        change(shop.path());
        let outcome = package(shop.path(), &out.path().join("3.zip"));
        assert_ne!(outcome.code, 0, "{}", outcome.stdout);
        assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
        outcome.stderr
    };
    refused(&|project| edit(&project.join("lakegate.toml"), "sqlite:data/shop.db", "postgres://u:hunter2@host/shop"));
    refused(&|project| std::fs::write(project.join("jobs/notes.txt"), "hunter2").unwrap());
    assert!(!out.path().join("3.zip").exists());
}
