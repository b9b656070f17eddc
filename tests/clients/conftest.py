"""A local cluster (router, prefill worker, decode worker) per test session, for real clients to talk to."""
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

ROOT = Path(__file__).parents[2]
MODEL = "baton/tiny"  # a name with a slash, as Hugging Face ids have


def programs():
    """Where batond is: BATON_BIN, or the newest build."""
    given = os.environ.get("BATON_BIN")
    if given:
        return Path(given)
    builds = [ROOT / "build" / preset / "bin" for preset in ("release", "dev", "clang", "asan")]
    found = [b for b in builds if (b / "batond").exists() and (b / "baton-worker").exists()]
    if not found:
        raise pytest.UsageError("no batond was built; set BATON_BIN to the folder that has it")
    return max(found, key=lambda b: (b / "batond").stat().st_mtime)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@dataclass
class Cluster:
    host: str
    process: subprocess.Popen
    log: Path

    @property
    def base_url(self):
        return self.host + "/v1"

    def get(self, path):
        """Status and body of a plain GET."""
        try:
            with urllib.request.urlopen(self.host + path, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def client(self, **options):
        return openai.OpenAI(base_url=self.base_url, api_key="any", **{"max_retries": 0, "timeout": 60, **options})

    def async_client(self, **options):
        return openai.AsyncOpenAI(base_url=self.base_url, api_key="any", **{"max_retries": 0, "timeout": 120, **options})


def start(directory, limits=""):
    port, prefill, decode = free_ports(3)
    config = directory / "local.yaml"
    config.write_text(
        f'model: "{MODEL}"\nmodel_path: "{ROOT}/tests/data/baton-tiny"\nlisten: "127.0.0.1:{port}"\n{limits}'
        f"prefill_workers:\n  - {{name: p, host: 127.0.0.1, port: {prefill}, role: prefill}}\n"
        f"decode_workers:\n  - {{name: d, host: 127.0.0.1, port: {decode}, role: decode}}\n")
    log = directory / "log"
    argv = [str(programs() / "batond"), "--config", str(config), "--local"]
    process = subprocess.Popen(argv, stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True)
    cluster = Cluster(f"http://127.0.0.1:{port}", process, log)
    deadline = time.monotonic() + 90
    while cluster.get("/ready")[0] != 200 or cluster.get("/metrics")[1].count('baton_worker_up{') < 2:
        if process.poll() is not None or time.monotonic() > deadline:
            stop(cluster)
            pytest.fail("the cluster did not start:\n" + log.read_text())
        time.sleep(0.05)
    return cluster


def stop(cluster):
    cluster.process.send_signal(signal.SIGINT)
    try:
        cluster.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(cluster.process.pid, signal.SIGKILL)
        cluster.process.wait()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("cluster"))
    yield running
    alive = running.process.poll() is None
    stop(running)
    assert alive and running.process.returncode == 0, running.log.read_text()[-4000:]


@pytest.fixture(scope="session")
def narrow(tmp_path_factory):
    """A cluster that runs one request at a time and queues one: the third gets 429."""
    running = start(tmp_path_factory.mktemp("narrow"), "threads: 1\nlimits: {running_requests: 1, queue_requests: 1}\n")
    yield running
    stop(running)


@pytest.fixture
def client(cluster):
    with cluster.client() as c:
        yield c


def user(text):
    return [{"role": "user", "content": text}]
