"""Drives the stand-in with the official Python SDK, by everything that it serves: `sdk.py JOB`.

The address and the key are in the environment, as the SDK expects them. Each job asserts what it is told; a job that
is done says so on a line of its own.

    everything   every call that there is
    errors       what the SDK makes of refusals, which the stand-in was told to give
"""

import asyncio
import os
import sys
import tempfile
import time
import warnings
from typing import Any, Callable, List

warnings.simplefilter("ignore")

import daytona  # noqa: E402
import daytona_api_client as api  # noqa: E402
import daytona_toolbox_api_client as toolbox_api  # noqa: E402
from daytona import (  # noqa: E402
    CreateSandboxFromImageParams,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaConfig,
    ListSandboxesQuery,
    Resources,
    SessionExecuteRequest,
    VolumeMount,
)
from daytona.common.filesystem import FileDownloadRequest, FileUpload  # noqa: E402

Sandbox = Any


def everything(client: Daytona) -> None:
    """Call all of it, in the order in which a program might."""
    sandbox = create_and_find(client)
    for job in (settings, addresses, files, text, generated_files, commands, sessions):
        job(sandbox)
        print(job.__name__, flush=True)
    states(client, sandbox)
    copies(client, sandbox)
    volumes(client)
    errors_of(client, sandbox)
    sandbox.delete(wait=True)
    refused(daytona.DaytonaNotFoundError, lambda: client.get(sandbox.id))
    print("everything", flush=True)


def create_and_find(client: Daytona) -> Sandbox:
    """Make sandboxes by snapshot and by image; find them by id, by name and by labels."""
    sandbox = client.create(
        CreateSandboxFromSnapshotParams(
            name="sdk",
            labels={"suite": "sdk"},
            env_vars={"GREETING": "hello"},
            auto_stop_interval=30,
            auto_archive_interval=60,
            auto_delete_interval=120,
            ttl_minutes=240,
            network_block_all=True,
        )
    )
    assert sandbox.state == api.SandboxState.STARTED, sandbox.state
    assert (sandbox.name, sandbox.labels["suite"], sandbox.auto_stop_interval) == ("sdk", "sdk", 30)
    assert sandbox.network_block_all is True and sandbox.auto_destroy_at
    image = client.create(
        CreateSandboxFromImageParams(image="python:3.12", labels={"suite": "sdk"}, resources=Resources(cpu=2, memory=4))
    )
    assert (image.cpu, image.memory, image.build_info.dockerfile_content.strip()) == (2, 4, "FROM python:3.12")
    assert client.get("sdk").id == client.get(sandbox.id).id == sandbox.id
    found = list(client.list(ListSandboxesQuery(labels={"suite": "sdk"}, limit=1)))
    assert {item.id for item in found} == {sandbox.id, image.id}, found
    assert not list(client.list(ListSandboxesQuery(labels={"suite": "other"})))
    image.delete(wait=True)
    print("create_and_find", flush=True)
    return sandbox


def settings(sandbox: Sandbox) -> None:
    """Change what can be changed of one that runs."""
    assert sandbox.set_labels({"suite": "sdk", "more": "yes"})["more"] == "yes"
    sandbox.set_autostop_interval(0)
    sandbox.set_auto_pause_interval(0)
    sandbox.set_auto_archive_interval(10)
    sandbox.set_auto_delete_interval(-1)
    sandbox.set_ttl(0)
    sandbox.update_network_settings(network_allow_list="10.0.0.0/8", network_block_all=False)
    sandbox.resize(Resources(cpu=4))
    sandbox.refresh_activity()
    sandbox._sandbox_api.update_public_status(sandbox.id, False)
    sandbox.refresh_data()
    assert (sandbox.labels["more"], sandbox.cpu, sandbox.network_allow_list) == ("yes", 4, "10.0.0.0/8")
    assert (sandbox.auto_stop_interval, sandbox.auto_archive_interval, sandbox.auto_delete_interval) == (0, 10, -1)
    assert sandbox.auto_destroy_at is None


def addresses(sandbox: Sandbox) -> None:
    """Ask where things are."""
    link = sandbox.get_preview_link(3000)
    assert link.url.startswith("http://127.0.0.1:") and link.token and link.sandbox_id == sandbox.id
    assert sandbox._sandbox_api.get_toolbox_proxy_url(sandbox.id).url == sandbox.toolbox_proxy_url
    assert sandbox.get_work_dir() == sandbox.get_user_home_dir()
    assert toolbox_api.InfoApi(sandbox._toolbox_api).get_version()["version"]
    assert toolbox_api.PortApi(sandbox._toolbox_api).is_port_in_use(1).is_in_use is False


