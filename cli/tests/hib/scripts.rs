//! `hib run FILE` and `hib run -` with Python scripts.

use std::fs;

use crate::driver::hib;

#[test]
fn a_script_sees_itself_as_python_shows_it() {
    let scene = tempfile::tempdir().unwrap();
    let folder = scene.path().canonicalize().unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    fs::write(folder.join("sub/beside.py"), "name = 'beside'\n").unwrap();
    let code = "import sys, os, beside\nprint(__name__, __file__, sys.argv, beside.name, os.getcwd())\n";
    fs::write(folder.join("sub/a.py"), code).unwrap();
    let ran = hib(["run", "sub/a.py", "one", "--", "--two"]).directory(&folder).run();
    let folder = folder.display();
    ran.says(0, &format!("__main__ {folder}/sub/a.py ['sub/a.py', 'one', '--two'] beside {folder}\n"));
}

#[test]
fn cells_share_one_session_and_each_shows_its_value() {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("a.py");
    fs::write(&path, "x = 41\nx\n# %% [markdown]\n# Prose.\n# %% more\nx + 1\n").unwrap();
    hib(["run", path.to_str().unwrap()]).run().says(0, "41\n42\n");
}

#[test]
fn tracebacks_name_the_lines_of_the_file() {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("a.py");
    fs::write(&path, "def f(x):\n    return 1 / x\n\n# %%\nprint('here')\nf(0)\n").unwrap();
    let shown = path.to_str().unwrap();
    let ran = hib(["run", shown]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "here\n"));
    assert_eq!(
        ran.traceback(),
        format!(
            "Traceback (most recent call last):\n  \
             File \"{shown}\", line 6, in <module>\n    f(0)\n  \
             File \"{shown}\", line 2, in f\n    return 1 / x\n\
             ZeroDivisionError: division by zero\n"
        )
    );
}

#[test]
fn a_syntax_error_names_the_line_of_the_file() {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("a.py");
    fs::write(&path, "print('first')\n# %%\nx = = 1\n").unwrap();
    let shown = path.to_str().unwrap();
    let ran = hib(["run", shown]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "first\n"));
    let expected = format!("  File \"{shown}\", line 3\n    x = = 1\nSyntaxError: invalid syntax\n");
    assert_eq!(ran.traceback(), expected);
}

#[test]
fn without_keep_going_the_first_failure_is_the_end() {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("a.py");
    fs::write(&path, "1 / 0\n# %%\n'next'\n# %%\n{}['k']\n").unwrap();
    let shown = path.to_str().unwrap();
    let ran = hib(["run", shown]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    let ran = hib(["run", "--keep-going", shown]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "'next'\n"));
    let kinds = ran.stderr.lines().filter(|line| line.contains("Error:")).collect::<Vec<_>>();
    assert_eq!(kinds, ["ZeroDivisionError: division by zero", "KeyError: 'k'"]);
}

#[test]
fn a_script_comes_from_stdin_too() {
    let code = "import sys\nprint(sys.argv)\n# %%\nsum(range(10))\n";
    hib(["run", "-", "a"]).stdin(code).run().says(0, "['-', 'a']\n45\n");
}

#[test]
fn a_script_ends_as_python_ends_it() {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("a.py");
    let code = "\
import atexit, threading
go = threading.Event()
threading.Thread(target=lambda: (go.wait(), print('thread'))).start()
threading.Timer(0.1, go.set).start()
atexit.register(print, 'atexit')
class Noisy:
    def __del__(self): print('destructor')
noisy = Noisy()
left_open = open('left_open.txt', 'w')
count = left_open.write('all of it')
print('end of the script')
";
    fs::write(&path, code).unwrap();
    let ran = hib(["run", path.to_str().unwrap()]).directory(scene.path()).run();
    ran.says(0, "end of the script\nthread\natexit\ndestructor\n");
    assert_eq!(fs::read_to_string(scene.path().join("left_open.txt")).unwrap(), "all of it");
}

#[test]
fn dataclasses_pickles_and_process_pools_work_as_in_a_script() {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("a.py");
    let code = "\
import dataclasses, multiprocessing, pickle

@dataclasses.dataclass
class Point:
    x: int

def double(point):
    return Point(point.x * 2)

if __name__ == '__main__':
    print(pickle.loads(pickle.dumps(Point(3))))
    with multiprocessing.get_context('fork').Pool(2) as pool:
        print(pool.map(double, [Point(1), Point(2)]))
";
    fs::write(&path, code).unwrap();
    hib(["run", path.to_str().unwrap()]).run().says(0, "Point(x=3)\n[Point(x=2), Point(x=4)]\n");
}
