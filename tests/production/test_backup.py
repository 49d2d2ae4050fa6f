"""A backup made under way, everything destroyed, and all of it there again."""

import json
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from config.local.production_like.machine import WEB_PROCESSES
from config.local.production_like.services import WORKERS
from tests.production.client import Visitor
from tests.production.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PRODUCT = (*WEB_PROCESSES, "admin", *WORKERS, "scheduler")
JOBS = 4


def test_what_was_destroyed_is_there_again(
    run: Run, demo: Visitor, newcomer: Visitor, tmp_path: Path
) -> None:
    made = [demo.ask(seed=seed) for seed in range(JOBS)]
    theirs = newcomer.ask()
    demo.wait_for_end(*made)
    newcomer.wait_for_end(theirs)
    pictures = {name: picture(demo, name) for name in names_of(demo, made)}
    under_way = [demo.ask(seed=100 + seed) for seed in range(JOBS)]

    said = run.python("-m", "config.backup", "backup", str(tmp_path / "backup"))
    assert "rows in" in said
    demo.wait_for_end(*under_way)
    # The owner may not end sessions of others, which the pooler keeps open.
    run.control("stop", *PRODUCT, "standby", "pgbouncer")
    try:
        destroy(run)
        run.control("start", "pgbouncer")
        said = run.python("-m", "config.backup", "restore", str(tmp_path / "backup"))
        assert "It is what the backup says." in said
        again = run.python("-m", "config.backup", "restore", str(tmp_path / "backup"), code=1)
        assert again.startswith("Checking")
    finally:
        run.control("start", "standby", *reversed(PRODUCT))

    run.check_audit()
    with Visitor(run.state, "demo") as returning:
        assert {name: picture(returning, name) for name in pictures} == pictures
        # What was under way then is made now, by leases that have run out and by the sweep.
        returning.wait_for_end(*under_way)
        fresh = returning.ask()
        returning.wait_for_end(fresh)
        run.check_books(returning, *made, *under_way, fresh)
    with Visitor(run.state, "newcomer") as returning:
        run.check_books(returning, theirs)


def test_a_backup_lacks_nobodys_rows_and_a_login_that_sees_less_is_refused(
    run: Run, demo: Visitor, tmp_path: Path
) -> None:
    job = demo.ask()
    demo.wait_for_end(job)
    run.python("-m", "config.backup", "backup", str(tmp_path / "whole"))
    said = run.python("-m", "config.backup", "check", str(tmp_path / "whole"))
    assert "is whole" in said
    said = run.python("-m", "config.backup", "verify", "--files")
    assert "Every file that a row names is there." in said
    manifest = json.loads((tmp_path / "whole" / "manifest.json").read_text())
    assert manifest["tables"]["images_image"] >= 1
    owner = run.state.environment | {
        "EASEL_BACKUP_DATABASE_URL": run.state.environment["EASEL_OWNER_DATABASE_URL"]
    }

    blind = Run(replace(run.state, environment=owner), run.var_dir)
    blind.python("-m", "config.backup", "backup", str(tmp_path / "blind"), code=1)

    assert not (tmp_path / "blind" / "manifest.json").exists()


def test_a_damaged_backup_is_not_restored(run: Run, demo: Visitor, tmp_path: Path) -> None:
    job = demo.ask()
    demo.wait_for_end(job)
    folder = tmp_path / "backup"
    run.python("-m", "config.backup", "backup", str(folder))
    victim = next(path for path in (folder / "files" / "users").rglob("*.png"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)

    run.python("-m", "config.backup", "check", str(folder), code=1)
    run.python("-m", "config.backup", "restore", str(folder), code=1)

    demo.wait_for_end(demo.ask())


def destroy(run: Run) -> None:
    """Drop the database and delete every file, versions too."""
    owner = run.owner_url()
    database = run.database()
    with psycopg.connect(owner, dbname="postgres", autocommit=True) as session:
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    store = run.client("s3")
    for page in store.get_paginator("list_object_versions").paginate(Bucket=run.bucket):
        for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            store.delete_object(Bucket=run.bucket, Key=found["Key"], VersionId=found["VersionId"])
    assert run.keys() == set()


def names_of(visitor: Visitor, jobs: list[str]) -> list[str]:
    return [image["image_name"] for job in jobs for image in visitor.job(job)["images"]]


def picture(visitor: Visitor, name: str) -> bytes:
    answer = visitor.http.get(f"/api/v1/images/{name}/full")
    assert answer.status_code == 200
    return answer.content
