"""What a hostile session says of its copies, and copies that do not obey: one session at most is hurt."""

import os
import signal
import time
from typing import Any, ClassVar, Dict, List, Set

from host import EndedError, RefusedError, Session, eventually
from test_frozen import FrozenCase, children_of

PRELUDE = """
import array, os, socket, time
def channels():
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found = socket.socket(fileno=os.dup(fd))
        except OSError:
            continue
        if found.type == socket.SOCK_SEQPACKET:
            yield found
channel, = channels()
def say(data, *fds):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    channel.sendmsg([data], rights)
def announce(process, *fds, **other):
    told = {"kind": "live", "label": "cp_false", "pid": process, "children": 0}
    told.update(other)
    say(b"F" + " ".join(map(str, told.values())).encode(), *fds)
def orphan():
    "A process whose parent is the supervisor, and which does nothing."
    reader, writer = os.pipe()
    if os.fork() == 0:
        middle = os.getpid()
        if os.fork() == 0:
            while os.getppid() == middle:
                time.sleep(0.001)
            os.write(writer, b"%d" % os.getpid())
            time.sleep(600)
        os._exit(0)
    os.wait()
    return int(os.read(reader, 32))
pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
bed = pair[0].fileno()
"""


class HostileCase(FrozenCase):
    """Beside the hostile session, `bystander` holds a pending transaction, whose guard stands."""

    HOST: ClassVar[Dict[str, Any]] = {}

    def setUp(self) -> None:
        self.bystander = self.host.session()
        self.bystander.execute("x = [1]")
        explicit = {"policy": "explicit", "scope": "memory"}
        self.assertEqual(self.bystander.execute("x.append(2)", transaction=explicit)["transaction"], "pending")
        self.pending = self.bystander.execution
        self.supervisor: int = self.host.ready["pid"]
        self.before = self.descriptors()
        super().setUp()

    def tearDown(self) -> None:
        super().tearDown()  # closes the hostile session, and sees that the supervisor had no errors
        # the zygote and its socket may have come to be; a leak would be one a message
        eventually(lambda: self.descriptors() <= self.before + 3, "the supervisor has no more descriptors than before")
        self.bystander.execution += 1
        connection = self.bystander.connection
        request = connection.ask("transaction.rollback", execution=self.bystander.execution, target=self.pending)
        self.assertEqual(connection.answer(request)["transaction"], "rolled_back")
        self.host.control.notice("restored", session=self.bystander.name)
        self.assertEqual(self.bystander.value("x"), [1])
        self.bystander.close()

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.supervisor}/fd"))

    def copies_of(self, session: Session) -> Set[int]:
        """The frozen ones: they map its page, too."""
        found = set()
        for pid in children_of(self.supervisor):
            try:
                with open(f"/proc/{pid}/maps") as file:
                    if f"/memfd:hibernaculum-{session.name} " in file.read() and pid != session.pid:
                        found.add(pid)
            except OSError:
                pass  # it has ended
        return found

    def expect_violation(self, code: str) -> None:
        session = self.host.session()
        session.begin(PRELUDE + code + "\ntime.sleep(60)")
        died = self.died(session)
        self.assertEqual(died["state"], "lost", code)
        self.assertIn("protocol violation on its channel", str(died["cause"].get("by")), code)
        session.close()


