"""The shared page: what the supervisor reads is what the session wrote, in every state in which it may die."""

import mmap
import os
import unittest

import host  # noqa: F401  (finds the package)

from hibernaculum_runner.page import (
    EXECUTION,
    TEXT_BASE,
    TEXT_CAPACITY,
    TEXT_EXECUTION,
    TEXT_SENT,
    TEXT_START,
    TEXT_STREAM,
    Page,
    whole_characters,
)


class PageTest(unittest.TestCase):
    def setUp(self) -> None:
        self.page = Page("test")
        self.addCleanup(self.page.close)

    def read(self, known: int = 0) -> object:
        text = self.page.unsent_text(known)
        return text and (text.position, text.data)

    def test_what_was_written_is_read_until_it_is_sent(self) -> None:
        page = self.page
        self.assertIsNone(self.read())
        page.memory.write(b"one")
        page.memory.write(b" two")
        self.assertEqual(self.read(), (0, b"one two"))
        self.assertEqual(self.read(known=4), (4, b"two"))
        self.assertIsNone(self.read(known=7))
        page.text_was_sent(len(page.text()))
        self.assertIsNone(self.read())
        page.memory.write(b"three")
        self.assertEqual(self.read(), (7, b"three"))
        self.assertEqual(page.text_position(), 7)

    def test_a_write_that_does_not_fit_changes_nothing(self) -> None:
        page = self.page
        page.memory.write(b"x" * (TEXT_CAPACITY - 1))
        with self.assertRaises(ValueError):
            page.memory.write(b"yy")
        self.assertEqual(page.text(), b"x" * (TEXT_CAPACITY - 1))
        page.memory.write(b"y")
        self.assertEqual(self.read(), (0, b"x" * (TEXT_CAPACITY - 1) + b"y"))

    def test_a_death_at_any_point_of_a_flush_loses_and_repeats_nothing(self) -> None:
        """The steps of `text_was_sent`, one by one; a salvage after each, with what was on the wire by then."""
        page, slots = self.page, self.page.slots
        page.memory.write(b"before")
        page.text_was_sent(6)
        page.memory.write(b"text")
        on_wire = 6

        def salvaged() -> bytes:
            text = page.last_text(0)
            if text is None:
                return b""
            self.assertEqual(text.position, on_wire)
            return text.data

        self.assertEqual(salvaged(), b"text")  # not yet sent
        slots[TEXT_SENT] = on_wire = 10
        self.assertEqual(salvaged(), b"")  # sent, not yet wiped
        page.memory[TEXT_START : TEXT_START + 2] = b"\0\0"
        self.assertEqual(salvaged(), b"")  # half wiped
        page.memory[TEXT_START : TEXT_START + 4] = b"\0\0\0\0"
        self.assertEqual(salvaged(), b"")
        slots[TEXT_BASE] = 10
        self.assertEqual(salvaged(), b"")
        self.assertEqual(page.text_position(), 10)

    def test_a_living_reader_stops_at_a_gap_and_the_last_one_does_not(self) -> None:
        page = self.page
        page.memory.write(b"a\0b")
        self.assertEqual(self.read(), (0, b"a"))
        last = page.last_text(0)
        self.assertEqual(last and last.data, b"a\0b")

    def test_characters_are_never_cut(self) -> None:
        page = self.page
        page.memory.write("é€😀".encode()[:-1])
        self.assertEqual(self.read(), (0, "é€".encode()))
        self.assertEqual(page.last_text(0), self.page.unsent_text(0))
        for end in range(10):
            whole_characters("é€😀".encode()[:end]).decode()
        self.assertEqual(whole_characters(b"ab\xffcd"), b"ab")

    def test_a_page_full_of_nonsense_is_read_without_harm(self) -> None:
        page, slots = self.page, self.page.slots
        page.memory.write(b"text")
        for slot in (EXECUTION, TEXT_BASE, TEXT_SENT, TEXT_STREAM, TEXT_EXECUTION):
            kept = slots[slot]
            for nonsense in (1 << 53, (1 << 64) - 1, 3):
                slots[slot] = nonsense
                page.unsent_text(0)
                page.last_text(0)
                self.assertLess(page.text_position(), 1 << 53)
                self.assertLess(page.execution(), 1 << 53)
            slots[slot] = kept
        self.assertEqual(self.read(), (0, b"text"))

    def test_nobody_can_shrink_it_under_the_supervisors_feet(self) -> None:
        fd = os.open(f"/proc/self/fd/{self.page.descriptor}", os.O_RDWR)
        try:
            for size in (0, 4096, 1 << 20):
                with self.assertRaises(PermissionError):
                    os.ftruncate(fd, size)
        finally:
            os.close(fd)

    def test_two_writers_share_the_memory_and_no_position(self) -> None:
        second = self.page.second_writer()
        second.seek(TEXT_START)
        second.write(b"text")
        self.assertEqual(self.page.memory[TEXT_START : TEXT_START + 4], b"text")
        self.assertEqual(self.page.memory.tell(), TEXT_START)
        self.assertIsInstance(second, mmap.mmap)
        second.close()

    def test_opening_and_closing_leaves_no_descriptor(self) -> None:
        for _ in range(20):
            Page("another").close()
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        # (that of the listing is closed by now, and threads of other tests have theirs)
        left = [link for link in links if os.path.islink(link) and "hibernaculum-another" in os.readlink(link)]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