def files(sandbox: Sandbox) -> None:
    """Bring files in and out, look at them, move them, remove them."""
    large = bytes(range(256)) * 8000
    fs = sandbox.fs
    fs.create_folder("d", "755")
    fs.upload_file(large, "d/large")
    fs.upload_files([FileUpload(b"one", "d/1"), FileUpload(b"two", "new/folder/2")])
    fs.upload_file_stream(b"streamed", "d/s")
    assert fs.download_file("d/large") == large
    assert b"".join(fs.download_file_stream("d/s")) == b"streamed"
    both = fs.download_files([FileDownloadRequest(source="d/1"), FileDownloadRequest(source="d/none")])
    assert both[0].result == b"one" and both[1].error and both[1].error_details.error_code == "FILE_NOT_FOUND", both
    with tempfile.TemporaryDirectory() as folder:
        fs.download_file("d/large", os.path.join(folder, "large"))
        with open(os.path.join(folder, "large"), "rb") as file:
            assert file.read() == large
    info = fs.get_file_info("d/large")
    assert (info.size, info.is_dir, info.name) == (len(large), False, "large")
    assert [entry.name for entry in fs.list_files("d")] == ["1", "large", "s"]
    fs.set_file_permissions("d/1", mode="600")
    assert fs.get_file_info("d/1").permissions == "0600"
    fs.move_files("d/1", "d/moved")
    fs.delete_file("d/moved")
    refused(daytona.DaytonaNotFoundError, lambda: fs.get_file_info("d/moved"))
    refused(daytona.DaytonaError, lambda: fs.delete_file("new"))
    fs.delete_file("new", recursive=True)


def text(sandbox: Sandbox) -> None:
    """Look into files and change them."""
    sandbox.fs.upload_file(b"a needle\nhay\n", "t/one.txt")
    found = sandbox.fs.find_files("t", "needle")
    assert [(match.line, match.content) for match in found] == [(1, "a needle")]
    assert len(sandbox.fs.search_files("t", "*.txt").files) == 1
    replaced = sandbox.fs.replace_in_files(["t/one.txt", "t/none"], "needle", "pin")
    assert [result.success for result in replaced] == [True, False]
    assert sandbox.fs.download_file("t/one.txt") == b"a pin\nhay\n"


def generated_files(sandbox: Sandbox) -> None:
    """Call what only the generated client has: one file up, one file down."""
    client = toolbox_api.FileSystemApi(sandbox._toolbox_api)
    uploaded = client.upload_file(path="g", file=("g", b"generated"))
    assert uploaded.name == "g"
    assert bytes(client.download_file(path="g")) == b"generated"


def commands(sandbox: Sandbox) -> None:
    """Run a command, and a piece of code."""
    ran = sandbox.process.exec("echo $GREETING $WHOM; pwd; exit 3", env={"WHOM": "you"}, cwd="/")
    assert (ran.exit_code, ran.result) == (3, "hello you\n/\n"), ran
    code = sandbox.process.code_run("import sys\nprint(6 * 7, sys.argv[1:])")
    assert (code.exit_code, code.result.strip()) == (0, "42 []"), code
    refused(daytona.DaytonaError, lambda: sandbox.process.exec("sleep 60", timeout=1))


def sessions(sandbox: Sandbox) -> None:
    """Run commands in a session: in turn, in the background, with input, with logs that are followed."""
    process = sandbox.process
    process.create_session("s")
    refused(daytona.DaytonaConflictError, lambda: process.create_session("s"))
    first = process.execute_session_command("s", SessionExecuteRequest(command="cd /; echo out; echo err >&2"))
    assert (first.exit_code, first.stdout, first.stderr) == (0, "out\n", "err\n"), first
    assert process.execute_session_command("s", SessionExecuteRequest(command="pwd")).stdout == "/\n"
    reads = SessionExecuteRequest(command="read x; echo $x; (exit 5)", run_async=True)
    later = process.execute_session_command("s", reads)
    assert process.get_session_command("s", later.cmd_id).exit_code is None
    process.send_session_command_input("s", later.cmd_id, "typed\n")
    until(lambda: process.get_session_command("s", later.cmd_id).exit_code == 5)
    assert process.get_session_command_logs("s", later.cmd_id).stdout == "typed\n"
    out: List[str] = []
    err: List[str] = []
    slow = SessionExecuteRequest(command="for n in 1 2 3; do echo $n; echo e$n >&2; sleep 0.05; done", run_async=True)
    followed = process.execute_session_command("s", slow)
    asyncio.run(process.get_session_command_logs_async("s", followed.cmd_id, out.append, err.append))
    assert ("".join(out), "".join(err)) == ("1\n2\n3\n", "e1\ne2\ne3\n"), (out, err)
    assert len(process.get_session("s").commands) == 4
    assert [session.session_id for session in process.list_sessions()] == ["s"]
    process.delete_session("s")
    refused(daytona.DaytonaNotFoundError, lambda: process.get_session("s"))