class Announcements(HostileCase):
    def test_what_is_no_announcement_costs_its_session(self) -> None:
        for said in (
            b"", b"x", b"R", b"R-1", b"Rx", b"DD", b"F", b"Fguard", b"Fguard 1", b"Fguard 1 2", b"F   ", b"F\xff\xfe",
            b"Fguard 1 2 3 4", b"F" + b" " * 999, b"Fguard 1 x 0", b"Fguard 1 0xa 0", b"Fguard 1 " + b"9" * 999 + b" 0",
        ):  # fmt: skip
            self.expect_violation(f"say({said!r}, bed, bed)")

    def test_members_of_another_kind_cost_their_session(self) -> None:
        for other in (
            {"kind": "zombie"}, {"kind": ""}, {"kind": "live guard"}, {"label": ""}, {"label": "x" * 201},
            {"label": "a\nb"}, {"label": "a b"}, {"label": "a\0"}, {"label": "\u00e9"}, {"pid": -1}, {"pid": 1 << 70},
            {"pid": 0.5}, {"children": -1}, {"children": 1 << 30}, {"children": 0.5}, {"children": ""},
        ):  # fmt: skip
            self.expect_violation(f"announce(orphan(), bed, **{other!r})")

    def test_a_process_that_is_no_copy_of_its_own_costs_its_session(self) -> None:
        others: List[int] = [0, 1, os.getpid(), self.supervisor, self.host.keeper, self.session.pid, self.bystander.pid]
        (guard,) = self.copies_of(self.bystander)
        for pid in [*others, guard]:
            self.expect_violation(f"announce({pid}, bed, kind='guard')")
        self.expect_violation("announce(os.getpid(), bed)")

    def test_a_descriptor_that_is_no_bed_costs_its_session(self) -> None:
        for made in (
            "fds = [os.open('/dev/null', 0)]",
            "fds = list(os.pipe())[:1]",
            "fds = [socket.socket().fileno()]",
            "s = socket.socketpair(); fds = [s[0].fileno()]",
            "s = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); fds = [s[0].fileno()]",
            "fds = []",
            "fds = [bed] * 2",
            "fds = [bed] * 200",
        ):
            self.expect_violation(f"{made}\npid = orphan()\nannounce(pid, *fds)")

    def test_what_comes_late_or_for_nothing_is_no_harm(self) -> None:
        outcome = self.ok(PRELUDE + "for _ in range(50): say(b'D', bed); say(b'w', bed, bed)")
        self.assertEqual(outcome.status, "completed")
        self.assertEqual(self.value("1 + 1"), 2)

    def test_giving_way_to_nobody_is_a_death(self) -> None:
        self.session.begin(PRELUDE + "say(b'R' + b'9' * 4000); time.sleep(60)")
        self.assertEqual(self.died()["state"], "lost")

    def test_a_child_of_user_code_cannot_speak_for_the_session(self) -> None:
        code = "pid = os.fork()\nif pid == 0:\n    announce(1, bed)\n    say(b'R1')\n    os._exit(0)\nos.wait()"
        self.ok(PRELUDE + code)
        self.assertEqual(self.value("1 + 1"), 2)

    def test_a_copy_that_died_before_it_was_heard_of_is_nobodys_fault(self) -> None:
        code = "pid = os.fork()\nif pid == 0: os._exit(0)\nos.wait()\n"
        code += "for kind in 'guard', 'live':\n    announce(pid, bed, kind=kind)\n"
        self.ok(PRELUDE + code + "channel.recv(100)")
        self.assertEqual(self.value("1 + 1"), 2)


class Disobedience(HostileCase):
    def test_an_order_that_is_never_obeyed_is_refused_in_time_and_hinders_nobody(self) -> None:
        self.ok(PRELUDE + "announce(orphan(), bed, label='cp_lazy'); channel.recv(100)")
        connection = self.host.dial()
        connection.send(self.host.hello(connection, "session", "ses_lazy", options={"branch": "cp_lazy"}))
        # meanwhile deaths of others are told, although strangers that die may not be reaped yet
        self.ok("if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: os._exit(0)\n    os._exit(0)\nos.wait()")
        other = self.host.session()
        began = time.monotonic()
        os.kill(other.pid, signal.SIGKILL)
        self.died(other)
        self.assertLess(time.monotonic() - began, 3)
        with self.assertRaises(RefusedError):
            connection.answer(0)
        connection.close()
        other.close()

    def test_a_false_guard_that_never_wakes_is_given_up(self) -> None:
        code = "announce(orphan(), bed, kind='guard', label=str(%d)); os._exit(1)"
        self.session.begin(PRELUDE + code % self.session.execution, guard=True)
        if self.died()["state"] == "guarded":
            with self.assertRaises(EndedError):
                self.come_back()
            self.died()
        self.assertNotIn("restored", self.come_back())

    def test_a_stopped_guard_costs_its_session_only(self) -> None:
        self.session.begin("import time; x = 1; print('on'); time.sleep(60)", guard=True)
        self.host.control.notify("watch", session=self.session.name, execution=self.session.execution)
        self.host.control.notice("text", session=self.session.name)
        (guard,) = self.copies_of(self.session)
        os.kill(guard, signal.SIGSTOP)
        os.kill(self.session.pid, signal.SIGKILL)
        self.assertEqual(self.died()["state"], "guarded")
        began = time.monotonic()
        with self.assertRaises(EndedError):
            self.come_back()
        self.assertLess(time.monotonic() - began, 9)
        self.died()
        self.assertNotIn("restored", self.come_back())

    def test_a_stopped_checkpoint_refuses_its_branches(self) -> None:
        self.ok("x = 1")
        self.freeze("cp_stopped")
        (copy,) = self.copies_of(self.session)
        os.kill(copy, signal.SIGSTOP)
        with self.assertRaises(RefusedError):
            self.branch("cp_stopped", "ses_stopped")
        self.assertEqual(self.value("x"), 1)
        self.assertNotIn("cp_stopped", self.host.control.request("checkpoint.list")["checkpoints"])

    def test_a_stopped_copy_in_the_middle_of_a_rollback_is_a_loss(self) -> None:
        explicit = {"policy": "explicit", "scope": "memory"}
        self.assertEqual(self.run_code("y = 1", transaction=explicit).reply["transaction"], "pending")
        (guard,) = self.copies_of(self.session)
        os.kill(guard, signal.SIGSTOP)
        self.assertEqual(self.settle("transaction.rollback", self.session.execution)["transaction"], "rolled_back")
        self.assertEqual(self.died()["state"], "lost")
