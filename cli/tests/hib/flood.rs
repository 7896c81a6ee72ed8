//! More output than anybody could hold.

use crate::driver::hib;

#[test]
fn a_gigabyte_without_a_newline_passes_through_a_few_megabytes() {
    let code = "import sys, time\nfor _ in range(1000): sys.stdout.write('x' * 1_000_000)\nsys.stdout.flush(); time.sleep(1)";
    let running = hib(["run", "-c", code]).start().drain(1_000_000_000);
    let peak = running.peak_memory();
    assert!(peak < 64 << 20, "{peak} bytes of memory");
    running.end().says(0, "");
}

#[test]
fn a_gigabyte_of_a_child_process_passes_through_a_few_megabytes() {
    let code =
        "import subprocess, time; subprocess.run(['head', '-c', '1000000000', '/dev/zero']); time.sleep(1)";
    let running = hib(["run", "-c", code]).start().drain(1_000_000_000);
    let peak = running.peak_memory();
    assert!(peak < 64 << 20, "{peak} bytes of memory");
    running.end().says(0, "");
}
