"""Real load generators, bounded in count and time. Skipped where BATON_LOAD_BIN has none (scripts/client_tests.sh --load)."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import MODEL, ROOT

BIN = Path(os.environ.get("BATON_LOAD_BIN", "/nonexistent"))
TOKENIZER = str(ROOT / "tests/data/baton-tiny")
ENVIRONMENT = {**os.environ, "NO_COLOR": "1"}


def run(program, *arguments, cwd):
    if not (BIN / program).exists():
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([str(BIN / program), *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
def test_aiperf_counts_every_request_and_token(cluster, tmp_path, endpoint):
    run("aiperf", "profile", "--model", MODEL, "--url", cluster.host, "--endpoint-type", endpoint, "--streaming",
        "--tokenizer", TOKENIZER, "--request-count", "20", "--concurrency", "4", "--synthetic-input-tokens-mean", "40",
        "--output-tokens-mean", "10", "--extra-inputs", "ignore_eos:true", "--extra-inputs", "min_tokens:10",
        "--artifact-dir", str(tmp_path / "out"), "--ui-type", "none", cwd=tmp_path)
    report = json.loads(next((tmp_path / "out").rglob("profile_export_aiperf.json")).read_text())
    assert report["request_count"]["avg"] == 20 and "error_request_count" not in report
    assert report["time_to_first_token"]["avg"] > 0 and report["inter_token_latency"]["avg"] > 0

