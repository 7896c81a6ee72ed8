"""The bytecode cache: used when it is right, never believed when it is not, never needed."""

import glob
import os
import tempfile
import unittest

from host import Host

LOADER = "type(__import__('sys').modules['hibernaculum_runner.keeper'].__spec__.loader).__name__"


class CodeCacheTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="hib-")
        self.addCleanup(folder.cleanup)
        self.place = os.path.join(folder.name, "runner")

    def loader(self) -> str:
        """Which loader a start used; that it answers at all is half of the promise."""
        with Host(bundle=True, runner_dir=self.place) as host:
            return host.session().value(LOADER)

    def file(self) -> str:
        (found,) = glob.glob(os.path.join(self.place, "hibernaculum_runner", "__pycache__", "all.*.marshal"))
        return found

    def test_the_first_start_writes_it_and_the_second_uses_it(self) -> None:
        self.assertEqual(self.loader(), "SourceFileLoader")
        written = os.stat(self.file()).st_mtime_ns
        self.assertEqual(self.loader(), "Importer")
        self.assertEqual(os.stat(self.file()).st_mtime_ns, written)

    def test_a_changed_source_is_noticed(self) -> None:
        self.loader()
        keeper = os.path.join(self.place, "hibernaculum_runner", "keeper.py")
        with open(keeper, "a", encoding="utf-8") as file:
            file.write("# changed\n")
        self.assertEqual(self.loader(), "SourceFileLoader")
        self.assertEqual(self.loader(), "Importer")  # and written anew

    def test_a_damaged_file_is_ignored_and_replaced(self) -> None:
        self.loader()
        with open(self.file(), "rb") as file:
            whole = file.read()
        for damaged in (b"", whole[:1000], b"\0" * 100, b"N", b"i\0\0\0\0"):
            with open(self.file(), "wb") as file:
                file.write(damaged)
            self.assertEqual(self.loader(), "SourceFileLoader", damaged[:10])
            self.assertEqual(self.loader(), "Importer")

    def test_where_nothing_can_be_written_it_starts_all_the_same(self) -> None:
        self.loader()
        os.remove(self.file())
        os.mkdir(self.file_name)  # not even root can rename a file over this
        os.mkdir(os.path.join(self.file_name, "full"))
        self.assertEqual(self.loader(), "SourceFileLoader")

    @property
    def file_name(self) -> str:
        (folder,) = glob.glob(os.path.join(self.place, "hibernaculum_runner", "__pycache__"))
        from hibernaculum_runner import codecache

        return os.path.join(folder, os.path.basename(codecache._FILE))

    def test_tracebacks_through_the_runner_show_its_source(self) -> None:
        self.loader()
        with Host(bundle=True, runner_dir=self.place) as host:
            source = host.session().value(
                "(__import__('inspect').getsource(__import__('sys').modules['hibernaculum_runner.keeper']))[:20]"
            )
        self.assertEqual(source, '"""The keeper: the f')


if __name__ == "__main__":
    unittest.main()
