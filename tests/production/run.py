"""What a test does to a run, and what must be true of it afterwards."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psycopg

from config.local.production_like.control import ask
from config.local.production_like.machine import State
from tests.production.client import Visitor
from tests.stack import ROOT, wait_until


@dataclass(frozen=True, slots=True)
class Run:
    state: State
    var_dir: Path

    def control(self, what: str, *parts: str) -> Any:
        return ask(self.state, what, *parts)

    def kill(self, part: str) -> None:
        """End a part as `kill -9` does; the run starts it again by itself."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.pid(part) != pid, seconds=120, what=f"another {part}")

    def pid(self, part: str) -> int:
        return int(self.control("pids")[part])

    def log(self, part: str) -> str:
        return (Path(self.state.log_dir) / f"{part}.log").read_text(errors="replace")

    def python(self, *words: str, code: int = 0) -> str:
        """Run Python with the environment of operators and return what it printed."""
        result = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**self.state.environment, "EASEL_LOG_LEVEL": "WARNING"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout

    def owner_url(self) -> str:
        return self.state.environment["EASEL_OWNER_DATABASE_URL"]

    def query(self, text: str, *values: str) -> list[tuple[Any, ...]]:
        """Look at everybody's rows, as backups do."""
        url = self.state.environment["EASEL_BACKUP_DATABASE_URL"]
        with psycopg.connect(url, autocommit=True) as session:
            return session.execute(text.encode(), values).fetchall()

    def client(self, service: str) -> Any:
        """Return a client of the stand-in of AWS."""
        environment = self.state.environment
        return boto3.client(
            service,
            region_name=environment["AWS_DEFAULT_REGION"],
            endpoint_url=environment["EASEL_S3_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            verify=self.state.authority,
        )

    @property
    def bucket(self) -> str:
        return self.state.environment["EASEL_S3_BUCKET"]

    def keys(self) -> set[str]:
        """Return the keys of users' files."""
        pages = (
            self.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix="users/")
        )
        return {found["Key"] for page in pages for found in page.get("Contents", ())}

    def check_books(self, visitor: Visitor, *jobs: str) -> None:
        """Each job succeeded with one picture that opens, and the books add up."""
        assert {job: visitor.job(job)["state"] for job in jobs} == dict.fromkeys(jobs, "succeeded")
        rows = self.query("SELECT session_id::text, s3_key, s3_thumbnail_key FROM images_image")
        of_job = [(s3_key, thumbnail) for job, s3_key, thumbnail in rows if job in jobs]
        assert len(of_job) == len(jobs)
        assert {key for keys in of_job for key in keys} <= self.keys()
        for job in jobs:
            (image,) = visitor.job(job)["images"]
            full = visitor.http.get(f"/api/v1/images/{image['image_name']}/full")
            assert full.status_code == 200
            assert full.content.startswith(b"\x89PNG")
        self.check_audit()

    def check_audit(self) -> None:
        assert json.loads(self.python("manage.py", "audit_credits", "--json")) == {
            "ok": True,
            "drifts": [],
        }

    def database(self) -> str:
        return urlsplit(self.owner_url()).path.lstrip("/")
