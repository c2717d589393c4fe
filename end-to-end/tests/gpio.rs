//! The short form of `make test-gpio`: pulses on a simulated chip of a real Linux
//! kernel, counted by the real programs, looked at with other people's.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use end_to_end::binary;

#[test]
fn a_real_kernels_pulses_are_in_the_ledger() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("gpio/count-on-real-kernel.sh");
    let programs = binary("pi-publisher").parent().unwrap().to_owned();
    let run = Command::new(script).args(["count", "keep"]).env("BIN", programs).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}\n{}", String::from_utf8_lossy(&run.stderr));
    for counted in ["cdev, 100 pulses", "sysfs, 100 pulses", "cdev, 3000 pulses"] {
        assert!(said.contains(counted), "{said}");
    }
}