def states(client: Daytona, sandbox: Sandbox) -> None:
    """Go through the states that a sandbox can be in."""
    sandbox.fs.upload_file(b"kept", "kept")
    sandbox.stop()
    assert sandbox.state == api.SandboxState.STOPPED
    refused(daytona.DaytonaError, lambda: sandbox.process.exec("true"))
    sandbox.archive()
    until(lambda: client.get(sandbox.id).state == api.SandboxState.ARCHIVED)
    sandbox.refresh_data()
    sandbox.start()
    assert sandbox.fs.download_file("kept") == b"kept"
    sandbox.pause()
    assert sandbox.state == api.SandboxState.PAUSED
    sandbox.start()
    sandbox.stop(force=True)
    sandbox.start()
    refused(daytona.DaytonaError, sandbox.recover)
    print("states", flush=True)


def copies(client: Daytona, sandbox: Sandbox) -> None:
    """Fork one, take a snapshot of it, and make another from that."""
    fork = sandbox.fork(name="fork")
    assert fork.fs.download_file("kept") == b"kept"
    fork.delete(wait=True)
    sandbox.create_snapshot("snapshot")
    snapshot = client.snapshot.get("snapshot")
    assert (snapshot.name, snapshot.state) == ("snapshot", api.SnapshotState.ACTIVE)
    assert "snapshot" in [item.name for item in client.snapshot.list().items]
    restored = client.create(CreateSandboxFromSnapshotParams(snapshot="snapshot"))
    assert restored.fs.download_file("kept") == b"kept"
    restored.delete(wait=True)
    client.snapshot.delete(snapshot)
    refused(daytona.DaytonaNotFoundError, lambda: client.snapshot.get("snapshot"))
    print("copies", flush=True)


def volumes(client: Daytona) -> None:
    """Make a volume, find it, remove it."""
    volume = client.volume.create("volume")
    assert client.volume.get("volume").id == volume.id
    assert [item.name for item in client.volume.list()] == ["volume"]
    assert api.VolumesApi(client._api_client).get_volume(volume.id).name == "volume"
    mounted = client.create(
        CreateSandboxFromSnapshotParams(
            volumes=[VolumeMount(volume_id=volume.id, mount_path="/data")],
            network_allow_list="10.0.0.0/8",
            domain_allow_list="example.com",
        )
    )
    assert [mount.volume_id for mount in mounted.volumes] == [volume.id]
    assert (mounted.network_allow_list, mounted.domain_allow_list) == ("10.0.0.0/8", "example.com")
    refused(api.exceptions.ConflictException, lambda: client.volume.delete(volume))
    mounted.delete(wait=True)
    client.volume.delete(volume)
    refused(api.exceptions.NotFoundException, lambda: client.volume.get("volume"))
    print("volumes", flush=True)


def errors_of(client: Daytona, sandbox: Sandbox) -> None:
    """Be refused in the ways that need no fault."""
    taken = CreateSandboxFromSnapshotParams(name=sandbox.name)
    refused(daytona.DaytonaConflictError, lambda: client.create(taken))
    unknown = CreateSandboxFromSnapshotParams(snapshot="unknown")
    refused(daytona.DaytonaError, lambda: client.create(unknown))
    stranger = Daytona(config(key="wrong"))
    refused(daytona.DaytonaAuthenticationError, lambda: stranger.get(sandbox.id))
    print("errors_of", flush=True)


def errors(client: Daytona) -> None:
    """Meet the faults that the stand-in was told of: they come in this order, each once, on reads of a sandbox."""
    sandbox = client.create()
    for error in (daytona.DaytonaRateLimitError, daytona.DaytonaConflictError, daytona.DaytonaError):
        refused(error, lambda: client.get(sandbox.id))
    assert client.get(sandbox.id).id == sandbox.id
    refused(daytona.DaytonaError, sandbox.get_work_dir)
    assert sandbox.get_work_dir()
    sandbox.delete(wait=True)
    print("errors", flush=True)


def refused(error: type, call: Callable[[], object]) -> None:
    """Expect a refusal of this kind."""
    try:
        call()
    except error:
        return
    raise AssertionError(f"{call} was not refused with {error.__name__}")


def until(true: Callable[[], bool]) -> None:
    """Wait for something that comes about by itself."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def config(key: str) -> DaytonaConfig:
    """Observe by polling: the service's other way, Socket.IO, is not in its specs."""
    return DaytonaConfig(
        api_key=key, api_url=os.environ["DAYTONA_API_URL"], target="local", use_deprecated_polling=True
    )


if __name__ == "__main__":
    {"everything": everything, "errors": errors}[sys.argv[1]](Daytona(config(key=os.environ["DAYTONA_API_KEY"])))
