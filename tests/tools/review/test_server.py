"""The command as it is run, over real HTTP: who may ask, what is refused, and that it ends quietly."""

import io
import signal
import socket
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from PIL import Image
from review_server import COMMAND, ENVIRONMENT, Asked, started

from sprite_lora.results.ratings import Ratings


def test_one_sitting_over_http(project):
    with started(project, "--by", "anna") as (address, process):
        page = Asked(address)
        assert page.status == 200
        text = page.content.decode()
        assert "<script>" in text
        assert "//" not in text.replace("// ", "").split("<body>")[0], "nothing from outside"
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "unsafe" not in policy
        assert "Access-Control-Allow-Origin" not in page.headers
        turn = Asked(f"{address}pair").json
        assert turn["status"].startswith("0 of 30 pairs rated.")
        left, right = turn["pair"]["left"], turn["pair"]["right"]
        picture = Asked(address + left["src"])
        assert picture.headers["Content-Type"] == "image/png"
        with Image.open(io.BytesIO(picture.content), formats=["PNG"]) as image:
            assert image.size == (24, 24)
            assert image.info == {}, "no record that says which epoch drew it"
        said = {"left": left["id"], "right": right["id"], "answer": "right"}
        assert Asked(f"{address}answer", "POST", said).json["status"].startswith("1 of 30 pairs rated.")
        (rating,) = Ratings.read(project).ratings
        assert (rating.by, {"first": rating.first, "second": rating.second}[rating.better]) == ("anna", right["id"])
        again = Asked(f"{address}undo", "POST", {}).json
        assert again["pair"] == turn["pair"]
        assert Ratings.read(project).ratings == ()
        (project / "ratings/ratings.json").write_text("{")
        refused = Asked(f"{address}answer", "POST", said)
        assert refused.status == 409
        assert "no file of ratings" in refused.json["error"]
        (project / "ratings/ratings.json").unlink()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        assert out.strip().endswith("0 answers in ratings/ratings.json; dvc repro brings them onto the report page")


def test_only_the_page_itself_is_answered(project):
    with started(project) as (address, process):
        parts = urlsplit(address)
        base, token = f"http://{parts.netloc}/", parts.path.strip("/")
        pair = Asked(f"{address}pair").json["pair"]
        said = {"left": pair["left"]["id"], "right": pair["right"]["id"], "answer": "left"}
        for wrong in ("", "x/", f"{token[:-1]}/", f"{token}x/", "%00/", "%ff/", f"{token.lower()}!/"):
            assert Asked(base + wrong).status == 404
        for host in (
            "evil.example",
            f"evil.example:{parts.port}",
            "127.0.0.1",
            "",
            f"127.0.0.1:{parts.port}.evil.example",
        ):
            assert Asked(address, Host=host).status in (400, 404), host
        assert Asked(address, Host=f"localhost:{parts.port}").status == 200
        for origin in (
            "http://evil.example",
            "null",
            "https://127.0.0.1",
            f"https://{parts.netloc}",
            "http://localhost",
        ):
            assert Asked(f"{address}answer", "POST", said, Origin=origin).status == 403
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            assert Asked(f"{address}answer", "POST", said, Content_Type=kind).status == 415
        assert Asked(f"{address}answer", "OPTIONS", Origin="http://evil.example").status == 403
        assert Asked(f"{address}answer").status == 405
        assert Asked(f"{address}answer", "POST", b"x" * 5000).status == 413
        for body in (b"", b"{", b"[]", b"[" * 4000, b"\xff", said | {"answer": "best"}, said | {"more": 1},
                     said | {"left": "../../params.yaml"}, said | {"left": 5}):  # fmt: skip
            assert Asked(f"{address}answer", "POST", body).status == 400, body
        assert Asked(f"{address}answer", "POST", said | {"left": "f" * 64}).status == 409
        for name in ("f" * 64, "..%2f..%2fparams.yaml", "../params.yaml", "x" * 9000):
            assert Asked(f"{address}picture/{name}").status in (400, 404), name
        assert not (project / "ratings").exists(), "nothing of all that was kept"
        assert Asked(f"{address}answer", "POST", said, Origin=f"http://{parts.netloc}").status == 200
        second = subprocess.run(COMMAND, cwd=project, env=ENVIRONMENT, capture_output=True, text=True)
        assert (second.returncode, second.stdout) == (1, "")
        assert "runs in this project already" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_a_request_without_a_path_is_no_trouble(project):
    with started(project) as (address, process):
        parts = urlsplit(address)
        for line in (b"OPTIONS *", b"GET x", b"GET //", b"CONNECT x:1", b"\xff\xff", b"GET http://evil.example/"):
            with socket.create_connection((parts.hostname, parts.port), timeout=5) as raw:
                raw.sendall(line + b" HTTP/1.1\r\nHost: " + parts.netloc.encode() + b"\r\nConnection: close\r\n\r\n")
                status = raw.makefile("rb").readline()
            assert status.split()[1] in (b"400", b"404"), (line, status)
        held = socket.create_connection((parts.hostname, parts.port), timeout=5)
        process.send_signal(signal.SIGINT)  # an open connection does not keep it
        _, err = process.communicate(timeout=10)
        held.close()
        assert (process.returncode, err) == (0, "")


def test_the_browser_is_opened_unless_told_not_to(project, monkeypatch):
    seen = project / "seen"
    browser = project / "browser"
    browser.write_text(f"#!/bin/sh\necho $1 > {seen}.part && mv {seen}.part {seen}\n")
    browser.chmod(0o755)
    monkeypatch.setitem(ENVIRONMENT, "BROWSER", f"{browser} %s")
    with started(project, opens=True) as (address, _):
        for _ in range(200):
            if seen.exists():
                break
            time.sleep(0.05)
        assert seen.read_text().strip() == address
    seen.unlink()
    with started(project):
        time.sleep(0.3)
    assert not seen.exists()


def test_it_listens_on_loopback_alone(project):
    """No address of this machine but 127.0.0.1 answers at its port."""
    with started(project) as (address, _):
        port = urlsplit(address).port
        assert urlsplit(address).hostname == "127.0.0.1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            own = probe.getsockname()[0]
        for other in {own, "127.0.0.2"} - {"127.0.0.1"}:
            with pytest.raises(OSError):
                socket.create_connection((other, port), timeout=2)


def test_a_picture_that_changed_since_is_not_shown(project):
    with started(project) as (address, _):
        pair = Asked(f"{address}pair").json["pair"]
        for path in (project / "outputs/samples").rglob("*.png"):
            Image.new("RGB", (24, 24), "red").save(path)
        reply = Asked(address + pair["left"]["src"])
        assert reply.status == 409
        assert "is not the picture that was scored" in reply.json["error"]


def test_without_scores_it_says_what_to_run(project):
    (project / "reports/score.json").unlink()
    done = subprocess.run(COMMAND, cwd=project, env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, "dvc repro score" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
