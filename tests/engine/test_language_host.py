"""The language host, as the engine uses it: it starts programs and plugins, passes on their output, and ends them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2_grpc, language_pb2, language_pb2_grpc

from engine.monitor import EngineLog, Monitor
from engine.recorder import Recorder
from engine.up import served
from tests.patience import wait_until


class Host:
    """A language host in a process of its own, with a recording monitor for the programs that it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = EngineLog()
        self.recorder = Recorder(region="us-east-2", account="123456789012")
        self._served = served(Monitor(self.recorder, stack="s", project="p"), self.log)
        self.address = self._served.__enter__()
        command = [sys.executable, "-m", "engine.language_host", self.address]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
        self.process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        port = int(self.process.stdout.readline())
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = language_pb2_grpc.LanguageRuntimeStub(self._channel)

    def close(self) -> None:
        self._channel.close()
        with self.process:  # waits for its end, and closes the pipes
            self.process.terminate()
        self._served.__exit__(None, None, None)

    def program(self, text: str) -> language_pb2.ProgramInfo:
        (self.folder / "__main__.py").write_text(textwrap.dedent(text))
        return language_pb2.ProgramInfo(
            root_directory=str(self.folder), program_directory=str(self.folder), entry_point="."
        )

    def run(self, text: str, **changes: Any) -> language_pb2.RunResponse:
        return self.stub.Run(self.request(text, **changes))

    def request(self, text: str, **changes: Any) -> language_pb2.RunRequest:
        request = language_pb2.RunRequest(
            project="p", stack="s", organization="o", parallel=4, monitor_address=self.address, info=self.program(text)
        )
        request.MergeFrom(language_pb2.RunRequest(**changes))
        return request

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    running = Host(tmp_path)
    yield running
    running.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_registers_its_resources_with_the_settings_of_the_request(host: Host) -> None:
    response = host.run(
        """
        import pulumi

        config = pulumi.Config("lifeline")
        pulumi.export("settings", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
        pulumi.export("dry run", pulumi.runtime.is_dry_run())
        pulumi.export("owner", config.require("owner"))
        keys = ("lifeline:owner", "lifeline:token")
        pulumi.export("secret", [key for key in keys if pulumi.runtime.config.is_config_secret(key)])
        """,
        dryRun=True,
        config={"lifeline:owner": "platform-team", "lifeline:token": "hidden"},
        configSecretKeys=["lifeline:token"],
    )

    assert (response.error, response.bail, host.log.errors) == ("", False, [])
    assert host.recorder.stack_outputs == {
        "settings": ["p", "s", "o"],
        "dry run": True,
        "owner": "platform-team",
        "secret": ["lifeline:token"],
    }


def test_a_refusal_reaches_the_engines_log_in_the_programs_own_words(host: Host) -> None:
    response = host.run('import pulumi\nraise pulumi.RunError("the timeline is empty")')
    assert (response.error, response.bail) == ("", True)
    assert host.log.errors == ["the timeline is empty"]


def test_an_unexpected_error_reaches_the_engines_log_with_its_traceback(host: Host) -> None:
    response = host.run("import json\njson.loads('{')")
    assert (response.error, response.bail) == ("", True)
    (logged,) = host.log.errors
    assert logged.startswith("Program failed with an unhandled exception:\nTraceback")
    assert "JSONDecodeError" in logged


def test_a_program_that_dies_without_a_word_is_an_error_with_its_exit_code(host: Host) -> None:
    response = host.run("import os\nos._exit(7)")
    assert (response.error, response.bail) == ("program exited with code 7", False)


def test_output_is_passed_on_while_the_program_runs(host: Host) -> None:
    go_on = host.folder / "go-on"
    request = host.request(
        f"""
        import pathlib, time

        print("first")
        while not pathlib.Path("{go_on}").exists():
            time.sleep(0.01)
        print("second")
        """
    )
    with futures.ThreadPoolExecutor() as pool:
        running = pool.submit(host.stub.Run, request)
        assert host.line() == "first"
        assert not running.done()
        go_on.touch()
        assert host.line() == "second"
        assert running.result(30).error == ""


SLEEP = """
import os, time

print(os.getpid())
time.sleep(600)
"""


def test_cancelling_ends_the_program(host: Host) -> None:
    request = host.request(SLEEP)
    with futures.ThreadPoolExecutor() as pool:
        running = pool.submit(host.stub.Run, request)
        pid = int(host.line())
        host.stub.Cancel(empty_pb2.Empty())
        assert running.result(30).error == "program exited with code -15"
    assert not is_alive(pid)


def test_a_call_that_the_engine_drops_ends_the_program(host: Host) -> None:
    call = host.stub.Run.future(host.request(SLEEP))
    pid = int(host.line())
    call.cancel()
    wait_until(lambda: not is_alive(pid))


@pytest.mark.parametrize("how", ["signal", "end of input"])
def test_a_host_that_ends_takes_its_program_with_it(host: Host, how: str) -> None:
    call = host.stub.Run.future(host.request(SLEEP))
    pid = int(host.line())
    if how == "signal":
        host.process.terminate()
    else:
        assert host.process.stdin is not None
        host.process.stdin.close()
    assert host.process.wait(30) == 0
    wait_until(lambda: not is_alive(pid))
    call.cancel()


def plugin(host: Host, text: str, **changes: Any) -> language_pb2.RunPluginRequest:
    return language_pb2.RunPluginRequest(info=host.program(text), pwd=str(host.folder), **changes)


def test_a_plugin_gets_arguments_and_environment_and_gives_output_and_exit_code(host: Host) -> None:
    program = """
    import os, sys

    print(sys.argv[1:], os.environ.get("COLOUR"), os.environ.get("HOME"))
    print("a warning", file=sys.stderr)
    sys.exit(5)
    """
    request = plugin(host, program, args=["one", "two"], env=["COLOUR=red=blue"], kind="resource")
    answers = list(host.stub.RunPlugin(request))
    assert b"".join(answer.stdout for answer in answers) == b"['one', 'two'] red=blue None\n"
    assert b"".join(answer.stderr for answer in answers) == b"a warning\n"
    assert [answer.exitcode for answer in answers if answer.HasField("exitcode")] == [5]


POLICY = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

PolicyPack(
    name="trial",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="no-vpc",
            description="Refuses every VPC.",
            validate=lambda args, report: report("a VPC") if args.resource_type == "aws:ec2/vpc:Vpc" else None,
        )
    ],
)
"""


def test_a_policy_pack_runs_and_ends_when_the_engine_drops_the_call(host: Host) -> None:
    environment = [f"{key}={value}" for key, value in os.environ.items()]
    call = host.stub.RunPlugin(plugin(host, POLICY, args=[host.address], env=environment, kind="analyzer"))
    port = int(next(call).stdout)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty())
    assert [policy.name for policy in info.policies] == ["no-vpc"]

    call.cancel()
    wait_until(lambda: _refuses_connections(port))


def _refuses_connections(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
